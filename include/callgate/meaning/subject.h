// What a question to the Meaning is asked about.
//
//   const Subject docker = PolicySubject{policy, {Arch::x86_64}};
//   const Subject running = StackSubject{{*old_filter, *new_filter}};
//   const Subject both = Subject::strictest({docker, running});
#pragma once

#include <span>
#include <variant>
#include <vector>

#include "callgate/abi/seccomp_data.h"
#include "callgate/bpf/program.h"
#include "callgate/policy/policy.h"

namespace callgate {

/// A policy as it decides for these ABIs (at least one). `check` must have found no error.
struct PolicySubject {
  Policy policy;
  std::vector<Arch> arches;
};

/// The filters of one thread, the oldest first, of one target; none of them allow everything. The
/// strictest answer counts; of equally strict ones that of the youngest (seccomp_run_filters of
/// kernel/seccomp.c, 6.12).
struct StackSubject {
  std::vector<Program> programs;
};

/// A function from seccomp_data to a return value: that of a policy or of filters, or the pointwise
/// strictest or loosest of several such functions.
class Subject {
 public:
  Subject(PolicySubject policy)
      : content_(std::move(policy)) {}  // NOLINT(google-explicit-constructor)
  Subject(StackSubject stack)
      : content_(std::move(stack)) {}  // NOLINT(google-explicit-constructor)
  /// One filter.
  explicit Subject(Program program);

  /// How several answers become one.
  enum class Combine : std::uint8_t {
    strictest,  ///< the intersection, what the kernel makes of a stack; of equally strict answers
                ///< (two errnos) that of the last part
    loosest,    ///< the union; of equally loose answers that of the first part
  };
  struct Combined {
    Combine how = Combine::strictest;
    std::vector<Subject> parts;  ///< at least one; of one byte order and shift rule
  };
  Subject(Combined combined);  // NOLINT(google-explicit-constructor)
  [[nodiscard]] static Subject strictest(std::vector<Subject> parts);
  [[nodiscard]] static Subject loosest(std::vector<Subject> parts);

  using Content = std::variant<PolicySubject, StackSubject, Combined>;
  [[nodiscard]] const Content& content() const noexcept { return content_; }
  /// The normalised return value for one call, by evaluate() and emulate(), not by diagrams.
  [[nodiscard]] std::uint32_t at(const SeccompData& data) const;

 private:
  Content content_;
};

}  // namespace callgate

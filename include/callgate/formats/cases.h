// A table of expected verdicts: what `callgate test` holds a policy against. docs/testing.md has
// the language.
//
//   # Sockets: local ones alone.
//   allowed: read, write, @exit, socket(AF_UNIX)
//   socket(AF_INET) -> errno(EPERM)
//   on i386 {
//     socketcall(1) -> errno(ENOSYS) by otherwise
//   }
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/bpf/program.h"
#include "callgate/formats/call.h"
#include "callgate/policy/evaluate.h"

namespace callgate {

/// What a case says its call gets.
struct ExpectedVerdict {
  enum class Kind : std::uint8_t {
    action,     ///< exactly `action`, an errno under asm-generic's number
    allowed,    ///< let through: allow or log
    denied,     ///< errno, trap or a kill
    delegated,  ///< left to a tracer or supervisor
  };
  Kind kind = Kind::action;
  Action action;
  std::optional<Verdict::Source> by;  ///< what decides, where the case says so
  std::uint32_t line = 0;             ///< of the rule, for Source::rule

  /// "errno(EPERM)", "denied", "allow by line 7"
  [[nodiscard]] std::string text() const;
  /// Is that what a filter's return value means on that ABI? What decides is left aside.
  [[nodiscard]] bool holds_for(Arch arch, std::uint32_t ret) const;
};

/// One call and what it is to get. A case speaks of every call that is as it says: arguments that
/// it does not give, and what is above 32 bits where the kernel keeps 32, may be anything.
struct VerdictCase {
  CallExpression call;
  ExpectedVerdict expected;
  Place place;              ///< of the call
  std::string source_line;  ///< that it stands on
};

/// Parses a table. A call that names no ABI is of `default_arch`, in a section of each of its ABIs.
/// The error holds every mistake with its place.
[[nodiscard]] Result<std::vector<VerdictCase>> parse_cases(std::string_view text,
                                                           const std::string& file,
                                                           Arch default_arch);

/// A case that does not hold.
struct FailedCase {
  std::size_t index = 0;               ///< into the cases
  std::vector<std::uint32_t> returns;  ///< what the filter may return; empty: anything
  std::uint32_t tested =
      0;  ///< what the answer depends on and the case does not say: Outcomes::tested
  std::optional<Verdict> verdict;  ///< what decides in the policy, with 0 for what is not given
};

/// The cases that do not hold for a program; where `policy` is what it was compiled from, for
/// `arches`, the failures say which rule decides, and cases with `by` are held against it too. Such
/// a case fails where there is no policy.
[[nodiscard]] std::vector<FailedCase> failed_cases(std::span<const VerdictCase> cases,
                                                   const Program& program,
                                                   const Policy* policy = nullptr,
                                                   std::span<const Arch> arches = {});

/// One failure for people: place, what was expected, what the call gets, and why.
[[nodiscard]] Diagnostic explain_failure(const VerdictCase& expected, const FailedCase& failed,
                                         const Policy* policy = nullptr);

}  // namespace callgate

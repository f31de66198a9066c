// What goes wrong in real profiles: each finding with a stable id, a witness and what to do.
//
//   Checked checked{.subject = policy_subject, .policy = &policy, .arches = arches};
//   CALLGATE_TRY(const std::vector<Finding> findings, find_all(checked));
//
// docs/findings.md has one section an id. Everything here is a value; distinct objects may be used
// from any threads.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/abi/seccomp_data.h"
#include "callgate/base/diagnostic.h"
#include "callgate/kernel/release.h"
#include "callgate/meaning/proof.h"
#include "callgate/meaning/subject.h"

namespace callgate {

/// A call that shows a finding, and what the source returns for it.
struct FindingWitness {
  SeccompData call;
  std::uint32_t ret = 0;  ///< normalised
  std::string text;       ///< the call expression of `call`
  bool operator==(const FindingWitness&) const = default;
};

/// One thing that is wrong, or worth knowing. An `error` keeps a policy from being compiled, or has
/// a witness that something is let through that the source refuses in another form.
struct Finding {
  std::string id;  ///< "twin-open", as docs/findings.md names it
  Severity severity = Severity::error;
  std::string message;  ///< one sentence without a final full stop
  std::string
      subject;  ///< what of the source it is about, whatever its line: with `id` its identity
  Place place;  ///< where; may be empty
  std::string source_line;
  std::optional<FindingWitness> witness;
  std::string fix;                      ///< what to do; may be empty
  std::optional<std::string> accepted;  ///< the reason why it is accepted, if it is
  bool accepted_in_source = false;      ///< by a comment, not by a baseline

  bool operator==(const Finding&) const = default;
};

/// One kind of finding.
struct FindingKind {
  std::string_view id;
  Severity severity;         ///< the highest that it can have
  std::string_view summary;  ///< one sentence for people
};
/// Every kind, sorted by id.
[[nodiscard]] std::span<const FindingKind> finding_kinds() noexcept;
[[nodiscard]] const FindingKind* find_finding_kind(std::string_view id) noexcept;

/// What is checked.
struct Checked {
  Subject subject;                 ///< the policy for its ABIs, or the filters
  const Policy* policy = nullptr;  ///< null where there are filters only; `check` found no error
  std::vector<Arch> arches{};      ///< those asked for; of a policy at least one
  std::vector<Diagnostic> diagnostics{};  ///< of the reader and of check()
  /// What this release makes of it; none: nothing is said of releases.
  std::optional<KernelRelease> kernel{};
  std::uint32_t flags = 0;  ///< SECCOMP_FILTER_FLAG_* that it is installed with, where it says so
  ProofBudget budget{};
};

/// All that is found: the diagnostics first, then by rule. Errors: those of survey_of.
[[nodiscard]] Result<std::vector<Finding>> find_all(const Checked& checked);

/// Diagnostics alone as findings, for what is no policy. An error without an id is
/// "invalid-policy", another diagnostic without one "reader-note".
[[nodiscard]] std::vector<Finding> findings_of(std::span<const Diagnostic> diagnostics);

}  // namespace callgate

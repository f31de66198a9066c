// Everything that a filter decides, call by call, as conditions that a person can read.
//
//   CALLGATE_TRY(const Survey survey, survey_of(subject));
//   for (const CallDecision& call : survey.calls) ...
//
// Exact: for every seccomp_data of a call's numbers, the first case whose condition holds gives
// what the subject returns.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "callgate/abi/seccomp_data.h"
#include "callgate/abi/syscalls.h"
#include "callgate/base/result.h"
#include "callgate/meaning/proof.h"
#include "callgate/meaning/subject.h"
#include "callgate/policy/resolve.h"

namespace callgate {

/// What a call gets for some of its arguments.
struct Case {
  std::uint32_t ret = 0;  ///< normalised; an errno under the ABI's own number
  /// When, read in order: this case holds where the condition does and no earlier one's. The last
  /// case of a call is Kind::always. Parameters stand by name and constants by theirs wherever the
  /// named test says exactly the same on that ABI; else raw words.
  Condition when;
  SeccompData witness;  ///< a call that gets it
};

/// One call, or numbers that no call of the tables has and that are decided alike.
struct CallDecision {
  /// None: every audit architecture that is no ABI of the survey (the numbers then are all there
  /// are, or those ranges that a program without a check of the architecture tells apart; where
  /// several such architectures are decided differently, each witness has one of them), and the
  /// numbers of x86-64's audit architecture that are those of an ABI that the survey does not list.
  std::optional<Arch> arch;
  NumberRange numbers;            ///< one number for a call
  const Syscall* call = nullptr;  ///< null where the tables have none
  std::vector<Case> cases;        ///< at least one; no two follow one another with equal `ret`
  bool undecided = false;         ///< nothing is known, and `cases` is empty
  std::string why_undecided;      ///< "its decisions have no small diagram"; else empty

  /// The one return value, if no argument matters.
  [[nodiscard]] std::optional<std::uint32_t> constant() const noexcept {
    return cases.size() == 1 ? std::optional(cases.front().ret) : std::nullopt;
  }
};

struct Survey {
  std::vector<Arch> arches;  ///< ABIs with decisions of their own, in the order of all_arches
  std::vector<CallDecision> calls;  ///< by `arches`, then number; then those without an ABI. Every
                                    ///< number of every listed ABI is in exactly one.
  [[nodiscard]] const CallDecision* find(Arch arch, std::uint32_t number) const noexcept;
};

struct SurveyOptions {
  /// These ABIs only, and nothing that is no ABI. Empty: a policy's ABIs; of programs those that
  /// are told apart from an audit architecture that no ABI has, or all that share the target where
  /// none is told apart.
  std::vector<Arch> arches{};
  ProofBudget budget{};
};

/// Errors: parts of different targets; nothing that fits within the budget for arch and nr alone.
[[nodiscard]] Result<Survey> survey_of(const Subject& subject, const SurveyOptions& options = {});

}  // namespace callgate

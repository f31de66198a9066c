// Which part of a policy decides a call, read from the policy's Meaning.
//
//   const Explanation why = explain(policy, arches, program, call);
//   if (why.verdict.rule) print(policy.rules[*why.verdict.rule].place);
#pragma once

#include "callgate/bpf/emulate.h"
#include "callgate/meaning/proof.h"
#include "callgate/policy/evaluate.h"

namespace callgate {

/// The policy's Meaning with rule numbers as terminals, at one call: the same question as
/// evaluate(), answered by diagrams. `check` must have found no error. None if a condition's
/// diagram passes the budget.
[[nodiscard]] std::optional<Verdict> decided_by(const Policy& policy, std::span<const Arch> arches,
                                                const SeccompData& data,
                                                const ProofBudget& budget = {});

/// One call under a policy and the program compiled from it.
struct Explanation {
  Verdict verdict;      ///< what decides it, and how
  Trace trace;          ///< what the program does and returns
  bool agrees = false;  ///< the Meaning, evaluate() and the program say the same
};

/// The rule from the Meaning (from evaluate() where its diagrams pass the budget), the path from
/// the emulator. After prove() has said Equal, `agrees` is true for every call; false is a bug.
[[nodiscard]] Explanation explain(const Policy& policy, std::span<const Arch> arches,
                                  const Program& program, const SeccompData& data,
                                  const ProofBudget& budget = {});

}  // namespace callgate

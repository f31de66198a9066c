// The provenance of one call: its decision list, whose conditions are evaluated as diagrams. Only
// the list of that call is asked, so the cost is that of one call and not of the policy.
#include "callgate/meaning/provenance.h"

#include "meaning/policy_lists.h"

namespace callgate {

using namespace meaning;  // NOLINT(google-build-using-namespace)

std::optional<Verdict> decided_by(const Policy& policy, std::span<const Arch> arches,
                                  const SeccompData& data, const ProofBudget& budget) {
  ConditionTable conditions;
  const PolicyLists lists(policy, arches, conditions);
  const DecisionList& list = lists.list_of(data.arch, data.nr);
  const Assignment point = assignment_of(data);
  const WordOrder order;
  try {
    for (const ListItem& item : list.items) {
      MeaningStore store(budget.nodes_per_call);
      const Diagram test = ConditionDiagrams(conditions, store, order).of(item.condition);
      if (value_at(store, order, test, point) == yes)
        return Verdict{policy.rules[item.rule].action, Verdict::Source::rule, item.rule};
    }
  } catch (const DiagramOverflow&) {
    return std::nullopt;
  }
  return list.rest;
}

Explanation explain(const Policy& policy, std::span<const Arch> arches, const Program& program,
                    const SeccompData& data, const ProofBudget& budget) {
  const Verdict evaluated = evaluate(policy, arches, data);
  Explanation result{.verdict = decided_by(policy, arches, data, budget).value_or(evaluated),
                     .trace = trace(program, data)};
  result.agrees = result.verdict == evaluated &&
                  normalise(result.trace.result) == normalise(returned(policy, arches, data));
  return result;
}

}  // namespace callgate

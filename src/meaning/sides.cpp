#include "meaning/sides.h"

#include "callgate/bpf/emulate.h"
#include "callgate/policy/evaluate.h"

namespace callgate::meaning {

ProgramSide::ProgramSide(const Program& program, FirstLayer& layer)
    : program_(program), facts_(program), first_(layer.store, layer.order, layer.returns, facts_) {
  first_.suspend_at_arguments();
}

Diagram ProgramSide::layer1() { return layer1_from(0); }

Diagram ProgramSide::layer2(Diagram terminal, Question& question) {
  if (ReturnTable::is_return(terminal)) return terminal;
  Runner runner(question.store, question.order, question.returns, facts_);
  const Point& point = first_.suspension(terminal);
  return runner.run({point.pc, runner.adopt(first_, point.state)});
}

std::uint32_t ProgramSide::at(const SeccompData& data) const {
  return normalise(emulate(program_, data));
}

PolicySide::PolicySide(const Policy& policy, std::span<const Arch> arches,
                       ConditionTable& conditions, FirstLayer& layer)
    : policy_(policy),
      arches_(arches),
      conditions_(conditions),
      layer_(layer),
      lists_(policy, arches, conditions) {}

Diagram PolicySide::layer1() {
  std::vector<Diagram> terminals;
  std::uint32_t next = list_base;
  for (const DecisionList& decisions : lists_.lists()) {
    const bool is_plain = decisions.items.empty();
    terminals.push_back(is_plain ? layer_.returns.terminal_of(decisions.rest.action.ret())
                                 : terminal(next));
    ++next;
  }
  return lists_.diagram(layer_.store, layer_.order, terminals);
}

Diagram PolicySide::layer2(Diagram terminal, Question& question) {
  if (ReturnTable::is_return(terminal)) return terminal;
  return list_diagram(list(terminal), 0, conditions_, question);
}

std::uint32_t PolicySide::at(const SeccompData& data) const {
  return normalise(evaluate(policy_, arches_, data).action.ret());
}

Diagram list_diagram(const DecisionList& list, std::size_t begin, const ConditionTable& conditions,
                     Question& question) {
  ConditionDiagrams diagrams(conditions, question.store, question.order);
  Diagram result = question.returns.terminal_of(list.rest.action.ret());
  for (std::size_t i = list.items.size(); i-- > begin;) {
    const ListItem& item = list.items[i];
    const Diagram then = question.returns.terminal_of(item.ret);
    result = question.store.if_then_else(diagrams.of(item.condition), then, result);
  }
  return result;
}

}  // namespace callgate::meaning

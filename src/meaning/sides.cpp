#include "meaning/sides.h"

#include <algorithm>

#include "bpf/opcode.h"
#include "callgate/bpf/emulate.h"
#include "callgate/policy/evaluate.h"
#include "meaning/same_code.h"

namespace callgate::meaning {

ProgramSide::ProgramSide(const Program& program, FirstLayer& layer)
    : program_(program),
      facts_(program),
      first_(layer.store, layer.order, Results(layer.returns), facts_) {
  first_.suspend_at_arguments();
}

Diagram ProgramSide::layer1() { return layer1_from(0); }

Diagram ProgramSide::layer2(Diagram terminal, Question& question) {
  if (ReturnTable::is_return(terminal)) return question.results.of_terminal(terminal);
  Runner runner(question.store, question.order, question.results, facts_);
  const Point& point = first_.suspension(terminal);
  return runner.run({point.pc, runner.adopt(first_, point.state)});
}

bool ProgramSide::computes_returns() const {
  const auto code = program_.instructions();
  return std::any_of(code.begin(), code.end(),
                     [](const Instruction& one) { return one.code == opcode::ret_a; });
}

bool ProgramSide::goes_on_like(Diagram terminal, const ProgramSide& other, Diagram others) const {
  const Point& mine = first_.suspension(terminal);
  const Point& theirs = other.first_.suspension(others);
  return first_.holds_same(mine.state, other.first_, theirs.state) &&
         same_code(program_, mine.pc, other.program_, theirs.pc);
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
    terminals.push_back(is_plain ? layer_.returns.terminal_of(decisions.rest_ret) : terminal(next));
    ++next;
  }
  return lists_.diagram(layer_.store, layer_.order, terminals);
}

Diagram PolicySide::layer2(Diagram terminal, Question& question) {
  if (ReturnTable::is_return(terminal)) return question.results.of_terminal(terminal);
  return list_diagram(list(terminal), 0, conditions_, question);
}

std::uint32_t PolicySide::at(const SeccompData& data) const {
  return normalise(returned(policy_, arches_, data));
}

Diagram list_diagram(const DecisionList& list, std::size_t begin, const ConditionTable& conditions,
                     Question& question) {
  ConditionDiagrams diagrams(conditions, question.store, question.order);
  Diagram result = question.results.of(list.rest_ret);
  for (std::size_t i = list.items.size(); i-- > begin;) {
    const ListItem& item = list.items[i];
    const Diagram then = question.results.of(item.ret);
    result = question.store.if_then_else(diagrams.of(item.condition), then, result);
  }
  return result;
}

}  // namespace callgate::meaning

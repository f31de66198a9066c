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

std::vector<InputWord> ProgramSide::words_from(Diagram terminal) const {
  std::vector<InputWord> words;
  if (ReturnTable::is_return(terminal)) return words;
  const Point& point = first_.suspension(terminal);
  for (const WordId id : point.state.registers)
    if (id != 0 && id <= input_words) words.push_back(static_cast<InputWord>(id - 1));
  const std::vector<InputWord> later = facts_.words_read_from(point.pc);
  words.insert(words.end(), later.begin(), later.end());
  return words;
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

namespace {

/// The items [begin, end) return the same, so their order does not matter: those whose condition
/// begins further down come first, and each is then decided above all that is there.
Diagram same_return_diagram(std::span<const ListItem> items, ConditionDiagrams& conditions,
                            Question& question, Diagram result) {
  std::vector<Diagram> tests;
  // Else from the last to the first, as a chain of tests in a program is run.
  for (std::size_t i = items.size(); i-- > 0;) tests.push_back(conditions.of(items[i].condition));
  const MeaningStore& store = question.store;
  std::stable_sort(tests.begin(), tests.end(),
                   [&](Diagram a, Diagram b) { return store.level(a) > store.level(b); });
  const Diagram then = question.results.of(items.front().ret);
  for (const Diagram test : tests) result = question.store.if_then_else(test, then, result);
  return result;
}

}  // namespace

Diagram list_diagram(const DecisionList& list, std::size_t begin, const ConditionTable& conditions,
                     Question& question) {
  ConditionDiagrams diagrams(conditions, question.store, question.order);
  Diagram result = question.results.of(list.rest_ret);
  const std::span<const ListItem> items(list.items);
  for (std::size_t end = items.size(); end > begin;) {
    std::size_t first = end - 1;
    while (first > begin && items[first - 1].ret == items[end - 1].ret) --first;
    result = same_return_diagram(items.subspan(first, end - first), diagrams, question, result);
    end = first;
  }
  return result;
}

}  // namespace callgate::meaning

#include "meaning/combined_side.h"

#include <algorithm>

namespace callgate::meaning {
namespace {

std::vector<Layers*> pointers(const std::vector<std::unique_ptr<Side>>& sides) {
  std::vector<Layers*> result;
  for (const auto& side : sides) result.push_back(side.get());
  return result;
}

/// Above (or below) it no answer of another part counts.
std::uint32_t extreme(Subject::Combine how) noexcept {
  return how == Subject::Combine::strictest ? kill_process.ret() : allow.ret();
}

}  // namespace

std::uint32_t combined(Subject::Combine how, std::span<const std::uint32_t> answers) noexcept {
  if (answers.empty()) return allow.ret();
  std::uint32_t result = answers.front();
  for (const std::uint32_t ret : answers.subspan(1)) {
    const bool counts = how == Subject::Combine::strictest ? precedence(ret) <= precedence(result)
                                                           : precedence(ret) > precedence(result);
    if (counts) result = ret;
  }
  return result;
}

CombinedSide::CombinedSide(Subject::Combine how, std::vector<std::unique_ptr<Side>> sides,
                           FirstLayer& layer)
    : how_(how),
      layer_(layer),
      sides_(std::move(sides)),
      product_(pointers(sides_), layer, [this](const auto& answers) { return join(answers); }) {}

std::optional<Diagram> CombinedSide::join(const Product::Answers& answers) {
  std::vector<std::uint32_t> known;
  for (const auto& answer : answers)
    if (answer) known.push_back(*answer);
  const std::uint32_t so_far = combined(how_, known);
  const bool is_extreme = !known.empty() && so_far == extreme(how_);
  if (known.size() < answers.size() && !is_extreme) return std::nullopt;
  return layer_.returns.terminal_of(so_far);
}

Diagram CombinedSide::layer2(Diagram terminal, Question& question) {
  if (ReturnTable::is_return(terminal)) return question.results.of_terminal(terminal);
  return product_.layer2(terminal, question);
}

std::uint32_t CombinedSide::at(const SeccompData& data) const {
  std::vector<std::uint32_t> answers;
  for (const auto& side : sides_) answers.push_back(side->at(data));
  return combined(how_, answers);
}

std::unique_ptr<Side> make_side(std::span<const Program> oldest_first, FirstLayer& layer) {
  if (oldest_first.size() == 1) return std::make_unique<ProgramSide>(oldest_first.front(), layer);
  std::vector<std::unique_ptr<Side>> sides;
  for (const Program& program : oldest_first)
    sides.push_back(std::make_unique<ProgramSide>(program, layer));
  return std::make_unique<CombinedSide>(Subject::Combine::strictest, std::move(sides), layer);
}

std::unique_ptr<Side> make_side(const Subject& subject, ConditionTable& conditions,
                                FirstLayer& layer) {
  if (const auto* one = std::get_if<PolicySubject>(&subject.content()))
    return std::make_unique<PolicySide>(one->policy, one->arches, conditions, layer);
  if (const auto* stack = std::get_if<StackSubject>(&subject.content()))
    return make_side(stack->programs, layer);
  const auto& content = std::get<Subject::Combined>(subject.content());
  std::vector<std::unique_ptr<Side>> sides;
  for (const Subject& part : content.parts) sides.push_back(make_side(part, conditions, layer));
  return std::make_unique<CombinedSide>(content.how, std::move(sides), layer);
}

}  // namespace callgate::meaning

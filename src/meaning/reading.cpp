#include "meaning/reading.h"

#include <algorithm>

#include "meaning/comparison.h"

namespace callgate::meaning {
namespace {

/// What a subject is made of.
struct Leaves {
  std::vector<const PolicySubject*> policies;
  std::vector<const Program*> programs;
};

void add_leaves(const Subject& subject, Leaves& leaves) {
  if (const auto* policy = std::get_if<PolicySubject>(&subject.content())) {
    leaves.policies.push_back(policy);
  } else if (const auto* stack = std::get_if<StackSubject>(&subject.content())) {
    for (const Program& program : stack->programs) leaves.programs.push_back(&program);
  } else {
    for (const Subject& part : std::get<Subject::Combined>(subject.content()).parts)
      add_leaves(part, leaves);
  }
}

Leaves leaves_of(std::span<const Subject* const> subjects) {
  Leaves leaves;
  for (const Subject* subject : subjects) add_leaves(*subject, leaves);
  return leaves;
}

}  // namespace

Result<std::optional<Target>> target_of(std::span<const Subject* const> subjects) {
  const Leaves leaves = leaves_of(subjects);
  if (leaves.programs.empty()) return std::nullopt;
  const Target target = leaves.programs.front()->target();
  const auto is_other = [&](Target one) { return one != target; };
  const bool differs =
      std::any_of(leaves.programs.begin(), leaves.programs.end(),
                  [&](const Program* one) { return is_other(one->target()); }) ||
      std::any_of(leaves.policies.begin(), leaves.policies.end(), [&](const PolicySubject* one) {
        return std::any_of(one->arches.begin(), one->arches.end(),
                           [&](Arch arch) { return is_other(arch_info(arch).target); });
      });
  if (differs) return fail("filters and policies of machines with different byte orders or shifts");
  return target;
}

Result<std::vector<Arch>> named_arches(std::span<const Subject* const> subjects,
                                       std::span<const Arch> asked, FirstLayer& layer,
                                       std::span<const Diagram> roots) {
  std::vector<Arch> named(asked.begin(), asked.end());
  CALLGATE_TRY(const std::optional<Target> target, target_of(subjects));
  if (asked.empty()) {
    for (const PolicySubject* policy : leaves_of(subjects).policies)
      named.insert(named.end(), policy->arches.begin(), policy->arches.end());
    if (target) {
      CALLGATE_TRY(const auto apart, arches_told_apart(layer, roots, *target));
      named.insert(named.end(), apart.begin(), apart.end());
    }
  }
  std::vector<Arch> result;
  for (const Arch arch : all_arches)
    if (std::find(named.begin(), named.end(), arch) != named.end()) result.push_back(arch);
  return result;
}

SeccompData call_of(const Piece& piece, Assignment example) {
  example.words[arch_word] = piece.audit;
  example.words[number_word] = piece.numbers.first;
  return example.data();
}

std::string name_of(const Piece& piece) { return call_name(piece.audit, piece.numbers.first); }

tl::unexpected<Error> first_layer_overflow() {
  return fail("the decisions by architecture and call number have no small diagram");
}

}  // namespace callgate::meaning

#include "meaning/pair_layers.h"

#include "callgate/abi/action.h"

namespace callgate::meaning {
namespace {

/// Allowed, delegated or denied.
int permission(std::uint32_t ret) {
  const std::optional<Action> action = action_of(ret);
  if (!action || denies(action->kind)) return 0;
  return permits(action->kind) ? 2 : 1;
}

}  // namespace

bool are_alike(Compared compared, std::uint32_t left, std::uint32_t right) {
  if (compared == Compared::returns) return left == right;
  return permission(left) == permission(right);
}

PairLayers::PairLayers(Layers& left, Layers& right, Compared compared, FirstLayer& layer)
    : compared_(compared),
      product_({&left, &right}, layer, [this](const auto& answers) { return join(answers); }) {}

std::optional<Diagram> PairLayers::join(const Product::Answers& answers) {
  if (!answers[0] || !answers[1]) return std::nullopt;
  if (are_alike(compared_, *answers[0], *answers[1])) return alike();
  const auto next = terminal(static_cast<std::uint32_t>(pairs_.size()));
  const auto [entry, is_new] = index_.try_emplace({*answers[0], *answers[1]}, next);
  if (is_new) pairs_.push_back(entry->first);
  return entry->second;
}

}  // namespace callgate::meaning

#include "meaning/store.h"

#include <algorithm>

namespace callgate::meaning {
namespace {
constexpr std::size_t first_table = 1u << 11;
constexpr std::size_t largest_memo = 1u << 21;
}  // namespace

MeaningStore::MeaningStore(std::size_t limit)
    : limit_(std::min<std::size_t>(limit, terminal_flag - 1)),
      unique_(first_table),
      memo_(first_table) {}

void MeaningStore::charge(std::size_t amount) {
  charged_ += amount;
  if (nodes_.size() + charged_ > limit_) throw DiagramOverflow{};
}

void MeaningStore::leave(std::size_t nodes) noexcept {
  limit_ = std::min(limit_, nodes_.size() + charged_ + nodes);
}

void MeaningStore::grow() {
  std::vector<std::uint32_t> larger(unique_.size() * 2);
  const auto mask = static_cast<std::uint32_t>(larger.size() - 1);
  for (std::uint32_t index = 0; index < nodes_.size(); ++index) {
    const Node& node = nodes_[index];
    std::uint32_t slot = mix(node.level, node.low, node.high) & mask;
    while (larger[slot] != 0) slot = (slot + 1) & mask;
    larger[slot] = index + 1;
  }
  unique_.swap(larger);
  if (memo_.size() < largest_memo) memo_.assign(memo_.size() * 2, Memo{});
}

Diagram MeaningStore::node(std::uint32_t level, Diagram low, Diagram high) {
  if (low == high) return low;
  auto mask = static_cast<std::uint32_t>(unique_.size() - 1);
  std::uint32_t slot = mix(level, low, high) & mask;
  for (; unique_[slot] != 0; slot = (slot + 1) & mask) {
    const Node& found = nodes_[unique_[slot] - 1];
    if (found.level == level && found.low == low && found.high == high) return unique_[slot] - 1;
  }
  if (nodes_.size() + charged_ >= limit_) throw DiagramOverflow{};
  const auto index = static_cast<Diagram>(nodes_.size());
  nodes_.push_back({level, low, high});
  unique_[slot] = index + 1;
  if (nodes_.size() * 2 > unique_.size()) grow();
  return index;
}

Diagram MeaningStore::if_then_else(Diagram test, Diagram then, Diagram otherwise) {
  if (test == yes) return then;
  if (test == no) return otherwise;
  if (then == otherwise) return then;
  if (then == yes && otherwise == no) return test;
  {
    const Memo& memo = memo_[mix(test, then, otherwise) & (memo_.size() - 1)];
    if (memo.test == test && memo.then == then && memo.otherwise == otherwise) return memo.result;
  }
  const std::uint32_t top = std::min({level(test), level(then), level(otherwise)});
  const Diagram low = if_then_else(cofactor(test, top, false), cofactor(then, top, false),
                                   cofactor(otherwise, top, false));
  const Diagram high = if_then_else(cofactor(test, top, true), cofactor(then, top, true),
                                    cofactor(otherwise, top, true));
  const Diagram result = node(top, low, high);
  memo_[mix(test, then, otherwise) & (memo_.size() - 1)] = {test, then, otherwise, result};
  return result;
}

}  // namespace callgate::meaning

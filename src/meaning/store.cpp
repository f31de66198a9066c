#include "meaning/store.h"

#include <algorithm>

namespace callgate::meaning {
namespace {
constexpr std::size_t first_table = 1u << 10;
constexpr std::size_t first_memo = 1u << 9;
constexpr std::size_t largest_memo = 1u << 21;
}  // namespace

MeaningStore::MeaningStore(std::size_t limit)
    : limit_(std::min<std::size_t>(limit, terminal_flag - 1)),
      unique_(first_table),
      memo_(first_memo) {}

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
}

/// The memo is as large as there is something to remember: most questions are small.
void MeaningStore::remember(const Memo& memo) {
  if (++remembered_ > memo_.size() && memo_.size() < largest_memo) {
    remembered_ = 0;
    memo_.assign(memo_.size() * 2, Memo{});
  }
  memo_[mix(memo.test, memo.then, memo.otherwise) & (memo_.size() - 1)] = memo;
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
  const Diagram result = expand(test, then, otherwise);
  remember({test, then, otherwise, result});
  return result;
}

/// Of a test of which one side is decided the other is the only way down: what lies between the
/// ends of such a way is not worth remembering.
Diagram MeaningStore::expand(Diagram test, Diagram then, Diagram otherwise) {
  const std::uint32_t top = std::min({level(test), level(then), level(otherwise)});
  const bool is_decided_here =
      level(test) == top && (is_terminal(nodes_[test].low) || is_terminal(nodes_[test].high));
  const auto side = [&](bool value) {
    const Diagram next = cofactor(test, top, value);
    const Diagram if_true = cofactor(then, top, value);
    const Diagram if_false = cofactor(otherwise, top, value);
    const bool goes_on = is_decided_here && !is_terminal(next) && if_true != if_false &&
                         !(if_true == yes && if_false == no);
    return goes_on ? expand(next, if_true, if_false) : if_then_else(next, if_true, if_false);
  };
  const Diagram low = side(false);
  const Diagram high = side(true);
  return node(top, low, high);
}

}  // namespace callgate::meaning

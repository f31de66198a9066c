// Hash-consed multi-terminal decision diagrams: equal functions are the same node.
//
// Nodes are {level, low, high}, reduced and ordered, so a function of the variables has exactly one
// node in a store (Bryant 1986; terminals beyond true and false as in Fujita 1997). `if_then_else`
// is memoised in a lossy direct-mapped cache. Nodes are never freed: a store lives for one
// question. Weakness: the size depends on the order of the variables, and for some functions no
// order helps; so a store has a limit, and passing it throws DiagramOverflow, which no function of
// callgate/meaning lets out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace callgate::meaning {

/// A node of a store, or a terminal.
using Diagram = std::uint32_t;

inline constexpr Diagram terminal_flag = 0x80000000;
/// A terminal: any value below 2^31. 0 is false and 1 is true.
[[nodiscard]] constexpr Diagram terminal(std::uint32_t value) noexcept {
  return terminal_flag | value;
}
[[nodiscard]] constexpr bool is_terminal(Diagram diagram) noexcept {
  return (diagram & terminal_flag) != 0;
}
[[nodiscard]] constexpr std::uint32_t terminal_value(Diagram diagram) noexcept {
  return diagram & ~terminal_flag;
}
inline constexpr Diagram no = terminal(0);
inline constexpr Diagram yes = terminal(1);
[[nodiscard]] constexpr Diagram constant(bool value) noexcept { return value ? yes : no; }

/// A store's limit is reached. Internal to src/meaning.
struct DiagramOverflow {};

/// A set of diagrams over one order of variables. For one thread.
class MeaningStore {
 public:
  /// `limit`: nodes it may hold.
  explicit MeaningStore(std::size_t limit);

  /// The function "if variable `level` then high else low"; both must lie below `level`.
  [[nodiscard]] Diagram node(std::uint32_t level, Diagram low, Diagram high);
  /// The variable itself.
  [[nodiscard]] Diagram variable(std::uint32_t level) { return node(level, no, yes); }

  /// `test` is Boolean; the branches may have any terminals.
  [[nodiscard]] Diagram if_then_else(Diagram test, Diagram then, Diagram otherwise);
  [[nodiscard]] Diagram both(Diagram a, Diagram b) { return if_then_else(a, b, no); }
  [[nodiscard]] Diagram either(Diagram a, Diagram b) { return if_then_else(a, yes, b); }
  [[nodiscard]] Diagram negation(Diagram a) { return if_then_else(a, no, yes); }
  [[nodiscard]] Diagram differ(Diagram a, Diagram b) { return if_then_else(a, negation(b), b); }

  /// Variable at the top; past every variable for a terminal.
  [[nodiscard]] std::uint32_t level(Diagram diagram) const noexcept {
    return is_terminal(diagram) ? terminal_flag : nodes_[diagram].level;
  }
  /// The function where variable `at`, which no variable of it precedes, has that value.
  [[nodiscard]] Diagram cofactor(Diagram diagram, std::uint32_t at, bool value) const noexcept {
    if (level(diagram) != at) return diagram;
    return value ? nodes_[diagram].high : nodes_[diagram].low;
  }
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  /// Counts work that is not nodes (states of a program) against the limit.
  void charge(std::size_t amount);
  /// Lowers the limit to that many nodes more than there are.
  void leave(std::size_t nodes) noexcept;

 private:
  struct Node {
    std::uint32_t level;
    Diagram low;
    Diagram high;
  };
  struct Memo {
    Diagram test = terminal_flag;
    Diagram then = 0;
    Diagram otherwise = 0;
    Diagram result = 0;
  };
  [[nodiscard]] Diagram expand(Diagram test, Diagram then, Diagram otherwise);
  void grow();
  void remember(const Memo& memo);

  std::size_t limit_;
  std::size_t charged_ = 0;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> unique_;  ///< open addressing; node + 1, 0 if free
  std::vector<Memo> memo_;
  std::size_t remembered_ = 0;  ///< since the memo last grew
};

/// Mixes three words into a hash.
[[nodiscard]] constexpr std::uint32_t mix(std::uint32_t a, std::uint32_t b,
                                          std::uint32_t c) noexcept {
  std::uint64_t h = (std::uint64_t{a} << 32 | b) * 0x9e3779b97f4a7c15u;
  h = (h ^ (h >> 29) ^ c) * 0xbf58476d1ce4e5b9u;
  return static_cast<std::uint32_t>(h >> 32);
}

}  // namespace callgate::meaning

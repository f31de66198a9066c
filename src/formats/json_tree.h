// A JSON text as a tree of values, each with its place, for readers that must say what is wrong and
// where. Reading is by RapidJSON's events with an explicit stack, so depth costs no recursion.
//
// Refused besides what is not JSON: a NUL byte, text that is not UTF-8, a byte order mark, nesting
// past max_depth, more than max_values values, a key that stands twice in one object. Numbers are
// kept as their text: the reader decides what range they must have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/base/result.h"

namespace callgate::json {

inline constexpr std::size_t max_depth = 64;
inline constexpr std::size_t max_values = 1'000'000;

enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

/// "a number", "an array": for messages.
[[nodiscard]] std::string_view kind_name(Kind kind) noexcept;

using Index = std::uint32_t;
inline constexpr Index none = 0xffffffff;

/// One value. Its text, and its key's where it is a member of an object, lie in the tree's arena.
struct Node {
  Kind kind = Kind::null;
  bool truth = false;        ///< of a boolean
  std::uint32_t offset = 0;  ///< of its first byte in the input
  std::uint32_t length = 0;  ///< bytes of a scalar in the input, 1 for arrays and objects
  std::uint32_t text = 0;    ///< a string's content or a number's digits, in the arena
  std::uint32_t text_length = 0;
  std::uint32_t key = 0;  ///< in the arena
  std::uint32_t key_length = 0;
  std::uint32_t key_offset = 0;  ///< of the key's opening quote in the input
  Index first_child = none;
  Index next = none;  ///< the next member or element of the same parent
};

/// Immutable; value 0 is the root.
class Tree {
 public:
  [[nodiscard]] const Node& operator[](Index index) const { return nodes_[index]; }
  [[nodiscard]] std::string_view text(const Node& node) const {
    return std::string_view(arena_).substr(node.text, node.text_length);
  }
  [[nodiscard]] std::string_view key(const Node& node) const {
    return std::string_view(arena_).substr(node.key, node.key_length);
  }
  /// The members or elements of a value, in order.
  [[nodiscard]] std::vector<Index> children(Index parent) const;

 private:
  friend class TreeBuilder;
  std::vector<Node> nodes_;
  std::string arena_;
};

/// Collects diagnostics about one input; past `limit` they are counted, not kept.
class Reporter {
 public:
  Reporter(std::string_view input, std::string file);

  void add(Severity severity, std::uint32_t offset, std::uint32_t length, std::string message,
           std::string hint = {}, std::string id = {});
  [[nodiscard]] Place place(std::uint32_t offset, std::uint32_t length = 1) const;
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  /// Everything that was added, with a last note if some was left out.
  [[nodiscard]] std::vector<Diagnostic> take();

 private:
  [[nodiscard]] std::string line_text(std::uint32_t line) const;

  static constexpr std::size_t limit = 100;
  std::string_view input_;
  std::string file_;
  std::vector<std::uint32_t> line_starts_;
  std::vector<Diagnostic> diagnostics_;
  std::size_t left_out_ = 0;
  bool failed_ = false;
};

/// Reads a text; every mistake goes to `reporter` (syntax: the first; duplicate keys: all). The
/// tree is of use only if `reporter.failed()` is false.
[[nodiscard]] Tree read(std::string_view input, Reporter& reporter);

}  // namespace callgate::json

// What is known of the words of seccomp_data at a point of a graph.
#pragma once

#include <array>
#include <optional>

#include "compiler/dag.h"

namespace callgate::passes {

/// Bounds and known bits of one word; both hold.
struct WordFacts {
  std::uint32_t least = 0;
  std::uint32_t most = 0xffffffff;
  std::uint32_t zeros = 0;  ///< bits known to be clear
  std::uint32_t ones = 0;   ///< bits known to be set
  bool operator==(const WordFacts&) const = default;
};

/// Sound, not complete: of (x != k) only bounds and single bits are kept.
class Facts {
 public:
  /// The test's outcome, if these facts fix it.
  [[nodiscard]] std::optional<bool> outcome(const Node& test) const noexcept;
  /// Learns that the test came out so. A contradiction (a way that no call takes) changes nothing.
  void learn(const Node& test, bool came_true) noexcept;
  /// Keeps what both know.
  void meet(const Facts& other) noexcept;
  bool operator==(const Facts&) const = default;

 private:
  std::array<WordFacts, 16> words_{};
};

}  // namespace callgate::passes

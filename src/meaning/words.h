// The variables of a diagram: the bits of the words of seccomp_data, in some order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "callgate/abi/arch.h"
#include "callgate/abi/seccomp_data.h"
#include "meaning/store.h"

namespace callgate::meaning {

/// A 32-bit word of seccomp_data, named by what it is and not by where it lies: arch, nr, then the
/// high and low halves of ip and of the six arguments.
using InputWord = std::uint8_t;
inline constexpr InputWord arch_word = 0;
inline constexpr InputWord number_word = 1;
inline constexpr InputWord ip_high = 2;
inline constexpr InputWord ip_low = 3;
inline constexpr InputWord input_words = 16;
[[nodiscard]] constexpr InputWord arg_high(unsigned index) noexcept {
  return static_cast<InputWord>(4 + 2 * index);
}
[[nodiscard]] constexpr InputWord arg_low(unsigned index) noexcept {
  return static_cast<InputWord>(5 + 2 * index);
}
/// The word at a byte offset of seccomp_data (a multiple of 4 below 64).
[[nodiscard]] InputWord word_at_offset(std::uint32_t offset, ByteOrder order) noexcept;

/// A set of input words, one bit a word.
using WordSet = std::uint16_t;

/// 32 Boolean functions, least significant bit first.
using Bits = std::array<Diagram, 32>;
[[nodiscard]] Bits constant_bits(std::uint32_t value) noexcept;
/// The value, if every bit is a constant.
[[nodiscard]] std::optional<std::uint32_t> constant_of(const Bits& bits) noexcept;

/// Which level each bit has. Words come one after the other, most significant bit first; the words
/// of a group are interleaved bit by bit.
class WordOrder {
 public:
  /// Arch, nr, ip, args in turn.
  WordOrder() : WordOrder(std::vector<WordSet>{}) {}
  /// Groups of at least two words stand where their first word stood. The words `sooner` come
  /// before all others, in their order.
  explicit WordOrder(const std::vector<WordSet>& groups, std::span<const InputWord> sooner = {});

  [[nodiscard]] std::uint32_t level(InputWord word, unsigned bit) const noexcept {
    return levels_[word][bit];
  }
  [[nodiscard]] InputWord word_of(std::uint32_t level) const noexcept {
    return static_cast<InputWord>(places_[level] / 32);
  }
  [[nodiscard]] unsigned bit_of(std::uint32_t level) const noexcept { return places_[level] % 32; }
  [[nodiscard]] Bits bits(MeaningStore& store, InputWord word) const;

 private:
  void place(WordSet group);

  std::uint16_t next_ = 0;
  std::array<std::array<std::uint16_t, 32>, input_words> levels_{};
  std::array<std::uint16_t, std::size_t{32} * input_words> places_{};
};

/// Values of the words, for a witness.
struct Assignment {
  std::array<std::uint32_t, input_words> words{};
  void set(InputWord word, unsigned bit) noexcept { words[word] |= std::uint32_t{1} << bit; }
  [[nodiscard]] SeccompData data() const noexcept;
};
/// The words of a call.
[[nodiscard]] Assignment assignment_of(const SeccompData& data) noexcept;

/// A point at which a Boolean diagram, which is not `no`, holds.
[[nodiscard]] Assignment some_point(const MeaningStore& store, const WordOrder& order,
                                    Diagram diagram) noexcept;

/// The terminal that a diagram has at a point.
[[nodiscard]] Diagram value_at(const MeaningStore& store, const WordOrder& order, Diagram diagram,
                               const Assignment& point) noexcept;

/// A word compared with a number: (word == bound), or (word >= bound).
struct WordCompare {
  InputWord word = 0;
  bool is_equal = false;
  std::uint32_t bound = 0;
};

/// `then` where the comparison holds, else `otherwise`: one walk along the bits of the bound, and
/// no diagram of the comparison itself unless words are interleaved.
[[nodiscard]] Diagram choose(MeaningStore& store, const WordOrder& order,
                             const WordCompare& compare, Diagram then, Diagram otherwise);

}  // namespace callgate::meaning

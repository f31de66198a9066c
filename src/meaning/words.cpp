#include "meaning/words.h"

#include <algorithm>

namespace callgate::meaning {

InputWord word_at_offset(std::uint32_t offset, ByteOrder order) noexcept {
  if (offset == 0) return number_word;
  if (offset == 4) return arch_word;
  const bool second = (offset & 4) != 0;
  const bool high = second == (order == ByteOrder::little);
  return static_cast<InputWord>(offset / 8 * 2 + (high ? 0 : 1));
}

Bits constant_bits(std::uint32_t value) noexcept {
  Bits bits{};
  for (unsigned i = 0; i < 32; ++i) bits[i] = constant((value >> i & 1) != 0);
  return bits;
}

std::optional<std::uint32_t> constant_of(const Bits& bits) noexcept {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 32; ++i) {
    if (!is_terminal(bits[i])) return std::nullopt;
    value |= terminal_value(bits[i]) << i;
  }
  return value;
}

WordOrder::WordOrder(const std::vector<WordSet>& groups, std::span<const InputWord> sooner) {
  WordSet placed = 0;
  const auto place_once = [&](unsigned word) {
    if ((placed >> word & 1) != 0) return;
    auto group = static_cast<WordSet>(1u << word);
    for (const WordSet candidate : groups)
      if ((candidate >> word & 1) != 0) group = candidate;
    place(group);
    placed = static_cast<WordSet>(placed | group);
  };
  for (const InputWord word : sooner) place_once(word);
  for (unsigned word = 0; word < input_words; ++word) place_once(word);
}

/// The words of a group take the next levels, bit by bit.
void WordOrder::place(WordSet group) {
  for (unsigned bit = 32; bit-- > 0;) {
    for (unsigned word = 0; word < input_words; ++word) {
      if ((group >> word & 1) == 0) continue;
      places_[next_] = static_cast<std::uint16_t>(word * 32 + bit);
      levels_[word][bit] = next_++;
    }
  }
}

Bits WordOrder::bits(MeaningStore& store, InputWord word) const {
  Bits bits{};
  for (unsigned i = 0; i < 32; ++i) bits[i] = store.variable(level(word, i));
  return bits;
}

SeccompData Assignment::data() const noexcept {
  SeccompData data;
  data.arch = words[arch_word];
  data.nr = words[number_word];
  data.instruction_pointer = std::uint64_t{words[ip_high]} << 32 | words[ip_low];
  for (unsigned i = 0; i < data.args.size(); ++i)
    data.args[i] = std::uint64_t{words[arg_high(i)]} << 32 | words[arg_low(i)];
  return data;
}

Assignment assignment_of(const SeccompData& data) noexcept {
  Assignment point;
  point.words[arch_word] = data.arch;
  point.words[number_word] = data.nr;
  point.words[ip_high] = static_cast<std::uint32_t>(data.instruction_pointer >> 32);
  point.words[ip_low] = static_cast<std::uint32_t>(data.instruction_pointer);
  for (unsigned i = 0; i < data.args.size(); ++i) {
    point.words[arg_high(i)] = static_cast<std::uint32_t>(data.args[i] >> 32);
    point.words[arg_low(i)] = static_cast<std::uint32_t>(data.args[i]);
  }
  return point;
}

Assignment some_point(const MeaningStore& store, const WordOrder& order, Diagram diagram) noexcept {
  Assignment point;
  while (!is_terminal(diagram)) {
    const std::uint32_t level = store.level(diagram);
    const bool bit = store.cofactor(diagram, level, false) == no;
    if (bit) point.set(order.word_of(level), order.bit_of(level));
    diagram = store.cofactor(diagram, level, bit);
  }
  return point;
}

Diagram value_at(const MeaningStore& store, const WordOrder& order, Diagram diagram,
                 const Assignment& point) noexcept {
  while (!is_terminal(diagram)) {
    const std::uint32_t level = store.level(diagram);
    const bool bit = (point.words[order.word_of(level)] >> order.bit_of(level) & 1) != 0;
    diagram = store.cofactor(diagram, level, bit);
  }
  return diagram;
}

namespace {

/// The comparison as a diagram of its own.
Diagram diagram_of(MeaningStore& store, const WordOrder& order, const WordCompare& compare) {
  Diagram result = yes;
  for (unsigned bit = 0; bit < 32; ++bit) {
    const Diagram variable = store.variable(order.level(compare.word, bit));
    const bool is_set = (compare.bound >> bit & 1) != 0;
    const Diagram off = constant(!compare.is_equal && !is_set);
    result = is_set ? store.if_then_else(variable, result, off)
                    : store.if_then_else(variable, off, result);
  }
  return result;
}

}  // namespace

Diagram choose(MeaningStore& store, const WordOrder& order, const WordCompare& compare,
               Diagram then, Diagram otherwise) {
  const std::uint32_t top = order.level(compare.word, 31);
  const bool is_apart = order.level(compare.word, 0) - top != 31;
  if (is_apart || std::min(store.level(then), store.level(otherwise)) < top)
    return store.if_then_else(diagram_of(store, order, compare), then, otherwise);
  std::array<Diagram, 32> off{};
  unsigned bit = 32;
  // Once the rest of the bound is 0, every word is at least that.
  const auto is_open = [&] {
    const bool is_rest_zero = (compare.bound & ((std::uint64_t{1} << bit) - 1)) == 0;
    return bit > 0 && then != otherwise && (compare.is_equal || !is_rest_zero);
  };
  while (is_open()) {
    const std::uint32_t level = order.level(compare.word, --bit);
    const bool is_set = (compare.bound >> bit & 1) != 0;
    const bool is_above = !compare.is_equal && !is_set;
    off[bit] = store.cofactor(is_above ? then : otherwise, level, !is_set);
    then = store.cofactor(then, level, is_set);
    otherwise = store.cofactor(otherwise, level, is_set);
  }
  for (; bit < 32; ++bit) {
    const bool is_set = (compare.bound >> bit & 1) != 0;
    then = store.node(order.level(compare.word, bit), is_set ? off[bit] : then,
                      is_set ? then : off[bit]);
  }
  return then;
}

}  // namespace callgate::meaning

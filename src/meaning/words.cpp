#include "meaning/words.h"

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

WordOrder::WordOrder(const std::vector<WordSet>& groups) {
  std::uint16_t next = 0;
  WordSet placed = 0;
  for (unsigned first = 0; first < input_words; ++first) {
    if ((placed >> first & 1) != 0) continue;
    auto group = static_cast<WordSet>(1u << first);
    for (const WordSet candidate : groups)
      if ((candidate >> first & 1) != 0) group = candidate;
    for (unsigned bit = 32; bit-- > 0;) {
      for (unsigned word = 0; word < input_words; ++word) {
        if ((group >> word & 1) == 0) continue;
        places_[next] = static_cast<std::uint16_t>(word * 32 + bit);
        levels_[word][bit] = next++;
      }
    }
    placed = static_cast<WordSet>(placed | group);
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

}  // namespace callgate::meaning

#include "meaning/runner.h"

#include <algorithm>

#include "bpf/opcode.h"

namespace callgate::meaning {
namespace {

namespace op = opcode;

constexpr std::size_t first_table = 256;

std::uint32_t hash_of(std::span<const std::uint32_t> values, std::uint32_t seed) noexcept {
  for (const std::uint32_t value : values) seed = mix(seed, value, 0x51ed270b);
  return seed;
}

/// The identifier of an input word.
constexpr WordId input_id(InputWord word) noexcept { return WordId{1} + word; }
/// An input word other than arch and nr, unchanged.
constexpr bool is_argument(WordId id) noexcept {
  return id > input_id(number_word) && id <= input_words;
}

}  // namespace

Diagram Translator::translate(Diagram diagram) {
  if (is_terminal(diagram)) return diagram;
  if (const auto known = memo_.find(diagram); known != memo_.end()) return known->second;
  const std::uint32_t level = from_.level(diagram);
  const Diagram low = translate(from_.cofactor(diagram, level, false));
  const Diagram high = translate(from_.cofactor(diagram, level, true));
  const std::uint32_t target =
      to_order_.level(from_order_.word_of(level), from_order_.bit_of(level));
  const Diagram result = to_.if_then_else(to_.variable(target), high, low);
  memo_.emplace(diagram, result);
  return result;
}

Runner::Runner(MeaningStore& store, const WordOrder& order, Results results,
               const ProgramFacts& facts)
    : store_(store),
      order_(order),
      results_(results),
      facts_(facts),
      stops_(facts.program().size()),
      point_index_(first_table),
      words_(1 + input_words),
      word_index_(first_table) {
  words_[0] = constant_bits(0);
  add_to_index(0);
}

void Runner::stop_at(std::span<const std::size_t> stops) {
  std::uint32_t number = 0;
  for (const std::size_t stop : stops) stops_[stop] = ++number;
}

std::uint32_t Runner::find_slot(const Bits& bits) const noexcept {
  const auto mask = static_cast<std::uint32_t>(word_index_.size() - 1);
  std::uint32_t slot = hash_of(bits, 1) & mask;
  while (word_index_[slot] != 0 && words_[word_index_[slot] - 1] != bits) slot = (slot + 1) & mask;
  return slot;
}

void Runner::add_to_index(WordId id) {
  if (words_.size() * 2 > word_index_.size()) {
    std::vector<std::uint32_t> known(word_index_.size() * 2);
    known.swap(word_index_);
    for (const std::uint32_t entry : known)
      if (entry != 0) word_index_[find_slot(words_[entry - 1])] = entry;
  }
  const std::uint32_t slot = find_slot(words_[id]);
  if (word_index_[slot] == 0) word_index_[slot] = id + 1;
}

WordId Runner::intern(const Bits& bits) {
  const std::uint32_t slot = find_slot(bits);
  if (word_index_[slot] != 0) return word_index_[slot] - 1;
  store_.charge(1);
  const auto id = static_cast<WordId>(words_.size());
  words_.push_back(bits);
  add_to_index(id);
  return id;
}

const Bits& Runner::bits_of(WordId id) {
  if (id != 0 && id <= input_words && (materialised_ >> (id - 1) & 1) == 0) {
    materialised_ = static_cast<WordSet>(materialised_ | 1u << (id - 1));
    words_[id] = order_.bits(store_, static_cast<InputWord>(id - 1));
    add_to_index(id);
  }
  return words_[id];
}

std::uint32_t Runner::entry_of(std::uint32_t pc, const State& state) {
  Point point{pc, state};
  const RegisterSet live = facts_.live(pc);
  for (unsigned i = 0; i < point.state.registers.size(); ++i)
    if ((live >> i & 1) == 0) point.state.registers[i] = 0;
  if (points_.size() * 2 > point_index_.size()) {
    point_index_.assign(point_index_.size() * 2, 0);
    const auto mask = static_cast<std::uint32_t>(point_index_.size() - 1);
    for (std::uint32_t i = 0; i < points_.size(); ++i) {
      std::uint32_t slot = hash_of(points_[i].point.state.registers, points_[i].point.pc) & mask;
      while (point_index_[slot] != 0) slot = (slot + 1) & mask;
      point_index_[slot] = i + 1;
    }
  }
  const auto mask = static_cast<std::uint32_t>(point_index_.size() - 1);
  std::uint32_t slot = hash_of(point.state.registers, pc) & mask;
  for (; point_index_[slot] != 0; slot = (slot + 1) & mask)
    if (points_[point_index_[slot] - 1].point == point) return point_index_[slot] - 1;
  store_.charge(1);
  points_.push_back({point});
  point_index_[slot] = static_cast<std::uint32_t>(points_.size());
  return point_index_[slot] - 1;
}

bool Runner::holds_same(const State& state, const Runner& other,
                        const State& others) const noexcept {
  for (std::size_t i = 0; i < state.registers.size(); ++i) {
    const WordId a = state.registers[i];
    const WordId b = others.registers[i];
    const bool is_input = a <= input_words || b <= input_words;
    if (is_input ? a != b : words_[a] != other.words_[b]) return false;
  }
  return true;
}

State Runner::adopt(const Runner& other, const State& state) {
  Translator translator(other.store_, other.order_, store_, order_);
  State adopted;
  for (std::size_t i = 0; i < state.registers.size(); ++i) {
    const WordId id = state.registers[i];
    if (id <= input_words) {
      adopted.registers[i] = id;
      continue;
    }
    Bits bits = other.words_[id];
    for (Diagram& bit : bits) bit = translator.translate(bit);
    adopted.registers[i] = intern(bits);
  }
  return adopted;
}

Diagram Runner::run(const Point& start) {
  floor_ = start.pc;
  std::vector<Frame> frames{{.entry = entry_of(start.pc, start.state)}};
  Diagram result = no;
  while (!frames.empty()) {
    Frame& frame = frames.back();
    if (frame.phase == 0) {
      const Entry& entry = points_[frame.entry];
      if (entry.is_known) {
        result = entry.result;
        frames.pop_back();
        continue;
      }
      const Step step = advance(entry.point);
      if (step.branches) {
        frame.compare = step.compare;
        frame.test = step.test;
        frame.otherwise = step.otherwise;
        frame.then = step.result;
        frame.phase = step.ends ? 2 : 1;
        frames.push_back({.entry = step.ends ? step.otherwise : step.then});
        continue;
      }
      result = step.result;
    } else if (frame.phase == 1) {
      frame.then = result;
      frame.phase = 2;
      frames.push_back({.entry = frame.otherwise});
      continue;
    } else {
      result = frame.compare ? choose(store_, order_, *frame.compare, frame.then, result)
                             : store_.if_then_else(frame.test, frame.then, result);
    }
    // A stop is the end of this run only: the next may begin there.
    Entry& entry = points_[frame.entry];
    entry.result = result;
    entry.is_known = stops_[entry.point.pc] == 0 || entry.point.pc == floor_;
    frames.pop_back();
  }
  return result;
}

bool Runner::computes_with_arguments(const Point& point) const noexcept {
  const Instruction& instruction = facts_.program().instructions()[point.pc];
  switch (instruction.code) {
    case op::tax:
    case op::txa:
    case op::st:
    case op::stx: return false;
    default: break;
  }
  const RegisterSet reads = effects_of(instruction).reads;
  return ((reads & register_a) != 0 && is_argument(point.state.registers[0])) ||
         ((reads & register_x) != 0 && is_argument(point.state.registers[1]));
}

Runner::Step Runner::advance(Point point) {
  const auto code = facts_.program().instructions();
  for (;; ++point.pc) {
    if (stops_[point.pc] != 0 && point.pc != floor_)
      return {.result = terminal(stop_base + stops_[point.pc] - 1)};
    if (suspends_ && computes_with_arguments(point))
      return {.result = terminal(suspension_base + entry_of(point.pc, point.state))};
    const Instruction& instruction = code[point.pc];
    if (instruction.code == op::ret_k) return {.result = results_.of(instruction.k)};
    if (instruction.code == op::ret_a) {
      const WordId a = point.state.registers[0];
      if (suspends_ && !constant_of(bits_of(a)))
        return {.result = terminal(suspension_base + entry_of(point.pc, point.state))};
      return {.result = returned(a)};
    }
    if (instruction.code == op::ja) {
      point.pc += instruction.k;
    } else if (op::is_conditional(instruction.code)) {
      const Step step = branch(point);
      if (step.branches) return step;
      point.pc += step.test == yes ? instruction.jt : instruction.jf;
    } else if (instruction.code == op::div_x) {
      const Step step = divide_by_x(point);
      if (step.branches || step.ends) return step;
      execute(instruction, point.state);
    } else {
      execute(instruction, point.state);
    }
  }
}

Runner::Step Runner::branch(const Point& point) {
  const Instruction& instruction = facts_.program().instructions()[point.pc];
  if (instruction.jt == instruction.jf) return {.test = yes};
  const std::optional<WordCompare> compare = compare_of(instruction, point.state);
  Diagram test = no;
  if (!compare)
    test =
        test_of(instruction, bits_of(point.state.registers[0]), operand(instruction, point.state));
  if (!compare && is_terminal(test)) return {.test = test};
  return {.compare = compare,
          .test = test,
          .branches = true,
          .then = entry_of(point.pc + 1 + instruction.jt, point.state),
          .otherwise = entry_of(point.pc + 1 + instruction.jf, point.state)};
}

/// None if the test is of another kind, or its outcome is fixed.
std::optional<WordCompare> Runner::compare_of(const Instruction& instruction,
                                              const State& state) noexcept {
  const WordId a = state.registers[0];
  if (a == 0 || a > input_words) return std::nullopt;
  WordCompare compare{.word = static_cast<InputWord>(a - 1), .bound = instruction.k};
  switch (instruction.code) {
    case op::jeq_k: compare.is_equal = true; return compare;
    case op::jge_k:
      if (compare.bound == 0) return std::nullopt;
      return compare;
    case op::jgt_k:
      if (++compare.bound == 0) return std::nullopt;
      return compare;
    default: return std::nullopt;
  }
}

/// Where X is 0 the kernel ends the program with 0 (bpf_convert_filter of net/core/filter.c).
Runner::Step Runner::divide_by_x(const Point& point) {
  const Diagram is_zero = equal_bits(store_, bits_of(point.state.registers[1]), constant_bits(0));
  if (is_zero == no) return {};
  const Diagram killed = results_.of(0);
  if (is_zero == yes) return {.ends = true, .result = killed};
  Point next = point;
  execute(facts_.program().instructions()[point.pc], next.state);
  return {.test = is_zero,
          .branches = true,
          .ends = true,
          .result = killed,
          .otherwise = entry_of(point.pc + 1, next.state)};
}

Bits Runner::operand(const Instruction& instruction, const State& state) {
  const bool with_x = (instruction.code & 0x08) != 0;
  return with_x ? bits_of(state.registers[1]) : constant_bits(instruction.k);
}

Diagram Runner::test_of(const Instruction& instruction, const Bits& a, const Bits& b) {
  switch (instruction.code) {
    case op::jeq_k:
    case op::jeq_x: return equal_bits(store_, a, b);
    case op::jgt_k:
    case op::jgt_x: return greater(store_, a, b, false);
    case op::jge_k:
    case op::jge_x: return greater(store_, a, b, true);
    default: return intersect(store_, a, b);
  }
}

void Runner::execute(const Instruction& instruction, State& state) {
  constexpr std::uint32_t data_size = 64;  // sizeof(struct seccomp_data)
  auto& registers = state.registers;
  const std::uint32_t k = instruction.k;
  const ByteOrder order = facts_.program().target().byte_order;
  switch (instruction.code) {
    case op::ld_word: registers[0] = input_id(word_at_offset(k, order)); return;
    case op::ld_length: registers[0] = intern(constant_bits(data_size)); return;
    case op::ld_constant: registers[0] = intern(constant_bits(k)); return;
    case op::ld_scratch: registers[0] = registers[2 + k]; return;
    case op::ldx_length: registers[1] = intern(constant_bits(data_size)); return;
    case op::ldx_constant: registers[1] = intern(constant_bits(k)); return;
    case op::ldx_scratch: registers[1] = registers[2 + k]; return;
    case op::st: registers[2 + k] = registers[0]; return;
    case op::stx: registers[2 + k] = registers[1]; return;
    case op::tax: registers[1] = registers[0]; return;
    case op::txa: registers[0] = registers[1]; return;
    default: registers[0] = compute(instruction, state); return;
  }
}

WordId Runner::compute(const Instruction& instruction, const State& state) {
  const ShiftRule rule = facts_.program().target().shift_rule;
  const Bits a = bits_of(state.registers[0]);
  const Bits b = operand(instruction, state);
  switch (instruction.code) {
    case op::add_k:
    case op::add_x: return intern(add(store_, a, b));
    case op::sub_k:
    case op::sub_x: return intern(subtract(store_, a, b));
    case op::mul_k:
    case op::mul_x: return intern(multiply(store_, a, b));
    case op::div_k:
    case op::div_x: return intern(divide(store_, a, b));
    case op::or_k:
    case op::or_x: return intern(bit_or(store_, a, b));
    case op::and_k:
    case op::and_x: return intern(bit_and(store_, a, b));
    case op::lsh_k:
    case op::lsh_x: return intern(shift_left(store_, a, b, rule));
    case op::rsh_k:
    case op::rsh_x: return intern(shift_right(store_, a, b, rule));
    case op::xor_k:
    case op::xor_x: return intern(bit_xor(store_, a, b));
    default: return intern(negate(store_, a));
  }
}

Diagram Runner::returned(WordId a) {
  const Bits ret = normalised_bits(store_, bits_of(a));
  return results_.bit() ? ret[*results_.bit()] : spread(ret);
}

/// Shannon expansion of a whole vector into one diagram of return values.
Diagram Runner::spread(const Bits& ret) {
  if (const auto value = constant_of(ret)) return results_.of(*value);
  const WordId id = intern(ret);
  if (const auto known = spread_.find(id); known != spread_.end()) return known->second;
  std::uint32_t top = terminal_flag;
  for (const Diagram bit : ret) top = std::min(top, store_.level(bit));
  Bits low = ret;
  Bits high = ret;
  for (unsigned i = 0; i < ret.size(); ++i) {
    low[i] = store_.cofactor(ret[i], top, false);
    high[i] = store_.cofactor(ret[i], top, true);
  }
  const Diagram on_low = spread(low);
  const Diagram on_high = spread(high);
  const Diagram result = store_.node(top, on_low, on_high);
  spread_.emplace(id, result);
  return result;
}

}  // namespace callgate::meaning

// The machine of bpf/machine.h on values of which only some bits are known: where a test has no
// answer both arms are followed, each with what the answer would say of the word that was tested.
// Arithmetic on exact values is done by the machine itself.
//
// Known weakness: what a test says of two words at once (JEQ X, a sum) is forgotten, so that a way
// may be followed that no call takes. The answer then names a value too many, never one too few.
#include "callgate/bpf/outcomes.h"

#include <algorithm>

#include "bpf/known_word.h"
#include "bpf/machine.h"

namespace callgate {
namespace {

namespace op = opcode;
using machine::KnownWord;

constexpr std::size_t most_steps = 100'000;
constexpr std::size_t most_open_ways = 4'096;

/// A register or scratch word.
struct Value {
  KnownWord word;
  std::uint16_t taint = 0;  ///< words of seccomp_data that it was made of
  std::int8_t source = -1;  ///< the word of seccomp_data that it is, under `mask`
  std::uint32_t mask = 0xffffffff;

  static Value exactly(std::uint32_t value) { return {KnownWord::exactly(value)}; }
};

struct Way {
  std::size_t pc = 0;
  Value a;
  Value x;
  std::array<Value, 16> memory;
  std::array<KnownWord, seccomp_data_words> words;
};

KnownWord known_half(std::uint32_t value, Known known, bool is_high) {
  switch (known) {
    case Known::all: return KnownWord::exactly(value);
    case Known::low32: return is_high ? KnownWord::bits(0, 0) : KnownWord::exactly(value);
    case Known::low16: return is_high ? KnownWord::bits(0, 0) : KnownWord::bits(0xffff, value);
    case Known::nothing:
    case Known::not_null: break;
  }
  return KnownWord::bits(0, 0);
}

class Explorer {
 public:
  Explorer(const Program& program, const PartialCall& call)
      : code_(program.instructions()), target_(program.target()), call_(call) {
    const auto arch = classify(call.data.arch, call.data.nr);
    is_narrow_ = arch && arch_info(*arch).word_bits == 32;
  }

  Outcomes run(const Resume& resume) {
    Way first;
    first.pc = resume.pc;
    first.a = Value::exactly(resume.a);
    first.x = Value::exactly(resume.x);
    for (std::size_t i = 0; i < 16; ++i) first.memory[i] = Value::exactly(resume.memory[i]);
    for (unsigned i = 0; i < seccomp_data_words; ++i) first.words[i] = word(i);
    if (settle_pointers(first)) open_.push_back(first);
    while (!open_.empty() && !found_.any) {
      Way way = open_.back();
      open_.pop_back();
      follow(way);
    }
    std::sort(found_.returns.begin(), found_.returns.end());
    for (unsigned i = 2; i < seccomp_data_words; ++i) {
      if ((tested_ >> i & 1) != 0) found_.tested |= 1u << (i < 4 ? 6 : (i - 4) / 2);
    }
    return std::move(found_);
  }

 private:
  KnownWord word(unsigned index) const {
    const std::uint32_t value = word_at(call_.data, index, target_.byte_order);
    if (index < 2) return KnownWord::exactly(value);
    const bool is_high = (index % 2 == 1) == (target_.byte_order == ByteOrder::little);
    return known_half(value, index < 4 ? call_.instruction_pointer : call_.args[(index - 4) / 2],
                      is_high);
  }

  void returns(std::uint32_t ret) {
    if (std::find(found_.returns.begin(), found_.returns.end(), ret) == found_.returns.end())
      found_.returns.push_back(ret);
  }

  /// Runs one way to its end, leaving the other arm of each open test behind.
  void follow(Way& way) {
    for (;; ++way.pc) {
      if (++steps_ > most_steps || open_.size() > most_open_ways) found_.any = true;
      if (found_.any) return;
      const Instruction& insn = code_[way.pc];
      switch (insn.code & 7) {
        case 5:
          if (!jump(way, insn)) return;
          break;
        case 6: finish(way, insn); return;
        case 4:
          if (!compute(way, insn)) return;
          break;
        default: move(way, insn);
      }
    }
  }

  void finish(const Way& way, const Instruction& insn) {
    if (insn.code == op::ret_k) return returns(insn.k);
    if (way.a.word.is_exact()) return returns(way.a.word.value);
    tested_ |= way.a.taint;
    found_.any = true;
  }

  static void load(const Way& way, std::uint32_t index, Value& to) {
    const KnownWord& word = way.words[index];
    const auto taint = static_cast<std::uint16_t>(word.is_exact() ? 0 : 1u << index);
    to = {word, taint, static_cast<std::int8_t>(index)};
  }

  static void move(Way& way, const Instruction& insn) {
    const std::uint32_t k = insn.k;
    switch (insn.code) {
      case op::ld_word: load(way, k / 4, way.a); break;
      case op::ld_length: way.a = Value::exactly(sizeof(machine::Words)); break;
      case op::ldx_length: way.x = Value::exactly(sizeof(machine::Words)); break;
      case op::ld_constant: way.a = Value::exactly(k); break;
      case op::ldx_constant: way.x = Value::exactly(k); break;
      case op::ld_scratch: way.a = way.memory[k]; break;
      case op::ldx_scratch: way.x = way.memory[k]; break;
      case op::st: way.memory[k] = way.a; break;
      case op::stx: way.memory[k] = way.x; break;
      case op::tax: way.x = way.a; break;
      default: way.a = way.x; break;  // txa
    }
  }

  /// What the machine makes of exact operands.
  std::uint32_t exact(const Instruction& insn, std::uint32_t a, std::uint32_t x) const {
    const std::array<Instruction, 2> code{insn, Instruction{.code = op::ret_a}};
    Resume at{.pc = 0, .a = a, .x = x};
    return *machine::run(code, target_.shift_rule, {}, at,
                         [](std::size_t, const Instruction&) { return false; });
  }

  /// False where the program ends: a division by zero returns 0.
  bool compute(Way& way, const Instruction& insn) {
    const bool uses_x = (insn.code & 8) != 0;
    const Value x = uses_x ? way.x : Value::exactly(insn.k);
    if (insn.code == op::div_x && x.word.can_be(0)) {
      returns(0);
      tested_ |= x.taint;
      if (x.word.is_exact()) return false;
    }
    const auto taint = static_cast<std::uint16_t>(way.a.taint | x.taint);
    if (way.a.word.is_exact() && x.word.is_exact()) {
      way.a = Value::exactly(exact(insn, way.a.word.value, x.word.value));
      return true;
    }
    way.a = computed(way.a, insn, x);
    way.a.taint = way.a.word.is_exact() ? 0 : taint;
    return true;
  }

  /// The same where not all is known.
  static Value computed(const Value& a, const Instruction& insn, const Value& x) {
    const KnownWord& word = a.word;
    const std::uint32_t k = x.word.value;
    if (!x.word.is_exact()) return {KnownWord::bits(0, 0)};
    switch (insn.code) {
      case op::and_k:
      case op::and_x: {
        Value masked{KnownWord::bits(word.known | ~k, word.value & k), 0, a.source, a.mask & k};
        return masked;
      }
      case op::or_k:
      case op::or_x: return {KnownWord::bits(word.known | k, word.value | k)};
      case op::xor_k:
      case op::xor_x: return {KnownWord::bits(word.known, word.value ^ k)};
      case op::lsh_k: return {KnownWord::bits(word.known << k | ~(~0u << k), word.value << k)};
      case op::rsh_k: return {KnownWord::bits(word.known >> k | ~(~0u >> k), word.value >> k)};
      default: return {KnownWord::bits(0, 0)};
    }
  }

  /// False where neither arm can be taken any further on this way.
  bool jump(Way& way, const Instruction& insn) {
    if (insn.code == op::ja) {
      way.pc += insn.k;
      return true;
    }
    const Value by = (insn.code & 8) != 0 ? way.x : Value::exactly(insn.k);
    const bool can_take = allows(way, insn.code, by, true);
    const bool can_leave = allows(way, insn.code, by, false);
    if (can_take != can_leave) {
      way.pc += can_take ? insn.jt : insn.jf;
      return assume(way, insn.code, by, can_take);
    }
    tested_ |= way.a.taint | by.taint;
    Way taken = way;
    taken.pc += insn.jt + std::size_t{1};
    if (assume(taken, insn.code, by, true)) open_.push_back(taken);
    way.pc += insn.jf;
    return assume(way, insn.code, by, false);
  }

  static bool allows(const Way& way, std::uint16_t code, const Value& by, bool answer) {
    KnownWord a = way.a.word;
    return !by.word.is_exact() || narrow(a, code, by.word.value, answer);
  }

  /// Takes an answer for granted; false if it cannot be that one.
  bool assume(Way& way, std::uint16_t code, const Value& by, bool answer) const {
    if (!by.word.is_exact() || way.a.word.is_exact()) return true;
    if (!narrow(way.a.word, code, by.word.value, answer)) return false;
    if (way.a.source < 0) return true;
    KnownWord& word = way.words[static_cast<std::size_t>(way.a.source)];
    if (way.a.mask == 0xffffffff) {
      word = way.a.word;
    } else if (!word.set_bits(way.a.word.known & way.a.mask, way.a.word.value)) {
      return false;
    }
    return settle_pointers(way);
  }

  static bool narrow(KnownWord& a, std::uint16_t code, std::uint32_t k, bool answer) {
    switch (code) {
      case op::jeq_k:
      case op::jeq_x:
        if (!answer) return a.exclude(k);
        if (!a.can_be(k)) return false;
        a = KnownWord::exactly(k);
        return true;
      case op::jgt_k:
      case op::jgt_x: return at_least(a, k, 1, answer);
      case op::jge_k:
      case op::jge_x: return at_least(a, k, 0, answer);
      default: return shares_bits(a, k, answer);
    }
  }

  /// a >= k + more, or not.
  static bool at_least(KnownWord& a, std::uint32_t k, std::uint32_t more, bool answer) {
    const std::uint64_t limit = std::uint64_t{k} + more;
    if (answer) {
      if (limit > a.max) return false;
      a.min = std::max(a.min, static_cast<std::uint32_t>(limit));
    } else {
      if (limit <= a.min) return false;
      a.max = std::min(a.max, static_cast<std::uint32_t>(limit - 1));
    }
    return a.settle();
  }

  /// (a & k) != 0, or not.
  static bool shares_bits(KnownWord& a, std::uint32_t k, bool answer) {
    if (!answer) return a.set_bits(k, 0);
    if ((a.value & k) != 0) return true;
    const std::uint32_t open = k & ~a.known;
    if (open == 0) return false;
    return !std::has_single_bit(open) || a.set_bits(open, open);
  }

  /// A pointer that is not null has a half that is not 0; on a 32-bit ABI it is the low one.
  bool settle_pointers(Way& way) const {
    const bool is_little = target_.byte_order == ByteOrder::little;
    for (std::size_t i = 0; i < 6; ++i) {
      if (call_.args[i] != Known::not_null) continue;
      KnownWord& low = way.words[4 + 2 * i + (is_little ? 0 : 1)];
      KnownWord& high = way.words[4 + 2 * i + (is_little ? 1 : 0)];
      if ((is_narrow_ || !high.can_be_other_than(0)) && !low.exclude(0)) return false;
      if (!low.can_be_other_than(0) && !high.exclude(0)) return false;
    }
    return true;
  }

  std::span<const Instruction> code_;
  Target target_;
  const PartialCall& call_;
  bool is_narrow_ = false;
  std::vector<Way> open_;
  Outcomes found_;
  std::uint32_t tested_ = 0;
  std::size_t steps_ = 0;
};

}  // namespace

Outcomes outcomes(const Program& program, const PartialCall& call) {
  const Prefix prefix = prefix_of(program, call.data.arch, call.data.nr);
  if (prefix.constant) return {.returns = {*prefix.constant}};
  return outcomes_from(program, prefix.resume, call);
}

Outcomes outcomes_from(const Program& program, const Resume& resume, const PartialCall& call) {
  return Explorer(program, call).run(resume);
}

}  // namespace callgate

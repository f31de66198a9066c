// The machine of net/core/filter.c's classic BPF, as seccomp runs it, and the second, smaller one
// with which the kernel fills its constant-action bitmap. Both are one switch in a loop; a verified
// program ends, since every jump goes forward and its last instruction is a RET.
#include "callgate/bpf/emulate.h"

#include "bpf/opcode.h"

namespace callgate {
namespace {

namespace op = opcode;

/// seccomp_data as the words that a program loads.
using Words = std::array<std::uint32_t, seccomp_data_words>;

Words words_of(const SeccompData& data, ByteOrder order) noexcept {
  Words words;
  for (unsigned i = 0; i < seccomp_data_words; ++i) words[i] = word_at(data, i, order);
  return words;
}

/// Registers and scratch memory.
struct Machine {
  std::uint32_t a = 0;
  std::uint32_t x = 0;
  std::array<std::uint32_t, 16> memory{};
};

std::uint32_t shift_left(std::uint32_t value, std::uint32_t by, ShiftRule rule) noexcept {
  by &= rule == ShiftRule::low5 ? 31 : 63;
  return by < 32 ? value << by : 0;
}

std::uint32_t shift_right(std::uint32_t value, std::uint32_t by, ShiftRule rule) noexcept {
  by &= rule == ShiftRule::low5 ? 31 : 63;
  return by < 32 ? value >> by : 0;
}

constexpr std::size_t arm(const Instruction& insn, bool taken) noexcept {
  return taken ? insn.jt : insn.jf;
}

/// Runs to the RET; `visit` sees the index of every instruction.
template <class Visit>
std::uint32_t run(const Program& program, const SeccompData& data, Visit&& visit) {
  const std::span<const Instruction> code = program.instructions();
  const ShiftRule rule = program.target().shift_rule;
  const Words words = words_of(data, program.target().byte_order);
  Machine m;
  for (std::size_t pc = 0;; ++pc) {
    visit(pc);
    const Instruction& insn = code[pc];
    const std::uint32_t k = insn.k;
    switch (insn.code) {
      case op::ld_word: m.a = words[k / 4]; break;
      case op::ld_length: m.a = sizeof(Words); break;
      case op::ld_constant: m.a = k; break;
      case op::ld_scratch: m.a = m.memory[k]; break;
      case op::ldx_length: m.x = sizeof(Words); break;
      case op::ldx_constant: m.x = k; break;
      case op::ldx_scratch: m.x = m.memory[k]; break;
      case op::st: m.memory[k] = m.a; break;
      case op::stx: m.memory[k] = m.x; break;
      case op::tax: m.x = m.a; break;
      case op::txa: m.a = m.x; break;
      case op::add_k: m.a += k; break;
      case op::add_x: m.a += m.x; break;
      case op::sub_k: m.a -= k; break;
      case op::sub_x: m.a -= m.x; break;
      case op::mul_k: m.a *= k; break;
      case op::mul_x: m.a *= m.x; break;
      case op::div_k: m.a /= k; break;
      case op::div_x:
        if (m.x == 0) return 0;
        m.a /= m.x;
        break;
      case op::or_k: m.a |= k; break;
      case op::or_x: m.a |= m.x; break;
      case op::and_k: m.a &= k; break;
      case op::and_x: m.a &= m.x; break;
      case op::lsh_k: m.a <<= k; break;
      case op::lsh_x: m.a = shift_left(m.a, m.x, rule); break;
      case op::rsh_k: m.a >>= k; break;
      case op::rsh_x: m.a = shift_right(m.a, m.x, rule); break;
      case op::neg: m.a = 0u - m.a; break;
      case op::xor_k: m.a ^= k; break;
      case op::xor_x: m.a ^= m.x; break;
      case op::ja: pc += k; break;
      case op::jeq_k: pc += arm(insn, m.a == k); break;
      case op::jeq_x: pc += arm(insn, m.a == m.x); break;
      case op::jgt_k: pc += arm(insn, m.a > k); break;
      case op::jgt_x: pc += arm(insn, m.a > m.x); break;
      case op::jge_k: pc += arm(insn, m.a >= k); break;
      case op::jge_x: pc += arm(insn, m.a >= m.x); break;
      case op::jset_k: pc += arm(insn, (m.a & k) != 0); break;
      case op::jset_x: pc += arm(insn, (m.a & m.x) != 0); break;
      case op::ret_k: return k;
      default: return m.a;  // ret_a: a verified program holds nothing else
    }
  }
}

constexpr std::uint32_t allow_exactly = 0x7fff0000;  // SECCOMP_RET_ALLOW without data bits

}  // namespace

std::uint32_t word_at(const SeccompData& data, unsigned index, ByteOrder order) noexcept {
  if (index == 0) return data.nr;
  if (index == 1) return data.arch;
  const std::uint64_t value = index < 4 ? data.instruction_pointer : data.args[(index - 4) / 2];
  const bool is_low = (index % 2 == 0) == (order == ByteOrder::little);
  return static_cast<std::uint32_t>(is_low ? value : value >> 32);
}

std::uint32_t emulate(const Program& program, const SeccompData& data) noexcept {
  return run(program, data, [](std::size_t) {});
}

Trace trace(const Program& program, const SeccompData& data) {
  Trace result;
  result.result = run(program, data, [&](std::size_t pc) {
    result.path.push_back(static_cast<std::uint16_t>(pc));
  });
  return result;
}

CacheStatus cache_status(const Program& program, std::uint32_t audit, std::uint32_t nr) noexcept {
  const std::span<const Instruction> code = program.instructions();
  CacheStatus status;
  std::uint32_t a = 0;
  for (std::size_t pc = 0;; ++pc) {
    const Instruction& insn = code[pc];
    status.stopped_at = pc;
    ++status.steps;
    switch (insn.code) {
      case op::ld_word:
        if (insn.k > 4) return status;
        a = insn.k == 0 ? nr : audit;
        break;
      case op::ret_k: status.cached = insn.k == allow_exactly; return status;
      case op::ja: pc += insn.k; break;
      case op::jeq_k: pc += arm(insn, a == insn.k); break;
      case op::jge_k: pc += arm(insn, a >= insn.k); break;
      case op::jgt_k: pc += arm(insn, a > insn.k); break;
      case op::jset_k: pc += arm(insn, (a & insn.k) != 0); break;
      case op::and_k: a &= insn.k; break;
      default: return status;
    }
  }
}

}  // namespace callgate

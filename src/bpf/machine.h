// The machine of net/core/filter.c's classic BPF, as seccomp runs it: one switch in a loop. A
// verified program ends, since every jump goes forward and its last instruction is a RET.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "bpf/opcode.h"
#include "callgate/bpf/emulate.h"

namespace callgate::machine {

namespace op = opcode;

/// seccomp_data as the words that a program loads.
using Words = std::array<std::uint32_t, seccomp_data_words>;

inline Words words_of(const SeccompData& data, ByteOrder order) noexcept {
  Words words{data.nr, data.arch};
  const std::size_t low = order == ByteOrder::little ? 0 : 1;
  const auto put = [&](std::size_t at, std::uint64_t value) {
    words[at + low] = static_cast<std::uint32_t>(value);
    words[at + 1 - low] = static_cast<std::uint32_t>(value >> 32);
  };
  put(2, data.instruction_pointer);
  for (std::size_t i = 0; i < data.args.size(); ++i) put(4 + 2 * i, data.args[i]);
  return words;
}

inline std::uint32_t shift_left(std::uint32_t value, std::uint32_t by, ShiftRule rule) noexcept {
  by &= rule == ShiftRule::low5 ? 31 : 63;
  return by < 32 ? value << by : 0;
}

inline std::uint32_t shift_right(std::uint32_t value, std::uint32_t by, ShiftRule rule) noexcept {
  by &= rule == ShiftRule::low5 ? 31 : 63;
  return by < 32 ? value >> by : 0;
}

constexpr std::size_t arm(const Instruction& insn, bool taken) noexcept {
  return taken ? insn.jt : insn.jf;
}

/// Runs from `at` on, to a RET, whose value it returns, or to an instruction that `stops` at, where
/// there is none and `at` says where it stands.
template <class Stops>
std::optional<std::uint32_t> run(std::span<const Instruction> code, ShiftRule rule,
                                 const Words& words, Resume& at, Stops&& stops) {
  Resume m = at;
  for (std::size_t pc = m.pc;; ++pc) {
    const Instruction& insn = code[pc];
    if (stops(pc, insn)) {
      at = m;
      at.pc = static_cast<std::uint16_t>(pc);
      return std::nullopt;
    }
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

}  // namespace callgate::machine

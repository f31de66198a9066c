// Random seccomp programs: mostly valid, every opcode alike, and on demand broken in one chosen
// way.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "bpf/opcode.h"
#include "callgate/bpf/program.h"

namespace callgate::test {

namespace op = opcode;

using Rng = std::mt19937_64;

inline std::uint32_t below(Rng& rng, std::uint32_t limit) {
  return static_cast<std::uint32_t>(rng() % limit);
}

template <class T, std::size_t n>
T pick(Rng& rng, const std::array<T, n>& from) {
  return from[below(rng, n)];
}

inline constexpr std::array<std::uint16_t, 41> seccomp_opcodes = {
    op::ld_word,      op::ld_length,   op::ld_constant, op::ld_scratch, op::ldx_length,
    op::ldx_constant, op::ldx_scratch, op::st,          op::stx,        op::tax,
    op::txa,          op::add_k,       op::add_x,       op::sub_k,      op::sub_x,
    op::mul_k,        op::mul_x,       op::div_k,       op::div_x,      op::or_k,
    op::or_x,         op::and_k,       op::and_x,       op::lsh_k,      op::lsh_x,
    op::rsh_k,        op::rsh_x,       op::neg,         op::xor_k,      op::xor_x,
    op::ja,           op::jeq_k,       op::jeq_x,       op::jgt_k,      op::jgt_x,
    op::jge_k,        op::jge_x,       op::jset_k,      op::jset_x,     op::ret_k,
    op::ret_a};

/// A value at or near a boundary, or any.
inline std::uint32_t interesting(Rng& rng) {
  constexpr std::array<std::uint32_t, 16> values = {
      0,      1,          2,          31,         32,         39,         63,         1000,
      0xffff, 0x40000000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0xc000003e, 0x40000003};
  const std::uint32_t kind = below(rng, 8);
  if (kind < 5) return pick(rng, values);
  if (kind == 5) return pick(rng, values) + 1;
  if (kind == 6) return 1u << below(rng, 32);
  return static_cast<std::uint32_t>(rng());
}

/// An instruction that is valid with `left` instructions behind it; scratch words 0..3 are stored.
inline Instruction random_instruction(Rng& rng, std::uint32_t left) {
  Instruction insn{pick(rng, seccomp_opcodes), 0, 0, interesting(rng)};
  const auto ahead = [&] { return below(rng, std::min(left, 6u)); };
  switch (insn.code) {
    case op::ld_word: insn.k = 4 * below(rng, 16); break;
    case op::ld_scratch:
    case op::ldx_scratch: insn.k = below(rng, 4); break;
    case op::st:
    case op::stx: insn.k = below(rng, 16); break;
    case op::div_k: insn.k = insn.k == 0 ? 7 : insn.k; break;
    case op::lsh_k:
    case op::rsh_k: insn.k %= 32; break;
    case op::ja: insn.k = ahead(); break;
    default: break;
  }
  if (op::is_conditional(insn.code)) {
    insn.jt = static_cast<std::uint8_t>(ahead());
    insn.jf = static_cast<std::uint8_t>(ahead());
  }
  return insn;
}

/// A valid program whose return values are mostly ERRNO, so that a caller can see them. A return
/// of A shows 12 bits of it.
inline std::vector<Instruction> random_valid_program(Rng& rng, std::uint32_t length) {
  std::vector<Instruction> code;
  const auto errno_ = [&] {
    return 0x50000u | (1000 + static_cast<std::uint32_t>(code.size()) % 3000);
  };
  for (std::uint32_t k = 0; k < 4; ++k) {
    code.push_back({op::ld_word, 0, 0, 4 * below(rng, 16)});
    code.push_back({k % 2 == 0 ? op::st : op::stx, 0, 0, k});
    if (k % 2 == 0) code.push_back({op::tax, 0, 0, 0});
  }
  for (std::uint32_t i = 0; i < length; ++i) {
    Instruction insn = random_instruction(rng, length - i + 4);
    const bool returns = insn.code == op::ret_k || insn.code == op::ret_a;
    if (returns && below(rng, 3) != 0) insn = {op::xor_x, 0, 0, 0};  // else few would run far
    if (insn.code == op::ret_k && below(rng, 4) != 0) insn.k = errno_();
    code.push_back(insn);
  }
  if (below(rng, 2) == 0) {
    code.push_back({op::ret_k, 0, 0, errno_()});
    code.insert(code.end(), 3, {op::xor_x, 0, 0, 0});
    code.push_back({op::ret_k, 0, 0, errno_()});
    return code;
  }
  code.push_back({op::xor_x, 0, 0, 0});
  code.push_back({op::rsh_k, 0, 0, 4 * below(rng, 6)});
  code.push_back({op::and_k, 0, 0, 0xfff});
  code.push_back({op::or_k, 0, 0, 0x50000});
  code.push_back({op::ret_a, 0, 0, 0});
  return code;
}

/// Makes a valid program one that is refused for (mostly) that reason.
inline void break_program(Rng& rng, std::vector<Instruction>& code, Refusal reason) {
  constexpr std::array<std::uint16_t, 8> packet = {
      op::ld_half,     op::ld_byte,    op::ld_word_ind, op::ld_half_ind,
      op::ld_byte_ind, op::ldx_header, op::mod_k,       op::mod_x};
  constexpr std::array<std::uint16_t, 4> memory = {op::ld_scratch, op::ldx_scratch, op::st,
                                                   op::stx};
  const std::uint32_t size = static_cast<std::uint32_t>(code.size());
  Instruction& insn = code[below(rng, size - 1)];
  const std::uint32_t left = static_cast<std::uint32_t>(&code.back() - &insn);
  switch (reason) {
    case Refusal::empty: code.clear(); break;
    case Refusal::too_long:
      code.insert(code.begin(), max_instructions + 1 - size + below(rng, 3), {op::tax, 0, 0, 0});
      break;
    case Refusal::unknown_opcode:
      insn.code = static_cast<std::uint16_t>(rng() >> below(rng, 9));
      break;
    case Refusal::not_for_seccomp: insn = {pick(rng, packet), 0, 0, 1 + below(rng, 70)}; break;
    case Refusal::division_by_zero: insn = {op::div_k, 0, 0, 0}; break;
    case Refusal::shift_too_wide:
      insn = {below(rng, 2) == 0 ? op::lsh_k : op::rsh_k, 0, 0,
              32 + (below(rng, 2) == 0 ? 0 : interesting(rng) / 2)};
      break;
    case Refusal::scratch_out_of_range:
      insn = {pick(rng, memory), 0, 0, 16 + (below(rng, 2) == 0 ? 0 : interesting(rng) / 2)};
      break;
    case Refusal::scratch_uninitialised:
      insn = {below(rng, 2) == 0 ? op::ld_scratch : op::ldx_scratch, 0, 0, 4 + below(rng, 12)};
      break;
    case Refusal::jump_out_of_range:
      insn = random_instruction(rng, left);
      while (insn.code != op::ja && !op::is_conditional(insn.code))
        insn = random_instruction(rng, left);
      insn.k =
          insn.code == op::ja ? left + (below(rng, 2) == 0 ? 0 : interesting(rng) / 2) : insn.k;
      (below(rng, 2) == 0 ? insn.jt : insn.jf) =
          static_cast<std::uint8_t>(std::min(left + below(rng, 2), 255u));
      break;
    case Refusal::last_not_return: code.back() = random_instruction(rng, 1); break;
    case Refusal::load_out_of_range:
      insn = {op::ld_word, 0, 0, below(rng, 2) == 0 ? 64 + 4 * below(rng, 3) : interesting(rng)};
      break;
    case Refusal::load_unaligned: insn = {op::ld_word, 0, 0, below(rng, 68)}; break;
  }
}

/// A program of which about every second is broken somehow.
inline std::vector<Instruction> random_program(Rng& rng) {
  const std::uint32_t length = below(rng, 100) == 0 ? 300 + below(rng, 3000) : 1 + below(rng, 30);
  std::vector<Instruction> code = random_valid_program(rng, length);
  if (below(rng, 2) == 0) break_program(rng, code, static_cast<Refusal>(below(rng, refusal_count)));
  return code;
}

}  // namespace callgate::test

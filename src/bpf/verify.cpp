// The kernel's check of a seccomp program, in the kernel's order: bpf_check_basics_ok,
// bpf_check_classic and check_load_and_stores of net/core/filter.c, then seccomp_check_filter of
// kernel/seccomp.c (read from 6.12; 6.18 accepts the same).
//
// Known weakness, kept because it is the kernel's: the scan for scratch memory is linear and does
// not start afresh after a RET, so some programs that never read an unstored word are refused.
//
// Which reason comes first follows the kernel's passes with one exception: a load at an ancillary
// offset (0xfffff000 and up) is reported by the last pass, where the kernel may meet it earlier.
#include <array>
#include <optional>

#include "bpf/opcode.h"
#include "callgate/bpf/program.h"

namespace callgate {
namespace {

namespace op = opcode;

constexpr std::uint32_t scratch_words = 16;  // BPF_MEMWORDS
constexpr std::uint32_t data_bytes = 64;     // sizeof(struct seccomp_data)

/// What the two checks say of an opcode.
enum class Standing : std::uint8_t { unknown, classic_only, seccomp };

constexpr std::array<Standing, 256> standings = [] {
  std::array<Standing, 256> table{};
  for (const unsigned code :
       {op::ld_word,      op::ld_length,   op::ld_constant, op::ld_scratch, op::ldx_length,
        op::ldx_constant, op::ldx_scratch, op::st,          op::stx,        op::tax,
        op::txa,          op::add_k,       op::add_x,       op::sub_k,      op::sub_x,
        op::mul_k,        op::mul_x,       op::div_k,       op::div_x,      op::or_k,
        op::or_x,         op::and_k,       op::and_x,       op::lsh_k,      op::lsh_x,
        op::rsh_k,        op::rsh_x,       op::neg,         op::xor_k,      op::xor_x,
        op::ja,           op::jeq_k,       op::jeq_x,       op::jgt_k,      op::jgt_x,
        op::jge_k,        op::jge_x,       op::jset_k,      op::jset_x,     op::ret_k,
        op::ret_a}) {
    table[code] = Standing::seccomp;
  }
  for (const unsigned code : {op::ld_half, op::ld_byte, op::ld_word_ind, op::ld_half_ind,
                              op::ld_byte_ind, op::ldx_header, op::mod_k, op::mod_x}) {
    table[code] = Standing::classic_only;
  }
  return table;
}();

constexpr Standing standing_of(std::uint16_t code) noexcept {
  return code < standings.size() ? standings[code] : Standing::unknown;
}

/// bpf_check_classic's look at one instruction; `left` instructions follow it.
std::optional<Refusal> refuse_classic(const Instruction& insn, std::size_t left) noexcept {
  if (standing_of(insn.code) == Standing::unknown) return Refusal::unknown_opcode;
  switch (insn.code) {
    case op::div_k:
    case op::mod_k:
      if (insn.k == 0) return Refusal::division_by_zero;
      break;
    case op::lsh_k:
    case op::rsh_k:
      if (insn.k >= 32) return Refusal::shift_too_wide;
      break;
    case op::ld_scratch:
    case op::ldx_scratch:
    case op::st:
    case op::stx:
      if (insn.k >= scratch_words) return Refusal::scratch_out_of_range;
      break;
    case op::ja:
      if (insn.k >= left) return Refusal::jump_out_of_range;
      break;
    default:
      if (op::is_conditional(insn.code) && (insn.jt >= left || insn.jf >= left))
        return Refusal::jump_out_of_range;
  }
  return std::nullopt;
}

/// check_load_and_stores: the first read of a scratch word that some path has not stored. Every
/// jump must already be known to stay inside.
std::optional<std::size_t> find_unstored_read(std::span<const Instruction> code) noexcept {
  std::array<std::uint16_t, max_instructions> masks;
  masks.fill(0xffff);
  std::uint16_t stored = 0;
  for (std::size_t pc = 0; pc < code.size(); ++pc) {
    const Instruction& insn = code[pc];
    stored = static_cast<std::uint16_t>(stored & masks[pc]);
    const auto reach = [&](std::size_t target) {
      masks[target] = static_cast<std::uint16_t>(masks[target] & stored);
    };
    if (insn.code == op::st || insn.code == op::stx) {
      stored = static_cast<std::uint16_t>(stored | (1u << insn.k));
    } else if (insn.code == op::ld_scratch || insn.code == op::ldx_scratch) {
      if ((stored >> insn.k & 1) == 0) return pc;
    } else if (insn.code == op::ja) {
      reach(pc + 1 + insn.k);
      stored = 0xffff;
    } else if (op::is_conditional(insn.code)) {
      reach(pc + 1 + insn.jt);
      reach(pc + 1 + insn.jf);
      stored = 0xffff;
    }
  }
  return std::nullopt;
}

/// seccomp_check_filter's look at one instruction.
std::optional<Refusal> refuse_seccomp(const Instruction& insn) noexcept {
  if (standing_of(insn.code) != Standing::seccomp) return Refusal::not_for_seccomp;
  if (insn.code != op::ld_word) return std::nullopt;
  if (insn.k >= data_bytes) return Refusal::load_out_of_range;
  if (insn.k % 4 != 0) return Refusal::load_unaligned;
  return std::nullopt;
}

}  // namespace

std::optional<RefusedAt> find_refusal(std::span<const Instruction> code) noexcept {
  if (code.empty()) return RefusedAt{Refusal::empty, 0};
  if (code.size() > max_instructions) return RefusedAt{Refusal::too_long, max_instructions};
  for (std::size_t pc = 0; pc < code.size(); ++pc) {
    if (const auto reason = refuse_classic(code[pc], code.size() - pc - 1))
      return RefusedAt{*reason, pc};
  }
  const std::uint16_t last = code.back().code;
  if (last != op::ret_k && last != op::ret_a)
    return RefusedAt{Refusal::last_not_return, code.size() - 1};
  if (const auto pc = find_unstored_read(code))
    return RefusedAt{Refusal::scratch_uninitialised, *pc};
  for (std::size_t pc = 0; pc < code.size(); ++pc) {
    if (const auto reason = refuse_seccomp(code[pc])) return RefusedAt{*reason, pc};
  }
  return std::nullopt;
}

}  // namespace callgate

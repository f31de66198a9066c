// How many eBPF instructions the kernel makes of a program: bpf_convert_filter of net/core/filter.c
// (read from 6.12). That number, and 4 more for each filter below it, counts against the 32768 of
// MAX_INSNS_PER_PATH (kernel/seccomp.c, seccomp_attach_filter).
//
// Known weakness: under net.core.bpf_jit_harden the JIT may lengthen programs further by blinding
// constants, and the kernel counts what it made of them.
#include "bpf/opcode.h"
#include "callgate/bpf/program.h"

namespace callgate {
namespace {

namespace op = opcode;

constexpr std::size_t prologue = 3;  // A = 0, X = 0, CTX = argument

/// A conditional jump: one compare, one more instruction for a constant past the signed immediate,
/// and a JA where neither arm, or only JSET's true arm, falls through.
std::size_t converted_jump(const Instruction& insn) noexcept {
  const bool by_constant = (insn.code & 0x08) == 0;
  const bool wide = by_constant && insn.k >= 0x80000000u;
  const bool is_jset = insn.code == op::jset_k || insn.code == op::jset_x;
  const bool falls_through = insn.jf == 0 || (insn.jt == 0 && !is_jset);
  return (falls_through ? 1u : 2u) + (wide ? 1u : 0u);
}

std::size_t converted(const Instruction& insn) noexcept {
  if (op::is_conditional(insn.code)) return converted_jump(insn);
  switch (insn.code) {
    case op::ret_k: return 2;
    case op::div_x: return 5;  // with the test that ends the program on X == 0
    default: return 1;
  }
}

}  // namespace

std::size_t converted_size(const Program& program) noexcept {
  std::size_t total = prologue;
  for (const Instruction& insn : program.instructions()) total += converted(insn);
  return total;
}

}  // namespace callgate

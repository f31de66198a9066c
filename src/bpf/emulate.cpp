// The machine of bpf/machine.h, run for one call, and the second, smaller one with which the kernel
// fills its constant-action bitmap.
#include "callgate/bpf/emulate.h"

#include "bpf/machine.h"

namespace callgate {
namespace {

namespace op = opcode;
using machine::arm;

/// Runs to the RET; `visit` sees the index of every instruction.
template <class Visit>
std::uint32_t run(const Program& program, const SeccompData& data, Visit&& visit) {
  const auto [byte_order, shift_rule] = program.target();
  Resume at;
  return *machine::run(program.instructions(), shift_rule, machine::words_of(data, byte_order), at,
                       [&](std::size_t pc, const Instruction&) {
                         visit(pc);
                         return false;
                       });
}

/// A load of a word that is neither the number nor the architecture.
bool loads_argument(const Instruction& insn) noexcept {
  return insn.code == op::ld_word && insn.k > 4;
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

Prefix prefix_of(const Program& program, std::uint32_t audit, std::uint32_t nr) noexcept {
  const machine::Words words{nr, audit};
  Prefix prefix;
  prefix.constant =
      machine::run(program.instructions(), program.target().shift_rule, words, prefix.resume,
                   [](std::size_t, const Instruction& insn) { return loads_argument(insn); });
  return prefix;
}

std::uint32_t emulate_from(const Program& program, const Resume& resume,
                           const SeccompData& data) noexcept {
  const auto [byte_order, shift_rule] = program.target();
  Resume at = resume;
  return *machine::run(program.instructions(), shift_rule, machine::words_of(data, byte_order), at,
                       [](std::size_t, const Instruction&) { return false; });
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

// Instructions to text. An instruction whose ignored fields are not 0, an opcode without mnemonic
// and a jump past the end are written raw (`.insn`), so that nothing is lost.
//
// Notes come from one forward pass that keeps what is certain on every path to an instruction:
// which word of seccomp_data A holds, and the value of arch and of nr. Where paths that differ
// meet, the fact is dropped, so a note can be missing but not wrong.
#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "bpf/mnemonic.h"
#include "bpf/opcode.h"
#include "callgate/abi/constants.h"
#include "callgate/abi/syscalls.h"
#include "callgate/bpf/assembly.h"

namespace callgate {
namespace {

namespace op = opcode;
using bpf::Mnemonic;
using bpf::OperandKind;

constexpr std::uint32_t word_nr = 0;
constexpr std::uint32_t word_arch = 1;

/// What is certain before an instruction.
struct Facts {
  bool reached = false;
  std::optional<std::uint32_t> a;  ///< index of the word of seccomp_data that A holds
  std::optional<std::uint32_t> arch;
  std::optional<std::uint32_t> nr;
};

template <class T>
void keep_if_equal(std::optional<T>& ours, const std::optional<T>& theirs) {
  if (ours != theirs) ours.reset();
}

void join(Facts& ours, const Facts& theirs) {
  if (!ours.reached) {
    ours = theirs;
    return;
  }
  keep_if_equal(ours.a, theirs.a);
  keep_if_equal(ours.arch, theirs.arch);
  keep_if_equal(ours.nr, theirs.nr);
}

/// What is certain where JEQ K is true.
Facts if_equal(Facts facts, const Instruction& insn) {
  if (insn.code != op::jeq_k) return facts;
  if (facts.a == word_nr) facts.nr = insn.k;
  if (facts.a == word_arch) facts.arch = insn.k;
  return facts;
}

bool keeps_a(std::uint16_t code) {
  switch (code) {
    case op::ldx_length:
    case op::ldx_constant:
    case op::ldx_scratch:
    case op::st:
    case op::stx:
    case op::tax: return true;
    default: return false;
  }
}

std::vector<Facts> find_facts(std::span<const Instruction> code) {
  std::vector<Facts> facts(code.size() + 1);
  facts.front().reached = true;
  const auto flow = [&](std::size_t target, const Facts& from) {
    if (target < facts.size()) join(facts[target], from);
  };
  for (std::size_t pc = 0; pc < code.size(); ++pc) {
    const Instruction& insn = code[pc];
    Facts now = facts[pc];
    if (!now.reached || insn.code == op::ret_k || insn.code == op::ret_a) continue;
    if (insn.code == op::ja) {
      flow(pc + 1 + insn.k, now);
    } else if (op::is_conditional(insn.code)) {
      flow(pc + 1 + insn.jt, if_equal(now, insn));
      flow(pc + 1 + insn.jf, now);
    } else {
      if (insn.code == op::ld_word && insn.k % 4 == 0) {
        now.a = insn.k / 4;
      } else if (!keeps_a(insn.code)) {
        now.a.reset();
      }
      flow(pc + 1, now);
    }
  }
  return facts;
}

/// The call that the facts name.
const Syscall* call_of(const Facts& facts) {
  if (!facts.arch || !facts.nr) return nullptr;
  const auto arch = classify(*facts.arch, *facts.nr);
  return arch ? find_syscall(*arch, *facts.nr) : nullptr;
}

/// The parameter whose bits, or half of them, are in a word of seccomp_data.
const Parameter* parameter_at(const Syscall& call, unsigned argument) {
  for (const Parameter& parameter : call.parameters) {
    const bool in_word = parameter.placement == Placement::word && parameter.low == argument;
    const bool in_pair = parameter.placement == Placement::word_pair &&
                         (parameter.low == argument || parameter.high == argument);
    if (in_word || in_pair) return &parameter;
  }
  return nullptr;
}

std::string note_of_load(const Facts& facts, std::uint32_t offset) {
  const Syscall* call = call_of(facts);
  if (call == nullptr || offset < 16 || offset >= 64 || offset % 4 != 0) return {};
  const Parameter* parameter = parameter_at(*call, (offset - 16) / 8);
  if (parameter == nullptr) return {};
  return std::string(parameter->name) + " of " + std::string(call->name);
}

/// What a comparison of nr with a constant is about.
std::string note_of_number(std::uint32_t audit, const Instruction& insn) {
  const std::uint32_t number = insn.k;
  const auto arch = classify(audit, number);
  if (arch == Arch::x32 && number == x32_bit && insn.code != op::jeq_k) return "x32";
  if (insn.code == op::jset_k || insn.code == op::and_k) return {};
  const Syscall* call = arch ? find_syscall(*arch, number) : nullptr;
  if (call == nullptr) return {};
  return (*arch == Arch::x32 ? "x32 " : "") + std::string(call->name);
}

std::string note_of_value(const Facts& facts, Target target, std::uint32_t value) {
  const Syscall* call = call_of(facts);
  const std::uint32_t word = *facts.a;
  const bool is_low = (word % 2 == 0) == (target.byte_order == ByteOrder::little);
  if (call == nullptr || word < 4 || !is_low) return {};
  const Parameter* parameter = parameter_at(*call, (word - 4) / 2);
  if (parameter == nullptr || parameter->constants == nullptr) return {};
  const Arch arch = *classify(*facts.arch, *facts.nr);
  const std::string text = format_value(arch, parameter->constants, value, 32, false);
  const bool is_number = !text.empty() && text.front() >= '0' && text.front() <= '9';
  return is_number ? std::string() : text;
}

/// The error that a return names on the ABI at hand, where that is not asm-generic's.
std::string note_of_return(const Instruction& insn, const Facts& facts) {
  const auto action = action_of(insn.k);
  if (!facts.arch || !action || action->kind != ActionKind::errno_) return {};
  const auto arch = classify(*facts.arch, facts.nr.value_or(0));
  if (!arch || errno_on(*arch, action->data) == action->data) return {};
  const std::string_view name = errno_name(*arch, action->data);
  return name.empty() ? std::string()
                      : std::string(name) + " of " + std::string(arch_info(*arch).name);
}

std::string note_of(const Instruction& insn, const Facts& facts, Target target) {
  if (!facts.reached) return "unreachable";
  if (insn.code == op::ret_k) return note_of_return(insn, facts);
  if (insn.code == op::ld_word) return note_of_load(facts, insn.k);
  const bool compares = op::is_conditional(insn.code) && (insn.code & 0x08) == 0;
  if (!compares && insn.code != op::and_k) return {};
  if (!facts.a) return {};
  if (*facts.a == word_nr && facts.arch) return note_of_number(*facts.arch, insn);
  return note_of_value(facts, target, insn.k);
}

std::string hex(std::uint32_t value) {
  std::array<char, 16> shown{};
  std::snprintf(shown.data(), shown.size(), "0x%08x", value);
  return shown.data();
}

/// Where a jump goes: the next instruction, or a label; `size` is the place behind the last.
std::string target_text(std::size_t index, std::size_t offset) {
  return offset == 0 ? "next" : "L" + std::to_string(index + 1 + offset);
}

/// How far a plain jump reaches; nothing for an instruction that is none.
std::optional<std::size_t> reach_of(const Instruction& insn) {
  if (insn.code == op::ja) return insn.k;
  if (op::is_conditional(insn.code)) return std::max(insn.jt, insn.jf);
  return std::nullopt;
}

/// The mnemonic, if the instruction can be written with it.
const Mnemonic* mnemonic_for(std::span<const Instruction> code, std::size_t index) {
  const Instruction& insn = code[index];
  const Mnemonic* mnemonic = bpf::find_mnemonic(insn.code);
  if (mnemonic == nullptr || !is_plain(insn, *mnemonic)) return nullptr;
  const auto reach = reach_of(insn);
  return reach && *reach >= code.size() - index ? nullptr : mnemonic;
}

std::string constant_text(const Instruction& insn, std::optional<std::uint32_t> a,
                          std::span<const Arch> arches) {
  if (insn.code == op::ret_k) return return_text(insn.k, arches);
  const bool is_number = op::is_conditional(insn.code) && a == word_nr && insn.k < x32_bit;
  if (is_number) return std::to_string(insn.k);
  const std::string_view audit = a == word_arch ? bpf::audit_name(insn.k) : std::string_view();
  return audit.empty() ? bpf::number_text(insn.k) : std::string(audit);
}

/// What the text of an instruction depends on beside it.
struct Surroundings {
  Target target;
  std::vector<Arch> arches;  ///< that the program tests for
};

std::string operand_text(const Instruction& insn, const Mnemonic& mnemonic, std::size_t index,
                         const Surroundings& around, std::optional<std::uint32_t> a) {
  switch (mnemonic.operand) {
    case OperandKind::none: return {};
    case OperandKind::data: return " " + bpf::data_name(insn.k, around.target.byte_order);
    case OperandKind::length: return " len";
    case OperandKind::constant: return " " + constant_text(insn, a, around.arches);
    case OperandKind::scratch: return " M[" + std::to_string(insn.k) + "]";
    case OperandKind::x: return " x";
    case OperandKind::a: return " a";
    case OperandKind::label: return " " + target_text(index, insn.k);
  }
  return {};
}

std::string raw_text(const Instruction& insn) {
  std::array<char, 64> shown{};
  std::snprintf(shown.data(), shown.size(), ".insn 0x%02x, %u, %u, 0x%x", unsigned{insn.code},
                unsigned{insn.jt}, unsigned{insn.jf}, insn.k);
  return shown.data();
}

std::string text_of(std::span<const Instruction> code, std::size_t index,
                    const Surroundings& around, std::optional<std::uint32_t> a) {
  const Instruction& insn = code[index];
  const Mnemonic* mnemonic = mnemonic_for(code, index);
  if (mnemonic == nullptr) return raw_text(insn);
  std::string text(mnemonic->name);
  text += operand_text(insn, *mnemonic, index, around, a);
  if (mnemonic->has_arms)
    text += ", " + target_text(index, insn.jt) + ", " + target_text(index, insn.jf);
  return text;
}

/// The places that the text needs a label for.
std::vector<bool> find_labels(std::span<const Instruction> code) {
  std::vector<bool> labelled(code.size() + 1);
  for (std::size_t pc = 0; pc < code.size(); ++pc) {
    const Instruction& insn = code[pc];
    if (mnemonic_for(code, pc) == nullptr || !reach_of(insn)) continue;
    if (insn.code == op::ja) {
      labelled[pc + 1 + insn.k] = labelled[pc + 1 + insn.k] || insn.k != 0;
    } else {
      if (insn.jt != 0) labelled[pc + 1 + insn.jt] = true;
      if (insn.jf != 0) labelled[pc + 1 + insn.jf] = true;
    }
  }
  return labelled;
}

std::string target_line(Target target) {
  if (target == Target{}) return {};
  return std::string(".target ") + (target.byte_order == ByteOrder::big ? "big" : "little") +
         (target.shift_rule == ShiftRule::low6 ? " low6\n" : "\n");
}

constexpr std::size_t comment_column = 40;

/// Comparisons of arch with a constant.
std::vector<Arch> tested_arches(std::span<const Instruction> code, std::span<const Facts> facts) {
  std::vector<Arch> tested;
  for (const Arch arch : all_arches) {
    for (std::size_t pc = 0; pc < code.size(); ++pc) {
      const bool compares = op::is_conditional(code[pc].code) && facts[pc].a == word_arch;
      if (!compares || code[pc].k != arch_info(arch).audit) continue;
      tested.push_back(arch);
      break;
    }
  }
  return tested;
}

}  // namespace

std::vector<Arch> tested_arches(std::span<const Instruction> code) {
  return tested_arches(code, find_facts(code));
}

std::string return_text_on(Arch arch, std::uint32_t value) {
  const auto action = action_of(value);
  if (!action || action->kind != ActionKind::errno_) return return_text(value);
  const std::string_view name = errno_name(arch, action->data);
  return "errno(" + (name.empty() ? std::to_string(action->data) : std::string(name)) + ")";
}

std::string return_text(std::uint32_t value, std::span<const Arch> arches) {
  const std::uint32_t data = value & 0xffff;
  for (const bpf::ActionName& row : bpf::action_names()) {
    if (row.value != (value & 0xffff0000)) continue;
    if (row.name == "errno") {
      const std::string_view name = errno_name(arches, static_cast<std::uint16_t>(data));
      return "errno(" + (name.empty() ? std::to_string(data) : std::string(name)) + ")";
    }
    if (data == 0) return std::string(row.name);
    if (row.takes_data) return std::string(row.name) + "(" + std::to_string(data) + ")";
  }
  return hex(value);
}

std::vector<std::string> instruction_notes(std::span<const Instruction> code, Target target) {
  const std::vector<Facts> facts = find_facts(code);
  std::vector<std::string> notes(code.size());
  for (std::size_t pc = 0; pc < code.size(); ++pc) notes[pc] = note_of(code[pc], facts[pc], target);
  return notes;
}

std::string instruction_text(std::span<const Instruction> code, std::size_t index, Target target) {
  const std::vector<Facts> facts = find_facts(code);
  return text_of(code, index, {target, tested_arches(code, facts)}, facts[index].a);
}

std::string disassemble(std::span<const Instruction> code, Target target,
                        const DisassemblyOptions& options) {
  const std::vector<Facts> facts = find_facts(code);
  const std::vector<bool> labelled = find_labels(code);
  const Surroundings around{target, tested_arches(code, facts)};
  std::string text = target_line(target);
  for (std::size_t pc = 0; pc <= code.size(); ++pc) {
    if (labelled[pc]) text += "L" + std::to_string(pc) + ":\n";
    if (pc == code.size()) break;
    std::string line = "  " + text_of(code, pc, around, facts[pc].a);
    if (options.comments) {
      if (line.size() < comment_column) line.resize(comment_column, ' ');
      line += " ; " + std::to_string(pc);
      if (const std::string note = note_of(code[pc], facts[pc], target); !note.empty())
        line += ": " + note;
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace callgate

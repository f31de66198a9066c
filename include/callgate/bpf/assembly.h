// Programs as text. docs/assembly.md has the grammar.
//
//   ld arch
//   jeq AUDIT_ARCH_X86_64, next, no
//   ld nr
//   jeq x86_64:read, yes, no
//   yes: ret allow
//   no:  ret errno(EPERM)
#pragma once

#include <string>
#include <vector>

#include "callgate/base/result.h"
#include "callgate/bpf/program.h"

namespace callgate {

/// What an assembler text says; not yet checked as the kernel would.
struct Assembly {
  std::vector<Instruction> instructions;
  std::vector<Place> places;  ///< of each instruction
  Target target;
};

/// Assembles a text. The error holds every mistake, each with its place. `file` is used in places
/// only. `target` holds unless the text has a `.target` line.
[[nodiscard]] Result<Assembly> assemble(std::string_view text, const std::string& file,
                                        Target target = {});
/// Checks an assembled text as the kernel would; a refusal is told with the place of its line.
[[nodiscard]] Result<Program> verify(Assembly assembly);

/// What disassemble adds to the instructions.
struct DisassemblyOptions {
  bool comments = true;  ///< indices, names of calls, parameters and values
};
/// Any instructions, valid or not, as a text that assembles to the same bytes.
[[nodiscard]] std::string disassemble(std::span<const Instruction> code, Target target,
                                      const DisassemblyOptions& options = {});
/// One instruction without its label ("jeq 0x3b, L7, next").
[[nodiscard]] std::string instruction_text(std::span<const Instruction> code, std::size_t index,
                                           Target target);
/// What callgate knows of an instruction where it stands: the call that its constant is, the
/// parameter it loads, the value's name; "" if nothing. Indexed as `code`.
[[nodiscard]] std::vector<std::string> instruction_notes(std::span<const Instruction> code,
                                                         Target target);

/// The ABIs whose audit numbers a program compares arch with.
[[nodiscard]] std::vector<Arch> tested_arches(std::span<const Instruction> code);
/// A filter's return value in the assembler's words: "allow", "errno(EPERM)", "0x7fff0001". An
/// error has its name if those ABIs give it asm-generic's number, else its number alone.
[[nodiscard]] std::string return_text(std::uint32_t value, std::span<const Arch> arches = {});
/// What a return value is on one ABI: an error by the name that it has there.
[[nodiscard]] std::string return_text_on(Arch arch, std::uint32_t value);

}  // namespace callgate

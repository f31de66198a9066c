#include <fmt/format.h>

#include "callgate/bpf/assembly.h"
#include "compiler/pipeline.h"

namespace callgate {
namespace {

std::string print_proof(const Compilation& compilation) {
  std::string arches;
  for (const Arch arch : compilation.arches) {
    arches += arches.empty() ? "" : ", ";
    arches += arch_info(arch).name;
  }
  std::string text = fmt::format(
      "proved: for every call the program decides as the policy does ({})\n"
      "instructions: {} of {}\n",
      arches, compilation.program.size(), max_instructions);
  for (const ChainHint& chain : compilation.chains) {
    text += fmt::format("{}: proved rule by rule, {} rules at instructions {}..{}\n",
                        call_text(chain.arch, {chain.number, chain.number}), chain.rules.size(),
                        chain.entries.front(), chain.entries.back());
  }
  return text;
}

}  // namespace

Result<std::string> print_stage(const Policy& policy, const CompileOptions& options, Stage stage) {
  if (stage == Stage::dag) {
    CALLGATE_TRY(const Checked checked, check_for(policy, options));
    CALLGATE_TRY(const Built built,
                 build(policy, checked.arches, {.frequencies = frequencies_of(options)}));
    return print(built.dag);
  }
  // A program's text assembles to that program, so it is proved as well.
  CALLGATE_TRY(const Compilation compilation, compile(policy, options));
  if (stage == Stage::proof) return print_proof(compilation);
  return disassemble(compilation.program.instructions(), compilation.program.target());
}

}  // namespace callgate

// From a policy to a proved program.
#pragma once

#include <string>
#include <vector>

#include "callgate/bpf/program.h"
#include "callgate/compiler/frequencies.h"
#include "callgate/meaning/proof.h"
#include "callgate/policy/policy.h"

namespace callgate {

/// Where compilation may stop, to be printed. (A policy is printed by its format.)
enum class Stage : std::uint8_t {
  dag,      ///< the graph of decisions after all passes
  program,  ///< the instructions, disassembled; not proved yet
  proof,    ///< what was proved, and how
};

struct CompileOptions {
  std::vector<Arch> arches{};  ///< overrides Policy::arches; one of the two must name an ABI
  ProofBudget budget{};
  std::optional<Frequencies> frequencies{};  ///< none: the built-in ones of docs/compiler.md
};

/// A program and the proof's by-products.
struct Compilation {
  Program program;
  std::vector<Arch> arches;             ///< what it was compiled for
  std::vector<ChainHint> chains;        ///< calls that were lowered as first-match chains
  std::vector<Diagnostic> diagnostics;  ///< warnings and notes of `check`
};

/// Compiles and proves: the program decides every call as the policy does, or there is an error.
/// Errors: those of `check`; a filter past max_instructions, naming the calls that cost most; a
/// proof that does not go through (an Undecided call is named; Differs is a bug and says so).
[[nodiscard]] Result<Compilation> compile(const Policy& policy, const CompileOptions& options = {});

/// The text of one stage ("--stop-after"), for people. A program's text is that of the proved
/// program, since it can be assembled. Errors: those of compile() up to that stage.
[[nodiscard]] Result<std::string> print_stage(const Policy& policy, const CompileOptions& options,
                                              Stage stage);

}  // namespace callgate

// The steps of compile() before the proof, for it and for whoever prints a stage. What they make is
// not proved, so it is not part of the public API.
#pragma once

#include <optional>

#include "callgate/compiler/compile.h"
#include "compiler/lower.h"

namespace callgate {

/// "x86_64 ioctl", "x86_64 500", "x86_64 500..600"
[[nodiscard]] std::string call_text(Arch arch, const NumberRange& numbers);

/// What `check` says, and the ABIs it said it for.
struct Checked {
  std::vector<Arch> arches;
  std::vector<Diagnostic> diagnostics;  ///< no errors
};
[[nodiscard]] Result<Checked> check_for(const Policy& policy, const CompileOptions& options);

/// Those that are declared, or null.
[[nodiscard]] const Frequencies* frequencies_of(const CompileOptions& options);

/// A program that is verified, not proved.
struct Built {
  DecisionDag dag;  ///< after all passes
  std::vector<CallCost> costs;
  std::vector<ChainHint> chains;
  std::optional<Program> program;  ///< always there in a Result
};
/// Lower, passes, emit, verify. What does not fit in the quick style is tried in the small one.
[[nodiscard]] Result<Built> build(const Policy& policy, std::span<const Arch> arches,
                                  const LowerOptions& options);

}  // namespace callgate

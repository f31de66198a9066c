// A source made ready to decide calls: read, and compiled where it is a policy.
#pragma once

#include "cli/explain_call.h"

namespace callgate::cli {

/// Errors: those of load_sources and compile_source. Warnings of the compiler are reported; its
/// notes are for those who write the policy.
[[nodiscard]] Result<ExplainedSource> load_decider(const SourceOptions& options,
                                                   const std::string& name);

/// The ABI of calls that name none: the native one if the source is about it, else its first.
[[nodiscard]] Arch usual_arch(const QuestionedSource& source);

}  // namespace callgate::cli

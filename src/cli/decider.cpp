#include "cli/decider.h"

#include <algorithm>

namespace callgate::cli {

Result<ExplainedSource> load_decider(const SourceOptions& options, const std::string& name) {
  CALLGATE_TRY(std::vector<QuestionedSource> sources, load_sources(options, {name}));
  ExplainedSource source{.question = std::move(sources.front()), .made = std::nullopt};
  if (source.policy() == nullptr) return source;
  CALLGATE_TRY(source.made, compile_source(source.question.source, {source.question.arches}));
  for (const Diagnostic& found : source.made->diagnostics) {
    if (found.severity != Severity::note) report(std::span(&found, 1));
  }
  return source;
}

Arch usual_arch(const QuestionedSource& source) {
  const std::vector<Arch> arches = arches_of(source);
  const bool is_native =
      arches.empty() || std::find(arches.begin(), arches.end(), native_arch()) != arches.end();
  return is_native ? native_arch() : arches.front();
}

}  // namespace callgate::cli

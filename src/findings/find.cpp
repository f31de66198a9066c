#include <algorithm>

#include "findings/rules.h"

namespace callgate {
namespace findings {
namespace {

using Rule = void (*)(const Facts&, Findings&);
constexpr Rule all_rules[] = {find_undecided,
                              find_open_arches,
                              find_widths,
                              find_open_twins,
                              find_ring,
                              find_powers,
                              find_new_calls,
                              find_refused_successors,
                              find_unreached_rules,
                              find_uncached,
                              find_release};

/// What a message is about, wherever it stands: "in line 3" goes.
std::string without_lines(std::string text) {
  for (std::size_t at = text.find("line "); at != std::string::npos; at = text.find("line ", at)) {
    at += 5;
    const std::size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
    text.erase(at, end - at);
  }
  return text;
}

Finding finding_of(const Diagnostic& diagnostic) {
  std::string id = diagnostic.id;
  if (id.empty()) id = diagnostic.severity == Severity::error ? "invalid-policy" : "reader-note";
  return {.id = std::move(id),
          .severity = diagnostic.severity,
          .message = diagnostic.message,
          .subject = without_lines(diagnostic.message),
          .place = diagnostic.place,
          .source_line = diagnostic.source_line,
          .fix = diagnostic.hint};
}

}  // namespace
}  // namespace findings

std::vector<Finding> findings_of(std::span<const Diagnostic> diagnostics) {
  std::vector<Finding> out;
  for (const Diagnostic& one : diagnostics) out.push_back(findings::finding_of(one));
  return out;
}

Result<std::vector<Finding>> find_all(const Checked& checked) {
  CALLGATE_TRY(const findings::Facts facts, findings::Facts::of(checked));
  std::vector<Finding> out = findings_of(checked.diagnostics);
  for (const findings::Rule rule : findings::all_rules) rule(facts, out);
  return out;
}

}  // namespace callgate

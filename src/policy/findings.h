// Where check collects what it finds.
#pragma once

#include "callgate/policy/policy.h"

namespace callgate::policy {

/// A message with its remedy, not yet bound to a place.
struct Finding {
  Severity severity = Severity::error;
  std::string message;
  std::string hint;
  std::string id = {};  ///< as docs/findings.md names it; empty for what only errors are
};

/// Diagnostics in the order of the policy's text.
class Findings {
 public:
  /// About the policy as a whole.
  void add(Finding finding, Place place = {}) {
    list_.push_back({.severity = finding.severity,
                     .message = std::move(finding.message),
                     .place = std::move(place),
                     .hint = std::move(finding.hint),
                     .id = std::move(finding.id)});
  }
  /// About a rule: at the place if it is known, else at the rule's, else by the rule's number.
  void add(Finding finding, const Policy& policy, const Rule& rule, const Place& place) {
    const bool known = place.line > 0;
    if (!known && rule.place.line == 0)
      finding.message =
          "rule " + std::to_string(&rule - policy.rules.data() + 1) + ": " + finding.message;
    add(std::move(finding), known ? place : rule.place);
  }
  [[nodiscard]] std::vector<Diagnostic> take() { return std::move(list_); }

 private:
  std::vector<Diagnostic> list_;
};

}  // namespace callgate::policy

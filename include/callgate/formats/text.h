// The policy language: docs/policy.md has the grammar.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/base/result.h"
#include "callgate/policy/policy.h"

namespace callgate {

/// A policy and what there is to say about its text.
struct ParsedPolicy {
  Policy policy;
  std::vector<Diagnostic> diagnostics;  ///< in the order of the text, each with its line
};

/// Reads a policy as far as its text goes: what could be understood, and every mistake among the
/// diagnostics. A policy whose diagnostics hold an error is good for further findings only.
[[nodiscard]] ParsedPolicy read_policy(std::string_view text, const std::string& file);

/// Parses a policy. The error holds every mistake of the file, each with its place. `file` is used
/// in places only. Names are checked against every ABI's tables; whether a rule can be met on the
/// ABIs compiled for is the business of check().
[[nodiscard]] Result<ParsedPolicy> parse_policy(std::string_view text, const std::string& file);

/// Fills in the source lines of diagnostics (those of check, say) from the text that their places
/// speak of. Lines of more than 4096 bytes are left out.
void quote_lines(std::span<Diagnostic> diagnostics, std::string_view text);

/// Prints so that parse_policy gives an equal policy, for every policy in which check finds no
/// error.
[[nodiscard]] std::string print_policy(const Policy& policy);

}  // namespace callgate

// The policy language: docs/policy.md has the grammar.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/base/result.h"
#include "callgate/policy/policy.h"

namespace callgate {

/// One text that a policy was read from.
struct SourceText {
  std::string file;
  std::string text;
  Place
      included_at;  ///< the statement that includes it; none for the text that includes the others
};

/// A policy and what there is to say about its text.
struct ParsedPolicy {
  Policy policy;
  std::vector<Diagnostic> diagnostics;  ///< file by file in the order of its text, with its lines
  std::vector<SourceText> texts;        ///< the text itself, then what it includes
};

/// The folder that includes do not lead out of, by `..` or by links. Empty: that of the file that
/// is read; a text that is no file ("-") then has none, and includes nothing.
struct IncludeRoot {
  std::string folder;
};

/// Reads a policy as far as its text goes: what could be understood, and every mistake among the
/// diagnostics. A policy whose diagnostics hold an error is good for further findings only.
/// `include` is an error: the text is all that there is.
[[nodiscard]] ParsedPolicy read_policy(std::string_view text, const std::string& file);
/// The same for the text of a file that may include others; they are read from disk.
[[nodiscard]] ParsedPolicy read_policy(std::string_view text, const std::string& file,
                                       const IncludeRoot& root);

/// Parses a policy. The error holds every mistake of the file, each with its place. `file` is used
/// in places only. Names are checked against every ABI's tables; whether a rule can be met on the
/// ABIs compiled for is the business of check().
/// `include` is an error without a root for it.
[[nodiscard]] Result<ParsedPolicy> parse_policy(std::string_view text, const std::string& file);
[[nodiscard]] Result<ParsedPolicy> parse_policy(std::string_view text, const std::string& file,
                                                const IncludeRoot& root);

/// Fills in the source lines of diagnostics (those of check, say) from the text that their places
/// speak of. Lines of more than 4096 bytes are left out.
void quote_lines(std::span<Diagnostic> diagnostics, std::string_view text);
/// The same for a policy of several texts: each diagnostic is of the text whose file it names.
/// After the last warning or error of an included one, notes are added that say from where it is
/// included.
void quote_lines(std::vector<Diagnostic>& diagnostics, std::span<const SourceText> texts);

/// Prints so that parse_policy gives an equal policy, for every policy in which check finds no
/// error.
[[nodiscard]] std::string print_policy(const Policy& policy);
/// A condition as it stands after `if`, on one line; "true" where it always holds. `calls` are the
/// calls it is of: with them a pointer's zero prints as `null`.
[[nodiscard]] std::string print_condition(const Condition& condition,
                                          std::span<const std::string_view> calls = {});

/// Lays a policy's text out as all are: blanks between words, two for each level, one empty line at
/// most, comments of neighbouring lines below each other. Words, lines, comments, and so the
/// policy, stay what they are; what is laid out already does not change. Names are not looked up
/// and nothing is included. Errors: bytes and words that no policy has.
[[nodiscard]] Result<std::string> format_policy(std::string_view text, const std::string& file);

}  // namespace callgate

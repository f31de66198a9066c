// A diagnostic says what is wrong, where, and what to do about it. It is plain data; the command
// line renders it. Everything here is safe to use from any thread on distinct objects.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace callgate {

/// How bad a finding is. Only `error` makes an operation fail.
enum class Severity : std::uint8_t { note, warning, error };

/// A place in an input. Lines and columns count from 1; 0 means "not known". Columns count bytes.
struct Place {
  std::string file;          ///< path as the user gave it, "-" for standard input, empty if none
  std::uint32_t line = 0;    ///< 1-based line, 0 if not known
  std::uint32_t column = 0;  ///< 1-based byte column, 0 if not known
  std::uint32_t length = 1;  ///< bytes the caret underlines

  bool operator==(const Place&) const = default;
};

/// One finding about an input.
struct Diagnostic {
  Severity severity = Severity::error;
  std::string message;      ///< one sentence without a final full stop
  Place place;              ///< where; may be empty
  std::string hint;         ///< what to do ("did you mean `openat`?"); may be empty
  std::string source_line;  ///< text of `place.line` for the caret; may be empty
  std::string id;           ///< what kind of finding, as docs/findings.md names it; may be empty

  bool operator==(const Diagnostic&) const = default;
};

/// Renders as `file:line:column: error: message`, the source line with a caret, and the hint.
/// Control characters and invalid UTF-8 of the input are shown as `\xNN`. Ends with a newline.
[[nodiscard]] std::string render(const Diagnostic& diagnostic);

/// Renders every diagnostic in order.
[[nodiscard]] std::string render(std::span<const Diagnostic> diagnostics);

/// True if any diagnostic has severity `error`.
[[nodiscard]] bool has_errors(std::span<const Diagnostic> diagnostics) noexcept;

/// The candidate that `word` most likely misspells (Damerau-Levenshtein distance of at most a third
/// of its length, ties to the first), or an empty view.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<const std::string_view> candidates);

}  // namespace callgate

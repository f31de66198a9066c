// The words and signs of a policy's text.
#pragma once

#include <string_view>
#include <vector>

#include "callgate/base/diagnostic.h"

namespace callgate::formats {

/// Mistakes of one text with their places and lines; at most max_errors of them.
class TextReport {
 public:
  TextReport(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  void add(Severity severity, Place place, std::string message, std::string hint = {},
           std::string id = {});
  /// All of them in the order of the text, each with its line.
  [[nodiscard]] std::vector<Diagnostic> take();
  /// True if more mistakes were found than are listed: reading on is of no use.
  [[nodiscard]] bool is_full() const { return errors_ > max_errors; }
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  static constexpr std::size_t max_errors = 1000;

  std::string_view text_;
  const std::string& file_;
  std::vector<Diagnostic> list_;
  std::size_t errors_ = 0;
};

struct Token {
  enum class Kind : std::uint8_t {
    end,
    name,     ///< letters, digits and _
    number,   ///< value in `number`
    release,  ///< 6.12, 2.6.39
    string,   ///< "...", still escaped, quotes included
    sign,     ///< one of the signs of the grammar, told apart by `text`
    broken,   ///< reported already
  };
  Kind kind = Kind::end;
  bool first_on_line = false;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string_view text;  ///< as written; `&&`, `||`, `!` and `=` are reported and corrected
  std::uint64_t number = 0;

  [[nodiscard]] bool is(std::string_view what) const {
    return (kind == Kind::name || kind == Kind::sign) && text == what;
  }
};

/// Cuts a text into tokens; the last is `end`. Every byte that cannot be is reported.
[[nodiscard]] std::vector<Token> tokenize(std::string_view text, TextReport& report);

}  // namespace callgate::formats

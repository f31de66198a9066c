// Lays a policy's text out anew. Only blanks change: words keep their order and their lines, since
// a line's end can end a statement, and comments keep their places. What was laid out is cut into
// words again and compared, so no rule here can change a policy.
#include <algorithm>
#include <optional>
#include <set>

#include "callgate/formats/text.h"
#include "formats/text_parser.h"

namespace callgate {
namespace formats {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

/// Where statements begin, and the braces of sections, by the places of their words in the text.
struct Structure {
  std::set<const char*> statements;
  std::set<const char*> section_braces;
};

Structure structure_of(const std::vector<Token>& tokens) {
  Structure out;
  TokenReader reader(tokens);
  while (!reader.at_text_end()) {
    reader.begin_statement();
    out.statements.insert(reader.raw().text.data());
    const bool opens_section = reader.raw().is("on") && !reader.raw(1).is("untestable");
    while (opens_section && reader.peek().kind != Token::Kind::end && !reader.peek().is("{"))
      reader.take();
    if (reader.raw().is("}") || (opens_section && reader.peek().is("{"))) {
      out.section_braces.insert(reader.raw().text.data());
      reader.take_section_brace();
      continue;
    }
    while (reader.peek().kind != Token::Kind::end) reader.take();
  }
  return out;
}

/// One line of the result.
struct Line {
  std::size_t depth = 0;
  std::string code;
  std::string comment;
  [[nodiscard]] bool is_blank() const { return code.empty() && comment.empty(); }
  [[nodiscard]] bool has_both() const { return !code.empty() && !comment.empty(); }
};

bool is_one_of(const Token& token, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return token.is(word); });
}

class Formatter {
 public:
  Formatter(std::string_view text, const std::vector<Token>& tokens)
      : text_(text), tokens_(tokens), structure_(structure_of(tokens)) {}

  std::string run() {
    std::size_t end = text_.starts_with("\xef\xbb\xbf") ? 3 : 0;
    lines_.emplace_back();
    for (const Token& token : tokens_) {
      const std::size_t begin = token.kind == Token::Kind::end ? text_.size() : offset(token);
      add_gap(text_.substr(end, begin - end), token);
      if (token.kind == Token::Kind::end) break;
      add(token);
      end = begin + token.text.size();
    }
    return joined();
  }

 private:
  [[nodiscard]] std::size_t offset(const Token& token) const {
    return static_cast<std::size_t>(token.text.data() - text_.data());
  }
  [[nodiscard]] bool is_section_brace(const Token& token) const {
    return structure_.section_braces.contains(token.text.data());
  }
  [[nodiscard]] bool begins_statement(const Token& token) const {
    return token.kind == Token::Kind::end || structure_.statements.contains(token.text.data());
  }

  /// Blanks and comments before a word: the rest of the line before, whole lines, and what the
  /// word's own line begins with.
  void add_gap(std::string_view gap, const Token& next) {
    const std::size_t inner = depth_ + (begins_statement(next) ? 0 : 1);
    for (;;) {
      const std::size_t newline = gap.find('\n');
      const std::string_view comment = trimmed(gap.substr(0, newline));
      if (!comment.empty()) {
        if (lines_.back().code.empty()) lines_.back().depth = inner;
        lines_.back().comment = comment;
      }
      if (newline == gap.npos) return;
      gap.remove_prefix(newline + 1);
      lines_.emplace_back();
    }
  }

  void add(const Token& token) {
    const bool closes_section = token.is("}") && is_section_brace(token);
    if (closes_section && depth_ > 0) --depth_;
    Line& line = lines_.back();
    if (line.code.empty()) {
      const bool closes = is_one_of(token, {"}", ")", "]"});
      line.depth = depth_ + (begins_statement(token) || closes ? 0 : 1);
    } else if (needs_blank(token)) {
      line.code += ' ';
    }
    line.code += token.text;
    if (token.is("{") && is_section_brace(token)) ++depth_;
    before_last_ = last_;
    last_ = &token;
  }

  /// Between the last word and this one of the same line.
  [[nodiscard]] bool needs_blank(const Token& token) const {
    const Token& last = *last_;
    if (is_section_brace(last) || is_section_brace(token)) return true;
    if (is_one_of(token, {",", ")", "]", "}", "[", "|", ".."}) || is_half(token)) return false;
    if (is_one_of(last, {"(", "[", "{", "~", "@", "|", ".."}) || is_half(last)) return false;
    if (last.is("-")) return token.kind != Token::Kind::number;
    if (!token.is("(")) return true;
    return last.kind != Token::Kind::name || is_operator_word(last.text);
  }

  /// The point of args[0].lo and ip.lo.
  [[nodiscard]] bool is_half(const Token& token) const {
    const Token* before = &token == last_ ? before_last_ : last_;
    return token.is(".") && before != nullptr && before->kind != Token::Kind::number;
  }

  /// Comments behind the words of neighbouring lines stand below each other.
  [[nodiscard]] static std::size_t comment_column(const std::vector<Line>& lines, std::size_t at) {
    std::size_t first = at;
    while (first > 0 && lines[first - 1].has_both()) --first;
    std::size_t column = 0;
    for (; first < lines.size() && lines[first].has_both(); ++first)
      column = std::max(column, 2 * lines[first].depth + lines[first].code.size() + 2);
    return column;
  }

  [[nodiscard]] std::string joined() const {
    std::string out;
    std::optional<std::size_t> column;
    bool was_blank = true;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const Line& line = lines_[i];
      if (!line.has_both()) column.reset();
      if (line.is_blank()) {
        was_blank = true;
        continue;
      }
      if (was_blank && !out.empty()) out += '\n';
      was_blank = false;
      std::string text = std::string(2 * line.depth, ' ') + line.code;
      if (line.has_both()) {
        if (!column) column = comment_column(lines_, i);
        text.resize(*column, ' ');
      }
      out += text + line.comment + '\n';
    }
    return out;
  }

  std::string_view text_;
  const std::vector<Token>& tokens_;
  Structure structure_;
  std::vector<Line> lines_;
  std::size_t depth_ = 0;  ///< of sections
  const Token* last_ = nullptr;
  const Token* before_last_ = nullptr;
};

bool are_same(const std::vector<Token>& a, const std::vector<Token>& b) {
  return std::ranges::equal(a, b, [](const Token& left, const Token& right) {
    const bool is_end = left.kind == Token::Kind::end;
    return left.kind == right.kind && left.text == right.text &&
           (is_end || left.first_on_line == right.first_on_line);
  });
}

}  // namespace
}  // namespace formats

Result<std::string> format_policy(std::string_view text, const std::string& file) {
  formats::TextReport report(text, file);
  const std::vector<formats::Token> tokens = formats::tokenize(text, report);
  std::vector<Diagnostic> mistakes = report.take();
  if (has_errors(mistakes)) return fail(Error(std::move(mistakes)));
  std::string out = formats::Formatter(text, tokens).run();
  formats::TextReport again(out, file);
  if (!formats::are_same(tokens, formats::tokenize(out, again)))
    return fail(file + ": the layout of this text cannot be kept",
                "`callgate check` says what is wrong with it");
  return out;
}

}  // namespace callgate

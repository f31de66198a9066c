// A hand-written scanner. It never stops at a mistake: a byte that cannot be is reported once for
// each run of such bytes and skipped. Tokens are kept whole, so a text may have max_tokens of them.
#include "formats/text_token.h"

#include <algorithm>
#include <array>
#include <utility>

#include "callgate/formats/text.h"

namespace callgate::formats {
namespace {

constexpr std::size_t max_tokens = 500'000;
constexpr std::size_t max_name = 128;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_letter(c) || is_digit(c); }
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

int digit_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

/// Length of the well-formed UTF-8 sequence of two or more bytes at the head of `text`, or 0
/// (Unicode 15, table 3-7).
std::size_t multibyte_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0xc2   ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length == 0 || text.size() < length) return 0;
  if (!std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(length),
                   is_continuation))
    return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  const bool is_bad = (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
                      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f);
  return is_bad ? 0 : length;
}

class Scanner {
 public:
  Scanner(std::string_view text, TextReport& report) : text_(text), report_(report) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text_.starts_with(byte_order_mark)) at_ = line_start_ = byte_order_mark.size();
  }

  std::vector<Token> run() {
    for (;;) {
      skip_blanks();
      if (at_ >= text_.size()) break;
      if (tokens_.size() >= max_tokens) {
        error(at_, 1, "the policy has more than " + std::to_string(max_tokens) + " words");
        break;
      }
      scan();
    }
    push(Token::Kind::end, text_.size(), text_.size());
    return std::move(tokens_);
  }

 private:
  void error(std::size_t begin, std::size_t length, std::string message, std::string hint = {}) {
    report_.add(Severity::error, place(begin, length), std::move(message), std::move(hint));
  }

  [[nodiscard]] Place place(std::size_t begin, std::size_t length) const {
    return {report_.file(), line_, static_cast<std::uint32_t>(begin - line_start_ + 1),
            static_cast<std::uint32_t>(std::max<std::size_t>(length, 1))};
  }

  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  Token& push(Token::Kind kind, std::size_t begin, std::size_t end) {
    tokens_.push_back({.kind = kind,
                       .first_on_line = std::exchange(at_line_start_, false),
                       .line = line_,
                       .column = static_cast<std::uint32_t>(begin - line_start_ + 1),
                       .text = text_.substr(begin, end - begin)});
    return tokens_.back();
  }

  void next_line() {
    ++at_;
    ++line_;
    line_start_ = at_;
    at_line_start_ = true;
  }

  void skip_blanks() {
    for (; at_ < text_.size();) {
      const char c = text_[at_];
      if (c == '\n')
        next_line();
      else if (c == ' ' || c == '\t' || (c == '\r' && peek(1) == '\n'))
        ++at_;
      else if (c == '#')
        skip_comment();
      else
        return;
    }
  }

  void skip_comment() {
    while (at_ < text_.size() && text_[at_] != '\n') {
      const bool is_line_end = text_[at_] == '\r' && peek(1) == '\n';
      if (is_line_end || is_plain(text_[at_]))
        ++at_;
      else if (const std::size_t length = multibyte_length(text_.substr(at_)))
        at_ += length;
      else
        skip_bad_bytes();
    }
  }

  static bool is_plain(char c) { return c == '\t' || (c >= ' ' && c < 0x7f); }

  /// Reports a run of bytes that no text may hold, NUL and control characters included.
  void skip_bad_bytes() {
    const std::size_t begin = at_;
    const auto first = static_cast<unsigned char>(text_[at_]);
    while (at_ < text_.size() && text_[at_] != '\n' && !is_plain(text_[at_]) &&
           multibyte_length(text_.substr(at_)) == 0)
      ++at_;
    error(begin, at_ - begin,
          first == 0      ? "a NUL byte"
          : first == '\r' ? "a carriage return that does not end a line"
          : first < 0x80  ? "a control character"
                          : "bytes that are not UTF-8",
          "a policy is UTF-8 text");
  }

  void scan() {
    const char c = peek();
    if (is_letter(c)) return scan_name();
    if (is_digit(c)) return scan_number();
    if (c == '"') return scan_string();
    if (!is_plain(c)) return scan_foreign();
    scan_sign();
  }

  void scan_foreign() {
    const std::size_t begin = at_;
    if (const std::size_t length = multibyte_length(text_.substr(at_))) {
      error(at_, length, "a character that stands only in comments and quoted names");
      at_ += length;
    } else {
      skip_bad_bytes();
    }
    push(Token::Kind::broken, begin, at_);
  }

  void scan_name() {
    const bool is_policy_name = !tokens_.empty() && tokens_.back().first_on_line &&
                                tokens_.back().is("policy") && !at_line_start_;
    const std::size_t begin = at_;
    const bool is_group_name = begin > 0 && text_[begin - 1] == '@';
    while (is_word(peek()) || (is_policy_name && (peek() == '-' || peek() == '.')) ||
           (is_group_name && (peek() == '-' || peek() == '/')))
      ++at_;
    if (at_ - begin > max_name)
      error(begin, at_ - begin, "a name of more than " + std::to_string(max_name) + " bytes");
    push(at_ - begin > max_name ? Token::Kind::broken : Token::Kind::name, begin, at_);
  }

  void scan_number() {
    const std::size_t begin = at_;
    while (is_word(peek())) ++at_;
    if (peek() == '.' && is_digit(peek(1))) {
      while (is_word(peek()) || (peek() == '.' && is_digit(peek(1)))) ++at_;
      push(Token::Kind::release, begin, at_);
      return;
    }
    Token& token = push(Token::Kind::number, begin, at_);
    if (!read_number(token)) token.kind = Token::Kind::broken;
  }

  /// Decimal, 0x..., or octal with a leading 0, as in C.
  bool read_number(Token& token) {
    std::string_view digits = token.text;
    unsigned base = 10;
    if (digits.starts_with("0x") || digits.starts_with("0X")) {
      base = 16;
      digits.remove_prefix(2);
    } else if (digits.size() > 1 && digits[0] == '0') {
      base = 8;
      digits.remove_prefix(1);
    }
    bool fits = true;
    for (const char c : digits) {
      const auto digit = static_cast<unsigned>(digit_value(c));
      if (digit >= base) return bad_number(token, base);
      fits = fits && token.number <= (~std::uint64_t{0} - digit) / base;
      token.number = token.number * base + digit;
    }
    if (digits.empty()) return bad_number(token, base);
    if (!fits) error(offset(token), token.text.size(), "a number that needs more than 64 bits");
    return fits;
  }

  bool bad_number(const Token& token, unsigned base) {
    error(offset(token), token.text.size(), "`" + std::string(token.text) + "` is no number",
          base == 8 ? "a leading 0 makes a number octal, as in C" : "");
    return false;
  }

  [[nodiscard]] std::size_t offset(const Token& token) const {
    return static_cast<std::size_t>(token.text.data() - text_.data());
  }

  void scan_string() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '"') {
      if (text_[at_] == '\\' && is_plain(peek(1)))
        at_ += 2;
      else if (is_plain(text_[at_]))
        ++at_;
      else if (const std::size_t length = multibyte_length(text_.substr(at_)))
        at_ += length;
      else
        skip_bad_bytes();
    }
    if (peek() == '"' && at_ < text_.size()) {
      ++at_;
      push(Token::Kind::string, begin, at_);
      return;
    }
    error(begin, at_ - begin, "a quoted name that does not end on its line", "close it with \"");
    push(Token::Kind::broken, begin, at_);
  }

  void scan_sign() {
    static constexpr std::array<std::string_view, 24> signs = {
        "==", "!=", "<=", ">=", "..", "&&", "||", "<", ">", "&", "|", "~",
        "(",  ")",  "{",  "}",  "[",  "]",  ",",  ".", "@", "*", "-", "="};
    const std::string_view rest = text_.substr(at_);
    const auto* found = std::find_if(signs.begin(), signs.end(),
                                     [&](std::string_view sign) { return rest.starts_with(sign); });
    const std::size_t length = found != signs.end() ? found->size() : 1;
    const std::size_t begin = at_;
    at_ += length;
    const bool is_set_sign = text_.substr(begin, length) == "=" && follows_set_name();
    Token& token = push(Token::Kind::sign, begin, at_);
    if (!is_set_sign) correct(token, begin, length);
  }

  /// True after `set NAME` at the head of a line.
  [[nodiscard]] bool follows_set_name() const {
    if (tokens_.size() < 2 || at_line_start_) return false;
    const Token& word = tokens_[tokens_.size() - 2];
    const Token& name = tokens_.back();
    return word.first_on_line && word.is("set") && name.kind == Token::Kind::name &&
           !name.first_on_line;
  }

  /// Signs of other languages: reported, and read as what they mean here.
  void correct(Token& token, std::size_t begin, std::size_t length) {
    struct Correction {
      std::string_view wrong, right;
    };
    static constexpr std::array<Correction, 4> corrections = {
        {{"&&", "and"}, {"||", "or"}, {"!", "not"}, {"=", "=="}}};
    for (const Correction& each : corrections)
      if (token.text == each.wrong) {
        error(begin, length, "`" + std::string(each.wrong) + "` is not of this language",
              "write `" + std::string(each.right) + "`");
        token.text = each.right;
        return;
      }
    constexpr std::string_view foreign = "$%'+/:;?\\^`";
    if (foreign.find(token.text[0]) == std::string_view::npos) return;
    error(begin, length, "`" + std::string(token.text) + "` is not of this language",
          token.text == ";" ? "a statement ends with its line" : "");
    token.kind = Token::Kind::broken;
  }

  std::string_view text_;
  TextReport& report_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  std::uint32_t line_ = 1;
  bool at_line_start_ = true;
};

}  // namespace

void TextReport::add(Severity severity, Place place, std::string message, std::string hint,
                     std::string id) {
  if (severity == Severity::error && ++errors_ > max_errors) return;
  list_.push_back({.severity = severity,
                   .message = std::move(message),
                   .place = std::move(place),
                   .hint = std::move(hint),
                   .id = std::move(id)});
}

std::vector<Diagnostic> TextReport::take() {
  std::stable_sort(list_.begin(), list_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return a.place.line != b.place.line ? a.place.line < b.place.line
                                        : a.place.column < b.place.column;
  });
  quote_lines(list_, text_);
  if (is_full())
    list_.push_back({.message = "there are more mistakes; only the first " +
                                std::to_string(max_errors) + " are listed",
                     .place = {.file = file_}});
  return std::move(list_);
}

std::vector<Token> tokenize(std::string_view text, TextReport& report) {
  return Scanner(text, report).run();
}

}  // namespace callgate::formats

namespace callgate {

namespace {

/// Fills in the lines of diagnostics that are all about this text.
void quote_lines(std::vector<Diagnostic*> by_line, std::string_view text) {
  constexpr std::size_t longest = 4096;
  std::stable_sort(by_line.begin(), by_line.end(), [](const Diagnostic* a, const Diagnostic* b) {
    return a->place.line < b->place.line;
  });
  std::size_t line = 1;
  std::size_t begin = 0;
  for (Diagnostic* diagnostic : by_line) {
    for (; line < diagnostic->place.line && begin < text.size(); ++line)
      begin = std::min(text.find('\n', begin), text.size() - 1) + 1;
    if (line < diagnostic->place.line) return;
    std::string_view shown = text.substr(begin, text.find('\n', begin) - begin);
    if (shown.ends_with('\r')) shown.remove_suffix(1);
    if (shown.size() <= longest) diagnostic->source_line = shown;
  }
}

}  // namespace

void quote_lines(std::span<Diagnostic> diagnostics, std::string_view text) {
  std::vector<Diagnostic*> placed;
  for (Diagnostic& diagnostic : diagnostics)
    if (diagnostic.place.line > 0) placed.push_back(&diagnostic);
  quote_lines(std::move(placed), text);
}

namespace {

constexpr const char* included_from = "included from here";

/// From where a text is included, from the inside out; each with its line.
std::vector<Diagnostic> include_notes(const SourceText& text, std::span<const SourceText> texts) {
  std::vector<Diagnostic> notes;
  Place at = text.included_at;
  while (at.line > 0 && notes.size() < texts.size()) {
    notes.push_back({.severity = Severity::note, .message = included_from, .place = at});
    const auto outer = std::ranges::find(texts, at.file, &SourceText::file);
    if (outer == texts.end()) break;
    quote_lines({&notes.back()}, outer->text);
    at = outer->included_at;
  }
  return notes;
}

}  // namespace

void quote_lines(std::vector<Diagnostic>& diagnostics, std::span<const SourceText> texts) {
  for (const SourceText& source : texts) {
    std::vector<Diagnostic*> placed;
    const Diagnostic* last = nullptr;
    for (Diagnostic& each : diagnostics) {
      if (each.place.line == 0 || each.place.file != source.file) continue;
      placed.push_back(&each);
      if (each.severity != Severity::note) last = &each;
    }
    quote_lines(std::move(placed), source.text);
    const Diagnostic* next = last == nullptr ? nullptr : last + 1;
    const bool is_said = next != nullptr && next != diagnostics.data() + diagnostics.size() &&
                         next->message == included_from && next->place == source.included_at;
    if (last == nullptr || is_said) continue;
    const std::vector<Diagnostic> notes = include_notes(source, texts);
    diagnostics.insert(diagnostics.begin() + (last - diagnostics.data()) + 1, notes.begin(),
                       notes.end());
  }
}

}  // namespace callgate

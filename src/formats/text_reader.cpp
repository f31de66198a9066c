// Where statements begin and end, and what the parsers of their parts share.
#include <algorithm>
#include <array>

#include "formats/text_parser.h"

namespace callgate::formats {
namespace {

constexpr Token end_of_statement{};

bool opens(const Token& token) { return token.is("(") || token.is("[") || token.is("{"); }
bool closes(const Token& token) { return token.is(")") || token.is("]") || token.is("}"); }

/// A line that ends in one of these goes on in the next.
bool continues(const Token& token) {
  static constexpr std::array<std::string_view, 19> words = {
      ",", "==", "!=", "<=", ">=", "<",  ">",   "..",     "&", "|",
      "~", "-",  ".",  "@",  "if", "in", "and", "subset", "or"};
  return token.is("not") || std::any_of(words.begin(), words.end(),
                                        [&](std::string_view word) { return token.is(word); });
}

/// A line that begins with one of these goes on from the one before.
bool goes_on(const Token& token) {
  return token.is("and") || token.is("or") || token.is("if") || token.is("|") || token.is("&");
}

}  // namespace

bool continues_line(std::string_view word) {
  return continues(Token{.kind = Token::Kind::name, .text = word}) ||
         goes_on(Token{.kind = Token::Kind::name, .text = word});
}

bool begins_statement(const Token& token) {
  return token.kind == Token::Kind::name &&
         std::find(statement_words.begin(), statement_words.end(), token.text) !=
             statement_words.end();
}

const Token& TokenReader::raw(std::size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

bool TokenReader::statement_ends() const {
  const Token& next = raw();
  if (next.kind == Token::Kind::end) return true;
  if (open_ > 0) return false;
  if (next.is("}")) return true;
  return next.first_on_line && at_ > begin_ && !continues(tokens_[at_ - 1]) && !goes_on(next);
}

const Token& TokenReader::peek() const { return statement_ends() ? end_of_statement : raw(); }

const Token& TokenReader::take() {
  if (statement_ends()) return end_of_statement;
  const Token& token = tokens_[at_++];
  if (opens(token)) ++open_;
  if (closes(token) && open_ > 0) --open_;
  return token;
}

bool TokenReader::accept(std::string_view what) {
  if (!peek().is(what)) return false;
  take();
  return true;
}

void TokenReader::take_section_brace() {
  if (!at_text_end()) ++at_;
  begin_statement();
}

void TokenReader::begin_statement() {
  begin_ = at_;
  open_ = 0;
}

void TokenReader::skip_statement() {
  while (!statement_ends()) {
    const Token& next = raw();
    const bool is_tested = raw(1).is("==") || raw(1).is("!=") || raw(1).is("&") || raw(1).is("in");
    if (at_ > begin_ && next.first_on_line && begins_statement(next) && !is_tested) return;
    take();
  }
}

Place place_of(const Token& token, const std::string& file) {
  return {file, token.line, token.column,
          static_cast<std::uint32_t>(std::max<std::size_t>(token.text.size(), 1))};
}

std::string shown(const TokenReader& tokens) {
  const Token& token = tokens.peek();
  if (token.kind != Token::Kind::end) return "`" + std::string(token.text) + "`";
  return tokens.at_text_end() ? "the end of the text" : "the end of the statement";
}

void PartParser::error(const Token& token, std::string message, std::string hint, std::string id) {
  report_.add(Severity::error, place_of(token, report_.file()), std::move(message), std::move(hint),
              std::move(id));
  if (report_.is_full()) tokens_.stop();
}

bool PartParser::expected(std::string what) {
  if (tokens_.peek().kind != Token::Kind::broken)
    error(tokens_.blamed(), "expected " + std::move(what) + ", not " + shown(tokens_));
  return false;
}

bool PartParser::may_grow(const Token& token, std::size_t by) {
  if (reading_.may_grow(by)) return true;
  error(token, grown_too_far);
  tokens_.stop();
  return false;
}

}  // namespace callgate::formats

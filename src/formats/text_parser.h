// The parser of the policy language (docs/policy.md): recursive descent over tokens.
#pragma once

#include <array>

#include "callgate/policy/policy.h"
#include "formats/text_reading.h"
#include "formats/text_token.h"
#include "policy/rule_names.h"

namespace callgate::formats {

/// Reads tokens one after the other and knows where a statement ends: at a line's end, unless a
/// bracket is open, the line ends in a comma or an operator, or the next begins with and, or, if.
class TokenReader {
 public:
  explicit TokenReader(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  /// The next token of the statement; the `end` token once the statement has ended.
  [[nodiscard]] const Token& peek() const;
  /// The token after `ahead` others, whatever it is.
  [[nodiscard]] const Token& raw(std::size_t ahead = 0) const;
  /// Takes the next token; at the statement's end none is taken.
  const Token& take();
  /// Takes the next token if it is that word or sign.
  bool accept(std::string_view what);
  /// Takes the brace of a section: what follows are statements of their own.
  void take_section_brace();
  /// Starts the next statement.
  void begin_statement();
  /// Skips the rest of a statement that could not be read.
  void skip_statement();
  /// Takes everything that is left.
  void stop() { at_ = tokens_.size() - 1; }
  [[nodiscard]] bool at_text_end() const { return raw().kind == Token::Kind::end; }
  /// The token that was taken last.
  [[nodiscard]] const Token& last() const { return tokens_[at_ > 0 ? at_ - 1 : 0]; }
  /// The token that is blamed where another is expected: the next one, or at the statement's end
  /// the last one of it.
  [[nodiscard]] const Token& blamed() const {
    return peek().kind == Token::Kind::end && at_ > begin_ ? last() : raw();
  }

 private:
  [[nodiscard]] bool statement_ends() const;

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;  ///< of the statement
  unsigned open_ = 0;      ///< brackets
};

/// The words that begin a statement.
inline constexpr std::array<std::string_view, 18> statement_words = {
    "allow",        "log",         "errno",  "trap",    "trace",  "notify",
    "kill_process", "kill_thread", "policy", "abi",     "arches", "otherwise",
    "unknown",      "unlisted",    "on",     "promise", "set",    "include"};
/// A word at which a statement goes on in the next line, or from the one before.
[[nodiscard]] bool continues_line(std::string_view word);
[[nodiscard]] bool begins_statement(const Token& token);
/// Words that are neither a parameter's name nor a set's: and, or, not, in, subset, if, null.
[[nodiscard]] bool is_operator_word(std::string_view word);

/// What the parsers of all parts share. In their functions `false` and `none` mean a mistake past
/// which the statement cannot be read; it is reported.
class PartParser {
 public:
  PartParser(TokenReader& tokens, TextReport& report, Reading& reading)
      : tokens_(tokens), report_(report), reading_(reading) {}

 protected:
  void error(const Token& token, std::string message, std::string hint = {}, std::string id = {});
  /// "expected X", at the next token; false.
  bool expected(std::string what);
  /// Counts what a name stands for; false where that is too much.
  bool may_grow(const Token& token, std::size_t by);

  TokenReader& tokens_;
  TextReport& report_;
  Reading& reading_;
};

/// "allow", "errno(EPERM)".
class ActionParser : private PartParser {
 public:
  using PartParser::PartParser;
  bool parse(Action& action);

 private:
  bool parse_data(Action& action);
  void report_errno(const Token& token);
};
[[nodiscard]] bool is_action_word(const Token& word);
/// What a word that begins no statement may have been meant for: words of other languages, typing
/// mistakes. Empty if nothing is near.
[[nodiscard]] std::string_view likely_word(std::string_view word);

/// "read, @mmap, 451..455, *".
class SelectorParser : private PartParser {
 public:
  using PartParser::PartParser;
  bool parse(std::vector<Selector>& calls);

 private:
  bool parse_one(std::vector<Selector>& calls);
  /// A group, or the calls of a set. `selector` has the place of the @.
  bool parse_group(Selector selector, std::vector<Selector>& calls);
  bool add_set(NamedSet& set, const Selector& use, const Token& name, std::vector<Selector>& calls);
  [[nodiscard]] std::optional<policy::NameFault> group_or_set_fault(std::string_view name) const;
  bool parse_numbers(Selector& selector);
  std::uint32_t call_number(const Token& token);
};

/// Conditions of one rule.
class ConditionParser : private PartParser {
 public:
  ConditionParser(TokenReader& tokens, TextReport& report, Reading& reading,
                  policy::RuleNames& names)
      : PartParser(tokens, report, reading), names_(names) {}
  [[nodiscard]] std::optional<Condition> parse() { return parse_or(0); }
  /// Values in braces, on their own.
  [[nodiscard]] std::optional<std::vector<Interval>> parse_value_set();

 private:
  std::optional<Condition> parse_or(unsigned depth);
  std::optional<Condition> parse_and(unsigned depth);
  std::optional<Condition> parse_not(unsigned depth);
  std::optional<Condition> parse_primary(unsigned depth);
  std::optional<Condition> parse_list(Condition::Kind kind, unsigned depth);
  std::optional<Condition> parse_test();
  bool parse_operand(Operand& operand);
  bool parse_raw_index(Operand& operand);
  bool parse_half(Operand& operand);
  bool parse_mask(Test& test);
  bool parse_relation(Test& test);
  bool parse_values(Test& test);
  bool parse_braces(Test& test);
  bool parse_named_set(Test& test);
  [[nodiscard]] bool is_set_in_braces() const;
  std::optional<Value> parse_value(const Test& test);
  bool parse_terms(Value& value, const Test& test, bool may_join);
  bool parse_term(Value& value, const Test& test);
  [[nodiscard]] bool is_masked_operand_in_parentheses() const;

  policy::RuleNames& names_;
};

[[nodiscard]] Place place_of(const Token& token, const std::string& file);
/// "`word`", "the end of the line": what a message calls a token.
[[nodiscard]] std::string shown(const TokenReader& tokens);

}  // namespace callgate::formats

// Conditions: or binds loosest, then and, not, comparisons; in a comparison `|` joins names to one
// value, `&` applies a mask. Depth is bounded, so no text can exhaust the stack.
#include <algorithm>
#include <array>

#include "formats/text_parser.h"

namespace callgate::formats {
namespace {

constexpr unsigned max_depth = 100;

bool is_relation_sign(const Token& token) {
  return token.is("==") || token.is("!=") || token.is("<") || token.is("<=") || token.is(">") ||
         token.is(">=");
}

bool is_relation(const Token& token) {
  return is_relation_sign(token) || token.is("in") || token.is("subset") || token.is("not");
}

bool is_reserved(const Token& token) {
  return token.kind == Token::Kind::name && token.text != "null" && is_operator_word(token.text);
}

/// From a test's first token to its last, if they share a line.
Place span(const Token& first, const Token& last, const std::string& file) {
  Place place = place_of(first, file);
  if (last.line == first.line)
    place.length = last.column - first.column + static_cast<std::uint32_t>(last.text.size());
  return place;
}

}  // namespace

bool is_operator_word(std::string_view word) {
  static constexpr std::array<std::string_view, 7> words = {"and",    "or", "not", "in",
                                                            "subset", "if", "null"};
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::optional<Condition> ConditionParser::parse_or(unsigned depth) {
  if (depth > max_depth) {
    error(tokens_.blamed(), "nested deeper than " + std::to_string(max_depth) + " levels");
    return {};
  }
  std::vector<Condition> children;
  do {
    auto child = parse_and(depth);
    if (!child) return {};
    children.push_back(std::move(*child));
  } while (tokens_.accept("or"));
  if (children.size() == 1) return std::move(children.front());
  return Condition{.kind = Condition::Kind::any, .children = std::move(children)};
}

std::optional<Condition> ConditionParser::parse_and(unsigned depth) {
  std::vector<Condition> children;
  do {
    auto child = parse_not(depth);
    if (!child) return {};
    children.push_back(std::move(*child));
  } while (tokens_.accept("and"));
  if (children.size() == 1) return std::move(children.front());
  return Condition{.kind = Condition::Kind::all, .children = std::move(children)};
}

std::optional<Condition> ConditionParser::parse_not(unsigned depth) {
  if (!tokens_.peek().is("not")) return parse_primary(depth);
  const Token& token = tokens_.take();
  if (depth > max_depth) {
    error(token, "nested deeper than " + std::to_string(max_depth) + " levels");
    return {};
  }
  auto child = parse_not(depth + 1);
  if (!child) return {};
  Condition out{.kind = Condition::Kind::negation};
  out.children.push_back(std::move(*child));
  return out;
}

std::optional<Condition> ConditionParser::parse_primary(unsigned depth) {
  if (!is_relation(tokens_.raw(1))) {
    if (tokens_.accept("true")) return Condition{.kind = Condition::Kind::all};
    if (tokens_.accept("false")) return Condition{.kind = Condition::Kind::any};
    if (tokens_.accept("always")) return Condition{};
  }
  if (tokens_.raw(1).is("(")) {
    if (tokens_.accept("all")) return parse_list(Condition::Kind::all, depth);
    if (tokens_.accept("any")) return parse_list(Condition::Kind::any, depth);
  }
  if (!tokens_.peek().is("(") || is_masked_operand_in_parentheses()) return parse_test();
  tokens_.take();
  auto inner = parse_or(depth + 1);
  if (!inner) return {};
  if (!tokens_.accept(")")) {
    expected("`and`, `or` or `)`");
    return {};
  }
  return inner;
}

/// all(...) and any(...): how a condition of one part or none is written.
std::optional<Condition> ConditionParser::parse_list(Condition::Kind kind, unsigned depth) {
  Condition out{.kind = kind};
  tokens_.take();
  while (!tokens_.accept(")")) {
    auto child = parse_or(depth + 1);
    if (!child) return {};
    out.children.push_back(std::move(*child));
    if (tokens_.accept(",") || tokens_.peek().is(")")) continue;
    expected("`,` or `)`");
    return {};
  }
  return out;
}

/// `(flags & MASK) == 0`: at a parenthesis that holds an operand with its mask and nothing else.
bool ConditionParser::is_masked_operand_in_parentheses() const {
  std::size_t at = 1;
  while (tokens_.raw(at).kind == Token::Kind::name || tokens_.raw(at).kind == Token::Kind::number ||
         tokens_.raw(at).is("[") || tokens_.raw(at).is("]") || tokens_.raw(at).is("."))
    ++at;
  if (!tokens_.raw(at).is("&")) return false;
  unsigned open = 1;
  for (++at; open > 0; ++at) {
    const Token& token = tokens_.raw(at);
    if (token.is("(")) ++open;
    if (token.is(")")) --open;
    const bool is_value = token.kind == Token::Kind::name || token.kind == Token::Kind::number ||
                          token.is("|") || token.is("~") || token.is("-") || token.is("(") ||
                          token.is(")");
    if (!is_value || is_relation(token) || token.is("and") || token.is("or")) return false;
  }
  return is_relation(tokens_.raw(at));
}

std::optional<Condition> ConditionParser::parse_test() {
  const Token& first = tokens_.raw();
  Test test;
  const bool in_parentheses = tokens_.accept("(");
  if (!parse_operand(test.operand)) return {};
  if (test.operand.kind == Operand::Kind::parameter)
    if (const auto fault = names_.parameter_fault(test.operand.name))
      error(tokens_.last(), fault->message, fault->hint, "unknown-name");
  if (!parse_mask(test)) return {};
  if (in_parentheses && !tokens_.accept(")")) {
    expected("`)`");
    return {};
  }
  if (!parse_relation(test) || !parse_values(test)) return {};
  test.place = span(first, tokens_.last(), report_.file());
  return Condition::of(std::move(test));
}

bool ConditionParser::parse_operand(Operand& operand) {
  const Token& token = tokens_.peek();
  if (token.kind != Token::Kind::name || is_reserved(token))
    return expected("a parameter, args[0] to args[5] or ip");
  tokens_.take();
  if (token.is("args") && tokens_.peek().is("[")) return parse_raw_index(operand);
  if (token.is("ip")) {
    operand.kind = Operand::Kind::ip;
    return parse_half(operand);
  }
  operand.name = token.text;
  return true;
}

bool ConditionParser::parse_raw_index(Operand& operand) {
  tokens_.take();
  const Token& index = tokens_.peek();
  if (index.kind != Token::Kind::number) return expected("a number from 0 to 5");
  if (index.number > 5)
    error(index, "there is no argument word args[" + std::string(index.text) + "]",
          "a call has args[0] to args[5]");
  tokens_.take();
  operand.kind = Operand::Kind::word;
  operand.index = static_cast<std::uint8_t>(std::min<std::uint64_t>(index.number, 5));
  if (!tokens_.accept("]")) return expected("`]`");
  return parse_half(operand);
}

bool ConditionParser::parse_half(Operand& operand) {
  if (!tokens_.accept(".")) return true;
  const bool is_ip = operand.kind == Operand::Kind::ip;
  if (tokens_.accept("lo"))
    operand.kind = is_ip ? Operand::Kind::ip_low : Operand::Kind::low;
  else if (tokens_.accept("hi"))
    operand.kind = is_ip ? Operand::Kind::ip_high : Operand::Kind::high;
  else
    return expected("`lo` or `hi`");
  return true;
}

bool ConditionParser::parse_mask(Test& test) {
  if (!tokens_.accept("&")) return true;
  test.mask.emplace();
  const bool is_complement = tokens_.accept("~");
  test.mask->complement = is_complement;
  if (tokens_.accept("(")) {
    if (!parse_terms(*test.mask, test, true)) return false;
    if (!tokens_.accept(")")) return expected("`|` or `)`");
  } else if (!parse_terms(*test.mask, test, false)) {
    return false;
  }
  if (!tokens_.peek().is("|")) return true;
  error(tokens_.raw(), "a mask of several names needs parentheses", "write & (A|B)");
  return false;
}

bool ConditionParser::parse_relation(Test& test) {
  struct Sign {
    std::string_view text;
    Relation relation;
  };
  static constexpr Sign signs[] = {{"==", Relation::eq}, {"!=", Relation::ne},
                                   {"<", Relation::lt},  {"<=", Relation::le},
                                   {">", Relation::gt},  {">=", Relation::ge},
                                   {"in", Relation::in}, {"subset", Relation::subset}};
  for (const Sign& sign : signs)
    if (tokens_.accept(sign.text)) {
      test.relation = sign.relation;
      return true;
    }
  if (!tokens_.accept("not"))
    return expected("a comparison (==, !=, <, <=, >, >=, in, not in, subset)");
  test.relation = Relation::not_in;
  return tokens_.accept("in") || expected("`in`");
}

bool ConditionParser::parse_values(Test& test) {
  if (test.relation == Relation::in || test.relation == Relation::not_in) {
    const bool is_named = tokens_.peek().kind == Token::Kind::name && !is_reserved(tokens_.peek());
    return is_named ? parse_named_set(test) : parse_braces(test);
  }
  auto value = parse_value(test);
  if (!value) return false;
  if (tokens_.peek().is("..")) {
    error(tokens_.raw(), "a range stands in a set only", "write in {1..5}");
    return false;
  }
  test.values.push_back({std::move(*value), {}});
  return true;
}

bool ConditionParser::parse_braces(Test& test) {
  if (!tokens_.accept("{")) return expected("`{` or a set of values");
  while (!tokens_.accept("}")) {
    if (is_set_in_braces()) {
      if (!parse_named_set(test)) return false;
    } else {
      auto first = parse_value(test);
      if (!first) return false;
      Interval interval{std::move(*first), {}};
      if (tokens_.accept("..")) {
        auto last = parse_value(test);
        if (!last) return false;
        interval.last = std::move(*last);
      }
      test.values.push_back(std::move(interval));
    }
    if (!tokens_.accept(",") && !tokens_.peek().is("}")) return expected("`,` or `}`");
  }
  return true;
}

bool ConditionParser::is_set_in_braces() const {
  const Token& token = tokens_.peek();
  return token.kind == Token::Kind::name && reading_.sets.contains(token.text) &&
         (tokens_.raw(1).is(",") || tokens_.raw(1).is("}"));
}

/// Adds the values of a set. Its constants are looked up again, since only here is it known for
/// which parameter.
bool ConditionParser::parse_named_set(Test& test) {
  const Token& token = tokens_.take();
  const auto found = reading_.sets.find(token.text);
  if (found == reading_.sets.end() || !found->second.of_values) {
    std::vector<std::string_view> names;
    for (const auto& [name, set] : reading_.sets)
      if (set.of_values) names.push_back(name);
    const std::string name(token.text);
    if (found != reading_.sets.end()) found->second.is_used = true;
    error(token,
          found == reading_.sets.end() ? "no set of values is named `" + name + "`"
                                       : "`" + name + "` is a set of calls",
          policy::did_you_mean(name, names));
    return true;
  }
  found->second.is_used = true;
  if (!may_grow(token, found->second.values.size())) return false;
  const std::string parameter =
      test.operand.kind == Operand::Kind::parameter ? test.operand.name : std::string();
  for (const Interval& interval : found->second.values) {
    for (const Value& value : {interval.first, interval.last.value_or(Value{})})
      for (const std::string& name : value.names)
        if (const auto fault = names_.constant_fault(parameter, name))
          error(token, fault->message + ", which is in the set `" + std::string(token.text) + "`",
                fault->hint, "unknown-name");
    test.values.push_back(interval);
  }
  return true;
}

std::optional<std::vector<Interval>> ConditionParser::parse_value_set() {
  Test test{.operand = {.kind = Operand::Kind::word}};
  if (!parse_braces(test)) return {};
  return std::move(test.values);
}

std::optional<Value> ConditionParser::parse_value(const Test& test) {
  Value value;
  if (tokens_.accept("null")) return value;
  value.complement = tokens_.accept("~");
  const bool in_parentheses = tokens_.accept("(");
  const bool may_join = in_parentheses || !value.complement;
  if (!parse_terms(value, test, may_join)) return {};
  if (in_parentheses && !tokens_.accept(")")) {
    expected("`|` or `)`");
    return {};
  }
  if (!tokens_.peek().is("|")) return value;
  error(tokens_.raw(), "`~` and parentheses stand around the whole value", "write ~(A|B) or A|B");
  return {};
}

bool ConditionParser::parse_terms(Value& value, const Test& test, bool may_join) {
  do {
    if (!parse_term(value, test)) return false;
  } while (may_join && tokens_.accept("|"));
  return true;
}

bool ConditionParser::parse_term(Value& value, const Test& test) {
  const bool negative = tokens_.accept("-");
  const Token& token = tokens_.peek();
  if (token.kind == Token::Kind::number) {
    tokens_.take();
    value.negative = value.negative || negative;
    value.number |= negative ? 0 - token.number : token.number;
    return true;
  }
  if (negative || token.kind != Token::Kind::name || is_reserved(token))
    return expected(negative ? "a number" : "a number or a constant's name");
  tokens_.take();
  value.names.emplace_back(token.text);
  const bool is_raw = test.operand.kind != Operand::Kind::parameter;
  if (const auto fault =
          names_.constant_fault(is_raw ? std::string() : test.operand.name, token.text))
    error(token, fault->message, fault->hint, "unknown-name");
  return true;
}

}  // namespace callgate::formats

// Selectors: calls, groups, sets, numbers, `*`.
#include "formats/text_parser.h"
#include "policy/names.h"

namespace callgate::formats {

bool SelectorParser::parse(std::vector<Selector>& calls) {
  do {
    if (!parse_one(calls)) return false;
  } while (tokens_.accept(","));
  return true;
}

bool SelectorParser::parse_one(std::vector<Selector>& calls) {
  const Token& token = tokens_.peek();
  Selector selector{.place = place_of(token, report_.file())};
  if (tokens_.accept("*")) {
    selector.kind = Selector::Kind::any;
  } else if (tokens_.accept("@")) {
    return parse_group(std::move(selector), calls);
  } else if (token.kind == Token::Kind::number) {
    if (!parse_numbers(selector)) return false;
  } else if (token.kind == Token::Kind::name && !token.is("if")) {
    tokens_.take();
    selector.name = token.text;
    if (const auto fault = policy::call_fault(token.text))
      error(token, fault->message, fault->hint, "unknown-name");
  } else {
    return expected("a call, a @group, a number or *");
  }
  calls.push_back(std::move(selector));
  return true;
}

/// A group, or the calls of a set. `selector` has the place of the @.
bool SelectorParser::parse_group(Selector selector, std::vector<Selector>& calls) {
  const Token& name = tokens_.peek();
  if (name.kind != Token::Kind::name) return expected("a group's name");
  tokens_.take();
  selector.kind = Selector::Kind::group;
  selector.name = name.text;
  selector.place.length +=
      name.column - selector.place.column - 1 + static_cast<std::uint32_t>(name.text.size());
  const auto set = reading_.sets.find(name.text);
  if (set != reading_.sets.end()) return add_set(set->second, selector, name, calls);
  if (const auto fault = group_or_set_fault(name.text))
    report_.add(Severity::error, selector.place, fault->message, fault->hint, "unknown-name");
  if (report_.is_full()) tokens_.stop();
  calls.push_back(std::move(selector));
  return true;
}

bool SelectorParser::add_set(NamedSet& set, const Selector& use, const Token& name,
                             std::vector<Selector>& calls) {
  set.is_used = true;
  if (set.of_values) {
    error(name, "`" + use.name + "` is a set of values",
          "it stands in conditions: `in " + use.name + "`");
    return true;
  }
  if (!may_grow(name, set.calls.size())) return false;
  for (Selector selector : set.calls) {
    selector.place = use.place;
    calls.push_back(std::move(selector));
  }
  return true;
}

std::optional<policy::NameFault> SelectorParser::group_or_set_fault(std::string_view name) const {
  auto fault = policy::group_fault(name);
  if (!fault || !fault->hint.empty()) return fault;
  std::vector<std::string_view> names;
  for (const auto& [each, set] : reading_.sets) names.push_back(each);
  fault->hint = policy::did_you_mean(name, names, "@");
  return fault;
}

bool SelectorParser::parse_numbers(Selector& selector) {
  selector.kind = Selector::Kind::numbers;
  selector.first = call_number(tokens_.take());
  selector.last = selector.first;
  if (!tokens_.accept("..")) return true;
  if (tokens_.peek().kind != Token::Kind::number) return expected("a call number");
  selector.last = call_number(tokens_.take());
  return true;
}

std::uint32_t SelectorParser::call_number(const Token& token) {
  if (token.number > 0xffffffff) error(token, "a call number has 32 bits");
  return static_cast<std::uint32_t>(token.number);
}

}  // namespace callgate::formats

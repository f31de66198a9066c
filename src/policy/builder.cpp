// The builder makes the same plain data as the parser of the policy language.
#include "callgate/policy/builder.h"

#include <iterator>

namespace callgate {
namespace {

Selector selector_of(CallName call) {
  std::string name(call.name);
  return call.is_group ? Selector::group(std::move(name)) : Selector::named(std::move(name));
}

std::vector<Selector> selectors_of(std::initializer_list<CallName> calls) {
  std::vector<Selector> selectors;
  for (const CallName& call : calls) selectors.push_back(selector_of(call));
  return selectors;
}

/// Every part of the rule was written on that line.
void set_place(Condition& condition, const Place& place) {
  condition.test.place = place;
  for (Condition& child : condition.children) set_place(child, place);
}

Policy& add(Policy& policy, std::vector<Selector> calls, Condition condition, Action action,
            SourceLine where) {
  Rule rule{.action = action, .calls = std::move(calls), .condition = std::move(condition)};
  rule.place.file = where.file;
  rule.place.line = where.line;
  for (Selector& selector : rule.calls) selector.place = rule.place;
  set_place(rule.condition, rule.place);
  policy.rules.push_back(std::move(rule));
  return policy;
}

/// `left` and `right` under one node of that kind.
Condition joined(Condition::Kind kind, Condition left, Condition right) {
  Condition result;
  result.kind = kind;
  for (Condition* part : {&left, &right}) {
    if (part->kind == kind) {
      result.children.insert(result.children.end(), std::make_move_iterator(part->children.begin()),
                             std::make_move_iterator(part->children.end()));
    } else {
      result.children.push_back(std::move(*part));
    }
  }
  return result;
}

std::vector<Interval> intervals_of(std::initializer_list<AnyValue> values) {
  std::vector<Interval> intervals;
  for (const AnyValue& value : values) intervals.push_back(value.interval);
  return intervals;
}

}  // namespace

Policy& Policy::on(CallName call, Action action, SourceLine where) {
  return add(*this, {selector_of(call)}, {}, action, where);
}
Policy& Policy::on(CallName call, Condition condition, Action action, SourceLine where) {
  return add(*this, {selector_of(call)}, std::move(condition), action, where);
}
Policy& Policy::on(std::initializer_list<CallName> calls, Action action, SourceLine where) {
  return add(*this, selectors_of(calls), {}, action, where);
}
Policy& Policy::on(std::initializer_list<CallName> calls, Condition condition, Action action,
                   SourceLine where) {
  return add(*this, selectors_of(calls), std::move(condition), action, where);
}
Policy& Policy::on(Selector calls, Action action, SourceLine where) {
  return add(*this, {std::move(calls)}, {}, action, where);
}
Policy& Policy::on(Selector calls, Condition condition, Action action, SourceLine where) {
  return add(*this, {std::move(calls)}, std::move(condition), action, where);
}

Selector call_named(std::string_view name) {
  return name.starts_with('@') ? Selector::group(std::string(name.substr(1)))
                               : Selector::named(std::string(name));
}

Value constant(ConstantName name) { return constant_named(name.name); }
Value constant_named(std::string_view name) { return {.names = {std::string(name)}}; }

Value operator|(Value left, const Value& right) {
  left.names.insert(left.names.end(), right.names.begin(), right.names.end());
  left.number |= right.number;
  left.negative = left.negative || right.negative;
  return left;
}

Value operator~(Value value) {
  value.complement = !value.complement;
  return value;
}

Interval range(const AnyValue& first, const AnyValue& last) {
  return {.first = first.interval.first, .last = last.interval.first};
}

Condition Argument::test(Relation relation, std::vector<Interval> values) const {
  return Condition::of(
      {.operand = operand_, .mask = mask_, .relation = relation, .values = std::move(values)});
}
Condition Argument::in(std::initializer_list<AnyValue> values) const {
  return test(Relation::in, intervals_of(values));
}
Condition Argument::not_in(std::initializer_list<AnyValue> values) const {
  return test(Relation::not_in, intervals_of(values));
}
Condition Argument::subset_of(const AnyValue& bits) const {
  return compare(Relation::subset, bits);
}
Condition Argument::compare(Relation relation, const AnyValue& value) const {
  return test(relation, {value.interval});
}

Argument arg(ParameterName name) { return arg_named(name.name); }
Argument arg_named(std::string_view name) { return Argument({.name = std::string(name)}); }
Argument word(WordIndex index) {
  return Argument({.kind = Operand::Kind::word, .index = index.index});
}
Argument low_word(WordIndex index) {
  return Argument({.kind = Operand::Kind::low, .index = index.index});
}
Argument high_word(WordIndex index) {
  return Argument({.kind = Operand::Kind::high, .index = index.index});
}
Argument instruction_pointer() { return Argument({.kind = Operand::Kind::ip}); }

Condition operator&&(Condition left, Condition right) {
  return joined(Condition::Kind::all, std::move(left), std::move(right));
}
Condition operator||(Condition left, Condition right) {
  return joined(Condition::Kind::any, std::move(left), std::move(right));
}
Condition operator!(Condition condition) {
  Condition result;
  result.kind = Condition::Kind::negation;
  result.children.push_back(std::move(condition));
  return result;
}

}  // namespace callgate

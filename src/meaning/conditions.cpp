#include "meaning/conditions.h"

#include <algorithm>

#include "meaning/bits.h"

namespace callgate::meaning {
namespace {

void append(std::string& key, std::uint64_t value) {
  for (unsigned i = 0; i < 8; ++i) key.push_back(static_cast<char>(value >> (8 * i)));
}

std::string key_of(const ResolvedCondition& condition) {
  std::string key;
  const BitTest& test = condition.test;
  append(key, static_cast<std::uint64_t>(condition.kind) | std::uint64_t{test.low} << 8 |
                  std::uint64_t{test.high} << 16 | std::uint64_t{test.bits} << 24 |
                  std::uint64_t{test.is_signed} << 32 |
                  static_cast<std::uint64_t>(test.relation) << 40);
  append(key, test.mask);
  for (const auto& [first, last] : test.ranges) {
    append(key, first);
    append(key, last);
  }
  for (const ConditionId child : condition.children) append(key, child);
  return key;
}

/// Where the bits of an operand lie.
BitTest place(const ResolvedOperand& operand) {
  BitTest test;
  test.bits = operand.bits;
  test.is_signed = operand.is_signed;
  switch (operand.kind) {
    case Operand::Kind::ip:
      test.low = ip_low;
      test.high = ip_high;
      break;
    case Operand::Kind::ip_low: test.low = ip_low; break;
    case Operand::Kind::ip_high: test.low = ip_high; break;
    case Operand::Kind::high: test.low = arg_high(operand.low); break;
    case Operand::Kind::low: test.low = arg_low(operand.low); break;
    case Operand::Kind::word:
    case Operand::Kind::parameter:
      test.low = arg_low(operand.low);
      test.high = operand.is_pair ? arg_low(operand.high) : arg_high(operand.low);
      break;
  }
  if (test.bits <= 32) test.high = 0;
  return test;
}

bool has_one_value(Relation relation) {
  return relation != Relation::in && relation != Relation::not_in;
}

std::vector<Diagram> constant_vector(std::uint64_t value, unsigned bits) {
  std::vector<Diagram> result(bits);
  for (unsigned i = 0; i < bits; ++i) result[i] = constant((value >> i & 1) != 0);
  return result;
}

/// One test at a point.
bool holds(const BitTest& test, const Assignment& point) noexcept {
  const std::uint64_t all =
      test.bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << test.bits) - 1;
  const std::uint64_t high = test.bits > 32 ? point.words[test.high] : 0;
  const std::uint64_t value = (high << 32 | point.words[test.low]) & all & test.mask;
  const std::uint64_t sign = test.is_signed ? std::uint64_t{1} << (test.bits - 1) : 0;
  const auto is_in = [&](const std::pair<std::uint64_t, std::uint64_t>& range) {
    return (range.first ^ sign) <= (value ^ sign) && (value ^ sign) <= (range.second ^ sign);
  };
  const bool inside = std::any_of(test.ranges.begin(), test.ranges.end(), is_in);
  const std::uint64_t first = test.ranges.empty() ? 0 : test.ranges.front().first;
  switch (test.relation) {
    case Relation::eq:
    case Relation::in: return inside;
    case Relation::ne:
    case Relation::not_in: return !inside;
    case Relation::lt: return (value ^ sign) < (first ^ sign);
    case Relation::le: return (value ^ sign) <= (first ^ sign);
    case Relation::gt: return (value ^ sign) > (first ^ sign);
    case Relation::ge: return (value ^ sign) >= (first ^ sign);
    case Relation::subset: break;
  }
  return (value & ~first) == 0;
}

}  // namespace

ConditionTable::ConditionTable() : conditions_(2) {
  conditions_[never].kind = Condition::Kind::any;
}

bool names_parameter(const Condition& condition) noexcept {
  if (condition.kind == Condition::Kind::test)
    return condition.test.operand.kind == Operand::Kind::parameter;
  return std::any_of(condition.children.begin(), condition.children.end(), names_parameter);
}

ConditionId ConditionTable::intern(ResolvedCondition condition) {
  const auto [entry, is_new] =
      ids_.try_emplace(key_of(condition), static_cast<ConditionId>(conditions_.size()));
  if (is_new) conditions_.push_back(std::move(condition));
  return entry->second;
}

ConditionId ConditionTable::add(const Condition& condition, Arch arch, const Syscall* call) {
  switch (condition.kind) {
    case Condition::Kind::always: return always;
    case Condition::Kind::test: return add_test(condition.test, arch, call);
    case Condition::Kind::all:
    case Condition::Kind::any: return add_list(condition, arch, call);
    case Condition::Kind::negation: break;
  }
  if (condition.children.empty()) return never;
  const ConditionId child = add(condition.children.front(), arch, call);
  if (child <= always) return child == never ? always : never;
  return intern({.kind = Condition::Kind::negation, .children = {child}});
}

ConditionId ConditionTable::add_list(const Condition& condition, Arch arch, const Syscall* call) {
  const bool is_all = condition.kind == Condition::Kind::all;
  const ConditionId neutral = is_all ? always : never;
  const ConditionId deciding = is_all ? never : always;
  ResolvedCondition result{.kind = condition.kind};
  for (const Condition& child : condition.children) {
    const ConditionId id = add(child, arch, call);
    if (id == deciding) return deciding;
    if (id != neutral) result.children.push_back(id);
  }
  if (result.children.empty()) return neutral;
  return result.children.size() == 1 ? result.children.front() : intern(std::move(result));
}

ConditionId ConditionTable::add_test(const Test& test, Arch arch, const Syscall* call) {
  const auto operand = resolve_operand(test.operand, arch, call);
  if (!operand || !operand->testable) return never;
  ResolvedCondition result{.kind = Condition::Kind::test, .test = place(*operand)};
  result.test.relation = test.relation;
  if (test.mask) {
    const auto mask = resolve_value(*test.mask, arch, *operand);
    if (!mask) return never;
    result.test.mask = *mask;
    result.test.is_signed = false;
  }
  if (has_one_value(test.relation) && test.values.size() != 1) return never;
  for (const Interval& interval : test.values) {
    const auto first = resolve_value(interval.first, arch, *operand);
    const auto last = interval.last ? resolve_value(*interval.last, arch, *operand) : first;
    if (first && last)
      result.test.ranges.emplace_back(*first, *last);
    else if (has_one_value(test.relation))
      return never;
  }
  return intern(std::move(result));
}

bool holds(const ConditionTable& table, ConditionId id, const Assignment& point) noexcept {
  const ResolvedCondition& condition = table[id];
  const auto child_holds = [&](ConditionId child) { return holds(table, child, point); };
  const auto& children = condition.children;
  switch (condition.kind) {
    case Condition::Kind::always: return true;
    case Condition::Kind::test: return holds(condition.test, point);
    case Condition::Kind::all: return std::all_of(children.begin(), children.end(), child_holds);
    case Condition::Kind::any: return std::any_of(children.begin(), children.end(), child_holds);
    case Condition::Kind::negation: break;
  }
  return !child_holds(children.front());
}

Diagram ConditionDiagrams::of(ConditionId id) {
  if (memo_.size() <= id) memo_.resize(table_.size());
  if (!memo_[id].first) {
    const Diagram diagram = build(table_[id]);
    memo_[id] = {true, diagram};
  }
  return memo_[id].second;
}

Diagram ConditionDiagrams::build(const ResolvedCondition& condition) {
  switch (condition.kind) {
    case Condition::Kind::always: return yes;
    case Condition::Kind::test: return build(condition.test);
    case Condition::Kind::negation: return store_.negation(of(condition.children.front()));
    case Condition::Kind::all:
    case Condition::Kind::any: break;
  }
  const bool is_all = condition.kind == Condition::Kind::all;
  Diagram result = constant(is_all);
  for (std::size_t i = condition.children.size(); i-- > 0;) {
    const Diagram child = of(condition.children[i]);
    result = is_all ? store_.both(child, result) : store_.either(child, result);
  }
  return result;
}

Diagram ConditionDiagrams::build(const BitTest& test) {
  const Bits low = order_.bits(store_, test.low);
  std::vector<Diagram> value(low.begin(), low.begin() + std::min(test.bits, 32u));
  if (test.bits > 32) {
    const Bits high = order_.bits(store_, test.high);
    value.insert(value.end(), high.begin(), high.begin() + (test.bits - 32));
  }
  for (unsigned i = 0; i < test.bits; ++i)
    if ((test.mask >> i & 1) == 0) value[i] = no;
  if (test.relation == Relation::subset) {
    const auto outside = constant_vector(~test.ranges.front().first, test.bits);
    return store_.negation(intersect(store_, value, outside));
  }
  // Signed order is unsigned order with the sign bit turned round.
  const std::uint64_t sign = test.is_signed ? std::uint64_t{1} << (test.bits - 1) : 0;
  if (test.is_signed) value.back() = store_.negation(value.back());
  Diagram is_in = no;
  for (const auto& [first, last] : test.ranges) {
    const auto from = constant_vector(first ^ sign, test.bits);
    const auto to = constant_vector(last ^ sign, test.bits);
    Diagram inside = no;
    switch (test.relation) {
      case Relation::lt:
      case Relation::ge: inside = greater(store_, value, from, true); break;
      case Relation::gt:
      case Relation::le: inside = greater(store_, value, from, false); break;
      default:
        inside = first == last ? equal_bits(store_, value, from)
                               : store_.both(greater(store_, value, from, true),
                                             greater(store_, to, value, true));
    }
    is_in = store_.either(inside, is_in);
  }
  const bool is_negated = test.relation == Relation::lt || test.relation == Relation::le ||
                          test.relation == Relation::ne || test.relation == Relation::not_in;
  return is_negated ? store_.negation(is_in) : is_in;
}

}  // namespace callgate::meaning

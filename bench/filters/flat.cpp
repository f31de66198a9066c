// Conditions to disjunctions of conjunctions by pushing negations inwards and multiplying out.
// Known weakness: it multiplies blindly, so a condition of many alternatives is given up, not
// simplified.
#include "filters/flat.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "callgate/policy/resolve.h"

namespace callgate::bench {
namespace {

using Conjunction = std::vector<Comparison>;
using Disjunction = std::vector<Conjunction>;

constexpr std::size_t most_conjunctions = 64;

struct Subject {
  Arch arch;
  const Syscall* call;
};

constexpr Relation opposite(Relation relation) {
  switch (relation) {
    case Relation::eq: return Relation::ne;
    case Relation::ne: return Relation::eq;
    case Relation::lt: return Relation::ge;
    case Relation::le: return Relation::gt;
    case Relation::gt: return Relation::le;
    case Relation::ge: return Relation::lt;
    default: return relation;
  }
}

Result<Disjunction> both(const Disjunction& left, const Disjunction& right) {
  if (left.size() * right.size() > most_conjunctions) return fail("too many alternatives");
  Disjunction out;
  for (const Conjunction& a : left) {
    for (const Conjunction& b : right) {
      Conjunction joined = a;
      for (const Comparison& one : b)
        if (std::find(joined.begin(), joined.end(), one) == joined.end()) joined.push_back(one);
      out.push_back(std::move(joined));
    }
  }
  return out;
}

/// A test's operand and mask, with the relation and value still open.
Result<Comparison> begin_comparison(const Test& test, const Subject& subject,
                                    ResolvedOperand& operand) {
  CALLGATE_TRY(operand, resolve_operand(test.operand, subject.arch, subject.call));
  using Kind = Operand::Kind;
  const bool is_argument = operand.kind == Kind::word || operand.kind == Kind::low;
  const bool is_order = test.relation != Relation::eq && test.relation != Relation::ne &&
                        test.relation != Relation::in && test.relation != Relation::not_in;
  if (!operand.testable || !is_argument || operand.is_pair || operand.bits < 32 ||
      (operand.is_signed && is_order))
    return fail("an operand that peers do not know");
  Comparison out{.argument = operand.low, .bits = operand.kind == Kind::low ? 32 : operand.bits};
  if (test.mask) {
    CALLGATE_TRY(out.mask, resolve_value(*test.mask, subject.arch, operand));
  }
  return out;
}

/// first..last as one or two comparisons.
Result<Conjunction> interval_comparisons(const Interval& interval, Comparison base,
                                         const Subject& subject, const ResolvedOperand& operand) {
  CALLGATE_TRY(base.value, resolve_value(interval.first, subject.arch, operand));
  if (!interval.last) return Conjunction{base};
  Comparison end = base;
  CALLGATE_TRY(end.value, resolve_value(*interval.last, subject.arch, operand));
  if (base.has_mask()) return fail("a range under a mask");
  base.relation = Relation::ge;
  end.relation = Relation::le;
  return Conjunction{base, end};
}

Disjunction negated(const Conjunction& all) {
  Disjunction out;
  for (Comparison one : all) {
    one.relation = opposite(one.relation);
    out.push_back({one});
  }
  return out;
}

Result<Disjunction> flatten_test(const Test& test, const Subject& subject, bool negate) {
  ResolvedOperand operand;
  CALLGATE_TRY(Comparison base, begin_comparison(test, subject, operand));
  if (test.relation == Relation::subset) {
    CALLGATE_TRY(const std::uint64_t set,
                 resolve_value(test.values.front().first, subject.arch, operand));
    base.mask &= ~set & base.all_bits();
    base.relation = negate ? Relation::ne : Relation::eq;
    return Disjunction{{base}};
  }
  if (test.relation != Relation::in && test.relation != Relation::not_in) {
    base.relation = negate ? opposite(test.relation) : test.relation;
    CALLGATE_TRY(base.value, resolve_value(test.values.front().first, subject.arch, operand));
    return Disjunction{{base}};
  }
  const bool is_outside = (test.relation == Relation::not_in) != negate;
  Disjunction out;
  if (is_outside) out.emplace_back();
  for (const Interval& interval : test.values) {
    CALLGATE_TRY(Conjunction within, interval_comparisons(interval, base, subject, operand));
    if (is_outside) {
      CALLGATE_TRY(out, both(out, negated(within)));
    } else {
      out.push_back(std::move(within));
    }
  }
  return out;
}

Result<Disjunction> flatten_condition(const Condition& condition, const Subject& subject,
                                      bool negate) {
  using Kind = Condition::Kind;
  if (condition.kind == Kind::always) return negate ? Disjunction{} : Disjunction{{}};
  if (condition.kind == Kind::test) return flatten_test(condition.test, subject, negate);
  if (condition.kind == Kind::negation)
    return flatten_condition(condition.children.front(), subject, !negate);
  const bool is_all = (condition.kind == Kind::all) != negate;
  Disjunction out;
  if (is_all) out.emplace_back();
  for (const Condition& child : condition.children) {
    CALLGATE_TRY(const Disjunction part, flatten_condition(child, subject, negate));
    if (is_all) {
      CALLGATE_TRY(out, both(out, part));
    } else {
      out.insert(out.end(), part.begin(), part.end());
    }
  }
  if (out.size() > most_conjunctions) return fail("too many alternatives");
  return out;
}

bool contains(std::span<const NumberRange> ranges, std::uint32_t number) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const NumberRange& range) {
    return range.first <= number && number <= range.last;
  });
}

/// Each rule's numbers on one ABI.
struct SelectedRule {
  const Rule* rule;
  std::vector<NumberRange> numbers;
};

Result<void> flatten_call(std::span<const SelectedRule> rules, const Syscall& call, Arch arch,
                          std::uint32_t otherwise, std::vector<FlatRule>& out) {
  const std::size_t first = out.size();
  bool is_decided = false;
  for (const SelectedRule& selected : rules) {
    if (is_decided || !contains(selected.numbers, call.number)) continue;
    CALLGATE_TRY(const Disjunction lines,
                 flatten_condition(selected.rule->condition, {arch, &call}, false));
    for (const Conjunction& line : lines) {
      out.push_back({call.number, std::string(call.name), selected.rule->action.ret(), line});
      is_decided = is_decided || line.empty();
    }
  }
  while (out.size() > first && out.back().ret == otherwise) out.pop_back();
  return {};
}

/// True if some number without a call is selected: lines have calls only.
bool selects_more_than_calls(std::span<const NumberRange> ranges, Arch arch) {
  for (const NumberRange& range : ranges) {
    std::uint64_t calls = 0;
    for (const Syscall& call : syscalls(arch))
      calls += range.first <= call.number && call.number <= range.last ? 1 : 0;
    if (calls != std::uint64_t{range.last} - range.first + 1) return true;
  }
  return false;
}

Result<FlatArch> flatten_arch(const Policy& policy, Arch arch) {
  std::vector<SelectedRule> rules;
  for (const Rule& rule : policy.rules)
    rules.push_back({&rule, selected_numbers(policy, rule, arch)});
  FlatArch out{.arch = arch, .rules = {}};
  for (const Syscall& call : syscalls(arch))
    CALLGATE_CHECK(flatten_call(rules, call, arch, policy.otherwise.ret(), out.rules));
  return out;
}

constexpr std::string_view relation_names[] = {"eq", "ne", "lt", "le", "gt", "ge"};

/// A value for which the comparison holds, or does not.
std::uint64_t value_for(const Comparison& test, bool holds) {
  const Relation relation = holds ? test.relation : opposite(test.relation);
  const std::uint64_t lowest = test.mask & (~test.mask + 1);
  switch (relation) {
    case Relation::ne: return test.value ^ lowest;
    case Relation::lt: return test.value - 1;
    case Relation::gt: return test.value + 1;
    default: return test.value;
  }
}

}  // namespace

Result<FlatPolicy> flatten_calls(const Policy& policy) {
  FlatPolicy out{.otherwise = policy.otherwise.ret(), .unlisted = policy.unlisted.ret()};
  for (const Arch arch : policy.arches) {
    CALLGATE_TRY(FlatArch lines, flatten_arch(policy, arch));
    out.arches.push_back(std::move(lines));
  }
  return out;
}

Result<FlatPolicy> flatten(const Policy& policy) {
  if (policy.unknown != policy.otherwise) return fail("another action for unassigned numbers");
  for (const Rule& rule : policy.rules)
    for (const Arch arch : policy.arches)
      if (selects_more_than_calls(selected_numbers(policy, rule, arch), arch))
        return fail("an action for numbers that no call has");
  return flatten_calls(policy);
}

std::string print_flat(const FlatPolicy& policy) {
  std::string text =
      fmt::format("otherwise {:08x}\nunlisted {:08x}\n", policy.otherwise, policy.unlisted);
  for (const FlatArch& arch : policy.arches) {
    text += fmt::format("arch {}\n", arch_info(arch.arch).name);
    for (const FlatRule& rule : arch.rules) {
      text += fmt::format("call {} {} {:08x}", rule.number, rule.name, rule.ret);
      for (const Comparison& one : rule.comparisons)
        text += fmt::format(" {}:{}:{}:{:016x}:{:016x}", one.argument, one.bits,
                            relation_names[static_cast<std::size_t>(one.relation)], one.mask,
                            one.value);
      text += '\n';
    }
  }
  return text;
}

std::array<std::uint64_t, 6> matching_arguments(const FlatRule& rule) {
  std::array<std::uint64_t, 6> args{};
  for (const Comparison& one : rule.comparisons) args[one.argument] = value_for(one, true);
  return args;
}

std::array<std::uint64_t, 6> failing_arguments(const FlatRule& rule) {
  std::array<std::uint64_t, 6> args = matching_arguments(rule);
  if (!rule.comparisons.empty()) {
    const Comparison& first = rule.comparisons.front();
    args[first.argument] = value_for(first, false);
  }
  return args;
}

}  // namespace callgate::bench

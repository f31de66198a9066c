// The first rule that matches decides: rules are read in order, for one call at a time. Nothing is
// prepared or kept, so every verdict costs a walk through the whole policy; that is the point.
#include "callgate/policy/evaluate.h"

#include <algorithm>

#include "callgate/abi/constants.h"
#include "callgate/policy/resolve.h"
#include "policy/width.h"

namespace callgate {
namespace {

std::uint64_t low_half(std::uint64_t word) { return word & 0xffffffff; }

/// The operand's value in a call, cut to the bits that count.
std::uint64_t read(const ResolvedOperand& operand, const SeccompData& data) {
  const std::uint64_t word = data.args[operand.low];
  std::uint64_t value = 0;
  switch (operand.kind) {
    case Operand::Kind::parameter:
      value = low_half(data.args[operand.high]) << 32 | low_half(word);
      break;
    case Operand::Kind::word: value = word; break;
    case Operand::Kind::low: value = low_half(word); break;
    case Operand::Kind::high: value = word >> 32; break;
    case Operand::Kind::ip: value = data.instruction_pointer; break;
    case Operand::Kind::ip_low: value = low_half(data.instruction_pointer); break;
    case Operand::Kind::ip_high: value = data.instruction_pointer >> 32; break;
  }
  return value & policy::low_bits(operand.bits);
}

/// Whether a signed comparison is meant, and at which width.
struct Order {
  bool is_signed;
  unsigned bits;

  [[nodiscard]] bool less(std::uint64_t a, std::uint64_t b) const {
    return is_signed ? policy::sign_extend(a, bits) < policy::sign_extend(b, bits) : a < b;
  }
};

/// One test on one call. A value that cannot be resolved (check reports it) makes it false.
class TestReading {
 public:
  TestReading(const Test& test, Arch arch, const ResolvedOperand& operand)
      : test_(test),
        arch_(arch),
        operand_(operand),
        order_{operand.is_signed && !test.mask, operand.bits} {}

  [[nodiscard]] bool holds(const SeccompData& data) const {
    std::uint64_t value = read(operand_, data);
    if (test_.mask) {
      const auto mask = resolve_value(*test_.mask, arch_, operand_);
      if (!mask) return false;
      value &= *mask;
    }
    if (test_.relation == Relation::in) return is_in_set(value);
    if (test_.relation == Relation::not_in) return !is_in_set(value);
    if (test_.values.size() != 1) return false;
    const auto other = resolve_value(test_.values.front().first, arch_, operand_);
    return other && compares(value, *other);
  }

 private:
  [[nodiscard]] bool compares(std::uint64_t value, std::uint64_t other) const {
    switch (test_.relation) {
      case Relation::eq: return value == other;
      case Relation::ne: return value != other;
      case Relation::lt: return order_.less(value, other);
      case Relation::le: return !order_.less(other, value);
      case Relation::gt: return order_.less(other, value);
      case Relation::ge: return !order_.less(value, other);
      case Relation::subset: return (value & ~other) == 0;
      default: return false;
    }
  }

  [[nodiscard]] bool is_in_set(std::uint64_t value) const {
    return std::any_of(test_.values.begin(), test_.values.end(), [&](const Interval& interval) {
      const auto first = resolve_value(interval.first, arch_, operand_);
      if (!interval.last) return first && value == *first;
      const auto last = resolve_value(*interval.last, arch_, operand_);
      return first && last && !order_.less(value, *first) && !order_.less(*last, value);
    });
  }

  const Test& test_;
  Arch arch_;
  const ResolvedOperand& operand_;
  Order order_;
};

/// A condition without untestable tests.
bool holds(const Condition& condition, Arch arch, const Syscall* call, const SeccompData& data) {
  const auto child_holds = [&](const Condition& child) { return holds(child, arch, call, data); };
  const auto& children = condition.children;
  switch (condition.kind) {
    case Condition::Kind::always: return true;
    case Condition::Kind::test: {
      const auto operand = resolve_operand(condition.test.operand, arch, call);
      return operand && TestReading(condition.test, arch, *operand).holds(data);
    }
    case Condition::Kind::all: return std::all_of(children.begin(), children.end(), child_holds);
    case Condition::Kind::any: return std::any_of(children.begin(), children.end(), child_holds);
    case Condition::Kind::negation: return !children.empty() && !child_holds(children.front());
  }
  return false;
}

bool matches(const Policy& policy, const Rule& rule, Arch arch, const SeccompData& data) {
  const std::vector<NumberRange> numbers = selected_numbers(policy, rule, arch);
  const bool selected = std::any_of(numbers.begin(), numbers.end(), [&](const NumberRange& range) {
    return range.first <= data.nr && data.nr <= range.last;
  });
  if (!selected) return false;
  const Syscall* call = find_syscall(arch, data.nr);
  if (!is_untestable(rule.condition, arch, call)) return holds(rule.condition, arch, call, data);
  const bool loosens = untestable_rule(policy, rule) == OnUntestable::allow_;
  return denies(rule.action.kind) != loosens;
}

/// What a call gets that no rule matches.
Verdict unmatched(const Policy& policy, Arch arch, std::uint32_t number) {
  const Syscall* call = find_syscall(arch, number);
  const bool is_known =
      number == skipped_call || (call != nullptr && call->since <= abi_level(policy));
  if (is_known || !denies(policy.otherwise.kind))
    return {policy.otherwise, Verdict::Source::otherwise, {}};
  return {policy.unknown, Verdict::Source::unknown, {}};
}

bool lists(std::span<const Arch> arches, Arch arch) {
  return std::find(arches.begin(), arches.end(), arch) != arches.end();
}

/// Number -1 on x86-64's audit number where x32 is listed and x86-64 is not.
bool is_skipped_x32(std::span<const Arch> arches, std::optional<Arch> arch,
                    const SeccompData& data) {
  return arch == Arch::x86_64 && data.nr == skipped_call && !lists(arches, Arch::x86_64) &&
         lists(arches, Arch::x32);
}

}  // namespace

Verdict evaluate(const Policy& policy, std::span<const Arch> arches, const SeccompData& data) {
  const std::optional<Arch> arch = classify(data.arch, data.nr);
  if (is_skipped_x32(arches, arch, data)) return {policy.otherwise, Verdict::Source::otherwise, {}};
  if (!arch || !lists(arches, *arch)) return {policy.unlisted, Verdict::Source::unlisted, {}};
  for (std::size_t i = 0; i < policy.rules.size(); ++i)
    if (matches(policy, policy.rules[i], *arch, data))
      return {policy.rules[i].action, Verdict::Source::rule, i};
  return unmatched(policy, *arch, data.nr);
}

std::uint32_t returned(const Policy& policy, std::span<const Arch> arches,
                       const SeccompData& data) {
  const Action action = evaluate(policy, arches, data).action;
  std::optional<Arch> arch = classify(data.arch, data.nr);
  if (is_skipped_x32(arches, arch, data)) arch = Arch::x32;
  if (arch && lists(arches, *arch)) return action_on(*arch, action).ret();
  return (arches.empty() ? action : action_on(arches.front(), action)).ret();
}

}  // namespace callgate

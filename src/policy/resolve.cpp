// Names to numbers, by the ABI tables. Whether a group reaches a multiplexed form depends on every
// rule of the policy; Selection remembers the answer, selected_numbers finds it anew each time.
// Numbers of calls are collected as bits of a map, which is sorted and merged by itself.
#include "callgate/policy/resolve.h"

#include <algorithm>
#include <array>
#include <bit>

#include "callgate/abi/groups.h"
#include "policy/values.h"
#include "policy/width.h"

namespace callgate {
namespace {

using policy::fits;
using policy::low_bits;

/// The numbers that classify() gives to an ABI, -1 included where it is the ABI's.
std::vector<NumberRange> own_numbers(Arch arch) {
  switch (arch) {
    case Arch::x86_64: return {{0, x32_bit - 1}, {skipped_call, skipped_call}};
    case Arch::x32: return {{x32_bit, skipped_call - 1}};
    default: return {{0, skipped_call}};
  }
}

/// The part of first..last that is the ABI's own.
void add_clipped(std::vector<NumberRange>& out, Arch arch, std::uint32_t first,
                 std::uint32_t last) {
  for (const NumberRange& own : own_numbers(arch)) {
    const std::uint32_t low = std::max(first, own.first);
    const std::uint32_t high = std::min(last, own.last);
    if (low <= high) out.push_back({low, high});
  }
}

std::vector<NumberRange> merged(std::vector<NumberRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const NumberRange& a, const NumberRange& b) {
    return a.first != b.first ? a.first < b.first : a.last < b.last;
  });
  std::vector<NumberRange> out;
  for (const NumberRange& range : ranges) {
    const bool joins =
        !out.empty() && (out.back().last == skipped_call || range.first <= out.back().last + 1);
    if (joins)
      out.back().last = std::max(out.back().last, range.last);
    else
      out.push_back(range);
  }
  return out;
}

/// The call that does the same as a carried call and more, where that has no number of its own.
std::string_view stand_in(std::string_view call) {
  struct StandIn {
    std::string_view call, by;
  };
  static constexpr std::array<StandIn, 5> table = {{{"accept", "accept4"},
                                                    {"send", "sendto"},
                                                    {"recv", "recvfrom"},
                                                    {"semop", "semtimedop"},
                                                    {"semtimedop", "semtimedop_time64"}}};
  const auto* found =
      std::find_if(table.begin(), table.end(), [&](const StandIn& s) { return s.call == call; });
  return found == table.end() ? std::string_view{} : found->by;
}

/// The call by whose rules a carried call is judged, or null.
const Syscall* judge_of(Arch arch, std::string_view carried) {
  for (std::string_view name = carried; !name.empty(); name = stand_in(name))
    if (const Syscall* call = find_syscall(arch, name)) return call;
  return nullptr;
}

/// Numbers of calls that lie close to an ABI's first, as bits.
class CallNumbers {
 public:
  explicit CallNumbers(Arch arch) : first_(syscalls(arch).front().number) {}

  /// False if it lies too far from the first.
  bool add(std::uint32_t number) {
    const std::uint32_t at = number - first_;
    if (at >= bits_per_word * words_.size()) return false;
    words_[at / bits_per_word] |= std::uint64_t{1} << (at % bits_per_word);
    is_empty_ = false;
    return true;
  }
  /// Ascending, disjoint, not adjacent.
  [[nodiscard]] std::vector<NumberRange> ranges() const {
    std::vector<NumberRange> out;
    if (is_empty_) return out;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t rest = words_[i]; rest != 0;) {
        const int start = std::countr_zero(rest);
        const int length = std::countr_one(rest >> start);
        const auto first = first_ + static_cast<std::uint32_t>(i * bits_per_word) +
                           static_cast<std::uint32_t>(start);
        const std::uint32_t last = first + static_cast<std::uint32_t>(length) - 1;
        if (!out.empty() && out.back().last + 1 == first)
          out.back().last = last;
        else
          out.push_back({first, last});
        if (start + length == bits_per_word) break;
        rest = rest >> (start + length) << (start + length);
      }
    }
    return out;
  }

 private:
  static constexpr int bits_per_word = 64;
  std::uint32_t first_;
  bool is_empty_ = true;
  std::array<std::uint64_t, 16> words_{};
};

/// For each call of an ABI, the first rule that speaks of it: by name, by number, or by a group in
/// which it stands, whatever else that group's name reaches.
class FirstRules {
 public:
  FirstRules(const Policy& policy, Arch arch)
      : arch_(arch), calls_(syscalls(arch)), first_(calls_.size(), nullptr) {
    for (const Rule& rule : policy.rules)
      if (policy::in_section(rule, arch))
        for (const Selector& selector : rule.calls) add(rule, selector);
  }
  /// True if the first rule of every carried call permits it without a condition.
  [[nodiscard]] bool permit_all_that_is_carried_by(const Syscall& multiplexer) const {
    return std::all_of(multiplexer.multiplexes.begin(), multiplexer.multiplexes.end(),
                       [&](const Multiplexed& carried) {
                         const Syscall* judge = judge_of(arch_, carried.name);
                         return judge != nullptr && is_plainly_permitted(*judge);
                       });
  }

 private:
  void add(const Rule& rule, std::string_view name) {
    if (const Syscall* call = find_syscall(arch_, name)) add(rule, *call);
  }
  void add(const Rule& rule, const Syscall& call) {
    const Rule*& first = first_[static_cast<std::size_t>(&call - calls_.data())];
    if (first == nullptr) first = &rule;
  }
  void add(const Rule& rule, const Selector& selector) {
    switch (selector.kind) {
      case Selector::Kind::name: return add(rule, selector.name);
      case Selector::Kind::group:
        if (const Group* group = find_group(selector.name))
          for (const std::string_view name : group->calls) add(rule, name);
        return;
      case Selector::Kind::numbers:
      case Selector::Kind::any: break;
    }
    const bool is_any = selector.kind == Selector::Kind::any;
    for (const Syscall& call : calls_)
      if (is_any || (selector.first <= call.number && call.number <= selector.last))
        add(rule, call);
  }
  [[nodiscard]] bool is_plainly_permitted(const Syscall& call) const {
    const Rule* rule = first_[static_cast<std::size_t>(&call - calls_.data())];
    return rule != nullptr && permits(rule->action.kind) &&
           rule->condition.kind == Condition::Kind::always;
  }

  Arch arch_;
  std::span<const Syscall> calls_;
  std::vector<const Rule*> first_;
};

ResolvedOperand raw_operand(const Operand& operand) {
  const bool half = operand.kind == Operand::Kind::low || operand.kind == Operand::Kind::high ||
                    operand.kind == Operand::Kind::ip_low || operand.kind == Operand::Kind::ip_high;
  return {.kind = operand.kind, .low = operand.index, .bits = half ? 32u : 64u};
}

ResolvedOperand parameter_operand(const Parameter& parameter) {
  ResolvedOperand out{.parameter = &parameter,
                      .low = parameter.low,
                      .high = parameter.high,
                      .is_pair = parameter.placement == Placement::word_pair,
                      .bits = parameter.bits,
                      .is_signed = parameter.is_signed};
  if (out.is_pair) out.kind = Operand::Kind::parameter;
  out.testable = parameter.kind != ParameterKind::unknown && parameter.bits != 0 &&
                 (parameter.placement == Placement::word || out.is_pair);
  return out;
}

std::string number_text(const Value& value) {
  const std::uint64_t shown = value.negative ? 0 - value.number : value.number;
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::uint64_t rest = shown; rest != 0 || text.empty(); rest >>= 4)
    text.insert(text.begin(), digits[rest & 15]);
  return (value.negative ? "-0x" : "0x") + text;
}

/// What an operand is called in messages.
std::string operand_text(const ResolvedOperand& operand) {
  if (operand.parameter != nullptr) return "`" + std::string(operand.parameter->name) + "`";
  return operand.bits == 64 ? "a word" : "half a word";
}

tl::unexpected<Error> unknown_constant(const std::string& name, Arch arch, const ConstantSet* set) {
  const std::vector<std::string_view> names = constant_names(arch, set);
  const std::string_view likely = nearest(name, names);
  const std::string where = set == nullptr ? "" : " among " + std::string(set->name);
  return fail(
      Error(Diagnostic{.message = "no constant `" + name + "`" + where,
                       .hint = likely.empty() ? "" : "did you mean `" + std::string(likely) + "`?",
                       .id = "unknown-name"}));
}

tl::unexpected<Error> out_of_range(const std::string& text, const ResolvedOperand& operand,
                                   std::string_view fault) {
  return fail(operand_text(operand) + " has " + std::to_string(operand.bits) + " bits" +
              (operand.parameter != nullptr ? " in the kernel" : "") + "; " + text + " " +
              std::string(fault));
}

Result<std::uint64_t> constant_value(const std::string& name, Arch arch,
                                     const ResolvedOperand& operand, std::string_view fault) {
  const ConstantSet* set = operand.parameter != nullptr ? operand.parameter->constants : nullptr;
  const auto value = set != nullptr ? find_constant(arch, *set, name) : find_constant(arch, name);
  if (!value) return unknown_constant(name, arch, set);
  const bool negative = static_cast<std::int64_t>(*value) < 0;
  if (!fits(*value, false, operand.bits) && !fits(*value, negative, operand.bits))
    return out_of_range("`" + name + "`", operand, fault);
  return *value & low_bits(operand.bits);
}

}  // namespace

namespace policy {

std::vector<const Syscall*> group_forms(std::string_view name, Arch arch) {
  std::vector<const Syscall*> forms;
  const Group* group = find_group(name);
  if (group == nullptr) return forms;
  for (const std::string_view form : group->calls)
    if (const Syscall* call = find_syscall(arch, form)) forms.push_back(call);
  return forms;
}

bool in_section(const Rule& rule, Arch arch) noexcept {
  return rule.arches.empty() ||
         std::find(rule.arches.begin(), rule.arches.end(), arch) != rule.arches.end();
}

Result<std::uint64_t> resolve_value_as(const Value& value, Arch arch,
                                       const ResolvedOperand& operand, std::string_view fault) {
  std::uint64_t bits = 0;
  for (const std::string& name : value.names) {
    CALLGATE_TRY(const std::uint64_t constant, constant_value(name, arch, operand, fault));
    bits |= constant;
  }
  if (!fits(value.number, value.negative, operand.bits))
    return out_of_range(number_text(value), operand, fault);
  bits |= value.number;
  return (value.complement ? ~bits : bits) & low_bits(operand.bits);
}

}  // namespace policy

bool Selection::selects_form(const Rule& rule, Arch arch, const Syscall& form) {
  if (form.multiplexes.empty() || denies(rule.action.kind)) return true;
  for (const Judgement& known : judged_)
    if (known.arch == arch && known.multiplexer == &form) return known.carries_only_permitted;
  const bool permitted = FirstRules(policy_, arch).permit_all_that_is_carried_by(form);
  judged_.push_back({arch, &form, permitted});
  return permitted;
}

std::vector<NumberRange> Selection::numbers(const Rule& rule, Arch arch) {
  std::vector<NumberRange> out;
  if (!policy::in_section(rule, arch)) return out;
  CallNumbers calls(arch);
  const auto add_call = [&](const Syscall& call) {
    if (!calls.add(call.number)) out.push_back({call.number, call.number});
  };
  for (const Selector& selector : rule.calls) {
    switch (selector.kind) {
      case Selector::Kind::name:
        if (const Syscall* call = find_syscall(arch, selector.name)) add_call(*call);
        break;
      case Selector::Kind::group:
        for (const Syscall* form : policy::group_forms(selector.name, arch))
          if (selects_form(rule, arch, *form)) add_call(*form);
        break;
      case Selector::Kind::numbers: add_clipped(out, arch, selector.first, selector.last); break;
      case Selector::Kind::any: add_clipped(out, arch, 0, skipped_call - 1); break;
    }
  }
  if (out.empty()) return calls.ranges();
  const std::vector<NumberRange> more = calls.ranges();
  out.insert(out.end(), more.begin(), more.end());
  return merged(std::move(out));
}

std::vector<NumberRange> selected_numbers(const Policy& policy, const Rule& rule, Arch arch) {
  return Selection(policy).numbers(rule, arch);
}

Result<ResolvedOperand> resolve_operand(const Operand& operand, Arch arch, const Syscall* call) {
  if (operand.kind != Operand::Kind::parameter) {
    if (operand.index > 5)
      return fail("there is no argument word args[" + std::to_string(operand.index) + "]");
    return raw_operand(operand);
  }
  if (call == nullptr)
    return fail("`" + operand.name + "` names a parameter, but the number has no known call");
  if (const Parameter* parameter = find_parameter(*call, operand.name))
    return parameter_operand(*parameter);
  if (!call->signature_known) return ResolvedOperand{.testable = false};
  return fail(std::string(call->name) + " has no parameter `" + operand.name + "` on " +
              std::string(arch_info(arch).name));
}

Result<std::uint64_t> resolve_value(const Value& value, Arch arch, const ResolvedOperand& operand) {
  return policy::resolve_value_as(value, arch, operand, "cannot match");
}

bool is_untestable(const Condition& condition, Arch arch, const Syscall* call) {
  if (condition.kind == Condition::Kind::test) {
    const auto operand = resolve_operand(condition.test.operand, arch, call);
    return !operand || !operand->testable;
  }
  return std::any_of(condition.children.begin(), condition.children.end(),
                     [&](const Condition& child) { return is_untestable(child, arch, call); });
}

OnUntestable untestable_rule(const Policy& policy, const Rule& rule) noexcept {
  return rule.on_untestable.value_or(policy.on_untestable);
}

Release abi_level(const Policy& policy) noexcept { return policy.abi.value_or(newest_release()); }

}  // namespace callgate

#include "policy/check_conditions.h"

#include <algorithm>

#include "callgate/abi/groups.h"
#include "policy/names.h"
#include "policy/rule_names.h"
#include "policy/values.h"
#include "policy/width.h"

namespace callgate::policy {
namespace {

/// One call on one ABI that a rule selects by a name or a group.
struct Use {
  Arch arch;
  const Syscall* call;
  bool is_named;  ///< by its own name, not only as a form of a group
};

/// A finding that holds for these uses.
struct Shared {
  Finding finding;
  std::vector<const Use*> uses;
};

bool is_ordered(Relation relation) {
  return relation == Relation::lt || relation == Relation::le || relation == Relation::gt ||
         relation == Relation::ge;
}

bool is_set(Relation relation) { return relation == Relation::in || relation == Relation::not_in; }

bool is_null(const Value& value) {
  return value.names.empty() && value.number == 0 && !value.complement;
}

/// What is wrong with one test for one use: every finding, in the order of the text.
class TestCheck {
 public:
  TestCheck(const Test& test, const Use& use, OnUntestable untestable, RuleNames& names)
      : test_(test), use_(use), untestable_(untestable), names_(names) {}

  std::vector<Finding> run() {
    const auto operand = resolve_operand(test_.operand, use_.arch, use_.call);
    if (!operand) {
      if (use_.is_named || use_.call == nullptr)
        report(missing_parameter());
      else
        report_untestable("`" + test_.operand.name + "` is no parameter");
      return std::move(findings_);
    }
    if (!operand->testable) {
      report_untestable("`" + test_.operand.name + "` " + why_untestable(*operand));
      return std::move(findings_);
    }
    if (operand->parameter != nullptr && operand->parameter->kind == ParameterKind::pointer)
      check_pointer();
    else
      check_values(*operand);
    return std::move(findings_);
  }

 private:
  void report(Finding finding) { findings_.push_back(std::move(finding)); }

  [[nodiscard]] Finding missing_parameter() const {
    std::vector<std::string_view> names;
    std::string list;
    for (const Parameter& parameter : use_.call->parameters) {
      names.push_back(parameter.name);
      list += (list.empty() ? "it has " : ", ") + std::string(parameter.name);
    }
    const std::string_view likely = nearest(test_.operand.name, names);
    return {Severity::error, "`" + test_.operand.name + "` is no parameter",
            likely.empty() ? (list.empty() ? "it has none" : list)
                           : "did you mean `" + std::string(likely) + "`?",
            "unknown-name"};
  }

  [[nodiscard]] static std::string why_untestable(const ResolvedOperand& operand) {
    if (operand.parameter == nullptr) return "is not known: the tables lack the signature";
    if (operand.parameter->placement == Placement::memory)
      return "is in memory, where no filter can see it";
    return "is not known well enough to be tested";
  }

  /// Reported by check_condition, with the remedy, unless the rule says what becomes of it.
  void report_untestable(std::string what) {
    if (untestable_ == OnUntestable::error) report({Severity::error, std::move(what), remedy});
    if (test_.mask) report_constants(*test_.mask);
    for (const Interval& interval : test_.values) {
      report_constants(interval.first);
      if (interval.last) report_constants(*interval.last);
    }
  }

  /// Constants that no such parameter takes are wrong even where the test cannot be made.
  void report_constants(const Value& value) {
    for (const std::string& constant : value.names)
      if (const auto fault = names_.constant_fault(test_.operand.name, constant))
        report({Severity::error, fault->message, fault->hint, "unknown-name"});
  }

  void check_pointer() {
    const bool is_plain = (test_.relation == Relation::eq || test_.relation == Relation::ne) &&
                          !test_.mask && test_.values.size() == 1 && !test_.values[0].last;
    if (!is_plain || !is_null(test_.values[0].first))
      report({Severity::error, "`" + test_.operand.name + "` is a pointer",
              "only `" + test_.operand.name + " == null` and `!= null` have a meaning"});
  }

  void check_values(const ResolvedOperand& operand) {
    std::uint64_t mask = low_bits(operand.bits);
    if (test_.mask)
      if (const auto bits = resolve(*test_.mask, operand, "is too wide a mask")) mask = *bits;
    for (const Interval& interval : test_.values) {
      const auto first = resolve(interval.first, operand, "cannot match");
      if (!interval.last) {
        if (first) check_single(operand, interval.first, *first, mask);
        continue;
      }
      const auto last = resolve(*interval.last, operand, "cannot match");
      if (!first || !last) continue;
      if (order(operand, *first) > order(operand, *last))
        report({Severity::error, "the range is empty: its first value is above its last", {}});
      check_sign(operand, interval.first, *first);
      check_sign(operand, *interval.last, *last);
    }
  }

  void check_single(const ResolvedOperand& operand, const Value& value, std::uint64_t bits,
                    std::uint64_t mask) {
    const bool is_compared =
        test_.relation == Relation::eq || test_.relation == Relation::ne || is_set(test_.relation);
    if (test_.mask && is_compared && (bits & ~mask) != 0)
      report({Severity::warning,
              "the value has bits outside the mask, so it is never equal",
              {},
              "value-outside-mask"});
    if (is_ordered(test_.relation)) check_sign(operand, value, bits);
  }

  /// Warns of a number that a signed comparison takes for a negative one.
  void check_sign(const ResolvedOperand& operand, const Value& value, std::uint64_t bits) {
    const bool is_number = value.names.empty() && !value.negative && !value.complement;
    if (!is_number || !is_signed(operand) || sign_extend(bits, operand.bits) >= 0) return;
    report({Severity::warning,
            "`" + test_.operand.name + "` is signed: as one of its values, " +
                std::to_string(value.number) + " is " +
                std::to_string(sign_extend(bits, operand.bits)),
            {},
            "signed-comparison"});
  }

  std::optional<std::uint64_t> resolve(const Value& value, const ResolvedOperand& operand,
                                       std::string_view fault) {
    const auto bits = resolve_value_as(value, use_.arch, operand, fault);
    if (bits) return *bits;
    for (const Diagnostic& diagnostic : bits.error().diagnostics)
      report({Severity::error, diagnostic.message, diagnostic.hint, diagnostic.id});
    return {};
  }

  [[nodiscard]] bool is_signed(const ResolvedOperand& operand) const {
    return operand.is_signed && !test_.mask;
  }
  /// A key that orders values as the test does.
  [[nodiscard]] std::uint64_t order(const ResolvedOperand& operand, std::uint64_t value) const {
    return is_signed(operand) ? value ^ (std::uint64_t{1} << (operand.bits - 1)) : value;
  }

  static constexpr const char* remedy =
      "say `on untestable deny` or `on untestable allow` after the condition, or write a rule "
      "without the test for that ABI in a section";

  const Test& test_;
  const Use& use_;
  OnUntestable untestable_;
  RuleNames& names_;
  std::vector<Finding> findings_;
};

class ConditionCheck {
 public:
  ConditionCheck(const Policy& policy, const Rule& rule, std::span<const Arch> arches,
                 Selection& selection, Findings& findings)
      : policy_(policy), rule_(rule), arches_(arches), findings_(findings), names_(rule) {
    for (const Arch arch : arches) collect(arch, selection);
    for (const Selector& selector : rule.calls)
      has_numbers_ = has_numbers_ || selector.kind == Selector::Kind::numbers ||
                     selector.kind == Selector::Kind::any;
  }

  void check(const Condition& condition, unsigned depth) {
    if (depth > max_condition_depth) {
      if (!std::exchange(is_too_deep_, true))
        report({Severity::error,
                "the condition is nested deeper than " + std::to_string(max_condition_depth) +
                    " levels",
                {}},
               {});
      return;
    }
    if (condition.kind == Condition::Kind::negation && condition.children.size() != 1)
      report({Severity::error, "`not` needs one condition", {}}, {});
    if (condition.kind == Condition::Kind::test) check_test(condition.test);
    for (const Condition& child : condition.children) check(child, depth + 1);
  }

 private:
  void report(Finding finding, const Place& place) {
    findings_.add(std::move(finding), policy_, rule_, place);
  }

  void collect(Arch arch, Selection& selection) {
    const std::span<const Syscall> calls = syscalls(arch);
    std::vector<std::size_t> known(calls.size(), 0);  // of each call, its use + 1
    const auto add = [&](const Syscall& call, bool is_named) {
      std::size_t& use = known[static_cast<std::size_t>(&call - calls.data())];
      if (use != 0) {
        uses_[use - 1].is_named = uses_[use - 1].is_named || is_named;
        return;
      }
      uses_.push_back({arch, &call, is_named});
      use = uses_.size();
    };
    for (const Selector& selector : rule_.calls) {
      if (selector.kind == Selector::Kind::name)
        if (const Syscall* call = find_syscall(arch, selector.name)) add(*call, true);
      if (selector.kind == Selector::Kind::group)
        for (const Syscall* form : group_forms(selector.name, arch))
          if (selection.selects_form(rule_, arch, *form)) add(*form, false);
    }
  }

  void check_test(const Test& test) {
    if (!check_shape(test)) return;
    if (test.operand.kind != Operand::Kind::parameter) return check_raw(test);
    if (has_numbers_)
      report({Severity::error,
              "a rule on numbers or `*` can test raw words only, not the parameter `" +
                  test.operand.name + "`",
              "name the calls, or test args[0] to args[5]"},
             test.place);
    if (!is_known(test.operand.name) && !arches_.empty())
      return report({Severity::error,
                     "no call of the rule has a parameter `" + test.operand.name + "`",
                     {},
                     "unknown-name"},
                    test.place);
    if (uses_.empty()) return check_constants(test);
    std::vector<Shared> shared;
    for (const Use& use : uses_)
      for (Finding& finding : TestCheck(test, use, untestable_rule(policy_, rule_), names_).run())
        share(shared, std::move(finding), use);
    for (Shared& each : shared) {
      each.finding.message += " (" + uses_text(each.uses) + ")";
      report(std::move(each.finding), test.place);
    }
  }

  /// Constants that no such parameter takes are wrong also where no ABI at hand has the calls.
  void check_constants(const Test& test) {
    const auto look_up = [&](const Value& value) {
      for (const std::string& constant : value.names)
        if (auto fault = names_.constant_fault(test.operand.name, constant))
          report(
              {Severity::error, std::move(fault->message), std::move(fault->hint), "unknown-name"},
              test.place);
    };
    if (test.mask) look_up(*test.mask);
    for (const Interval& interval : test.values) {
      look_up(interval.first);
      if (interval.last) look_up(*interval.last);
    }
  }

  /// True if a call that the rule selects, on any ABI of its section, may have that parameter.
  [[nodiscard]] bool is_known(const std::string& parameter) const {
    const auto may_have = [&](const Syscall* call) {
      return call != nullptr &&
             (!call->signature_known || find_parameter(*call, parameter) != nullptr);
    };
    const auto has = [&](const Selector& selector, Arch arch) {
      if (selector.kind == Selector::Kind::name)
        return may_have(find_syscall(arch, selector.name)) || !is_syscall_name(selector.name);
      const std::vector<const Syscall*> forms = group_forms(selector.name, arch);
      return std::any_of(forms.begin(), forms.end(), may_have) ||
             find_group(selector.name) == nullptr;
    };
    return std::any_of(all_arches.begin(), all_arches.end(), [&](Arch arch) {
      return in_section(rule_, arch) &&
             std::any_of(rule_.calls.begin(), rule_.calls.end(),
                         [&](const Selector& selector) { return has(selector, arch); });
    });
  }

  /// A raw word is the same for every call of an ABI.
  void check_raw(const Test& test) {
    std::vector<Shared> shared;
    std::vector<Use> words;
    for (const Arch arch : arches_) words.push_back({arch, nullptr, false});
    for (const Use& use : words)
      for (Finding& finding : TestCheck(test, use, OnUntestable::error, names_).run())
        share(shared, std::move(finding), use);
    for (Shared& each : shared) {
      if (each.uses.size() < arches_.size())
        each.finding.message += " (" + uses_text(each.uses) + ")";
      report(std::move(each.finding), test.place);
    }
  }

  /// What no text can spell: reported, and the test is not looked at further.
  bool check_shape(const Test& test) {
    if (test.operand.index > 5) {
      report({Severity::error,
              "there is no argument word args[" + std::to_string(test.operand.index) + "]",
              {}},
             test.place);
      return false;
    }
    const bool takes_one = !is_set(test.relation);
    if (takes_one && (test.values.size() != 1 || test.values[0].last)) {
      report({Severity::error, "the comparison needs exactly one value", {}}, test.place);
      return false;
    }
    return true;
  }

  static void share(std::vector<Shared>& all, Finding finding, const Use& use) {
    for (Shared& each : all)
      if (each.finding.message == finding.message && each.finding.hint == finding.hint)
        return each.uses.push_back(&use);
    all.push_back({std::move(finding), {&use}});
  }

  /// "chmod, fchmod on x86_64, i386".
  [[nodiscard]] static std::string uses_text(const std::vector<const Use*>& uses) {
    constexpr std::size_t shown = 4;
    std::vector<std::string_view> calls;
    std::vector<Arch> arches;
    for (const Use* use : uses) {
      if (use->call != nullptr &&
          std::find(calls.begin(), calls.end(), use->call->name) == calls.end())
        calls.push_back(use->call->name);
      if (std::find(arches.begin(), arches.end(), use->arch) == arches.end())
        arches.push_back(use->arch);
    }
    std::string text;
    for (std::size_t i = 0; i < calls.size() && i < shown; ++i)
      text += (i == 0 ? "" : ", ") + std::string(calls[i]);
    if (calls.size() > shown) text += " and " + std::to_string(calls.size() - shown) + " more";
    return text + (text.empty() ? "on " : " on ") + arch_list(arches);
  }

  const Policy& policy_;
  const Rule& rule_;
  std::span<const Arch> arches_;
  Findings& findings_;
  std::vector<Use> uses_;
  bool has_numbers_ = false;
  bool is_too_deep_ = false;
  RuleNames names_;
};

}  // namespace

void check_condition(const Policy& policy, const Rule& rule, std::span<const Arch> arches,
                     Selection& selection, Findings& findings) {
  if (rule.condition.kind == Condition::Kind::always && rule.condition.children.empty()) return;
  ConditionCheck(policy, rule, arches, selection, findings).check(rule.condition, 1);
}

}  // namespace callgate::policy

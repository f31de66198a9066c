#include "policy/check_selectors.h"

#include <algorithm>

#include "policy/names.h"
#include "policy/values.h"

namespace callgate::policy {
namespace {

class SelectorCheck {
 public:
  SelectorCheck(const Policy& policy, const Rule& rule, std::span<const Arch> arches,
                Selection& selection, Findings& findings)
      : policy_(policy), rule_(rule), arches_(arches), selection_(selection), findings_(findings) {}

  void run() {
    if (rule_.calls.empty())
      report(Finding{Severity::error, "the rule names no call", {}}, rule_.place);
    for (const Selector& selector : rule_.calls) check(selector);
    if (missing_.empty() || arches_.empty() || !rule_.promise.empty()) return;
    const bool all = missing_.size() == rule_.calls.size();
    report(
        Finding{all ? Severity::warning : Severity::note,
                list_of_missing() + (missing_.size() == 1 ? " exists" : " exist") + " on none of " +
                    arch_list(arches_) + (all ? ": the rule matches nothing" : ""),
                {},
                all ? "rule-matches-nothing" : "call-elsewhere"},
        missing_.front()->place);
  }

 private:
  void report(Finding finding, const Place& place) {
    findings_.add(std::move(finding), policy_, rule_, place);
  }

  void report(NameFault fault, const Place& place) {
    report(
        Finding{Severity::error, std::move(fault.message), std::move(fault.hint), "unknown-name"},
        place);
  }

  void check(const Selector& selector) {
    switch (selector.kind) {
      case Selector::Kind::name: return check_name(selector);
      case Selector::Kind::group: return check_group(selector);
      case Selector::Kind::numbers: return check_numbers(selector);
      case Selector::Kind::any: return;
    }
  }

  void check_name(const Selector& selector) {
    if (auto fault = call_fault(selector.name)) return report(std::move(*fault), selector.place);
    bool found = false;
    bool is_newer = true;
    std::string since;
    for (const Arch arch : arches_) {
      const Syscall* call = find_syscall(arch, selector.name);
      if (call == nullptr) continue;
      found = true;
      is_newer = is_newer && call->since > abi_level(policy_);
      if (since.empty()) since = to_string(call->since);
    }
    if (!found) return missing_.push_back(&selector);
    if (is_newer)
      report(Finding{Severity::note,
                     selector.name + " came with Linux " + since + ", after this policy's level " +
                         to_string(abi_level(policy_)) + "; the rule holds for it all the same",
                     {},
                     "call-newer-than-level"},
             selector.place);
  }

  void check_group(const Selector& selector) {
    if (auto fault = group_fault(selector.name)) return report(std::move(*fault), selector.place);
    bool found = false;
    for (const Arch arch : arches_)
      for (const Syscall* form : group_forms(selector.name, arch)) {
        found = true;
        if (!selection_.selects_form(rule_, arch, *form))
          report(Finding{Severity::note,
                         "@" + selector.name + " leaves out " + std::string(form->name) + " on " +
                             std::string(arch_info(arch).name) +
                             ": not every call that it carries is permitted without a condition",
                         {},
                         "multiplexer-left-out"},
                 selector.place);
      }
    if (!found) missing_.push_back(&selector);
  }

  void check_numbers(const Selector& selector) {
    if (selector.first > selector.last)
      report(Finding{Severity::error,
                     "the range " + std::to_string(selector.first) + ".." +
                         std::to_string(selector.last) +
                         " is empty: its first number is above its last",
                     {}},
             selector.place);
    else if (std::all_of(arches_.begin(), arches_.end(), [&](Arch arch) {
               Rule alone{.action = rule_.action, .calls = {selector}};
               return selection_.numbers(alone, arch).empty();
             }))
      missing_.push_back(&selector);
  }

  [[nodiscard]] static std::string text(const Selector& selector) {
    if (selector.kind == Selector::Kind::group) return "@" + selector.name;
    if (selector.kind == Selector::Kind::name) return selector.name;
    return "number " + std::to_string(selector.first);
  }

  [[nodiscard]] std::string list_of_missing() const {
    constexpr std::size_t shown = 8;
    std::string out;
    for (std::size_t i = 0; i < missing_.size() && i < shown; ++i)
      out += (i == 0 ? "" : ", ") + text(*missing_[i]);
    if (missing_.size() > shown) out += " and " + std::to_string(missing_.size() - shown) + " more";
    return out;
  }

  const Policy& policy_;
  const Rule& rule_;
  std::span<const Arch> arches_;
  Selection& selection_;
  Findings& findings_;
  std::vector<const Selector*> missing_;
};

}  // namespace

void check_selectors(const Policy& policy, const Rule& rule, std::span<const Arch> arches,
                     Selection& selection, Findings& findings) {
  SelectorCheck(policy, rule, arches, selection, findings).run();
}

}  // namespace callgate::policy

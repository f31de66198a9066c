#include "findings/marked.h"

#include "callgate/meaning/proof.h"
#include "callgate/policy/resolve.h"

namespace callgate::findings {
namespace {

constexpr std::uint16_t otherwise_mark = 0xffff;
constexpr std::uint16_t unknown_mark = 0xfffe;
constexpr std::uint16_t unlisted_mark = 0xfffd;

Action marked(Action action, std::uint16_t mark) {
  return denies(action.kind) ? trap(mark) : trace_(mark);
}

/// A rule whose calls or condition depend on its action, written out for each ABI.
class WrittenOut {
 public:
  WrittenOut(const Policy& policy, const Rule& rule, Selection& selection)
      : policy_(policy), rule_(rule), selection_(selection) {}

  /// Adds the rule for one ABI to `rules`, with that action.
  void add(Arch arch, Action action, std::vector<Rule>& rules) {
    Rule conditional = part(arch, action);
    conditional.condition = rule_.condition;
    Rule constant = part(arch, action);
    const bool loosens = untestable_rule(policy_, rule_) == OnUntestable::allow_;
    const bool matches = denies(rule_.action.kind) != loosens;
    for (const NumberRange& range : selection_.numbers(rule_, arch))
      for (std::uint64_t number = range.first; number <= range.last; ++number) {
        const Syscall* call = find_syscall(arch, static_cast<std::uint32_t>(number));
        if (call == nullptr) continue;
        const bool untestable = is_untestable(rule_.condition, arch, call);
        if (untestable && !matches) continue;
        (untestable ? constant : conditional)
            .calls.push_back(Selector::named(std::string(call->name)));
      }
    if (!conditional.calls.empty()) rules.push_back(std::move(conditional));
    if (!constant.calls.empty()) rules.push_back(std::move(constant));
  }

 private:
  static Rule part(Arch arch, Action action) { return {.action = action, .arches = {arch}}; }

  const Policy& policy_;
  const Rule& rule_;
  Selection& selection_;
};

/// True if what the rule selects, or when, depends on its action.
bool depends_on_action(const Policy& policy, const Rule& rule) {
  if (untestable_rule(policy, rule) != OnUntestable::error &&
      rule.condition.kind != Condition::Kind::always)
    return true;
  for (const Selector& selector : rule.calls)
    if (selector.kind == Selector::Kind::group) return true;
  return false;
}

/// Raw numbers stay as they are: nothing about them depends on the action.
Rule raw_part(const Rule& rule, Action action) {
  Rule raw{.action = action, .condition = rule.condition, .arches = rule.arches};
  for (const Selector& selector : rule.calls)
    if (selector.kind == Selector::Kind::numbers || selector.kind == Selector::Kind::any)
      raw.calls.push_back(selector);
  return raw;
}

}  // namespace

std::optional<Policy> marked_policy(const Policy& policy, std::span<const Arch> arches) {
  if (policy.rules.size() >= unlisted_mark) return std::nullopt;
  Policy out{.abi = policy.abi,
             .arches = policy.arches,
             .otherwise = marked(policy.otherwise, otherwise_mark),
             .unknown = marked(policy.unknown, unknown_mark),
             .unlisted = marked(policy.unlisted, unlisted_mark)};
  Selection selection(policy);
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    const Rule& rule = policy.rules[i];
    const Action action = marked(rule.action, static_cast<std::uint16_t>(i));
    if (!depends_on_action(policy, rule)) {
      out.rules.push_back(rule);
      out.rules.back().action = action;
      continue;
    }
    if (Rule raw = raw_part(rule, action); !raw.calls.empty()) out.rules.push_back(std::move(raw));
    Rule named = rule;
    std::erase_if(named.calls, [](const Selector& selector) {
      return selector.kind == Selector::Kind::numbers || selector.kind == Selector::Kind::any;
    });
    for (const Arch arch : arches)
      WrittenOut(policy, named, selection).add(arch, action, out.rules);
  }
  return out;
}

Mark mark_of(const Policy& policy, Arch arch, std::uint32_t ret) {
  const auto mark = static_cast<std::uint16_t>(ret & 0xffff);
  const auto returned = [&](Action action) { return normalise(action_on(arch, action).ret()); };
  if (mark == otherwise_mark) return {{}, returned(policy.otherwise)};
  if (mark == unknown_mark) return {{}, returned(policy.unknown)};
  if (mark == unlisted_mark || mark >= policy.rules.size()) return {{}, returned(policy.unlisted)};
  return {mark, returned(policy.rules[mark].action)};
}

}  // namespace callgate::findings

// A survey as a policy. A call's cases are its rules in their order, but for a last one that is
// what the policy says of unmatched calls anyway. Calls that have the same cases on every ABI that
// has them stand outside of sections, others in a section for the ABIs that share them; so a
// call's rules are all in one place, and rules of different calls do not meet. Within a section,
// rules of one place in the order, action and condition become one.
#include "callgate/meaning/lift.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "callgate/abi/constants.h"
#include "meaning/reading.h"

namespace callgate {
namespace {

using namespace meaning;  // NOLINT(google-build-using-namespace)

/// One case of a call as a rule would say it.
struct Step {
  Action action;
  Condition when;
  bool operator==(const Step&) const = default;
};
using Steps = std::vector<Step>;

/// A call, or numbers of one ABI, and the rules for it.
struct Lifted {
  Arch arch = Arch::x86_64;
  const Syscall* call = nullptr;
  NumberRange numbers;
  Steps steps;
};

/// Rules of one section. Those of calls without conditions come first, then each first, each second
/// case and so on, then what is left.
class Section {
 public:
  void add(const Selector& selector, const Steps& steps) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const bool is_plain = steps[i].when.kind == Condition::Kind::always;
      const std::size_t place = !is_plain ? i + 1 : steps.size() == 1 ? 0 : last_place;
      add(place, selector, steps[i]);
    }
  }
  /// In order, the calls of each rule by name and then by number.
  void append_to(std::vector<Rule>& rules, const std::vector<Arch>& arches) {
    std::stable_sort(rules_.begin(), rules_.end(),
                     [](const Placed& a, const Placed& b) { return key(a) < key(b); });
    for (Placed& placed : rules_) {
      placed.rule.arches = arches;
      std::sort(placed.rule.calls.begin(), placed.rule.calls.end(), before);
      rules.push_back(std::move(placed.rule));
    }
  }

 private:
  struct Placed {
    std::size_t place = 0;
    Rule rule;
  };
  static constexpr std::size_t last_place = ~std::size_t{0};

  [[nodiscard]] static std::pair<std::size_t, std::int64_t> key(const Placed& placed) {
    // Of rules that speak of different calls, those that let the most through come first.
    return {placed.place, -std::int64_t{precedence(placed.rule.action.ret())}};
  }
  [[nodiscard]] static bool before(const Selector& a, const Selector& b) {
    const auto key = [](const Selector& one) {
      return std::tuple(one.kind != Selector::Kind::name, one.name, one.first);
    };
    return key(a) < key(b);
  }
  void add(std::size_t place, const Selector& selector, const Step& step) {
    for (Placed& placed : rules_) {
      const bool is_same = placed.place == place && placed.rule.action == step.action &&
                           placed.rule.condition == step.when;
      if (is_same) return placed.rule.calls.push_back(selector);
    }
    rules_.push_back({place, {.action = step.action, .calls = {selector}, .condition = step.when}});
  }

  std::vector<Placed> rules_;
};

std::string hex(std::uint64_t number) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (; number != 0 || text.empty(); number >>= 4) text.insert(text.begin(), digits[number & 15]);
  return "0x" + text;
}

/// A call for messages: "x86_64 ioctl(0x1, 0x5401, 0x0, 0x0, 0x0, 0x0)".
std::string text_of(const SeccompData& data) {
  const std::optional<Arch> arch = classify(data.arch, data.nr);
  const Syscall* call = arch ? find_syscall(*arch, data.nr) : nullptr;
  std::string text =
      arch ? std::string(arch_info(*arch).name) : "audit architecture " + hex(data.arch);
  text += call != nullptr ? " " + std::string(call->name) : " number " + hex(data.nr);
  for (std::size_t i = 0; i < data.args.size(); ++i)
    text += (i == 0 ? "(" : ", ") + hex(data.args[i]);
  return text + ")";
}

tl::unexpected<Error> unsayable(const SeccompData& witness, const std::string& why) {
  return fail("no policy can say this: " + text_of(witness) + " " + why);
}

/// Where the survey ended in nothing known.
tl::unexpected<Error> undecided_call(const CallDecision& call) {
  const std::string arch = call.arch ? std::string(arch_info(*call.arch).name) + " " : "";
  const std::string name =
      call.call != nullptr ? std::string(call.call->name) : "number " + hex(call.numbers.first);
  return fail("cannot be lifted: " + arch + name + ": " + call.why_undecided);
}

/// A return value as an action under asm-generic's errno.
Result<Action> action_for(const Case& one, Arch arch) {
  std::optional<Action> action = action_of(one.ret);
  if (!action) return unsayable(one.witness, "returns " + hex(one.ret) + ", which is no action");
  if (action->kind != ActionKind::errno_) return *action;
  const std::optional<std::uint16_t> generic = generic_errno(arch, action->data);
  if (!generic)
    return unsayable(one.witness, "returns errno " + std::to_string(action->data) +
                                      ", which no error has on " +
                                      std::string(arch_info(arch).name));
  action->data = *generic;
  return *action;
}

class Lifter {
 public:
  explicit Lifter(const Survey& survey) : survey_(survey) {}

  [[nodiscard]] Result<Policy> policy() {
    policy_.abi = newest_release();
    policy_.arches = survey_.arches;
    if (auto read = read_calls(); !read) return fail(std::move(read).error());
    choose_rest();
    if (auto rest = read_strangers(); !rest) return fail(std::move(rest).error());
    add_rules();
    return policy_;
  }

 private:
  [[nodiscard]] Result<Steps> steps_of(const CallDecision& call) const;
  [[nodiscard]] Result<bool> read_calls();
  [[nodiscard]] Result<bool> read_strangers();
  void choose_rest();
  void add_rules();
  [[nodiscard]] Action unmatched(const Lifted& one) const;

  const Survey& survey_;
  Policy policy_;
  std::vector<Lifted> lifted_;
};

Result<Steps> Lifter::steps_of(const CallDecision& call) const {
  if (call.undecided) return undecided_call(call);
  Steps steps;
  for (const Case& one : call.cases) {
    CALLGATE_TRY(const Action action, action_for(one, call.arch.value_or(survey_.arches.front())));
    steps.push_back({action, one.when});
  }
  return steps;
}

Result<bool> Lifter::read_calls() {
  for (const CallDecision& call : survey_.calls) {
    if (!call.arch) continue;
    CALLGATE_TRY(const Steps steps, steps_of(call));
    Lifted one{*call.arch, call.call, call.numbers, steps};
    const bool is_with_skipped =
        one.numbers.last == skipped_call && one.numbers.first != skipped_call;
    if (is_with_skipped) {
      --one.numbers.last;
      lifted_.push_back(one);
      one.numbers = {skipped_call, skipped_call};
    }
    lifted_.push_back(std::move(one));
  }
  return true;
}

/// What becomes of calls that no rule matches: of numbers without a call what most of them get, of
/// calls the same if that does not deny, else what most of them are denied with.
void Lifter::choose_rest() {
  std::map<std::uint32_t, std::uint64_t> gaps;
  std::map<std::uint32_t, std::uint64_t> denials;
  for (const Lifted& one : lifted_) {
    const Action last = one.steps.back().action;
    if (one.call == nullptr)
      gaps[last.ret()] += std::uint64_t{one.numbers.last} - one.numbers.first + 1;
    else if (denies(last.kind))
      ++denials[last.ret()];
  }
  const auto most = [](const auto& counts) {
    return *action_of(std::max_element(counts.begin(), counts.end(), [](auto& a, auto& b) {
                        return a.second < b.second;
                      })->first);
  };
  policy_.otherwise = most(gaps);
  if (!denies(policy_.otherwise.kind)) return;
  policy_.unknown = policy_.otherwise;
  if (!denials.empty()) policy_.otherwise = most(denials);
}

Action Lifter::unmatched(const Lifted& one) const {
  const bool is_known = one.call != nullptr || one.numbers.first == skipped_call;
  return is_known || !denies(policy_.otherwise.kind) ? policy_.otherwise : policy_.unknown;
}

/// Calls of no ABI that is listed all get `unlisted`, but for x86-64's -1 beside x32 alone.
Result<bool> Lifter::read_strangers() {
  bool is_first = true;
  for (auto call = survey_.calls.rbegin(); call != survey_.calls.rend() && !call->arch; ++call) {
    CALLGATE_TRY(const Steps steps, steps_of(*call));
    const Action action = steps.back().action;
    const bool is_skipped = call->numbers == NumberRange{skipped_call, skipped_call} &&
                            classify(call->cases.front().witness.arch, skipped_call).has_value();
    const Action wanted = is_skipped ? policy_.otherwise : policy_.unlisted;
    if (is_first) policy_.unlisted = action;
    const bool fits = steps.size() == 1 && (is_first || action == wanted);
    is_first = false;
    if (!fits)
      return unsayable(call->cases.front().witness,
                       "is decided apart from other calls of architectures that no policy names");
  }
  return true;
}

void Lifter::add_rules() {
  // By name the ABIs that share its steps.
  std::map<std::string_view, std::vector<std::pair<Steps, std::vector<Arch>>>> by_name;
  std::map<std::vector<Arch>, Section> sections;
  const auto section = [&](std::vector<Arch> arches) -> Section& {
    if (arches.size() == survey_.arches.size()) arches.clear();
    return sections[std::move(arches)];
  };
  for (Lifted& one : lifted_) {
    Steps steps = one.steps;
    if (steps.back().action == unmatched(one)) steps.pop_back();
    if (one.call == nullptr) {
      section({one.arch}).add(Selector::numbers(one.numbers.first, one.numbers.last), steps);
      continue;
    }
    auto& groups = by_name[one.call->name];
    const auto same = std::find_if(groups.begin(), groups.end(),
                                   [&](const auto& group) { return group.first == steps; });
    if (same != groups.end())
      same->second.push_back(one.arch);
    else
      groups.push_back({std::move(steps), {one.arch}});
  }
  for (const auto& [name, groups] : by_name) {
    for (const auto& [steps, arches] : groups) {
      const bool is_everywhere = groups.size() == 1;
      section(is_everywhere ? survey_.arches : arches)
          .add(Selector::named(std::string(name)), steps);
    }
  }
  for (auto& [arches, rules] : sections) rules.append_to(policy_.rules, arches);
}

/// A survey's policy, if it is proved to be the subject's.
Result<Policy> proved_policy(const Subject& subject, const Survey& survey,
                             const ProofBudget& budget) {
  CALLGATE_TRY(Policy policy, Lifter(survey).policy());
  const std::vector<Diagnostic> mistakes = check(policy, policy.arches);
  if (has_errors(mistakes))
    return fail("the lifted policy has mistakes, which is a bug in callgate: " + render(mistakes));
  const Answer answer = equal(subject, PolicySubject{policy, policy.arches}, budget);
  if (const auto* differs = std::get_if<Differs>(&answer))
    return fail("the lifted policy differs at " + text_of(differs->witness) +
                ", which is a bug in callgate");
  if (const auto* open = std::get_if<Undecided>(&answer))
    return fail("cannot be lifted: the lifted policy cannot be proved equal at " + open->call);
  return policy;
}

}  // namespace

Result<Policy> lift(const Subject& subject, const SurveyOptions& options) {
  CALLGATE_TRY(const Survey survey, take_survey(subject, options, {}));
  Result<Policy> policy = proved_policy(subject, survey, options.budget);
  if (policy) return policy;
  // x86-64's -1 gets what x32's calls get that no rule matches, unless x86-64 is listed.
  const auto& arches = survey.arches;
  const auto lists = [&](Arch arch) {
    return std::find(arches.begin(), arches.end(), arch) != arches.end();
  };
  if (lists(Arch::x32) && !lists(Arch::x86_64)) {
    SurveyOptions wider = options;
    wider.arches = arches;
    wider.arches.push_back(Arch::x86_64);
    CALLGATE_TRY(const Survey with_both, take_survey(subject, wider, {}));
    return proved_policy(subject, with_both, options.budget);
  }
  // What takes too much to be said anew is said as it was.
  if (const auto* written = std::get_if<PolicySubject>(&subject.content())) {
    Policy same = written->policy;
    same.abi = abi_level(same);
    same.arches = written->arches;
    return same;
  }
  return policy;
}

}  // namespace callgate

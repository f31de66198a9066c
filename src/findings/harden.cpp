// Each kind of finding that has a mechanical remedy, one function: from the finding to a change of
// the policy. Whatever they do, what comes out is held against the source at the end.
#include "callgate/findings/harden.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "callgate/formats/text.h"
#include "callgate/kernel/constants.h"
#include "callgate/meaning/difference.h"
#include "callgate/meaning/lift.h"
#include "findings/facts.h"
#include "findings/named_tests.h"
#include "findings/twins.h"

namespace callgate {
namespace findings {
namespace {

constexpr std::uint16_t eperm = 1;
constexpr std::uint16_t enosys = 38;

/// Calls that are refused without harm: programs fall back where they get ENOSYS, or have no
/// business with them where their twin is refused.
constexpr std::pair<std::string_view, std::uint16_t> refusable[] = {
    {"clone3", enosys},         {"openat2", enosys},           {"faccessat2", enosys},
    {"fchmodat2", enosys},      {"pkey_mprotect", enosys},     {"setxattrat", enosys},
    {"removexattrat", enosys},  {"pidfd_send_signal", enosys}, {"execveat", enosys},
    {"kexec_load", eperm},      {"kexec_file_load", eperm},    {"init_module", eperm},
    {"finit_module", eperm},    {"process_vm_writev", eperm},  {"ptrace", eperm},
    {"move_mount", eperm},      {"settimeofday", eperm},       {"clock_settime", eperm},
    {"clock_settime64", eperm}, {"adjtimex", eperm},           {"clock_adjtime", eperm},
    {"clock_adjtime64", eperm}};

class Mender {
 public:
  Mender(const Subject& source, Policy policy, std::vector<Arch> arches, const ProofBudget& budget)
      : source_(source), policy_(std::move(policy)), arches_(std::move(arches)), budget_(budget) {}

  Result<Hardened> run(std::span<const Finding> findings, const Facts& facts) {
    // Rules go by their numbers, which other mendings change.
    for (const bool drops : {true, false})
      for (const Finding& finding : findings)
        if (finding.severity != Severity::note && !finding.accepted &&
            drops == is_of_reach(finding.id))
          try_to_mend(finding, facts);
    if (policy_.arches.empty()) policy_.arches = arches_;
    CALLGATE_CHECK(hold_against_source());
    return finish();
  }

 private:
  static bool is_of_reach(std::string_view id) {
    return id == "rule-unreachable" || id == "rule-repeated";
  }

  /// What would let more through somewhere (an errno where another rule kills) is taken back.
  void try_to_mend(const Finding& finding, const Facts& facts) {
    const Policy policy = policy_;
    const std::vector<Arch> arches = arches_;
    const std::size_t told = mendings_.size();
    mend(finding, facts);
    if (policy_ == policy && arches_ == arches) return;
    if (is_stricter(policy_)) return;
    policy_ = policy;
    arches_ = arches;
    mendings_.resize(told);
    leave(finding, "some call that is refused now would be refused less strictly");
  }

  void mend(const Finding& finding, const Facts& facts) {
    const std::string& id = finding.id;
    if (id == "no-abi-level") return set_level(finding);
    if (id == "arch-unchecked") return close_arches(finding);
    if (id == "x32-open") return close_x32(finding);
    if (id == "compared-wider" || id == "sign-extended") return compare_by_names(finding);
    if (id == "new-calls-refused") return set_unknown(finding);
    if (id == "successor-refused") return refuse_successor(finding, facts);
    if (id == "twin-open") return refuse_twins(finding, facts);
    if (id == "io-uring-open") return refuse_ring(finding);
    if (id == "listener-override") return refuse_listener(finding);
    if (id == "errno-zero" || id == "number-without-effect") return mend_numbers(finding);
    if (is_of_reach(id)) return drop_rules(finding, facts);
    leave(finding, "this needs a judgement");
  }

  void done(const Finding& finding, std::string what) {
    mendings_.push_back({finding.id, std::move(what), finding.place});
  }
  void leave(const Finding& finding, const std::string& why) {
    mendings_.push_back({finding.id, fmt::format("not mended: {} ({})", finding.subject, why),
                         finding.place, false});
  }

  void set_level(const Finding& finding) {
    policy_.abi = newest_release();
    done(finding, "`abi " + to_string(newest_release()) + "`, as it was read");
  }

  void close_arches(const Finding& finding) {
    policy_.unlisted = kill_process;
    done(finding, "`unlisted kill_process`: calls of other architectures are refused");
  }

  void close_x32(const Finding& finding) {
    std::erase(arches_, Arch::x32);
    policy_.arches = arches_;
    std::erase_if(policy_.rules,
                  [](const Rule& rule) { return rule.arches == std::vector<Arch>{Arch::x32}; });
    for (Rule& rule : policy_.rules) std::erase(rule.arches, Arch::x32);
    if (!denies(policy_.unlisted.kind)) policy_.unlisted = kill_process;
    done(finding, "x32 is no longer listed: its numbers are refused");
  }

  /// Where the names alone would let more through, the old test stays beside them.
  void compare_by_names(const Finding& finding) {
    const std::string call = finding.subject.substr(0, finding.subject.rfind(' '));
    const std::string name = call.substr(call.rfind(' ') + 1);
    std::size_t changed = 0;
    for (std::size_t i = 0; i < policy_.rules.size(); ++i) {
      const auto named_here = [&](const Selector& one) { return one.name == name; };
      if (std::none_of(policy_.rules[i].calls.begin(), policy_.rules[i].calls.end(), named_here))
        continue;
      Selection selection(policy_);
      auto condition = condition_by_names(policy_.rules[i], arches_, selection);
      if (!condition) continue;
      Policy candidate = policy_;
      candidate.rules[i].condition = *condition;
      if (!is_stricter(candidate)) {
        const auto kind =
            denies(policy_.rules[i].action.kind) ? Condition::Kind::any : Condition::Kind::all;
        candidate.rules[i].condition = {
            .kind = kind, .children = {policy_.rules[i].condition, std::move(*condition)}};
        if (!is_stricter(candidate)) continue;
      }
      policy_ = std::move(candidate);
      ++changed;
    }
    if (changed > 0)
      done(finding, fmt::format("{}: tests its parameters by name, at the kernel's width", name));
    else if (!is_mended(finding.id, name))
      leave(finding, "its tests cannot be made by name");
  }

  /// True if an earlier finding of that call was mended: its rules are of several ABIs.
  [[nodiscard]] bool is_mended(std::string_view id, std::string_view name) const {
    return std::any_of(mendings_.begin(), mendings_.end(), [&](const Mending& one) {
      return one.is_done && one.id == id && one.what.starts_with(std::string(name) + ":");
    });
  }

  void set_unknown(const Finding& finding) {
    policy_.unknown = deny(enosys);
    done(finding, "`unknown errno(ENOSYS)`");
  }

  void refuse_first(std::vector<std::string> calls, std::uint16_t error, std::vector<Arch> on,
                    Condition condition = {}) {
    Rule rule{.action = deny(error), .condition = std::move(condition), .arches = std::move(on)};
    for (std::string& call : calls) rule.calls.push_back(Selector::named(std::move(call)));
    policy_.rules.insert(policy_.rules.begin(), std::move(rule));
  }

  /// ABIs that have the call; none if that is all of them.
  [[nodiscard]] std::vector<Arch> having(std::string_view call) const {
    std::vector<Arch> on;
    for (const Arch arch : arches_)
      if (find_syscall(arch, call) != nullptr) on.push_back(arch);
    return on.size() == arches_.size() ? std::vector<Arch>() : on;
  }

  void refuse_successor(const Finding& finding, const Facts& facts) {
    const auto known = std::find_if(
        successors().begin(), successors().end(),
        [&](const Successor& one) { return one.new_call == finding.subject && one.falls_back; });
    if (known == successors().end()) return leave(finding, "callers do not fall back: allow it");
    for (const Arch arch : arches_)
      if (const DecidedCall* decision = facts.find(arch, finding.subject))
        for (const DecidedCase& one : decision->cases)
          if (const auto action = action_of(one.ret); action && action->kind != ActionKind::errno_)
            return leave(finding, "it is refused by other means than an error");
    if (!refused_.insert(finding.subject).second) return;
    refuse_first({finding.subject}, enosys, having(finding.subject));
    done(finding, fmt::format("errno(ENOSYS) for {} comes first", finding.subject));
  }

  void refuse_twins(const Finding& finding, const Facts& facts) {
    std::vector<std::string> needed;
    for (const Twin& twin : twins()) {
      if (twin.call != finding.subject) continue;
      const auto known = std::find_if(std::begin(refusable), std::end(refusable),
                                      [&](const auto& one) { return one.first == twin.other; });
      const bool passes = std::any_of(arches_.begin(), arches_.end(), [&](Arch arch) {
        const DecidedCall* decision = facts.find(arch, twin.other);
        return decision != nullptr && decision->permitted() != nullptr;
      });
      if (!passes) continue;
      if (known == std::end(refusable)) {
        needed.emplace_back(twin.other);
        continue;
      }
      if (!refused_.insert(std::string(twin.other)).second) continue;
      refuse_first({std::string(twin.other)}, known->second, having(twin.other));
      done(finding,
           fmt::format("{} for {} comes first", to_string(deny(known->second)), twin.other));
    }
    if (!needed.empty())
      leave(finding, "to refuse " + list_of(needed) + " would break programs that use it");
  }

  void refuse_ring(const Finding& finding) {
    refuse_first({"io_uring_setup", "io_uring_enter", "io_uring_register"}, enosys, {});
    done(finding, "errno(ENOSYS) for io_uring comes first");
  }

  void refuse_listener(const Finding& finding) {
    const auto test = [](const char* name, std::optional<Value> mask, Relation relation,
                         std::uint64_t value) {
      return Condition::of({.operand = {.name = name},
                            .mask = std::move(mask),
                            .relation = relation,
                            .values = {{.first = Value::of(value)}}});
    };
    refuse_first(
        {"seccomp"}, eperm, {},
        {.kind = Condition::Kind::all,
         .children = {test("operation", {}, Relation::eq, uapi::set_mode_filter),
                      test("flags", Value::of(uapi::flag_new_listener), Relation::ne, 0)}});
    done(finding, "errno(EPERM) for seccomp with a new listener comes first");
  }

  void mend_numbers(const Finding& finding) {
    const auto mended = [](Action action) {
      if (action.kind == ActionKind::errno_) return action.data == 0 ? deny(eperm) : action;
      if (action.kind == ActionKind::trap || action.kind == ActionKind::trace) return action;
      return Action{action.kind, 0};
    };
    for (Rule& rule : policy_.rules) rule.action = mended(rule.action);
    for (Action* action : {&policy_.otherwise, &policy_.unknown, &policy_.unlisted})
      *action = mended(*action);
    done(finding, "actions without numbers that have no effect, and no errno(0)");
  }

  void drop_rules(const Finding& finding, const Facts& facts) {
    if (!facts.knows_rules() || facts.policy() == nullptr || is_dropped_)
      return is_dropped_ ? void() : leave(finding, "the rules of filters are not known");
    is_dropped_ = true;
    if (facts.policy()->rules.size() != policy_.rules.size())
      return leave(finding, "the rules have changed");
    std::vector<Rule> kept;
    for (std::size_t i = 0; i < policy_.rules.size(); ++i)
      if (facts.reached_rules().contains(i) || !policy_.rules[i].promise.empty())
        kept.push_back(policy_.rules[i]);
    policy_.rules = std::move(kept);
    done(finding, "rules that no call comes to are gone");
  }

  /// Nowhere looser than the source, as far as that can be shown.
  [[nodiscard]] bool is_stricter(const Policy& candidate) const {
    if (has_errors(check(candidate, arches_))) return false;
    const auto found = difference(source_, PolicySubject{candidate, arches_}, {.budget = budget_});
    return found && found->undecided.empty() &&
           std::none_of(found->changes.begin(), found->changes.end(), is_looser);
  }

  Result<void> hold_against_source() {
    if (const auto diagnostics = check(policy_, arches_); has_errors(diagnostics))
      return fail(Error(diagnostics));
    CALLGATE_TRY(const Difference found,
                 difference(source_, PolicySubject{policy_, arches_}, {.budget = budget_}));
    if (!found.undecided.empty())
      return fail("the mended policy could not be held against the source: " +
                  list_of(found.undecided));
    for (const Change& change : found.changes)
      if (is_looser(change))
        return fail("the mended policy would be looser than the source; it is not written",
                    "this is a fault of callgate");
    return {};
  }

  Result<Hardened> finish() {
    const Checked again{.subject = PolicySubject{policy_, arches_},
                        .policy = &policy_,
                        .arches = arches_,
                        .diagnostics = check(policy_, arches_),
                        .budget = budget_};
    Hardened out{.mendings = std::move(mendings_)};
    CALLGATE_TRY(out.left, find_all(again));
    out.is_clean = std::none_of(out.left.begin(), out.left.end(),
                                [](const Finding& one) { return one.severity == Severity::error; });
    for (const Mending& one : out.mendings) out.text += fmt::format("# {}: {}\n", one.id, one.what);
    out.text += print_policy(policy_);
    out.policy = std::move(policy_);
    return out;
  }

  const Subject& source_;
  Policy policy_;
  std::vector<Arch> arches_;
  const ProofBudget& budget_;
  std::vector<Mending> mendings_;
  std::set<std::string> refused_;
  bool is_dropped_ = false;
};

bool has(std::span<const Finding> findings, std::string_view id) {
  return std::any_of(findings.begin(), findings.end(),
                     [&](const Finding& one) { return one.id == id && !one.accepted; });
}

/// Filters with all other ABIs refused, where they leave some open.
Subject closed(const Subject& source, bool are_filters, const std::vector<Arch>& own,
               std::span<const Finding> findings) {
  if (!are_filters || !(has(findings, "arch-unchecked") || has(findings, "x32-open")))
    return source;
  const Policy only_own{.arches = own, .otherwise = allow, .unlisted = kill_process};
  return Subject::strictest({source, PolicySubject{only_own, own}});
}

/// Filters that do not tell architectures apart are mended for the one that they are for.
std::vector<Arch> own_arches(const Facts& facts, std::span<const Finding> findings) {
  std::vector<Arch> arches(facts.arches().begin(), facts.arches().end());
  if (facts.policy() != nullptr) return arches;
  if (has(findings, "x32-open")) std::erase(arches, Arch::x32);
  if (!has(findings, "arch-unchecked")) return arches;
  const bool has_native = std::find(arches.begin(), arches.end(), native_arch()) != arches.end();
  return {has_native ? native_arch() : arches.front()};
}

}  // namespace
}  // namespace findings

Result<Hardened> harden(const Subject& source, const Policy* policy, std::span<const Arch> arches,
                        std::span<const Finding> findings, const ProofBudget& budget) {
  const Checked checked{.subject = source,
                        .policy = policy,
                        .arches = {arches.begin(), arches.end()},
                        .budget = budget};
  CALLGATE_TRY(const findings::Facts facts, findings::Facts::of(checked));
  std::vector<Arch> own = findings::own_arches(facts, findings);
  Policy start;
  const Subject closed = findings::closed(source, policy == nullptr, own, findings);
  if (policy != nullptr) {
    start = *policy;
  } else {
    CALLGATE_TRY(start, lift(closed, {.budget = budget}));
  }
  return findings::Mender(source, std::move(start), std::move(own), budget).run(findings, facts);
}

}  // namespace callgate

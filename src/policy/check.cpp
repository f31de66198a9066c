// Everything that is wrong with a policy, in the order of its text.
#include <algorithm>

#include "callgate/policy/policy.h"
#include "policy/check_conditions.h"
#include "policy/check_reach.h"
#include "policy/check_selectors.h"
#include "policy/findings.h"
#include "policy/names.h"
#include "policy/values.h"

namespace callgate {
namespace policy {

namespace {

constexpr std::uint16_t max_errno = 4095;  // MAX_ERRNO, include/linux/err.h, 6.12

/// What is wrong with an action; a message without text if nothing is.
Finding action_finding(Action action) {
  switch (action.kind) {
    case ActionKind::errno_:
      if (action.data > max_errno)
        return {Severity::error,
                "errno " + std::to_string(action.data) + " is above 4095, the kernel's largest",
                "give an errno name such as errno(EPERM)"};
      if (action.data == 0)
        return {Severity::warning, "errno(0) makes the call seem to succeed without being made",
                "name an error, such as errno(EPERM)", "errno-zero"};
      return {};
    case ActionKind::trap:
    case ActionKind::trace: return {};
    case ActionKind::allow:
    case ActionKind::log:
    case ActionKind::kill_process:
    case ActionKind::kill_thread:
    case ActionKind::user_notif:
      if (action.data == 0) return {};
      return {Severity::warning,
              "the number in " + to_string(action) +
                  " has no effect; on `allow` it keeps the "
                  "kernel from caching the verdict",
              "leave the number out", "number-without-effect"};
  }
  return {Severity::error, "there is no such action", {}};
}

/// Where whole-policy findings are shown: the file, if it is known.
Place file_of(const Policy& policy) {
  Place place;
  if (!policy.rules.empty()) place.file = policy.rules.front().place.file;
  return place;
}

void check_level(const Policy& policy, Findings& findings) {
  const std::string newest = to_string(newest_release());
  if (!policy.abi)
    findings.add({Severity::warning,
                  "no `abi` line: calls count as known up to Linux " + newest +
                      ", and a newer callgate would know more",
                  "add `abi " + newest + "`", "no-abi-level"},
                 file_of(policy));
  else if (*policy.abi > newest_release())
    findings.add(
        {Severity::error,
         "abi " + to_string(*policy.abi) + " is newer than the tables, which end at " + newest,
         "say `abi " + newest + "`, or use a newer callgate"},
        file_of(policy));
}

void check_header(const Policy& policy, std::span<const Arch> arches, Findings& findings) {
  if (arches.empty())
    findings.add({Severity::error, "the policy is for no ABI",
                  "add a line such as `arches x86_64`, or name an ABI when compiling"},
                 file_of(policy));
  check_level(policy, findings);
  for (const auto& [name, action] :
       {std::pair{"otherwise", policy.otherwise}, std::pair{"unknown", policy.unknown},
        std::pair{"unlisted", policy.unlisted}}) {
    Finding finding = action_finding(action);
    if (finding.message.empty()) continue;
    finding.message = "`" + std::string(name) + "`: " + finding.message;
    findings.add(std::move(finding), file_of(policy));
  }
  if (!denies(policy.otherwise.kind))
    findings.add({Severity::note,
                  "`unknown` has no effect: under `otherwise " + to_string(policy.otherwise) +
                      "` calls that Linux " + to_string(abi_level(policy)) +
                      " does not have get that as well",
                  {},
                  "unknown-without-effect"},
                 file_of(policy));
}

/// The listed ABIs that the rule's section includes.
std::vector<Arch> reached(const Rule& rule, std::span<const Arch> arches) {
  std::vector<Arch> out;
  for (const Arch arch : arches)
    if (in_section(rule, arch)) out.push_back(arch);
  return out;
}

void check_rule(const Policy& policy, const Rule& rule, std::span<const Arch> arches,
                Selection& selection, Findings& findings) {
  if (Finding finding = action_finding(rule.action); !finding.message.empty())
    findings.add(std::move(finding), policy, rule, {});
  const std::vector<Arch> here = reached(rule, arches);
  if (here.empty() && !arches.empty()) {
    const bool first = &rule == policy.rules.data() || (&rule)[-1].arches != rule.arches;
    if (first)
      findings.add({Severity::note,
                    "no rule of this section counts: " + arch_list(rule.arches) +
                        " is not among the ABIs of the policy (" + arch_list(arches) + ")",
                    {},
                    "section-without-effect"},
                   policy, rule, {});
  }
  check_selectors(policy, rule, here, selection, findings);
  check_condition(policy, rule, here, selection, findings);
}

}  // namespace
}  // namespace policy

std::vector<Diagnostic> check(const Policy& policy, std::span<const Arch> arches) {
  policy::Findings findings;
  policy::check_header(policy, arches, findings);
  Selection selection(policy);
  policy::Reach reach(policy, arches, selection);
  for (const Rule& rule : policy.rules) {
    policy::check_rule(policy, rule, arches, selection, findings);
    reach.add(rule, findings);
  }
  return findings.take();
}

}  // namespace callgate

// What one kernel release makes of a source.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "callgate/kernel/explain.h"
#include "findings/rules.h"

namespace callgate::findings {
namespace {

/// Return values of the source, each with the first call that gets it.
std::map<std::uint32_t, SeccompData> returns_of(const Facts& facts) {
  std::map<std::uint32_t, SeccompData> returns;
  for (const DecidedCall& decision : facts.calls())
    for (const DecidedCase& one : decision.cases) returns.try_emplace(one.ret, one.witness);
  return returns;
}

/// True for what changes what becomes of a call, not only how a death is recorded.
bool matters(const ReturnNote& note) {
  if (note.change == nullptr) return false;
  switch (note.change->feature) {
    case KernelFeature::ret_kill_process:
    case KernelFeature::ret_log:
    case KernelFeature::ret_user_notif:
    case KernelFeature::errno_capped:
    case KernelFeature::trace_rechecks: return true;
    default: return false;
  }
}

void find_actions(const Facts& facts, const KernelRelease& kernel, Findings& out) {
  std::map<std::string, SeccompData> told;
  for (const auto& [ret, data] : returns_of(facts)) {
    const ReturnNote note = explain_return(kernel, ret);
    if (matters(note)) told.try_emplace(note.text, data);
  }
  for (const auto& [text, data] : told) {
    const FindingWitness witness = witness_of(facts, data);
    out.push_back({.id = "kernel-action",
                   .severity = Severity::warning,
                   .message = text,
                   .subject = return_label(data, witness.ret & 0xffff0000),
                   .witness = witness,
                   .fix = "use an action that the release knows, or require a newer one"});
  }
}

void find_flags(const Facts& facts, const KernelRelease& kernel, Findings& out) {
  for (const MissingFlag& missing : missing_flags(kernel, facts.checked().flags))
    out.push_back({.id = "kernel-flag",
                   .severity = Severity::warning,
                   .message = missing.text,
                   .subject = fmt::format("flag {}", missing.flag),
                   .fix = "leave the flag out, or require a release that has it"});
}

void find_lacking(const Facts& facts, const KernelRelease& kernel, Findings& out) {
  std::vector<std::string> lacking;
  for (const DecidedCall& decision : facts.calls()) {
    if (decision.call == nullptr || decision.permitted() == nullptr) continue;
    const std::string name(decision.call->name);
    if (decision.call->since > kernel.release() &&
        std::find(lacking.begin(), lacking.end(), name) == lacking.end())
      lacking.push_back(name);
  }
  if (lacking.empty()) return;
  out.push_back({.id = "kernel-lacks-call",
                 .severity = Severity::note,
                 .message = fmt::format("Linux {} does not have {}, which {} allowed: programs get "
                                        "ENOSYS from the kernel",
                                        to_string(kernel.release()), list_of(lacking),
                                        lacking.size() == 1 ? "is" : "are"),
                 .subject = "calls"});
}

/// Calls of the release that are newer than the policy's level: they get `unknown`.
void find_unknown_to_policy(const Facts& facts, const KernelRelease& kernel, Findings& out) {
  if (facts.policy() == nullptr || !facts.policy()->abi) return;
  std::vector<std::string> newer;
  for (const DecidedCall& decision : facts.calls()) {
    if (decision.call == nullptr || !Facts::is_refused(decision)) continue;
    const Release since = decision.call->since;
    const std::string name(decision.call->name);
    if (since > *facts.policy()->abi && since <= kernel.release() &&
        std::find(newer.begin(), newer.end(), name) == newer.end())
      newer.push_back(name);
  }
  if (newer.empty()) return;
  out.push_back({.id = "kernel-newer-than-level",
                 .severity = Severity::note,
                 .message = fmt::format(
                     "Linux {} has {}, which the policy's level {} does not know: "
                     "refused as unknown",
                     to_string(kernel.release()), list_of(newer), to_string(*facts.policy()->abi)),
                 .subject = "calls",
                 .fix = fmt::format("raise the level to `abi {}` and judge them",
                                    to_string(std::min(kernel.release(), newest_release())))});
}

/// uretprobe and uprobe: seccomp lets them pass whatever a filter says.
void find_exempt(const Facts& facts, const KernelRelease& kernel, Findings& out) {
  std::vector<std::string> exempt;
  const DecidedCase* first = nullptr;
  for (const auto& [feature, name] : {std::pair{KernelFeature::uretprobe_exempt, "uretprobe"},
                                      std::pair{KernelFeature::uprobe_exempt, "uprobe"}}) {
    const DecidedCall* decision = facts.find(Arch::x86_64, name);
    if (decision == nullptr || !kernel.has(feature) || decision->refused() == nullptr) continue;
    if (first == nullptr) first = decision->refused();
    exempt.emplace_back(name);
  }
  if (first == nullptr) return;
  out.push_back(
      {.id = "kernel-exempt-call",
       .severity = Severity::note,
       .message = fmt::format("{} refused in vain: Linux {} runs no filter for {}",
                              list_of(exempt) + (exempt.size() == 1 ? " is" : " are"),
                              to_string(kernel.release()), exempt.size() == 1 ? "it" : "them"),
       .subject = "exempt",
       .witness = witness_of(facts, first->witness)});
}

}  // namespace

void find_release(const Facts& facts, Findings& out) {
  if (!facts.checked().kernel) return;
  const KernelRelease& kernel = *facts.checked().kernel;
  if (!kernel.has(KernelFeature::filters)) {
    out.push_back(
        {.id = "kernel-no-filters",
         .severity = Severity::warning,
         .message = fmt::format("Linux {} has no seccomp filters: nothing can install this",
                                to_string(kernel.release())),
         .subject = "filters",
         .fix = "require Linux 3.5 or newer"});
    return;
  }
  find_actions(facts, kernel, out);
  find_flags(facts, kernel, out);
  find_lacking(facts, kernel, out);
  find_unknown_to_policy(facts, kernel, out);
  find_exempt(facts, kernel, out);
  if (!kernel.has(KernelFeature::action_cache))
    out.push_back({.id = "kernel-no-cache",
                   .severity = Severity::note,
                   .message = fmt::format("Linux {} keeps no cache of allowed calls (5.11 does): "
                                          "every call runs through the filter",
                                          to_string(kernel.release())),
                   .subject = "cache"});
}

}  // namespace callgate::findings

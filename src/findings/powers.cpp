// Calls by which a filter is got around: io_uring, ptrace, bpf, a listener of one's own.
#include <fmt/format.h>

#include <algorithm>

#include "callgate/abi/constants.h"
#include "callgate/kernel/constants.h"
#include "findings/rules.h"
#include "findings/twins.h"

namespace callgate::findings {
namespace {

const DecidedCase* permitted(const Facts& facts, Arch arch, std::string_view name) {
  const DecidedCall* decision = facts.find(arch, name);
  return decision == nullptr ? nullptr : decision->permitted();
}

/// The calls of `names` that pass, "x86_64 ptrace", with the first of them.
struct Passing {
  std::vector<std::string> calls;
  const DecidedCase* first = nullptr;
};
Passing passing(const Facts& facts, std::initializer_list<std::string_view> names) {
  Passing out;
  for (const Arch arch : facts.arches())
    for (const std::string_view name : names)
      if (const DecidedCase* one = permitted(facts, arch, name)) {
        if (out.first == nullptr) out.first = one;
        if (std::find(out.calls.begin(), out.calls.end(), name) == out.calls.end())
          out.calls.emplace_back(name);
      }
  return out;
}

bool is_before(const Facts& facts, KernelFeature feature) {
  return facts.checked().kernel && !facts.checked().kernel->has(feature);
}

void find_ptrace(const Facts& facts, Findings& out) {
  const Passing traces = passing(facts, {"ptrace"});
  if (traces.first != nullptr && is_before(facts, KernelFeature::trace_rechecks)) {
    out.push_back({.id = "ptrace-bypass",
                   .severity = Severity::error,
                   .message = "ptrace is allowed: before Linux 4.8 a tracer changes a call after "
                              "the filter has let it pass, so nothing is refused",
                   .subject = "ptrace",
                   .place = facts.place_of(*traces.first),
                   .witness = witness_of(facts, traces.first->witness),
                   .fix = "refuse ptrace, or require Linux 4.8"});
  }
  const Passing all = passing(facts, {"ptrace", "process_vm_readv", "process_vm_writev"});
  if (all.first == nullptr) return;
  out.push_back(
      {.id = "ptrace-allowed",
       .severity = Severity::note,
       .message = fmt::format("{} allowed: a process reads and drives every other one of "
                              "its user that it can see, also one without this filter",
                              list_of(all.calls) + (all.calls.size() == 1 ? " is" : " are")),
       .subject = "ptrace",
       .place = facts.place_of(*all.first),
       .witness = witness_of(facts, all.first->witness),
       .fix = "refuse them where no debugger is needed; keep processes with other filters "
              "in other PID namespaces or under other users"});
}

void find_bpf(const Facts& facts, Findings& out) {
  const Passing found = passing(facts, {"bpf"});
  if (found.first == nullptr) return;
  out.push_back(
      {.id = "bpf-allowed",
       .severity = facts.is_denylist() ? Severity::note : Severity::warning,
       .message = "bpf is allowed: what it loads runs in the kernel, where no filter is",
       .subject = "bpf",
       .place = facts.place_of(*found.first),
       .witness = witness_of(facts, found.first->witness),
       .fix = "refuse bpf where the program loads none; let it test `cmd` where it does"});
}

/// The first answer that a tracer or a supervisor gives.
const DecidedCase* delegated(const Facts& facts, ActionKind kind) {
  for (const DecidedCall& decision : facts.calls())
    for (const DecidedCase& one : decision.cases)
      if (const auto action = action_of(one.ret); action && action->kind == kind) return &one;
  return nullptr;
}

/// seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER) where it passes.
std::optional<SeccompData> new_listener(const Facts& facts) {
  for (const Arch arch : facts.arches()) {
    const DecidedCall* decision = facts.find(arch, "seccomp");
    if (decision == nullptr) continue;
    SeccompData data = call_of(arch, *decision->call);
    data.args = {uapi::set_mode_filter, uapi::flag_new_listener, 1};
    if (permits_return(facts.at(*decision, data))) return data;
  }
  return std::nullopt;
}

/// A younger filter may answer USER_NOTIF to itself: that ranks below TRACE, and its listener may
/// let the call continue (kernel/seccomp.c, seccomp_do_user_notification, 6.12). Beside a listener
/// that is there a second one is refused (EBUSY, has_duplicate_listener); after it has closed, not.
void find_listener(const Facts& facts, Findings& out) {
  const DecidedCase* traced = delegated(facts, ActionKind::trace);
  const DecidedCase* notified = delegated(facts, ActionKind::user_notif);
  if (traced == nullptr && notified == nullptr) return;
  const auto data = new_listener(facts);
  if (!data) return;
  const bool is_open = traced != nullptr;
  out.push_back(
      {.id = "listener-override",
       .severity = is_open ? Severity::error : Severity::warning,
       .message = is_open
                      ? "calls go to a tracer, and seccomp is allowed: a program that installs a "
                        "listener of its own lets them continue without the tracer"
                      : "calls go to a supervisor, and seccomp is allowed: once its listener is "
                        "closed, a program that installs its own lets them continue",
       .subject = "seccomp",
       .place = facts.place_of(is_open ? *traced : *notified),
       .witness = witness_of(facts, *data),
       .fix = "refuse seccomp with SECCOMP_FILTER_FLAG_NEW_LISTENER (8) among its flags"});
}

}  // namespace

void find_powers(const Facts& facts, Findings& out) {
  find_ptrace(facts, out);
  find_bpf(facts, out);
  find_listener(facts, out);
}

void find_ring(const Facts& facts, Findings& out) {
  std::vector<std::string> meant;
  std::vector<std::string> others;
  std::optional<SeccompData> witness;
  Place place;
  for (const Arch arch : facts.arches()) {
    const DecidedCase* setup = permitted(facts, arch, "io_uring_setup");
    const DecidedCase* enter = permitted(facts, arch, "io_uring_enter");
    if (setup == nullptr || enter == nullptr) continue;
    for (const RingCall& ring : ring_calls()) {
      const DecidedCall* decision = facts.find(arch, ring.call);
      if (decision == nullptr || decision->refused() == nullptr) continue;
      if (facts.checked().kernel && facts.checked().kernel->release() < ring.since) continue;
      std::vector<std::string>& list = facts.meant_refusal(*decision) != nullptr ? meant : others;
      if (std::find(list.begin(), list.end(), ring.call) == list.end())
        list.emplace_back(ring.call);
      if (!witness) place = facts.place_of(*enter);
      if (!witness) witness = enter->witness;
    }
  }
  if (!witness) return;
  const std::vector<std::string>& named = meant.empty() ? others : meant;
  out.push_back({.id = "io-uring-open",
                 .severity = meant.empty() ? Severity::warning : Severity::error,
                 .message = fmt::format("io_uring is allowed, through which the kernel does {} "
                                        "without the call that the filter refuses",
                                        list_of(named)),
                 .subject = "io_uring",
                 .place = place,
                 .witness = witness_of(facts, *witness),
                 .fix = "refuse io_uring_setup, io_uring_enter and io_uring_register with "
                        "errno(ENOSYS): programs then make the calls"});
}

}  // namespace callgate::findings

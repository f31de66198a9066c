// Calls for which the kernel runs the filter each time (kernel/seccomp.c, seccomp_cache_prepare,
// 5.11 and later).
#include <fmt/format.h>

#include <algorithm>

#include "callgate/bpf/assembly.h"
#include "callgate/bpf/emulate.h"
#include "findings/rules.h"

namespace callgate::findings {
namespace {

/// Calls that a busy program makes often enough for a filter's cost to show.
constexpr std::string_view hot_calls[] = {
    "read",           "write",        "readv",   "writev",       "pread64",        "pwrite64",
    "recvfrom",       "sendto",       "recvmsg", "sendmsg",      "epoll_wait",     "epoll_pwait",
    "futex",          "poll",         "ppoll",   "futex_time64", "clock_gettime",  "epoll_ctl",
    "io_uring_enter", "gettimeofday", "lseek",   "sched_yield",  "clock_nanosleep"};

bool is_hot(std::string_view name) {
  return std::find(std::begin(hot_calls), std::end(hot_calls), name) != std::end(hot_calls);
}

bool is_cacheable(const DecidedCall& decision) {
  return decision.call != nullptr && decision.arch && arch_info(*decision.arch).action_cache &&
         decision.arch != Arch::x32;
}

/// Where a filter of the stack loses it, in words; empty if none does.
std::string loss(std::span<const Program> programs, std::uint32_t audit, std::uint32_t number) {
  for (std::size_t i = 0; i < programs.size(); ++i) {
    const CacheStatus status = cache_status(programs[i], audit, number);
    if (status.cached) continue;
    const std::string which = programs.size() > 1 ? fmt::format("filter {}, ", i) : "";
    return fmt::format(
        "{}instruction {}, `{}`", which, status.stopped_at,
        instruction_text(programs[i].instructions(), status.stopped_at, programs[i].target()));
  }
  return {};
}

}  // namespace

void find_uncached(const Facts& facts, Findings& out) {
  if (facts.checked().kernel && !facts.checked().kernel->has(KernelFeature::action_cache)) return;
  std::vector<std::string> lost;
  std::vector<std::string> tested;
  std::vector<std::string> hot;
  std::string why;
  const DecidedCase* first_lost = nullptr;
  const DecidedCase* first_tested = nullptr;
  for (const DecidedCall& decision : facts.calls()) {
    if (!is_cacheable(decision) || decision.permitted() == nullptr) continue;
    if (decision.cases.size() > 1) {
      tested.push_back(call_label(decision));
      if (is_hot(decision.call->name)) hot.push_back(call_label(decision));
      if (first_tested == nullptr) first_tested = decision.permitted();
      continue;
    }
    if (decision.cases.front().ret != allow.ret() || facts.programs().empty()) continue;
    const std::string where =
        loss(facts.programs(), arch_info(*decision.arch).audit, decision.call->number);
    if (where.empty()) continue;
    if (first_lost == nullptr) first_lost = &decision.cases.front();
    if (why.empty()) why = where;
    lost.push_back(call_label(decision));
  }
  if (first_lost != nullptr)
    out.push_back(
        {.id = "cache-lost",
         .severity = Severity::warning,
         .message = fmt::format("{} always allowed, and still run through the filter each "
                                "time: the kernel gives up at {}",
                                list_of(lost) + (lost.size() == 1 ? " is" : " are"), why),
         .subject = "cache",
         .witness = witness_of(facts, first_lost->witness),
         .fix = "`callgate convert ... --to raw` writes a program that keeps them cached"});
  if (first_tested == nullptr) return;
  const auto& named = hot.empty() ? tested : hot;
  out.push_back({.id = "cache-arguments",
                 .severity = hot.empty() ? Severity::note : Severity::warning,
                 .message = fmt::format("{} {} through the filter each time: arguments are tested",
                                        list_of(named), named.size() == 1 ? "runs" : "run"),
                 .subject = "cache",
                 .place = facts.place_of(*first_tested),
                 .witness = witness_of(facts, first_tested->witness),
                 .fix = "allow without a condition what is made often"});
}

}  // namespace callgate::findings

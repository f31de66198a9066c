// The verdict for one call (kernel/seccomp.c __secure_computing and __seccomp_filter; read from
// 6.12, 6.1 and 4.17).
#include <algorithm>

#include "callgate/abi/constants.h"
#include "callgate/bpf/emulate.h"
#include "callgate/kernel/task_model.h"

namespace callgate {
namespace {

constexpr std::uint32_t uretprobe_nr = 335;
constexpr std::uint32_t uprobe_nr = 336;
constexpr std::uint32_t allow_ret = static_cast<std::uint32_t>(ActionKind::allow);

/// Whether strict mode lets a call through: read, write, exit and the sigreturn of <asm/seccomp.h>
/// (6.12), which is the old one on i386, on ppc beside ppc64 and on s390.
bool is_strict_call(const SeccompData& data) {
  const auto arch = classify(data.arch, data.nr);
  // x32's numbers are compared with i386's.
  if (!arch || *arch == Arch::x32) return false;
  const Syscall* call = find_syscall(*arch, data.nr);
  if (call == nullptr) return false;
  const bool is_old =
      *arch == Arch::i386 || *arch == Arch::ppc || *arch == Arch::s390 || *arch == Arch::s390x;
  const std::string_view name = call->name;
  return name == "read" || name == "write" || name == "exit" ||
         name == (is_old ? "sigreturn" : "rt_sigreturn");
}

}  // namespace

bool TaskModel::is_exempt(const SeccompData& data) const {
  if (data.arch != arch_info(Arch::x86_64).audit) return false;
  return (data.nr == uretprobe_nr && release_.has(KernelFeature::uretprobe_exempt)) ||
         (data.nr == uprobe_nr && release_.has(KernelFeature::uprobe_exempt));
}

/// Whether a killed thread counts as the last one.
bool TaskModel::is_last_thread(const ThreadState& thread) const {
  const ProcessState& process = processes_[thread.process];
  const auto lives = [&](ThreadId id) { return threads_[id].alive; };
  if (!release_.has(KernelFeature::dead_leader_ignored)) return process.threads.size() == 1;
  return std::ranges::count_if(process.threads, lives) == 1;
}

bool TaskModel::is_logged(const ThreadState& thread, std::uint32_t action, int signal,
                          bool requested) const {
  if (!release_.config().audit || !release_.has(KernelFeature::death_logged)) return false;
  const bool by_audit = signal != 0 || thread.audited;
  if (!release_.has(KernelFeature::log_flag)) return by_audit;
  if (by_audit && !release_.has(KernelFeature::audited_only_by_seccomp)) return true;
  const auto kind = read_action(release_, action).kind.value_or(ActionKind::kill_process);
  const bool listed = std::ranges::find(actions_logged_, kind) != actions_logged_.end();
  const bool always = kind == ActionKind::log || kind == ActionKind::kill_thread ||
                      kind == ActionKind::kill_process;
  return listed && (always || requested);
}

/// Adds the audit record of a denied or logged call, if there is one.
void TaskModel::record(const ThreadState& thread, const SeccompData& data, int signal,
                       KernelVerdict& verdict) const {
  const std::uint32_t action = verdict.ret ? read_action(release_, *verdict.ret).action : 0;
  const bool requested = verdict.filter && filters_[*verdict.filter].log;
  if (is_logged(thread, action, signal, requested))
    verdict.audit = {.signal = signal, .arch = data.arch, .nr = data.nr, .code = action};
}

KernelVerdict TaskModel::strict_verdict(const ThreadState& thread, const SeccompData& data) const {
  KernelVerdict verdict{.reason = CallReason::strict};
  if (is_strict_call(data)) return verdict;
  if (is_exempt(data)) return {.reason = CallReason::exempt};
  const ProcessState& process = processes_[thread.process];
  const bool others_live =
      std::ranges::count_if(process.threads, [&](ThreadId id) { return threads_[id].alive; }) > 1;
  verdict.result = others_live ? CallResult::thread_dies : CallResult::process_dies;
  verdict.signal = uapi::sigkill;
  record(thread, data, uapi::sigkill, verdict);
  return verdict;
}

void TaskModel::force_sigsys(const ThreadState& thread, const SeccompData& data,
                             KernelVerdict& verdict) const {
  verdict.sigsys = {
      .errno_value = static_cast<int>(*verdict.ret & 0xffff), .nr = data.nr, .arch = data.arch};
  const bool handled = processes_[thread.process].sigsys == SigsysAction::handled;
  if (handled && !thread.sigsys_blocked) {
    verdict.result = CallResult::signal;
  } else {
    verdict.result = CallResult::process_dies;
    verdict.signal = uapi::sigsys;
    verdict.core = true;
  }
}

void TaskModel::kill_verdict(const ThreadState& thread, const SeccompData& data,
                             KernelVerdict& verdict) const {
  const auto kind = read_action(release_, *verdict.ret).kind;
  const bool whole = kind == ActionKind::kill_process ||
                     (!kind && release_.has(KernelFeature::unknown_kills_process));
  const ProcessState& process = processes_[thread.process];
  const bool others_live =
      std::ranges::count_if(process.threads, [&](ThreadId id) { return threads_[id].alive; }) > 1;
  verdict.signal = uapi::sigsys;
  verdict.core = release_.has(KernelFeature::kill_dumps_core) && (whole || is_last_thread(thread));
  verdict.result = whole || !others_live ? CallResult::process_dies : CallResult::thread_dies;
  if (verdict.core) {
    verdict.sigsys = {
        .errno_value = static_cast<int>(*verdict.ret & 0xffff), .nr = data.nr, .arch = data.arch};
  }
  record(thread, data, uapi::sigsys, verdict);
}

/// Acts on verdict.ret, the return value that won.
void TaskModel::decide(const ThreadState& thread, const SeccompData& data, bool after_trace,
                       KernelVerdict& verdict) const {
  const ActionReading reading = read_action(release_, *verdict.ret);
  const int enosys = errno_on(release_.config().native, uapi::enosys);
  if (!reading.kind) verdict.reason = CallReason::unknown_action;
  const auto returns = [&](int errno_value, CallReason reason) {
    verdict.result = CallResult::returns;
    verdict.reason = reason;
    verdict.value = -errno_value;
    record(thread, data, 0, verdict);
  };
  switch (reading.kind.value_or(ActionKind::kill_thread)) {
    case ActionKind::allow: return;
    case ActionKind::log: return record(thread, data, 0, verdict);
    case ActionKind::errno_: return returns(reading.data, CallReason::filter);
    case ActionKind::trap:
      force_sigsys(thread, data, verdict);
      return record(thread, data, 0, verdict);
    case ActionKind::trace:
      if (after_trace) return;
      if (!thread.tracer || !thread.tracer->seccomp_events)
        return returns(enosys, CallReason::no_tracer);
      verdict.result = CallResult::traced;
      return;
    case ActionKind::user_notif:
      if (!filters_[*verdict.filter].listening) return returns(enosys, CallReason::no_listener);
      verdict.result = CallResult::waits;
      return;
    case ActionKind::kill_thread:
    case ActionKind::kill_process: return kill_verdict(thread, data, verdict);
  }
}

KernelVerdict TaskModel::filter_verdict(const ThreadState& thread, const SeccompData& data,
                                        bool after_trace) const {
  KernelVerdict verdict{.reason = CallReason::filter, .ret = allow_ret};
  if (is_exempt(data)) {
    verdict.reason = CallReason::exempt;
    return verdict;
  }
  for (auto at = thread.filter; at; at = filters_[*at].previous) {
    const std::uint32_t ret = emulate(filters_[*at].program, data);
    if (!wins(release_, ret, *verdict.ret)) continue;
    verdict.ret = ret;
    verdict.filter = at;
  }
  decide(thread, data, after_trace, verdict);
  return verdict;
}

KernelVerdict TaskModel::verdict(ThreadId id, const SeccompData& data) const {
  const ThreadState& thread = threads_.at(id);
  if (thread.tracer && thread.tracer->suspends && release_.has(KernelFeature::suspend))
    return {.reason = CallReason::suspended};
  switch (thread.mode) {
    case SeccompMode::disabled: return {};
    case SeccompMode::strict: return strict_verdict(thread, data);
    case SeccompMode::filter: return filter_verdict(thread, data, false);
  }
  return {};
}

KernelVerdict TaskModel::enter(ThreadId id, const SeccompData& data) {
  threads_.at(id).reply.reset();
  return apply(id, data, verdict(id, data));
}

KernelVerdict TaskModel::resume(ThreadId id, const SeccompData& data, std::int64_t value) {
  ThreadState& thread = threads_.at(id);
  KernelVerdict verdict{.reason = CallReason::tracer};
  if (!thread.stopped) return verdict;
  if (static_cast<std::int32_t>(data.nr) < 0) {
    verdict = *thread.stopped;
    verdict.result = CallResult::returns;
    verdict.reason = CallReason::tracer;
    verdict.value = value;
    record(thread, data, 0, verdict);
  } else if (release_.has(KernelFeature::trace_rechecks)) {
    verdict = filter_verdict(thread, data, true);
  }
  thread.stopped.reset();
  return apply(id, data, verdict);
}

KernelVerdict TaskModel::apply(ThreadId id, const SeccompData& data, const KernelVerdict& verdict) {
  ThreadState& thread = threads_[id];
  switch (verdict.result) {
    case CallResult::runs:
    case CallResult::returns:
    case CallResult::signal: break;
    case CallResult::thread_dies: end_thread(id, {.signal = verdict.signal}); break;
    case CallResult::process_dies:
      if (verdict.core) {
        end_process(thread.process, {.signal = verdict.signal, .core = true});
      } else {
        end_thread(id, {.signal = verdict.signal});
      }
      break;
    case CallResult::traced: thread.stopped = verdict; break;
    case CallResult::waits:
      thread.waiting = next_notification_++;
      filters_[*verdict.filter].notifications.push_back(
          {.id = *thread.waiting, .thread = id, .data = data, .verdict = verdict});
      break;
  }
  return verdict;
}

}  // namespace callgate

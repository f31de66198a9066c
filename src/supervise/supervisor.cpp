// Errno denials come by notification and are answered with what the policy's own program returns;
// KILL and TRAP are seen at the stop that ptrace makes of them. Allowed calls meet neither.
//
// The stack of a notified call is taken at a ptrace stop between the answer and the return to the
// program: SEIZE, INTERRUPT, answer, stop. A call that is to go on (log_only) is first answered
// with the kernel's own "restart": it stops, returns, and is made again, so that no blocking call
// is ever interrupted on our behalf.
#include "supervise/supervisor.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "callgate/abi/constants.h"
#include "callgate/abi/syscalls.h"
#include "callgate/bpf/emulate.h"
#include "supervise/memory.h"

namespace callgate::supervise {
namespace {

constexpr int restart_no_interrupt = 513;  // ERESTARTNOINTR of include/linux/errno.h
constexpr int stop_timeout = 2000;         // milliseconds
constexpr int grace = 200;                 // milliseconds after the program's end
constexpr std::size_t most_kinds = 1000;
constexpr std::size_t most_restarts = 4096;

/// A call's kind: the call, what decided, who made it, and its flags and enumerations.
std::string kind_of(const SeccompData& data, const Verdict& verdict, const std::string& command) {
  std::string kind =
      fmt::format("{:x}/{:x}/{}/{}/{}", data.arch, data.nr, static_cast<int>(verdict.source),
                  verdict.rule ? std::to_string(*verdict.rule) : "", command);
  const auto arch = classify(data.arch, data.nr);
  const Syscall* call = arch ? find_syscall(*arch, data.nr) : nullptr;
  if (call == nullptr) return kind;
  for (const Parameter& parameter : call->parameters) {
    if (parameter.constants == nullptr || parameter.placement != Placement::word) continue;
    kind += fmt::format("/{:x}", data.args[parameter.low] & 0xffffffff);
  }
  return kind;
}

UniqueFd child_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

void drain(const UniqueFd& signals) {
  signalfd_siginfo info;
  while (::read(signals.get(), &info, sizeof info) > 0) {
  }
}

}  // namespace

unsigned long tree_options() noexcept {
  return PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT;
}

void Supervisor::serve(pid_t program) {
  const UniqueFd signals = child_signals();
  UniqueFd end(static_cast<int>(::syscall(SYS_pidfd_open, program, 0)));
  bool let_go = false;
  while (true) {
    const bool has_tracees = serve_stops();
    if (!s_.listener.open() && !has_tracees) break;
    const bool is_ending = !end.valid() && !let_go;
    std::array<pollfd, 3> fds = {
        {{s_.listener.fd(), POLLIN, 0}, {signals.get(), POLLIN, 0}, {end.get(), POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), is_ending ? grace : -1);
    if (ready == 0 && is_ending) {
      summarise();
      s_.sink.program_ended();
      let_go = true;
    }
    if (ready <= 0) continue;
    drain(signals);
    if ((fds[0].revents & POLLIN) != 0) {
      if (const auto notification = s_.listener.receive()) on_notification(*notification);
    } else if ((fds[0].revents & (POLLHUP | POLLERR)) != 0) {
      s_.listener.close();
    }
    if (fds[2].revents != 0) end.reset();
  }
  summarise();
}

bool Supervisor::serve_stops() {
  while (true) {
    int status = 0;
    const pid_t thread = ::waitpid(-1, &status, WNOHANG | __WALL);
    if (thread < 0 && errno == ECHILD) return false;
    if (thread <= 0) return true;
    on_stop(interpret(thread, status));
  }
}

void Supervisor::on_stop(const WaitedStop& stop) {
  if (!s_.traces_tree) {
    detach(stop);
    return;
  }
  if (stop.stop == Stop::signal && stop.signal == SIGSYS) on_trap(stop);
  if (stop.stop == Stop::signal && stop.signal == SIGSEGV && s_.confinement.strict) on_fault(stop);
  if (stop.stop == Stop::exiting) on_exit(stop);
  resume(stop);
}

void Supervisor::on_trap(const WaitedStop& stop) {
  if (const auto data = trapped_call(stop.thread)) report_stopped(*data, stop.thread);
}

void Supervisor::on_fault(const WaitedStop& stop) {
  if (!reads_time_stamp(stop.thread)) return;
  Denial place;
  place.process = place.thread = stop.thread;
  add_stack(place);
  std::string where;
  if (!place.stack.empty()) where = " in " + format_frame(place.stack.front());
  s_.sink.message("SIGSEGV: the time stamp counter was read (rdtsc), which strict mode forbids" +
                  where);
}

void Supervisor::on_exit(const WaitedStop& stop) {
  // KILL_PROCESS and KILL_THREAD both end the thread as SIGSYS does, strict mode as SIGKILL; so
  // does kill(2), and the other threads of the process. The program itself says which was denied.
  const unsigned long signal = s_.confinement.strict ? SIGKILL : SIGSYS;
  if ((event_message(stop.thread) & 0x7f) != signal) return;
  const auto data = stopped_call(stop.thread);
  if (!data) return;
  const auto action = action_of(emulate(s_.confinement.program, *data));
  const bool is_kill = !action || action->kind == ActionKind::kill_process ||
                       action->kind == ActionKind::kill_thread;
  if (is_kill) report_stopped(*data, stop.thread);
}

void Supervisor::report_stopped(const SeccompData& data, pid_t thread) {
  DenialCount* counted = count(data, thread);
  if (counted == nullptr) return;
  if (s_.stacks) add_stack(counted->first);
  s_.sink.denial(counted->first);
}

Reply Supervisor::reply_to(const SeccompData& data) const {
  if (s_.log_only) return {.go_on = true};
  const auto action = action_of(emulate(s_.confinement.program, data));
  constexpr int most_errno = 4095;  // MAX_ERRNO
  if (action && action->kind == ActionKind::errno_) {
    return {.error = std::min<int>(action->data, most_errno)};
  }
  return {.error = ENOSYS};  // the policy's own USER_NOTIF without a listener
}

bool Supervisor::is_repeat(const Notification& notification) {
  const auto known = restarted_.find(notification.thread);
  if (known == restarted_.end()) return false;
  const bool same = known->second == notification.data;
  restarted_.erase(known);
  return same;
}

void Supervisor::on_notification(const Notification& notification) {
  const Reply reply = reply_to(notification.data);
  DenialCount* counted =
      is_repeat(notification) ? nullptr : count(notification.data, notification.thread);
  if (counted == nullptr) {
    s_.listener.reply(notification.id, reply);
    return;
  }
  Denial& denial = counted->first;
  if (!s_.stacks) {
    s_.sink.denial(denial);
    s_.listener.reply(notification.id, reply);
    return;
  }
  if (!s_.listener.waits(notification.id)) {
    denial.stack_note = "no stack: the call was interrupted before it was answered";
    s_.sink.denial(denial);
    return;
  }
  const int refused = interrupt(notification.thread);
  if (refused == 0) {
    report_at_stop(notification, denial, reply);
    return;
  }
  denial.stack_note = refused == ENOTSUP
                          ? "no stack: this kernel's notifications end at any signal (before 5.19)"
                          : fmt::format("no stack: ptrace refused: {}", std::strerror(refused));
  s_.sink.denial(denial);
  s_.listener.reply(notification.id, reply);
}

int Supervisor::interrupt(pid_t thread) const {
  if (!s_.wait_killable) return ENOTSUP;
  const int refused = s_.traces_tree ? 0 : seize(thread, 0);
  if (refused != 0) return refused;
  return ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) == 0 ? 0 : errno;
}

void Supervisor::report_at_stop(const Notification& notification, Denial& denial,
                                const Reply& reply) {
  const pid_t thread = notification.thread;
  if (s_.log_only && restarted_.size() < most_restarts) restarted_[thread] = notification.data;
  s_.listener.reply(notification.id, s_.log_only ? Reply{.error = restart_no_interrupt} : reply);
  const WaitedStop stop = wait_stop(thread, stop_timeout);
  if (stop.stop != Stop::none && stop.stop != Stop::ended) {
    add_stack(denial);
  } else {
    denial.stack_note = "no stack: the thread ended";
  }
  s_.sink.denial(denial);
  on_stop(stop);
}

void Supervisor::add_stack(Denial& denial) {
  StackTrace trace = take_stack(denial.process, denial.thread);
  denial.stack = std::move(trace.frames);
  denial.stack_note = std::move(trace.note);
}

Denial Supervisor::describe(const SeccompData& data, pid_t thread, const Verdict& verdict) const {
  Denial denial;
  denial.data = data;
  const auto arch = classify(data.arch, data.nr);
  const Syscall* call = arch ? find_syscall(*arch, data.nr) : nullptr;
  if (arch) denial.abi = arch_info(*arch).name;
  denial.call = call != nullptr ? std::string(call->name) : fmt::format("call {}", data.nr);
  denial.action = action_of(emulate(s_.confinement.program, data)).value_or(kill_process);
  denial.let_through = s_.log_only;
  denial.strict = s_.confinement.strict;
  if (denial.strict) denial.action = kill_thread;
  denial.arguments = decode_arguments(data, thread);
  denial.thread = thread;
  denial.process = static_cast<pid_t>(status_field(thread, "Tgid"));
  denial.command = command_of(thread);
  denial.verdict = verdict;
  if (s_.confinement.policy) {
    const Policy& policy = *s_.confinement.policy;
    if (verdict.rule) denial.place = policy.rules[*verdict.rule].place;
    denial.allow_line = allowing_line(policy, s_.confinement.arches, data);
  }
  return denial;
}

DenialCount* Supervisor::count(const SeccompData& data, pid_t thread) {
  const auto& policy = s_.confinement.policy;
  // A bare program has no rules: format_rule says so.
  const Verdict verdict = policy ? evaluate(*policy, s_.confinement.arches, data)
                                 : Verdict{{}, Verdict::Source::rule, {}};
  const std::string kind = kind_of(data, verdict, command_of(thread));
  if (const auto known = kinds_.find(kind); known != kinds_.end()) {
    ++counts_[known->second].times;
    return nullptr;
  }
  if (counts_.size() >= most_kinds) {
    ++uncounted_;
    return nullptr;
  }
  kinds_.emplace(kind, counts_.size());
  return &counts_.emplace_back(DenialCount{describe(data, thread, verdict), 1});
}

void Supervisor::summarise() const {
  s_.sink.counts(counts_);
  if (uncounted_ > 0) {
    s_.sink.message(
        fmt::format("{} more denials past {} kinds were not told apart", uncounted_, most_kinds));
  }
}

}  // namespace callgate::supervise

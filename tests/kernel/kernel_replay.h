// Replays a history on the running kernel and in the model at once, and compares every answer: what
// each call returned, how SIGSYS arrived, which threads and processes died and how, which audit
// records appeared, and in the end mode, filters, no_new_privs and capability of every thread.
#pragma once

#include <linux/netlink.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>

#include "kernel_actor_impl.h"
#include "kernel_history.h"
#include "kernel_running.h"

namespace callgate::test {

/// How often each kind of step and each answer was seen.
using Tally = std::map<std::string, std::size_t>;

/// Audit records of type 1326, from the kernel's multicast group; nothing where it cannot be
/// joined.
class AuditLog {
 public:
  struct Entry {
    int process = 0;
    AuditRecord record;
    auto operator<=>(const Entry& other) const { return key() <=> other.key(); }
    bool operator==(const Entry& other) const { return key() == other.key(); }
    [[nodiscard]] std::array<std::int64_t, 5> key() const {
      return {process, record.signal, record.arch, record.nr, record.code};
    }
  };

  AuditLog() : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT)) {
    constexpr std::uint32_t read_log_group = 1;
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = read_log_group;
    const int buffer = 4 << 20;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    available_ = bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~AuditLog() { close(fd_); }
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  [[nodiscard]] bool available() const { return available_; }

  /// Records of these processes: waits until there are `count`, and a little for more.
  std::vector<Entry> collect(const std::vector<int>& processes, std::size_t count) {
    std::vector<Entry> entries;
    int patience = 200;
    while (patience > 0) {
      pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
      if (poll(&wait, 1, entries.size() < count ? 10 : 0) <= 0) {
        if (entries.size() >= count) break;
        --patience;
        continue;
      }
      std::array<char, 9000> text{};
      const ssize_t got = recv(fd_, text.data(), text.size() - 1, 0);
      if (got <= 0) continue;
      if (const auto entry = parse(text.data() + sizeof(nlmsghdr));
          entry && std::ranges::find(processes, entry->process) != processes.end())
        entries.push_back(*entry);
    }
    return entries;
  }

 private:
  static std::optional<long long> field(const std::string& text, const char* name, int base) {
    const std::size_t at = text.find(name);
    if (at == std::string::npos) return std::nullopt;
    return std::strtoll(text.c_str() + at + std::strlen(name), nullptr, base);
  }
  static std::optional<Entry> parse(const std::string& text) {
    const auto pid = field(text, " pid=", 10);
    const auto signal = field(text, " sig=", 10);
    const auto arch = field(text, " arch=", 16);
    const auto nr = field(text, " syscall=", 10);
    const auto code = field(text, " code=", 16);
    if (!pid || !signal || !arch || !nr || !code) return std::nullopt;
    return Entry{static_cast<int>(*pid),
                 {static_cast<int>(*signal), static_cast<std::uint32_t>(*arch),
                  static_cast<std::uint32_t>(*nr), static_cast<std::uint32_t>(*code)}};
  }

  int fd_;
  bool available_ = false;
};

/// One replay of one history.
class Replay {
 public:
  /// `patience`: how long an answer may take, in milliseconds.
  Replay(Stage& stage, AuditLog& audit, const KernelRelease& release, Tally& tally,
         int patience = 10000)
      : stage_(stage), audit_(audit), model_(release), tally_(tally), patience_(patience) {}

  /// Nothing if kernel and model agree; else the step and what differs.
  std::optional<std::string> run(const History& history) {
    begin(history);
    for (std::size_t i = 0; i < history.steps.size() && !mismatch_; ++i) {
      take(history.steps[i]);
      if (mismatch_) *mismatch_ += "\n  at step " + std::to_string(i);
    }
    if (!mismatch_) compare_states();
    finish();
    if (!mismatch_) compare_audit();
    return mismatch_;
  }

 private:
  /// What a call that runs is to return.
  struct Expected {
    enum class Kind : std::uint8_t { value, at_least_zero, nothing };
    Kind kind = Kind::value;
    std::int64_t value = 0;
    std::function<void(std::int64_t)> learn;  ///< takes the kernel's number (a descriptor, an id)
  };
  /// A call on its way: what it does to the model when it runs, and what it is to return then.
  using WhenRun = std::function<Expected()>;
  /// A reply that is due.
  struct Due {
    Expected expected;
    std::optional<SigsysInfo> sigsys;
  };

  void fail(const std::string& text) {
    if (!mismatch_) mismatch_ = text;
  }
  void count(const std::string& what) { ++tally_[what]; }

  void begin(const History& history) {
    stage_.drain();
    const int pid = stage_.start();
    tids_ = {pid};
    pids_ = {pid};
    model_.start({.admin = true, .is_root = true});
    if (history.drops_admin) take({.kind = Step::Kind::drop_admin});
  }

  void finish() {
    const Before before = snapshot();
    for (ProcessId id = 0; id < pids_.size(); ++id) {
      if (reaped_.contains(id)) continue;
      ::kill(pids_[id], SIGKILL);
      waitpid(pids_[id], nullptr, __WALL);
      if (!mismatch_) model_.kill(id, SIGKILL);
    }
    for (ThreadId id = 0; id < model_.thread_count(); ++id) {
      const ThreadState& thread = model_.thread(id);
      if (before.waiting[id] && thread.reply) note_audit(before.processes[id], *thread.reply);
    }
    stage_.drain();
  }

  std::optional<ThreadId> pick(const Step& step, bool waiting) const {
    std::vector<ThreadId> able;
    for (ThreadId id = 0; id < model_.thread_count(); ++id) {
      const ThreadState& thread = model_.thread(id);
      if (thread.alive && thread.waiting.has_value() == waiting) able.push_back(id);
    }
    if (able.empty()) return std::nullopt;
    return able[step.pick % able.size()];
  }

  void take(const Step& step) {
    if (step.kind == Step::Kind::interrupt) return take_interrupt(step);
    const auto thread = pick(step, false);
    if (!thread) return;
    switch (step.kind) {
      case Step::Kind::probe: return take_probe(*thread, step);
      case Step::Kind::prctl: return take_prctl(*thread, step);
      case Step::Kind::seccomp: return take_seccomp(*thread, step);
      case Step::Kind::clone_thread:
      case Step::Kind::fork: return take_clone(*thread, step);
      case Step::Kind::execve: return take_execve(*thread);
      case Step::Kind::exit:
      case Step::Kind::exit_group: return take_exit(*thread, step);
      case Step::Kind::drop_admin: return take_drop_admin(*thread);
      case Step::Kind::sigsys:
      case Step::Kind::block_sigsys: return take_sigsys(*thread, step);
      case Step::Kind::fill_descriptors: return take_fill(*thread, step);
      case Step::Kind::notify_recv:
      case Step::Kind::notify_send:
      case Step::Kind::notify_id_valid:
      case Step::Kind::close_listener: return take_supervision(*thread, step);
      case Step::Kind::interrupt: return;
    }
  }

  // One call: order it, ask the model, compare.

  static SeccompData data_of(const Order& order) {
    const bool i386 = order.kind == Order::Kind::call32;
    return {.nr = static_cast<std::uint32_t>(order.nr),
            .arch = i386 ? audit_i386 : audit_x86_64,
            .args = order.args};
  }

  void call(ThreadId id, const char* name, const Order& order, WhenRun when_run) {
    const Before before = snapshot();
    const KernelVerdict verdict = model_.enter(id, data_of(order));
    count(std::string("step ") + name);
    count("result " + std::string(call_result_name(verdict.result)));
    count("reason " + std::string(call_reason_name(verdict.reason)));
    note_audit(before.processes[id], verdict);
    std::map<ThreadId, Due> due;
    if (verdict.result == CallResult::waits) {
      pending_[id] = std::move(when_run);
    } else {
      plan(id, verdict, when_run, due);
    }
    stage_.order(id, order);
    if (verdict.result == CallResult::waits) return await_sleep(id, order);
    settle(before, std::move(due), name, verdict);
  }

  /// Adds the reply of a call whose verdict is known, and runs it in the model if it runs.
  void plan(ThreadId id, const KernelVerdict& verdict, const WhenRun& when_run,
            std::map<ThreadId, Due>& due) {
    Due reply;
    if (verdict.result == CallResult::runs) reply.expected = when_run();
    if (verdict.result == CallResult::returns) reply.expected.value = verdict.value;
    if (verdict.result == CallResult::signal) {
      reply.expected.kind = Expected::Kind::nothing;
      reply.sigsys = verdict.sigsys;
    }
    if (model_.thread(id).alive) due[id] = std::move(reply);
  }

  struct Before {
    std::vector<bool> alive;
    std::vector<bool> waiting;
    std::vector<ProcessId> processes;
  };
  [[nodiscard]] Before snapshot() const {
    Before before;
    for (ThreadId id = 0; id < model_.thread_count(); ++id) {
      before.alive.push_back(model_.thread(id).alive);
      before.waiting.push_back(model_.thread(id).waiting.has_value());
      before.processes.push_back(model_.thread(id).process);
    }
    return before;
  }

  /// Replies, deaths and ends that the model says have happened.
  void settle(const Before& before, std::map<ThreadId, Due> due, const std::string& name,
              const KernelVerdict& verdict) {
    for (ThreadId id = 0; id < before.alive.size(); ++id) {
      const ThreadState& thread = model_.thread(id);
      if (!before.waiting[id] || thread.waiting || !thread.reply) continue;
      note_audit(before.processes[id], *thread.reply);
      if (!thread.alive) continue;
      count("reason " + std::string(call_reason_name(thread.reply->reason)));
      const auto when_run = std::exchange(pending_[id], {});
      plan(id, *thread.reply, when_run, due);
    }
    await_replies(std::move(due), name + ": " + to_string(verdict));
    for (ThreadId id = 0; id < before.alive.size() && !mismatch_; ++id) {
      if (before.alive[id] && !model_.thread(id).alive) await_death(id);
    }
    for (ProcessId id = 0; id < model_.process_count() && !mismatch_; ++id) {
      if (model_.process(id).end && !reaped_.contains(id)) await_end(id);
    }
  }

  template <class Done>
  bool await(Done done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_);
    for (unsigned round = 0; std::chrono::steady_clock::now() < until; ++round) {
      if (done()) return true;
      if (round < 20) {
        sched_yield();
      } else {
        usleep(200);
      }
    }
    return false;
  }

  void await_replies(std::map<ThreadId, Due> due, const std::string& what) {
    int left = patience_;
    while (!due.empty() && !mismatch_) {
      const auto reply = stage_.reply(50);
      if (!reply) {
        left -= 50;
        if (left <= 0 || any_unexpected_death(due)) {
          return fail(what + ": the model expects a reply of thread " +
                      std::to_string(due.begin()->first) + ", the kernel gives none");
        }
        continue;
      }
      const auto found = due.find(reply->slot);
      if (found == due.end())
        return fail(what + ": an unexpected reply of thread " + std::to_string(reply->slot) + ", " +
                    std::to_string(reply->value));
      compare_reply(found->second, *reply, what);
      due.erase(found);
    }
  }

  bool any_unexpected_death(const std::map<ThreadId, Due>& due) {
    return std::ranges::any_of(due, [&](const auto& entry) {
      return thread_is_gone(pids_[model_.thread(entry.first).process], tids_[entry.first]);
    });
  }

  void compare_reply(const Due& due, const Reply& reply, const std::string& what) {
    const Expected& expected = due.expected;
    const bool good = expected.kind == Expected::Kind::nothing ||
                      (expected.kind == Expected::Kind::value && reply.value == expected.value) ||
                      (expected.kind == Expected::Kind::at_least_zero && reply.value >= 0);
    if (!good) {
      return fail(what + ": the model says " + std::to_string(expected.value) +
                  ", the kernel says " + std::to_string(reply.value));
    }
    if (expected.learn) expected.learn(reply.value);
    std::optional<SigsysInfo> seen;
    if (reply.sigsys.seen != 0)
      seen = {reply.sigsys.errno_value, static_cast<std::uint32_t>(reply.sigsys.nr),
              reply.sigsys.arch};
    if (seen != due.sigsys || (seen && reply.sigsys.code != uapi::sys_seccomp))
      fail(what + ": SIGSYS differs, the kernel's si_errno is " +
           std::to_string(reply.sigsys.errno_value) + (seen ? "" : " (none arrived)"));
  }

  void await_sleep(ThreadId id, const Order& order) {
    const int process = pids_[model_.thread(id).process];
    if (!await([&] { return sleeps_in(process, tids_[id], order.nr); }))
      fail("the model says that thread " + std::to_string(id) +
           " waits for its supervisor; it does not");
  }

  void await_death(ThreadId id) {
    const int process = pids_[model_.thread(id).process];
    if (model_.process(model_.thread(id).process).end) return;
    if (tids_[id] == process && is_leader_again(id)) return;
    if (!await([&] { return thread_is_gone(process, tids_[id]); }))
      fail("the model says that thread " + std::to_string(id) + " dies; it lives");
  }
  /// After execve by another thread the old leader's id is that thread's.
  [[nodiscard]] bool is_leader_again(ThreadId dead) const {
    return model_.process(model_.thread(dead).process).threads.front() != dead;
  }

  void await_end(ProcessId id) {
    std::optional<int> status;
    await([&] { return (status = try_wait(pids_[id])).has_value(); });
    if (!status)
      return fail("the model says that process " + std::to_string(id) + " ends; it lives");
    reaped_.insert({id, true});
    const ProcessEnd& end = *model_.process(id).end;
    const int expected = end.signal != 0 ? end.signal : end.code << 8;
    count(end.signal != 0 ? "end by signal " + std::to_string(end.signal) : "end by exit");
    if ((*status & ~0x80) != expected)
      fail("process " + std::to_string(id) + " ends: the model says status " +
           std::to_string(expected) + ", the kernel says " + std::to_string(*status));
  }

  // The steps.

  Expected answer(const char* name, const KernelAnswer& answer) {
    switch (answer.kind) {
      case KernelAnswer::Kind::thread:
        count(std::string(name) + " thread id");
        return {.value = tids_[static_cast<std::size_t>(answer.value)]};
      case KernelAnswer::Kind::listener: {
        count(std::string(name) + " listener");
        const auto filter = static_cast<FilterId>(answer.value);
        return {.kind = Expected::Kind::at_least_zero,
                .learn = [this, filter](std::int64_t fd) { listener_fds_[filter] = fd; }};
      }
      case KernelAnswer::Kind::number:
      case KernelAnswer::Kind::blocks: break;
    }
    count(std::string(name) + " " + std::to_string(std::min<std::int64_t>(answer.value, 0)));
    return {.value = answer.value};
  }

  std::uint64_t pointer(ThreadId slot, const UserArgument& argument) {
    constexpr std::uint64_t bad = 8;
    Scratch& scratch = stage_.memory().scratch[slot];
    if (const auto* number = std::get_if<std::uint64_t>(&argument)) return *number;
    if (std::holds_alternative<NullPointer>(argument)) return 0;
    if (std::holds_alternative<BadPointer>(argument)) return bad;
    if (const auto* buffer = std::get_if<UserBuffer>(&argument)) {
      scratch.action = buffer->action;
      return reinterpret_cast<std::uint64_t>(&scratch.action);
    }
    const auto& filter = std::get<UserFilter>(argument);
    scratch.program.length = filter.length;
    scratch.program.filter = place_code(slot, filter.code);
    if (filter.pointer == UserFilter::Code::null) scratch.program.filter = 0;
    if (filter.pointer == UserFilter::Code::unreadable) scratch.program.filter = bad;
    return reinterpret_cast<std::uint64_t>(&scratch.program);
  }

  std::int64_t probe_value(ThreadId id, const Step& step) const {
    const int process = pids_[model_.thread(id).process];
    if (step.args[0] == 1000) return step.i386 && step.nr == 15 ? -EFAULT : -EBADF;
    if (step.i386) {
      if (step.nr == 20) return process;
      return step.nr == 64 ? getpid() : 0;
    }
    switch (step.nr) {
      case SYS_getpid: return process;
      case SYS_getppid: return getpid();
      case SYS_getpgrp: return getpgrp();
      case SYS_gettid: return tids_[id];
      case SYS_getuid:
      case SYS_getgid:
      case SYS_geteuid:
      case SYS_getegid: return 0;
      case 336:  // uprobe(2) outside a trampoline
        return running_ >= Release{6, 18} ? -ENXIO : -ENOSYS;
      default: return -ENOSYS;
    }
  }

  void take_probe(ThreadId id, const Step& step) {
    const Order order{.kind = step.i386 ? Order::Kind::call32 : Order::Kind::call64,
                      .nr = step.nr,
                      .args = {step.args[0]}};
    call(id, "probe", order, [this, id, step]() -> Expected {
      if (!step.i386 && step.nr == 335 && running_ >= Release{6, 11}) {
        // uretprobe(2) outside a trampoline: SIGILL
        model_.kill(model_.thread(id).process, SIGILL);
        return {};
      }
      return {.value = probe_value(id, step)};
    });
  }

  void take_prctl(ThreadId id, const Step& step) {
    const Order order{
        .nr = SYS_prctl,
        .args = {step.nr, step.args[0], pointer(id, step.argument), step.args[1], step.args[2]}};
    call(id, "prctl", order, [this, id, step] {
      return answer("prctl", model_.prctl(id, static_cast<int>(step.nr), step.args[0],
                                          step.argument, step.args[1], step.args[2]));
    });
  }

  void take_seccomp(ThreadId id, const Step& step) {
    const Order order{.nr = SYS_seccomp, .args = {step.nr, step.flags, pointer(id, step.argument)}};
    call(id, "seccomp", order, [this, id, step] {
      return answer("seccomp", model_.seccomp(id, static_cast<std::uint32_t>(step.nr), step.flags,
                                              step.argument));
    });
  }

  void take_clone(ThreadId id, const Step& step) {
    if (model_.thread_count() + pending_.size() >= max_actors) return;
    const bool is_thread = step.kind == Step::Kind::clone_thread;
    const auto child = static_cast<std::uint32_t>(model_.thread_count());
    constexpr std::uint64_t thread_flags =
        CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    const Order order{
        .kind = is_thread ? Order::Kind::clone_thread : Order::Kind::fork,
        .child = child,
        .nr = SYS_clone,
        .args = {is_thread ? thread_flags : CLONE_PARENT | CLONE_CHILD_SETTID | SIGCHLD}};
    const KernelVerdict verdict = model_.verdict(id, data_of(order));
    const bool looks_like_a_child =
        is_thread && verdict.result == CallResult::returns && verdict.value == 0;
    if (verdict.result == CallResult::waits || looks_like_a_child) return;
    call(id, step_names[static_cast<std::size_t>(step.kind)], order, [this, id, is_thread] {
      model_.clone(id, is_thread ? CloneKind::thread : CloneKind::process);
      tids_.push_back(0);
      if (!is_thread) pids_.push_back(0);
      return Expected{.kind = Expected::Kind::at_least_zero,
                      .learn = [this, is_thread](std::int64_t tid) {
                        tids_.back() = static_cast<int>(tid);
                        if (!is_thread) pids_.back() = static_cast<int>(tid);
                      }};
    });
  }

  void take_execve(ThreadId id) {
    if (model_.process(model_.thread(id).process).descriptors_full) return;
    const Order order{.kind = Order::Kind::execve, .nr = SYS_execve, .args = {1u << 20}};
    call(id, "execve", order, [this, id] {
      model_.execve(id);
      tids_[id] = pids_[model_.thread(id).process];
      return Expected{};
    });
  }

  void take_exit(ThreadId id, const Step& step) {
    const bool whole = step.kind == Step::Kind::exit_group;
    const Order order{.nr = static_cast<std::uint64_t>(whole ? SYS_exit_group : SYS_exit),
                      .args = {step.args[0]}};
    call(id, whole ? "exit_group" : "exit", order, [this, id, whole, code = step.args[0]] {
      if (whole) {
        model_.exit_group(id, static_cast<int>(code));
      } else {
        model_.exit(id, static_cast<int>(code));
      }
      return Expected{};
    });
  }

  void take_drop_admin(ThreadId id) {
    constexpr std::uint32_t version_3 = 0x20080522;
    constexpr std::uint32_t sys_admin = 1u << 21;
    Scratch& scratch = stage_.memory().scratch[id];
    scratch.capability_header = {version_3, 0};
    syscall(SYS_capget, scratch.capability_header.data(), scratch.capability_data.data());
    scratch.capability_header = {version_3, 0};
    scratch.capability_data[0] &= ~sys_admin;
    scratch.capability_data[1] &= ~sys_admin;
    const Order order{.nr = SYS_capset,
                      .args = {reinterpret_cast<std::uint64_t>(scratch.capability_header.data()),
                               reinterpret_cast<std::uint64_t>(scratch.capability_data.data())}};
    call(id, "drop_admin", order, [this, id] {
      model_.set_admin(id, false);
      return Expected{};
    });
  }

  void take_sigsys(ThreadId id, const Step& step) {
    if (step.kind == Step::Kind::sigsys) {
      const Order order{
          .kind = Order::Kind::sigsys, .nr = SYS_rt_sigaction, .args = {step.args[0]}};
      return call(id, "sigsys", order, [this, id, action = step.args[0]] {
        model_.set_sigsys(model_.thread(id).process, static_cast<SigsysAction>(action));
        return Expected{};
      });
    }
    Scratch& scratch = stage_.memory().scratch[id];
    scratch.buffer[0] = std::uint64_t{1} << (SIGSYS - 1);
    const bool blocks = step.args[0] != 0;
    const Order order{.nr = SYS_rt_sigprocmask,
                      .args = {static_cast<std::uint64_t>(blocks ? SIG_BLOCK : SIG_UNBLOCK),
                               reinterpret_cast<std::uint64_t>(scratch.buffer.data()), 0, 8}};
    call(id, "block_sigsys", order, [this, id, blocks] {
      model_.block_sigsys(id, blocks);
      return Expected{};
    });
  }

  void take_fill(ThreadId id, const Step& step) {
    const ProcessId process = model_.thread(id).process;
    rlimit limit{};
    prlimit(pids_[process], RLIMIT_NOFILE, nullptr, &limit);
    limit.rlim_cur = step.args[0] != 0 ? 0 : std::min<rlim_t>(limit.rlim_max, 1024);
    prlimit(pids_[process], RLIMIT_NOFILE, &limit, nullptr);
    model_.set_descriptors_full(process, step.args[0] != 0);
    count("step fill_descriptors");
  }

  void take_interrupt(const Step& step) {
    const auto id = pick(step, true);
    if (!id) return;
    const Before before = snapshot();
    const bool ends = model_.interrupt(*id);
    count(ends ? "interrupt ends the wait" : "interrupt does not end the wait");
    syscall(SYS_tgkill, pids_[model_.thread(*id).process], tids_[*id], SIGUSR1);
    settle(before, {}, "interrupt", {});
  }

  /// What the supervisor's side does, by a thread whose process holds a listener.
  void take_supervision(ThreadId id, const Step& step) {
    const ProcessState& process = model_.process(model_.thread(id).process);
    if (process.listeners.empty()) return;
    const FilterId listener = process.listeners[step.pick / 8 % process.listeners.size()];
    const auto fd = static_cast<std::uint64_t>(listener_fds_[listener]);
    if (step.kind == Step::Kind::close_listener) {
      const Order order{.nr = SYS_close, .args = {fd}};
      return call(id, "close_listener", order, [this, id, listener] {
        model_.close_listener(model_.thread(id).process, listener);
        return Expected{};
      });
    }
    if (step.kind == Step::Kind::notify_recv) return take_recv(id, listener, fd);
    take_reply(id, listener, fd, step);
  }

  void take_recv(ThreadId id, FilterId listener, std::uint64_t fd) {
    constexpr std::uint64_t notif_recv = 0xc0502100;
    const auto& all = model_.filter(listener).notifications;
    const auto fresh = std::ranges::find(all, Notification::State::fresh, &Notification::state);
    if (fresh == all.end()) return;
    Scratch& scratch = stage_.memory().scratch[id];
    scratch.buffer = {};
    const Order order{
        .nr = SYS_ioctl,
        .args = {fd, notif_recv, reinterpret_cast<std::uint64_t>(scratch.buffer.data())}};
    call(id, "notify_recv", order, [this, id, listener, caller = fresh->thread] {
      const auto number = static_cast<std::uint64_t>(model_.notify_recv(listener).value);
      return Expected{.learn = [this, id, number, caller](std::int64_t) {
        const auto& buffer = stage_.memory().scratch[id].buffer;
        notification_ids_[number] = buffer[0];
        const auto seen = static_cast<int>(buffer[1] & 0xffffffff);
        if (seen != tids_[caller]) fail("the notification is another thread's");
      }};
    });
  }

  void take_reply(ThreadId id, FilterId listener, std::uint64_t fd, const Step& step) {
    constexpr std::uint64_t notif_send = 0xc0182101;
    constexpr std::uint64_t notif_id_valid = 0x40082102;
    std::uint64_t number = 0;  // of no notification
    for (const Notification& notification : model_.filter(listener).notifications) {
      if (notification.state == Notification::State::received && step.args[3] == 0)
        number = notification.id;
    }
    const std::uint64_t real = number != 0 ? notification_ids_[number] : 12345;
    Scratch& scratch = stage_.memory().scratch[id];
    const auto error = static_cast<std::int32_t>(step.args[0]);
    const auto flags = static_cast<std::uint32_t>(step.args[2]);
    scratch.buffer = {real, step.args[1],
                      static_cast<std::uint32_t>(error) | std::uint64_t{flags} << 32};
    const bool sends = step.kind == Step::Kind::notify_send;
    const Order order{.nr = SYS_ioctl,
                      .args = {fd, sends ? notif_send : notif_id_valid,
                               reinterpret_cast<std::uint64_t>(scratch.buffer.data())}};
    call(id, sends ? "notify_send" : "notify_id_valid", order, [=, this] {
      if (!sends) return answer("notify_id_valid", model_.notify_id_valid(listener, number));
      return answer("notify_send",
                    model_.notify_send(listener, number, error,
                                       static_cast<std::int64_t>(step.args[1]), flags));
    });
  }

  // What can only be compared in the end.

  void note_audit(ProcessId process, const KernelVerdict& verdict) {
    if (!verdict.audit) return;
    count("recorded");
    expected_audit_.push_back({pids_[process], *verdict.audit});
  }

  void compare_audit() {
    if (!audit_.available()) return;
    std::vector<AuditLog::Entry> seen = audit_.collect(pids_, expected_audit_.size());
    std::ranges::sort(seen);
    std::ranges::sort(expected_audit_);
    if (seen == expected_audit_) return;
    std::ostringstream text;
    text << "audit records differ: the model has " << expected_audit_.size() << ", the kernel "
         << seen.size();
    for (const auto* list : {&expected_audit_, &seen}) {
      text << "\n  " << (list == &seen ? "kernel:" : "model:") << std::hex;
      for (const AuditLog::Entry& entry : *list)
        text << " [" << std::dec << entry.process << std::hex << " sig " << entry.record.signal
             << " nr " << entry.record.nr << " code " << entry.record.code << "]";
    }
    fail(text.str());
  }

  void compare_states() {
    for (ThreadId id = 0; id < model_.thread_count() && !mismatch_; ++id) {
      const ThreadState& thread = model_.thread(id);
      if (!thread.alive) continue;
      const auto compare = [&](const char* name, long expected) {
        const long seen = status_field(pids_[thread.process], tids_[id], name);
        if (seen != expected && seen != -1)
          fail("thread " + std::to_string(id) + " in the end: " + name + " is " +
               std::to_string(seen) + ", the model says " + std::to_string(expected));
      };
      compare("Seccomp", static_cast<long>(thread.mode));
      compare("Seccomp_filters", static_cast<long>(model_.stack(id).size()));
      compare("NoNewPrivs", thread.no_new_privs ? 1 : 0);
      const bool admin =
          (status_field(pids_[thread.process], tids_[id], "CapEff", 16) >> 21 & 1) != 0;
      if (admin != thread.admin)
        fail("thread " + std::to_string(id) + " in the end: the model is wrong on CAP_SYS_ADMIN");
      count("final state");
    }
  }

  Stage& stage_;
  AuditLog& audit_;
  TaskModel model_;
  Tally& tally_;
  int patience_;
  const Release running_ = running_release();
  std::optional<std::string> mismatch_;
  std::vector<int> tids_;  ///< by ThreadId
  std::vector<int> pids_;  ///< by ProcessId
  std::map<ProcessId, bool> reaped_;
  std::map<ThreadId, WhenRun> pending_;
  std::map<FilterId, std::int64_t> listener_fds_;
  std::map<std::uint64_t, std::uint64_t> notification_ids_;
  std::vector<AuditLog::Entry> expected_audit_;
};

}  // namespace callgate::test

// Seccomp itself, in user space: tasks, their modes and filters, and what the kernel answers.
//
//   TaskModel model(KernelRelease({6, 12}));
//   const ThreadId main = model.start({.admin = false});
//   model.prctl(main, uapi::pr_set_no_new_privs, 1, std::uint64_t{0});
//   model.seccomp(main, uapi::set_mode_filter, uapi::flag_log, UserFilter::of(program));
//   const ThreadId child = model.clone(main, CloneKind::thread);
//   const KernelVerdict verdict = model.enter(child, {.nr = 1, .arch = 0xc000003e});
//
// prctl(), seccomp(), clone() and execve() are the kernel's functions behind the call: whether a
// thread gets as far as that is what enter() says. Deterministic, without system calls. Held
// against the running kernel by tests/kernel/kernel_histories.cpp; docs/kernel-model.md says how
// far. A TaskModel is not thread-safe; distinct ones are independent. Copying one copies its tasks.
//
// What it leaves out: memory and locks run out nowhere; a 32-bit sock_fprog is not told apart from
// a 64-bit one; descriptor numbers are its own.
#pragma once

#include <array>
#include <variant>
#include <vector>

#include "callgate/bpf/program.h"
#include "callgate/kernel/constants.h"
#include "callgate/kernel/verdict.h"

namespace callgate {

/// Index of a thread, and of a process (a thread group), in the order in which they appeared.
using ThreadId = std::uint32_t;
using ProcessId = std::uint32_t;

enum class SeccompMode : std::uint8_t { disabled, strict, filter };
enum class CloneKind : std::uint8_t { thread, process };
/// What a process does with SIGSYS.
enum class SigsysAction : std::uint8_t { fatal, ignored, handled };

/// A pointer argument of prctl(2) or seccomp(2), by what lies behind it.
struct NullPointer {
  bool operator==(const NullPointer&) const = default;
};
/// An address that the caller cannot read.
struct BadPointer {
  bool operator==(const BadPointer&) const = default;
};
/// struct sock_fprog: a length, and how many instructions can be read where `filter` points.
struct UserFilter {
  enum class Code : std::uint8_t { readable, unreadable, null };
  std::uint16_t length = 0;
  Code pointer = Code::readable;
  std::vector<Instruction> code;  ///< for readable; fewer than `length`: the rest is unreadable
  bool operator==(const UserFilter&) const = default;

  [[nodiscard]] static UserFilter of(const Program& program);
};
/// A readable and writable buffer, with the action that GET_ACTION_AVAIL asks about.
struct UserBuffer {
  std::uint32_t action = 0;
  bool operator==(const UserBuffer&) const = default;
};
/// prctl's second pointer may also be a plain number (PR_SET_NO_NEW_PRIVS).
using UserArgument = std::variant<NullPointer, BadPointer, UserFilter, UserBuffer, std::uint64_t>;

/// What a system call returns: a number or -errno, and what the number names.
struct KernelAnswer {
  enum class Kind : std::uint8_t {
    number,
    thread,    ///< `value` is the ThreadId that TSYNC could not take along
    listener,  ///< `value` is the FilterId whose listener was opened
    blocks,    ///< the call waits
  };
  std::int64_t value = 0;
  Kind kind = Kind::number;
  bool operator==(const KernelAnswer&) const = default;
};

/// What a tracer has asked for.
struct TracerState {
  bool seccomp_events = false;  ///< PTRACE_O_TRACESECCOMP
  bool suspends = false;        ///< PTRACE_O_SUSPEND_SECCOMP (CONFIG_CHECKPOINT_RESTORE)
};

/// Attributes of a first thread.
struct StartOptions {
  bool admin = false;    ///< CAP_SYS_ADMIN in its user namespace
  bool is_root = false;  ///< execve gives it CAP_SYS_ADMIN again (uid 0), unless no_new_privs
};

/// One thread. Plain data; change it through the model.
struct ThreadState {
  ProcessId process = 0;
  SeccompMode mode = SeccompMode::disabled;
  std::optional<FilterId> filter;  ///< newest; Filter::previous leads to the older ones
  bool no_new_privs = false;
  bool admin = false;
  bool alive = true;
  bool audited = false;  ///< has an audit context (matters before 4.18)
  bool sigsys_blocked = false;
  std::optional<TracerState> tracer;
  std::optional<KernelVerdict> stopped;  ///< at a TRACE stop, by this verdict
  std::optional<std::uint64_t> waiting;  ///< for this notification
  std::optional<KernelVerdict> reply;    ///< what a wait ended with, until the next enter()
};

/// A notification at a listener.
struct Notification {
  enum class State : std::uint8_t { fresh, received, replied };
  std::uint64_t id = 0;
  ThreadId thread = 0;
  SeccompData data;
  State state = State::fresh;
  KernelVerdict verdict;  ///< by which the call waits
};

/// One filter. It is shared by everyone who inherited it: `previous` makes a tree of them.
struct Filter {
  Program program;
  std::size_t size = 0;  ///< as it counts against the stack's limit
  std::optional<FilterId> previous;
  bool log = false;
  bool wait_killable = false;
  bool listening = false;  ///< its listener is open somewhere
  std::vector<Notification> notifications;
};

/// How a process ended.
struct ProcessEnd {
  int signal = 0;     ///< 0: it exited
  int code = 0;       ///< exit status, for signal 0
  bool core = false;  ///< a core dump is attempted
  bool operator==(const ProcessEnd&) const = default;
};

/// A thread group.
struct ProcessState {
  std::vector<ThreadId> threads;  ///< living ones and a dead leader, in the kernel's order
  SigsysAction sigsys = SigsysAction::fatal;
  bool is_root = false;
  bool descriptors_full = false;    ///< no descriptor is free (RLIMIT_NOFILE)
  std::vector<FilterId> listeners;  ///< open here
  ProcessEnd leader_end;            ///< how its leader ended, if it has
  std::optional<ProcessEnd> end;
};

class TaskModel {
 public:
  explicit TaskModel(KernelRelease release);

  [[nodiscard]] const KernelRelease& release() const noexcept { return release_; }
  [[nodiscard]] const ThreadState& thread(ThreadId id) const { return threads_.at(id); }
  [[nodiscard]] const ProcessState& process(ProcessId id) const { return processes_.at(id); }
  [[nodiscard]] const Filter& filter(FilterId id) const { return filters_.at(id); }
  [[nodiscard]] std::size_t thread_count() const noexcept { return threads_.size(); }
  [[nodiscard]] std::size_t process_count() const noexcept { return processes_.size(); }
  /// Filters of a thread, newest first.
  [[nodiscard]] std::vector<FilterId> stack(ThreadId id) const;
  /// What a further filter may still have, in the instructions that the release counts.
  [[nodiscard]] std::size_t free_instructions(ThreadId id) const;

  // Tasks.

  /// A new process without seccomp.
  ThreadId start(StartOptions options = {});
  /// clone(2): the child has its creator's mode, filters, no_new_privs and capability.
  ThreadId clone(ThreadId creator, CloneKind kind);
  /// execve(2) that succeeds: mode, filters and no_new_privs stay, other threads and listeners go.
  void execve(ThreadId id);
  /// exit(2) of one thread, exit_group(2) of its process, and a fatal signal from outside.
  void exit(ThreadId id, int code);
  void exit_group(ThreadId id, int code);
  void kill(ProcessId id, int signal);

  // The kernel's functions. An operation on a dead thread changes nothing and answers ESRCH.

  /// PR_GET/SET_SECCOMP and PR_GET/SET_NO_NEW_PRIVS; any other option: EINVAL. `argument3` is the
  /// filter of PR_SET_SECCOMP.
  KernelAnswer prctl(ThreadId id, int option, std::uint64_t argument2,
                     const UserArgument& argument3 = {}, std::uint64_t argument4 = 0,
                     std::uint64_t argument5 = 0);
  /// seccomp(2); ENOSYS before 3.17. An argument of another kind than the operation reads counts as
  /// unreadable.
  KernelAnswer seccomp(ThreadId id, std::uint32_t operation, std::uint32_t flags,
                       const UserArgument& argument);
  /// Writing to /proc/PID/seccomp (2.6.12 to 2.6.22); ENOENT where there is no such file.
  KernelAnswer write_proc_file(ThreadId target, std::uint64_t mode);
  /// PTRACE_SECCOMP_GET_FILTER (4.4): the length of filter `index`, 0 being the oldest.
  [[nodiscard]] KernelAnswer get_filter(ThreadId tracer, ThreadId target, std::size_t index) const;

  // Calls.

  /// The verdict, changing nothing.
  [[nodiscard]] KernelVerdict verdict(ThreadId id, const SeccompData& data) const;
  /// The verdict, put into effect: deaths, stops and waits happen.
  KernelVerdict enter(ThreadId id, const SeccompData& data);
  /// A thread at a TRACE stop goes on with the call that the tracer left. A negative number skips
  /// it and returns `value`.
  KernelVerdict resume(ThreadId id, const SeccompData& data, std::int64_t value);
  /// A signal with a handler reaches a waiting thread. False if the wait goes on
  /// (WAIT_KILLABLE_RECV); else ThreadState::reply says EINTR, or
  /// ERESTARTSYS (512) for number -1.
  bool interrupt(ThreadId id);

  // The supervisor's side of a listener (ioctl(2)); see seccomp_unotify(2).

  /// SECCOMP_IOCTL_NOTIF_RECV: the oldest fresh notification, by id. Blocks if there is none.
  KernelAnswer notify_recv(FilterId listener);
  /// SECCOMP_IOCTL_NOTIF_SEND. The waiting thread's ThreadState::reply is set.
  KernelAnswer notify_send(FilterId listener, std::uint64_t id, int error, std::int64_t value,
                           std::uint32_t flags);
  [[nodiscard]] KernelAnswer notify_id_valid(FilterId listener, std::uint64_t id) const;
  /// SECCOMP_IOCTL_NOTIF_ADDFD of an open descriptor; with the SEND flag it is also the reply.
  KernelAnswer notify_addfd(FilterId listener, std::uint64_t id, std::uint32_t flags,
                            std::uint32_t new_fd);
  /// SECCOMP_IOCTL_NOTIF_SET_FLAGS (6.6).
  [[nodiscard]] KernelAnswer notify_set_flags(FilterId listener, std::uint64_t flags) const;
  /// The process closes the listener; when nobody has it open, who waits gets ENOSYS.
  void close_listener(ProcessId id, FilterId listener);

  // Surroundings.

  void set_admin(ThreadId id, bool admin) { threads_.at(id).admin = admin; }
  void set_audited(ThreadId id, bool audited) { threads_.at(id).audited = audited; }
  void set_tracer(ThreadId id, std::optional<TracerState> tracer);
  void block_sigsys(ThreadId id, bool blocked) { threads_.at(id).sigsys_blocked = blocked; }
  void set_sigsys(ProcessId id, SigsysAction action) { processes_.at(id).sigsys = action; }
  void set_descriptors_full(ProcessId id, bool full) { processes_.at(id).descriptors_full = full; }
  /// The sysctl kernel.seccomp.actions_logged, all but ALLOW at first. ALLOW in it is EINVAL; an
  /// unknown action cannot be named.
  KernelAnswer set_actions_logged(std::vector<ActionKind> actions);

 private:
  [[nodiscard]] KernelAnswer set_mode_strict(ThreadId id);
  [[nodiscard]] KernelAnswer set_mode_filter(ThreadId id, std::uint32_t flags,
                                             const UserArgument& argument);
  [[nodiscard]] KernelAnswer prctl_set_seccomp(ThreadId id, std::uint64_t mode,
                                               const UserArgument& argument);
  /// The program in an argument, or the errno of its copy and check.
  [[nodiscard]] std::variant<Program, int> prepare(const ThreadState& caller,
                                                   const UserArgument& argument) const;
  [[nodiscard]] KernelAnswer attach(ThreadId id, std::uint32_t flags, Program program);
  [[nodiscard]] bool is_ancestor(std::optional<FilterId> parent,
                                 std::optional<FilterId> child) const;
  [[nodiscard]] std::optional<ThreadId> cannot_sync(ThreadId caller) const;
  void sync(ThreadId caller);
  [[nodiscard]] std::size_t counted_size(const Program& program) const;
  [[nodiscard]] std::size_t used_instructions(const ThreadState& thread) const;

  [[nodiscard]] KernelVerdict strict_verdict(const ThreadState& thread,
                                             const SeccompData& data) const;
  [[nodiscard]] KernelVerdict filter_verdict(const ThreadState& thread, const SeccompData& data,
                                             bool after_trace) const;
  void decide(const ThreadState& thread, const SeccompData& data, bool after_trace,
              KernelVerdict& verdict) const;
  void kill_verdict(const ThreadState& thread, const SeccompData& data,
                    KernelVerdict& verdict) const;
  void force_sigsys(const ThreadState& thread, const SeccompData& data,
                    KernelVerdict& verdict) const;
  [[nodiscard]] bool is_exempt(const SeccompData& data) const;
  [[nodiscard]] bool is_last_thread(const ThreadState& thread) const;
  [[nodiscard]] bool is_logged(const ThreadState& thread, std::uint32_t action, int signal,
                               bool requested) const;
  void record(const ThreadState& thread, const SeccompData& data, int signal,
              KernelVerdict& verdict) const;
  KernelVerdict apply(ThreadId id, const SeccompData& data, const KernelVerdict& verdict);

  void end_thread(ThreadId id, ProcessEnd end);
  void end_process(ProcessId id, ProcessEnd end);
  [[nodiscard]] const Notification* notification_of(ThreadId id) const;
  void abandon_wait(ThreadId id);
  void finish_wait(ThreadId id, const KernelVerdict& verdict);
  [[nodiscard]] Notification* find_notification(FilterId listener, std::uint64_t id);
  [[nodiscard]] const Notification* find_notification(FilterId listener, std::uint64_t id) const;

  KernelRelease release_;
  std::vector<ThreadState> threads_;
  std::vector<ProcessState> processes_;
  std::vector<Filter> filters_;
  std::vector<ActionKind> actions_logged_;
  std::uint64_t next_notification_ = 1;
};

}  // namespace callgate

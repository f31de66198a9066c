// The supervisor's second part: answering and reporting until the last confined task is gone.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>

#include "callgate/supervise/run.h"
#include "supervise/listener.h"
#include "supervise/stack.h"
#include "supervise/tracee.h"

namespace callgate::supervise {

/// What a supervisor works with.
struct Supervision {
  const Confinement& confinement;
  DenialSink& sink;
  Listener listener;  ///< may be closed
  bool wait_killable = false;
  bool log_only = false;
  bool traces_tree = false;  ///< every task is traced, to see KILL and TRAP
  bool stacks = true;        ///< unwinding reads the program's file, which may not be trusted
};

/// Options for tracing a whole tree without a stop at any system call.
[[nodiscard]] unsigned long tree_options() noexcept;

/// One thread; all ptrace requests come from the thread that seized.
class Supervisor {
 public:
  explicit Supervisor(Supervision supervision) : s_(std::move(supervision)) {}

  /// Returns when no task is left under the filter. `program` is the process that was started.
  void serve(pid_t program);

 private:
  bool serve_stops();
  void on_stop(const WaitedStop& stop);
  void on_trap(const WaitedStop& stop);
  void on_fault(const WaitedStop& stop);
  void on_exit(const WaitedStop& stop);
  void report_stopped(const SeccompData& data, pid_t thread);
  void on_notification(const Notification& notification);
  void report_at_stop(const Notification& notification, Denial& denial, const Reply& reply);
  void summarise() const;

  /// Makes a notified thread stop right after its answer; 0 or errno.
  [[nodiscard]] int interrupt(pid_t thread) const;
  /// True for a call that was sent back once and comes again.
  bool is_repeat(const Notification& notification);
  [[nodiscard]] Reply reply_to(const SeccompData& data) const;
  [[nodiscard]] Denial describe(const SeccompData& data, pid_t thread,
                                const Verdict& verdict) const;
  /// The call stack of the denial's thread, which is stopped.
  static void add_stack(Denial& denial);
  /// Counts a call; its entry if it is the first of its kind, valid until the next call.
  DenialCount* count(const SeccompData& data, pid_t thread);

  Supervision s_;
  std::map<std::string, std::size_t> kinds_;
  std::vector<DenialCount> counts_;
  std::uint64_t uncounted_ = 0;             ///< denials past the kinds that are told apart
  std::map<pid_t, SeccompData> restarted_;  ///< calls that were sent back once for their stack
};

}  // namespace callgate::supervise

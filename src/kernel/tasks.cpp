// Tasks: how they come, what they inherit, and how they end (kernel/fork.c copy_seccomp, fs/exec.c,
// kernel/exit.c; read from 6.12 and 6.1).
//
// Known weakness: before 6.11 a leader that seccomp killed fails every TSYNC from 5.17 on; here it
// is judged by the mode and filters it died with.
#include <algorithm>

#include "callgate/kernel/task_model.h"

namespace callgate {

UserFilter UserFilter::of(const Program& program) {
  const auto code = program.instructions();
  return {.length = static_cast<std::uint16_t>(code.size()),
          .pointer = Code::readable,
          .code = {code.begin(), code.end()}};
}

TaskModel::TaskModel(KernelRelease release)
    : release_(std::move(release)),
      actions_logged_{ActionKind::kill_process, ActionKind::kill_thread, ActionKind::trap,
                      ActionKind::errno_,       ActionKind::user_notif,  ActionKind::trace,
                      ActionKind::log} {}

std::vector<FilterId> TaskModel::stack(ThreadId id) const {
  std::vector<FilterId> filters;
  for (auto at = threads_.at(id).filter; at; at = filters_[*at].previous) filters.push_back(*at);
  return filters;
}

ThreadId TaskModel::start(StartOptions options) {
  const auto id = static_cast<ThreadId>(threads_.size());
  const auto process = static_cast<ProcessId>(processes_.size());
  threads_.push_back({.process = process, .admin = options.admin});
  processes_.push_back({.threads = {id}, .is_root = options.is_root});
  return id;
}

ThreadId TaskModel::clone(ThreadId creator, CloneKind kind) {
  const auto id = static_cast<ThreadId>(threads_.size());
  ThreadState child = threads_.at(creator);
  child.tracer.reset();
  child.stopped.reset();
  child.waiting.reset();
  child.reply.reset();
  if (kind == CloneKind::thread) {
    processes_[child.process].threads.push_back(id);
  } else {
    ProcessState process = processes_[child.process];
    process.threads = {id};
    process.leader_end = {};
    child.process = static_cast<ProcessId>(processes_.size());
    processes_.push_back(std::move(process));
  }
  threads_.push_back(child);
  return id;
}

void TaskModel::execve(ThreadId id) {
  ThreadState& caller = threads_.at(id);
  if (!caller.alive) return;
  ProcessState& process = processes_[caller.process];
  for (const ThreadId other : process.threads) {
    if (other == id) continue;
    abandon_wait(other);
    threads_[other].alive = false;
  }
  process.threads = {id};
  process.leader_end = {};
  if (process.sigsys == SigsysAction::handled) process.sigsys = SigsysAction::fatal;
  const std::vector<FilterId> listeners = process.listeners;
  for (const FilterId listener : listeners) close_listener(caller.process, listener);
  caller.admin = process.is_root && (caller.admin || !caller.no_new_privs);
}

void TaskModel::exit(ThreadId id, int code) { end_thread(id, {.code = code & 0xff}); }

void TaskModel::exit_group(ThreadId id, int code) {
  if (threads_.at(id).alive) end_process(threads_[id].process, {.code = code & 0xff});
}

void TaskModel::kill(ProcessId id, int signal) {
  if (!processes_.at(id).end) end_process(id, {.signal = signal});
}

void TaskModel::set_tracer(ThreadId id, std::optional<TracerState> tracer) {
  threads_.at(id).tracer = tracer;
}

void TaskModel::end_thread(ThreadId id, ProcessEnd end) {
  ThreadState& thread = threads_.at(id);
  if (!thread.alive) return;
  abandon_wait(id);
  thread.alive = false;
  ProcessState& process = processes_[thread.process];
  const bool is_leader = process.threads.front() == id;
  if (is_leader) {
    process.leader_end = end;
  } else {
    std::erase(process.threads, id);
  }
  const bool others_live =
      std::ranges::any_of(process.threads, [&](ThreadId other) { return threads_[other].alive; });
  if (others_live) return;
  const bool by_last = is_leader || release_.has(KernelFeature::last_thread_status);
  end_process(thread.process, by_last ? end : process.leader_end);
}

void TaskModel::end_process(ProcessId id, ProcessEnd end) {
  ProcessState& process = processes_[id];
  for (const ThreadId thread : process.threads) {
    abandon_wait(thread);
    threads_[thread].alive = false;
  }
  process.end = end;
  const std::vector<FilterId> listeners = process.listeners;
  for (const FilterId listener : listeners) close_listener(id, listener);
}

}  // namespace callgate

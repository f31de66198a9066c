// Notifications: what a supervisor may do at a listener and what that means for who waits
// (kernel/seccomp.c seccomp_do_user_notification and seccomp_notify_*; read from 6.12 and 6.1).
#include <algorithm>

#include "callgate/kernel/task_model.h"

namespace callgate {
namespace {

KernelAnswer refuse(int errno_value) { return {.value = -errno_value}; }

}  // namespace

const Notification* TaskModel::find_notification(FilterId listener, std::uint64_t id) const {
  const auto& all = filters_.at(listener).notifications;
  const auto found = std::ranges::find(all, id, &Notification::id);
  return found == all.end() ? nullptr : &*found;
}

Notification* TaskModel::find_notification(FilterId listener, std::uint64_t id) {
  auto& all = filters_.at(listener).notifications;
  const auto found = std::ranges::find(all, id, &Notification::id);
  return found == all.end() ? nullptr : &*found;
}

void TaskModel::finish_wait(ThreadId id, const KernelVerdict& verdict) {
  const std::uint64_t waiting = *std::exchange(threads_[id].waiting, std::nullopt);
  for (Filter& filter : filters_)
    std::erase_if(filter.notifications, [&](const Notification& n) { return n.id == waiting; });
  threads_[id].reply = verdict;
}

KernelAnswer TaskModel::notify_recv(FilterId listener) {
  if (!filters_.at(listener).listening) return refuse(uapi::ebadf);
  auto& all = filters_[listener].notifications;
  const auto fresh = std::ranges::find(all, Notification::State::fresh, &Notification::state);
  if (fresh == all.end()) return {.kind = KernelAnswer::Kind::blocks};
  fresh->state = Notification::State::received;
  return {.value = static_cast<std::int64_t>(fresh->id)};
}

KernelAnswer TaskModel::notify_send(FilterId listener, std::uint64_t id, int error,
                                    std::int64_t value, std::uint32_t flags) {
  if (!filters_.at(listener).listening) return refuse(uapi::ebadf);
  const bool goes_on = (flags & uapi::notif_continue) != 0;
  const std::uint32_t known =
      release_.has(KernelFeature::notif_continue) ? uapi::notif_continue : 0;
  if ((flags & ~known) != 0) return refuse(uapi::einval);
  if (goes_on && (error != 0 || value != 0)) return refuse(uapi::einval);
  const Notification* found = find_notification(listener, id);
  if (found == nullptr) return refuse(uapi::enoent);
  if (found->state != Notification::State::received) return refuse(uapi::einprogress);
  const Notification answered = *found;
  KernelVerdict verdict = answered.verdict;
  verdict.reason = CallReason::supervisor;
  verdict.result = goes_on ? CallResult::runs : CallResult::returns;
  verdict.value = error != 0 ? error : value;
  if (!goes_on) record(threads_[answered.thread], answered.data, 0, verdict);
  finish_wait(answered.thread, verdict);
  return {};
}

KernelAnswer TaskModel::notify_id_valid(FilterId listener, std::uint64_t id) const {
  if (!filters_.at(listener).listening) return refuse(uapi::ebadf);
  const Notification* found = find_notification(listener, id);
  const bool valid = found != nullptr && found->state == Notification::State::received;
  return valid ? KernelAnswer{} : refuse(uapi::enoent);
}

KernelAnswer TaskModel::notify_addfd(FilterId listener, std::uint64_t id, std::uint32_t flags,
                                     std::uint32_t new_fd) {
  if (!filters_.at(listener).listening) return refuse(uapi::ebadf);
  if (!release_.has(KernelFeature::addfd)) return refuse(uapi::einval);
  const bool sends = (flags & uapi::addfd_send) != 0;
  const std::uint32_t known =
      uapi::addfd_setfd | (release_.has(KernelFeature::addfd_send) ? uapi::addfd_send : 0);
  if ((flags & ~known) != 0) return refuse(uapi::einval);
  if (new_fd != 0 && (flags & uapi::addfd_setfd) == 0) return refuse(uapi::einval);
  const Notification* found = find_notification(listener, id);
  if (found == nullptr) return refuse(uapi::enoent);
  if (found->state != Notification::State::received) return refuse(uapi::einprogress);
  if (processes_[threads_[found->thread].process].descriptors_full) return refuse(uapi::emfile);
  if (sends) return notify_send(listener, id, 0, new_fd, 0);
  return {.value = new_fd};
}

KernelAnswer TaskModel::notify_set_flags(FilterId listener, std::uint64_t flags) const {
  if (!filters_.at(listener).listening) return refuse(uapi::ebadf);
  const bool known =
      release_.has(KernelFeature::sync_wake_up) && (flags & ~uapi::notif_sync_wake_up) == 0;
  return known ? KernelAnswer{} : refuse(uapi::einval);
}

bool TaskModel::interrupt(ThreadId id) {
  const Notification* found = notification_of(id);
  if (found == nullptr) return false;
  const bool killable = filters_[*found->verdict.filter].wait_killable;
  if (killable && found->state == Notification::State::received) return false;
  abandon_wait(id);
  return true;
}

const Notification* TaskModel::notification_of(ThreadId id) const {
  const ThreadState& thread = threads_.at(id);
  if (!thread.waiting) return nullptr;
  for (const Filter& filter : filters_) {
    const auto found = std::ranges::find(filter.notifications, *thread.waiting, &Notification::id);
    if (found != filter.notifications.end()) return &*found;
  }
  return nullptr;
}

/// A signal, perhaps a fatal one, ends a wait. Number -1 is no call to x86's handle_signal
/// (arch/x86/kernel/signal.c), which leaves ERESTARTSYS as it is.
void TaskModel::abandon_wait(ThreadId id) {
  const Notification* found = notification_of(id);
  if (found == nullptr) return;
  KernelVerdict verdict = found->verdict;
  verdict.reason = CallReason::interrupted;
  verdict.result = CallResult::returns;
  verdict.value = found->data.nr == skipped_call ? -uapi::erestartsys : -uapi::eintr;
  record(threads_[id], found->data, 0, verdict);
  finish_wait(id, verdict);
}

void TaskModel::close_listener(ProcessId id, FilterId listener) {
  std::erase(processes_.at(id).listeners, listener);
  const auto holds = [&](const ProcessState& process) {
    return std::ranges::find(process.listeners, listener) != process.listeners.end();
  };
  Filter& filter = filters_.at(listener);
  if (!filter.listening || std::ranges::any_of(processes_, holds)) return;
  filter.listening = false;
  const std::vector<Notification> orphans = std::move(filter.notifications);
  filter.notifications.clear();
  for (const Notification& orphan : orphans) {
    KernelVerdict verdict = orphan.verdict;
    verdict.reason = CallReason::no_listener;
    verdict.result = CallResult::returns;
    verdict.value = -uapi::enosys;
    record(threads_[orphan.thread], orphan.data, 0, verdict);
    finish_wait(orphan.thread, verdict);
  }
}

KernelAnswer TaskModel::set_actions_logged(std::vector<ActionKind> actions) {
  if (!release_.has(KernelFeature::log_flag)) return refuse(uapi::enoent);
  for (const ActionKind kind : actions) {
    if (kind == ActionKind::allow || !read_action(release_, static_cast<std::uint32_t>(kind)).kind)
      return refuse(uapi::einval);
  }
  actions_logged_ = std::move(actions);
  return {};
}

}  // namespace callgate

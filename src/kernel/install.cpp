// prctl(2) and seccomp(2): which argument is looked at first, and every errno (kernel/seccomp.c and
// kernel/sys.c, read from 6.12, 6.1, 4.17 and 3.4; the two orders before and after 3.17 from the
// commits in release.cpp).
#include <algorithm>

#include "callgate/kernel/task_model.h"

namespace callgate {
namespace {

KernelAnswer refuse(int errno_value) { return {.value = -errno_value}; }

bool is_null(const UserArgument& argument) {
  const auto* number = std::get_if<std::uint64_t>(&argument);
  return std::holds_alternative<NullPointer>(argument) || (number != nullptr && *number == 0);
}

}  // namespace

KernelAnswer TaskModel::prctl(ThreadId id, int option, std::uint64_t argument2,
                              const UserArgument& argument3, std::uint64_t argument4,
                              std::uint64_t argument5) {
  ThreadState& caller = threads_.at(id);
  if (!caller.alive) return refuse(uapi::esrch);
  const bool rest_is_null = is_null(argument3) && argument4 == 0 && argument5 == 0;
  switch (option) {
    case uapi::pr_get_seccomp:
      if (!release_.has(KernelFeature::prctl_strict)) return refuse(uapi::einval);
      return {.value = static_cast<std::int64_t>(caller.mode)};
    case uapi::pr_set_seccomp: return prctl_set_seccomp(id, argument2, argument3);
    case uapi::pr_set_no_new_privs:
      if (!release_.has(KernelFeature::no_new_privs) || argument2 != 1 || !rest_is_null)
        return refuse(uapi::einval);
      caller.no_new_privs = true;
      return {};
    case uapi::pr_get_no_new_privs:
      if (!release_.has(KernelFeature::no_new_privs) || argument2 != 0 || !rest_is_null)
        return refuse(uapi::einval);
      return {.value = caller.no_new_privs ? 1 : 0};
    default: return refuse(uapi::einval);
  }
}

KernelAnswer TaskModel::prctl_set_seccomp(ThreadId id, std::uint64_t mode,
                                          const UserArgument& argument) {
  if (!release_.has(KernelFeature::prctl_strict)) return refuse(uapi::einval);
  const bool has_filters = release_.has(KernelFeature::filters);
  if (!has_filters && threads_[id].mode != SeccompMode::disabled) return refuse(uapi::eperm);
  if (mode == uapi::mode_strict) return set_mode_strict(id);
  if (mode == uapi::mode_filter && has_filters) return set_mode_filter(id, 0, argument);
  return refuse(uapi::einval);
}

KernelAnswer TaskModel::seccomp(ThreadId id, std::uint32_t operation, std::uint32_t flags,
                                const UserArgument& argument) {
  if (!threads_.at(id).alive) return refuse(uapi::esrch);
  if (!release_.has(KernelFeature::seccomp_call)) return refuse(uapi::enosys);
  const bool has_buffer = std::holds_alternative<UserBuffer>(argument);
  switch (operation) {
    case uapi::set_mode_strict:
      if (flags != 0 || !is_null(argument)) return refuse(uapi::einval);
      return set_mode_strict(id);
    case uapi::set_mode_filter:
      if (!release_.has(KernelFeature::filters)) return refuse(uapi::einval);
      return set_mode_filter(id, flags, argument);
    case uapi::get_action_avail:
      if (!release_.has(KernelFeature::action_avail) || flags != 0) return refuse(uapi::einval);
      if (!has_buffer) return refuse(uapi::efault);
      if ((std::get<UserBuffer>(argument).action & 0xffff) != 0 ||
          !read_action(release_, std::get<UserBuffer>(argument).action).kind)
        return refuse(uapi::eopnotsupp);
      return {};
    case uapi::get_notif_sizes:
      if (!release_.has(KernelFeature::ret_user_notif) || flags != 0) return refuse(uapi::einval);
      return has_buffer ? KernelAnswer{} : refuse(uapi::efault);
    default: return refuse(uapi::einval);
  }
}

KernelAnswer TaskModel::write_proc_file(ThreadId target, std::uint64_t mode) {
  ThreadState& task = threads_.at(target);
  if (!task.alive) return refuse(uapi::esrch);
  if (!release_.has(KernelFeature::proc_file)) return refuse(uapi::enoent);
  if (task.mode != SeccompMode::disabled) return refuse(uapi::eperm);
  if (mode != uapi::mode_strict) return refuse(uapi::einval);
  task.mode = SeccompMode::strict;
  return {};
}

KernelAnswer TaskModel::set_mode_strict(ThreadId id) {
  ThreadState& caller = threads_[id];
  if (caller.mode == SeccompMode::filter) return refuse(uapi::einval);
  caller.mode = SeccompMode::strict;
  return {};
}

std::variant<Program, int> TaskModel::prepare(const ThreadState& caller,
                                              const UserArgument& argument) const {
  const auto* filter = std::get_if<UserFilter>(&argument);
  if (filter == nullptr) return uapi::efault;
  if (filter->length == 0 || filter->length > max_instructions) return uapi::einval;
  const bool counts_first = !release_.has(KernelFeature::seccomp_call);
  if (counts_first && used_instructions(caller) + filter->length > uapi::max_stack)
    return uapi::enomem;
  if (!caller.no_new_privs && !caller.admin) return uapi::eacces;
  if (filter->pointer == UserFilter::Code::null)
    return release_.has(KernelFeature::null_code_invalid) ? uapi::einval : uapi::efault;
  if (filter->pointer == UserFilter::Code::unreadable || filter->code.size() < filter->length)
    return uapi::efault;
  auto program = Program::verify({filter->code.begin(), filter->code.begin() + filter->length},
                                 arch_info(release_.config().native).target);
  if (!program) return uapi::einval;
  return *std::move(program);
}

KernelAnswer TaskModel::set_mode_filter(ThreadId id, std::uint32_t flags,
                                        const UserArgument& argument) {
  const ThreadState& caller = threads_[id];
  const bool has_listener = (flags & uapi::flag_new_listener) != 0;
  if ((flags & ~release_.known_flags()) != 0) return refuse(uapi::einval);
  if (has_listener && (flags & uapi::flag_tsync) != 0 && (flags & uapi::flag_tsync_esrch) == 0 &&
      release_.has(KernelFeature::listener_not_with_tsync))
    return refuse(uapi::einval);
  if (!has_listener && (flags & uapi::flag_wait_killable_recv) != 0) return refuse(uapi::einval);
  if (!release_.has(KernelFeature::seccomp_call) && caller.mode == SeccompMode::strict)
    return refuse(uapi::einval);
  auto prepared = prepare(caller, argument);
  if (const int* errno_value = std::get_if<int>(&prepared)) return refuse(*errno_value);
  if (has_listener && processes_[caller.process].descriptors_full) return refuse(uapi::emfile);
  if (caller.mode == SeccompMode::strict) return refuse(uapi::einval);
  if (has_listener &&
      std::ranges::any_of(stack(id), [&](FilterId f) { return filters_[f].listening; }))
    return refuse(uapi::ebusy);
  return attach(id, flags, std::get<Program>(std::move(prepared)));
}

KernelAnswer TaskModel::attach(ThreadId id, std::uint32_t flags, Program program) {
  const std::size_t size = counted_size(program);
  if (release_.has(KernelFeature::seccomp_call) &&
      used_instructions(threads_[id]) + size > uapi::max_stack)
    return refuse(uapi::enomem);
  const bool syncs = (flags & uapi::flag_tsync) != 0;
  if (const auto other = syncs ? cannot_sync(id) : std::nullopt) {
    if ((flags & uapi::flag_tsync_esrch) != 0) return refuse(uapi::esrch);
    return {.value = *other, .kind = KernelAnswer::Kind::thread};
  }
  ThreadState& caller = threads_[id];
  const auto filter = static_cast<FilterId>(filters_.size());
  filters_.push_back({.program = std::move(program),
                      .size = size,
                      .previous = caller.filter,
                      .log = (flags & uapi::flag_log) != 0,
                      .wait_killable = (flags & uapi::flag_wait_killable_recv) != 0});
  caller.filter = filter;
  caller.mode = SeccompMode::filter;
  if (syncs) sync(id);
  if ((flags & uapi::flag_new_listener) == 0) return {};
  filters_[filter].listening = true;
  processes_[caller.process].listeners.push_back(filter);
  return {.value = filter, .kind = KernelAnswer::Kind::listener};
}

bool TaskModel::is_ancestor(std::optional<FilterId> parent, std::optional<FilterId> child) const {
  if (!parent) return true;
  for (; child; child = filters_[*child].previous)
    if (child == parent) return true;
  return false;
}

std::optional<ThreadId> TaskModel::cannot_sync(ThreadId caller) const {
  const ThreadState& self = threads_[caller];
  for (const ThreadId other : processes_[self.process].threads) {
    const ThreadState& thread = threads_[other];
    if (other == caller) continue;
    if (!thread.alive && release_.has(KernelFeature::tsync_skips_exited)) continue;
    if (thread.mode == SeccompMode::disabled) continue;
    if (thread.mode == SeccompMode::filter && is_ancestor(thread.filter, self.filter)) continue;
    return other;
  }
  return std::nullopt;
}

void TaskModel::sync(ThreadId caller) {
  const ThreadState self = threads_[caller];
  for (const ThreadId other : processes_[self.process].threads) {
    ThreadState& thread = threads_[other];
    if (!thread.alive) continue;
    thread.filter = self.filter;
    thread.mode = SeccompMode::filter;
    thread.no_new_privs |= self.no_new_privs;
  }
}

std::size_t TaskModel::counted_size(const Program& program) const {
  return release_.has(KernelFeature::stack_counts_converted) ? converted_size(program)
                                                             : program.size();
}

std::size_t TaskModel::used_instructions(const ThreadState& thread) const {
  std::size_t used = 0;
  for (auto at = thread.filter; at; at = filters_[*at].previous)
    used += filters_[*at].size + uapi::stack_penalty;
  return used;
}

std::size_t TaskModel::free_instructions(ThreadId id) const {
  const std::size_t used = used_instructions(threads_.at(id));
  return used < uapi::max_stack ? uapi::max_stack - used : 0;
}

KernelAnswer TaskModel::get_filter(ThreadId tracer, ThreadId target, std::size_t index) const {
  const ThreadState& reader = threads_.at(tracer);
  if (!threads_.at(target).alive) return refuse(uapi::esrch);
  if (!release_.has(KernelFeature::get_filter)) return refuse(uapi::eio);
  if (!reader.admin || reader.mode != SeccompMode::disabled) return refuse(uapi::eacces);
  if (threads_[target].mode != SeccompMode::filter) return refuse(uapi::einval);
  const std::vector<FilterId> filters = stack(target);
  if (index >= filters.size()) return refuse(uapi::enoent);
  const Filter& found = filters_[filters[filters.size() - 1 - index]];
  return {.value = static_cast<std::int64_t>(found.program.size())};
}

}  // namespace callgate

// PTRACE_SECCOMP_GET_FILTER: index 0 is the oldest filter, ENOENT comes past the newest
// (kernel/seccomp.c get_nth_filter, 6.12).
#include "callgate/supervise/read_filters.h"

#include <sys/ptrace.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "supervise/memory.h"
#include "supervise/tracee.h"

namespace callgate {
namespace {

using supervise::WaitedStop;

constexpr int stop_timeout_ms = 5000;
constexpr auto get_filter = static_cast<__ptrace_request>(PTRACE_SECCOMP_GET_FILTER);
constexpr auto get_metadata = static_cast<__ptrace_request>(PTRACE_SECCOMP_GET_METADATA);

/// A thread that is stopped; it is let go in any case.
class StoppedThread {
 public:
  explicit StoppedThread(WaitedStop stop) : stop_(stop) {}
  StoppedThread(const StoppedThread&) = delete;
  StoppedThread& operator=(const StoppedThread&) = delete;
  ~StoppedThread() { supervise::detach(stop_); }

 private:
  WaitedStop stop_;
};

std::string name_of(pid_t thread) {
  const std::string command = supervise::command_of(thread);
  return std::to_string(thread) + (command.empty() ? "" : " (" + command + ")");
}

tl::unexpected<Error> attach_error(pid_t thread, int errno_value) {
  if (const long tracer = supervise::status_field(thread, "TracerPid"); tracer > 0) {
    return fail("process " + name_of(thread) + " is already traced, by " +
                    name_of(static_cast<pid_t>(tracer)),
                "a process has one tracer at a time; end that one first");
  }
  Error error = system_error("cannot attach to process " + name_of(thread), errno_value);
  if (errno_value == EPERM)
    error.diagnostics.front().hint = "this needs root (CAP_SYS_PTRACE and CAP_SYS_ADMIN)";
  return fail(std::move(error));
}

tl::unexpected<Error> read_error(pid_t thread, int errno_value) {
  const std::string what = "cannot read the filters of process " + name_of(thread);
  switch (errno_value) {
    case EACCES:
      if (supervise::status_field(::getpid(), "Seccomp") > 0)
        return fail(what + ": callgate itself runs under a seccomp filter",
                    "the kernel shows filters only to processes that have none; run it outside");
      return fail(what + ": not permitted", "this needs root (CAP_SYS_ADMIN)");
    case EINVAL:
    case EIO:
      return fail(what + ": this kernel does not show them",
                  "it is built without CONFIG_CHECKPOINT_RESTORE");
    case EMEDIUMTYPE: return fail(what + ": a filter is not classic BPF");
    default: return fail(system_error(what, errno_value));
  }
}

/// The filter at `index`; nothing past the newest.
Result<std::optional<InstalledFilter>> filter_at(pid_t thread, unsigned long index) {
  void* const at = supervise::as_pointer(index);
  const long count = ::ptrace(get_filter, thread, at, nullptr);
  if (count < 0 && errno == ENOENT) return std::nullopt;
  if (count < 0) return read_error(thread, errno);
  InstalledFilter filter;
  filter.instructions.resize(static_cast<std::size_t>(count));
  if (::ptrace(get_filter, thread, at, filter.instructions.data()) != count)
    return read_error(thread, errno);
  struct {
    std::uint64_t index;
    std::uint64_t flags;
  } metadata{index, 0};  // struct seccomp_metadata
  if (::ptrace(get_metadata, thread, supervise::as_pointer(sizeof metadata), &metadata) > 0)
    filter.log = (metadata.flags & 2) != 0;
  return filter;
}

Result<void> read_stack(ThreadFilters& thread) {
  if (const int error = supervise::seize(thread.thread, 0); error != 0)
    return attach_error(thread.thread, error);
  ::ptrace(static_cast<__ptrace_request>(PTRACE_INTERRUPT), thread.thread, nullptr, nullptr);
  const WaitedStop stop = supervise::wait_stop(thread.thread, stop_timeout_ms);
  if (stop.stop == supervise::Stop::ended)
    return fail("process " + std::to_string(thread.thread) + " ended while it was looked at");
  if (stop.stop == supervise::Stop::none)
    return fail("process " + name_of(thread.thread) + " does not stop",
                "it waits in the kernel without being interruptible; try again later");
  const StoppedThread stopped(stop);
  for (unsigned long index = 0;; ++index) {
    CALLGATE_TRY(auto filter, filter_at(thread.thread, index));
    if (!filter) return {};
    thread.filters.push_back(*std::move(filter));
  }
}

bool differs(const ThreadFilters& one, const ThreadFilters& other) {
  return one.mode != other.mode || one.filters != other.filters;
}

std::vector<pid_t> threads_of(pid_t process) {
  std::vector<pid_t> threads;
  std::error_code error;
  const std::string tasks = "/proc/" + std::to_string(process) + "/task";
  for (const auto& entry : std::filesystem::directory_iterator(tasks, error)) {
    const std::string name = entry.path().filename();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    if (thread > 0 && thread != process) threads.push_back(thread);
  }
  std::sort(threads.begin(), threads.end());
  return threads;
}

}  // namespace

Result<ThreadFilters> read_filters(pid_t thread) {
  ThreadFilters result;
  result.thread = thread;
  const long process = supervise::status_field(thread, "Tgid");
  if (process <= 0) return fail("no process " + std::to_string(thread));
  result.process = static_cast<pid_t>(process);
  result.command = supervise::command_of(thread);
  const long mode = supervise::status_field(thread, "Seccomp");
  if (mode < 0) return fail("this kernel has no seccomp (/proc/PID/status does not tell of it)");
  result.mode = static_cast<ReportedMode>(mode);
  if (result.mode == ReportedMode::filter) CALLGATE_CHECK(read_stack(result));
  return result;
}

Result<std::vector<ThreadFilters>> read_filters_of_threads(pid_t process) {
  CALLGATE_TRY(ThreadFilters first, read_filters(process));
  std::vector<ThreadFilters> all;
  for (const pid_t thread : threads_of(process)) {
    auto other = read_filters(thread);
    if (!other && supervise::status_field(thread, "Tgid") <= 0) continue;  // it has ended
    if (!other) return fail(std::move(other).error());
    if (differs(*other, first)) all.push_back(*std::move(other));
  }
  all.insert(all.begin(), std::move(first));
  return all;
}

}  // namespace callgate

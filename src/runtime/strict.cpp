// The caller's side of a strict task: fork, trace, wait.
//
// Strict mode kills without a word; that the kernel stops a traced thread on its way out
// (PTRACE_EVENT_EXIT), registers intact, is what names the call. A time limit is the caller's own
// SIGKILL: a timer in the child could be disarmed there, for sigreturn sets any signal mask.
//
// Known weakness: ptrace stops cannot be polled for together with time, so under a time limit the
// child is looked at every so often (50 us at first, 10 ms at most).
#include "callgate/runtime/strict.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <new>
#include <utility>

#include "callgate/abi/arch.h"
#include "callgate/base/unique_fd.h"
#include "runtime/strict_child.h"

namespace callgate {
namespace {

using strict::Control;
using strict::Stage;
using strict::Task;
using Clock = std::chrono::steady_clock;

constexpr std::size_t most_heap_of_thread = std::size_t{32} << 20;

/// What a death looked like, as the child's last stops told.
struct LastStops {
  std::optional<SeccompData> call;  ///< in which it died
  bool read_time_stamp = false;
};

#if defined(__x86_64__)
std::optional<SeccompData> call_of(pid_t child) {
  user_regs_struct now{};
  if (::ptrace(PTRACE_GETREGS, child, nullptr, &now) != 0) return std::nullopt;
  if (static_cast<std::int64_t>(now.orig_rax) < 0) return std::nullopt;  // in no call
  return SeccompData{static_cast<std::uint32_t>(now.orig_rax),
                     arch_info(Arch::x86_64).audit,
                     now.rip,
                     {now.rdi, now.rsi, now.rdx, now.r10, now.r8, now.r9}};
}

bool at_time_stamp(pid_t child) {
  user_regs_struct now{};
  if (::ptrace(PTRACE_GETREGS, child, nullptr, &now) != 0) return false;
  errno = 0;
  void* at = reinterpret_cast<void*>(now.rip);  // NOLINT(performance-no-int-to-ptr)
  const long code = ::ptrace(PTRACE_PEEKTEXT, child, at, nullptr);
  constexpr long rdtsc = 0x310f;
  constexpr long rdtscp = 0xf9010f;
  return errno == 0 && ((code & 0xffff) == rdtsc || (code & 0xffffff) == rdtscp);
}
#else
std::optional<SeccompData> call_of(pid_t) { return std::nullopt; }
bool at_time_stamp(pid_t) { return false; }
#endif

/// Lets a stopped child go on, having looked at it.
void pass(pid_t child, int status, LastStops& last) {
  const int event = status >> 16;
  const int signal = WSTOPSIG(status);
  if (event == PTRACE_EVENT_EXIT) last.call = call_of(child);
  const bool is_delivery = event == 0;
  if (is_delivery && signal == SIGSEGV) last.read_time_stamp = at_time_stamp(child);
  const bool is_group = event == PTRACE_EVENT_STOP && signal != SIGTRAP;
  const long passed = is_delivery ? signal : 0;
  ::ptrace(is_group ? PTRACE_LISTEN : PTRACE_CONT, child, nullptr,
           reinterpret_cast<void*>(passed));  // NOLINT(performance-no-int-to-ptr)
}

/// Waits for the child's end, and kills it when its time is over.
class Waiting {
 public:
  Waiting(pid_t child, std::chrono::milliseconds limit)
      : child_(child), begin_(Clock::now()), limit_(limit) {}

  /// The wait status of the end; none if someone else has waited for the child.
  std::optional<int> wait() {
    while (true) {
      int status = 0;
      const bool looks = limit_.count() > 0 && !timed_out_;
      const pid_t got = ::waitpid(child_, &status, __WALL | (looks ? WNOHANG : 0));
      if (got < 0 && errno != EINTR) return std::nullopt;
      if (got == child_ && !WIFSTOPPED(status)) return status;
      if (got == child_) pass(child_, status, last_);
      if (got == 0) nap();
    }
  }
  [[nodiscard]] bool timed_out() const { return timed_out_; }
  [[nodiscard]] const LastStops& last() const { return last_; }

 private:
  void nap() {
    using namespace std::chrono_literals;
    const auto passed = Clock::now() - begin_;
    if (passed >= limit_) {
      timed_out_ = true;
      ::kill(child_, SIGKILL);  // not waited for yet, so the id is still its own
      return;
    }
    const std::chrono::nanoseconds wanted =
        std::clamp<std::chrono::nanoseconds>(passed / 8, 50us, 10ms);
    const auto left = std::min<std::chrono::nanoseconds>(wanted, limit_ - passed);
    const timespec time{0, static_cast<long>(left.count())};
    ::nanosleep(&time, nullptr);
  }

  pid_t child_;
  Clock::time_point begin_;
  std::chrono::nanoseconds limit_;
  LastStops last_;
  bool timed_out_ = false;
};

/// Whether strict mode lets a call of the native ABI through.
bool is_let_through(const SeccompData& call, StrictForm form) {
#if defined(__i386__)
  constexpr std::uint32_t sigreturn = SYS_sigreturn;
#else
  constexpr std::uint32_t sigreturn = SYS_rt_sigreturn;
#endif
  return call.nr == SYS_read || call.nr == SYS_write || call.nr == SYS_exit ||
         call.nr == sigreturn || (form == StrictForm::filter && call.nr == SYS_exit_group);
}

Result<void> check_stage(const Control& control) {
  switch (control.stage.load(std::memory_order_acquire)) {
    case Stage::no_heap: return fail(system_error("taking the strict task's heap", control.error));
    case Stage::no_closing: return fail(system_error("close_range", control.error));
    case Stage::refused: break;
    default: return {};
  }
  Error error = system_error("strict mode is refused", control.error);
  if (control.error == EINVAL) {
    error.diagnostics.front().hint = "this process is under a filter: use StrictForm::filter";
  }
  return fail(std::move(error));
}

StrictOutcome killed(int signal, const Waiting& waited, StrictForm form, bool unwatched) {
  StrictOutcome outcome{.end = StrictEnd::signalled, .signal = signal, .unwatched = unwatched};
  outcome.read_time_stamp = signal == SIGSEGV && waited.last().read_time_stamp;
  const int denial = form == StrictForm::kernel ? SIGKILL : SIGSYS;
  if (waited.timed_out()) {
    outcome.end = StrictEnd::timed_out;
  } else if (signal == denial) {
    const auto& call = waited.last().call;
    const bool is_known = call && !is_let_through(*call, form);
    if (is_known) outcome.call = call;
    // Whoever may can send SIGKILL; SIGSYS comes from the filter.
    if (is_known || form == StrictForm::filter) outcome.end = StrictEnd::denied;
  }
  return outcome;
}

StrictOutcome exited(int code, const Control& control) {
  const Stage stage = control.stage.load(std::memory_order_acquire);
  if (stage == Stage::returned) return {.end = StrictEnd::returned, .value = control.value};
  if (stage == Stage::threw) {
    const char* text = control.text.data();
    return {.end = StrictEnd::threw,
            .text = std::string(text, ::strnlen(text, control.text.size()))};
  }
  return {.end = StrictEnd::exited, .exit_code = code};
}

Result<StrictOutcome> watch(pid_t child, int start, const Task& task) {
  const bool unwatched =
      ::ptrace(PTRACE_SEIZE, child, nullptr, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL) != 0;
  const char byte = 0;
  if (::write(start, &byte, 1) != 1) ::kill(child, SIGKILL);
  Waiting waiting(child, task.options.time_limit);
  const auto status = waiting.wait();
  if (!status) return fail("the end of a strict task is not known: someone else waited for it");
  CALLGATE_CHECK(check_stage(task.control));
  if (WIFEXITED(*status)) return exited(WEXITSTATUS(*status), task.control);
  return killed(WTERMSIG(*status), waiting, task.options.form, unwatched);
}

Result<std::vector<int>> kept_descriptors(const StrictOptions& options) {
  std::vector<int> kept = options.descriptors;
  std::sort(kept.begin(), kept.end());
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  if (!kept.empty() && kept.front() < 0) return fail("a descriptor of a strict task is negative");
  return kept;
}

}  // namespace

Result<SharedMemory> SharedMemory::make(std::size_t size) {
  void* start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return fail(system_error("mapping shared memory", errno));
  return SharedMemory({static_cast<std::byte*>(start), size});
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

SharedMemory::~SharedMemory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

Result<StrictOutcome> run_strict_function(StrictFunction function, void* context,
                                          std::span<std::byte> memory,
                                          const StrictOptions& options) {
  const bool is_first = ::syscall(SYS_gettid) == ::getpid();
  if (!is_first && options.heap > most_heap_of_thread) {
    return fail("a strict task of this thread can have a heap of 32 MiB at most",
                "call from the first thread of the process");
  }
  CALLGATE_TRY(const std::vector<int> kept, kept_descriptors(options));
  CALLGATE_TRY(const SharedMemory shared, SharedMemory::make(sizeof(Control)));
  auto* control = new (shared.bytes().data()) Control{};
  std::array<int, 2> pair{};
  if (::pipe2(pair.data(), O_CLOEXEC) != 0) return fail(system_error("pipe2", errno));
  const UniqueFd reads(pair[0]);  // open until the end: a child that dies first makes no SIGPIPE
  UniqueFd writes(pair[1]);
  const Task task{function, context, memory, options, kept, *control, ::getpid(), reads.get()};
  const pid_t child = ::fork();
  if (child < 0) return fail(system_error("fork", errno));
  if (child == 0) {
    writes.reset();
    strict::run_child(task);
  }
  return watch(child, writes.get(), task);
}

std::string to_string(const StrictOutcome& outcome) {
  switch (outcome.end) {
    case StrictEnd::returned: return "returned " + std::to_string(outcome.value);
    case StrictEnd::threw: return "threw: " + outcome.text;
    case StrictEnd::exited: return "exited with " + std::to_string(outcome.exit_code);
    case StrictEnd::timed_out: return "killed at the time limit";
    case StrictEnd::denied:
      return outcome.call ? "killed for call " + std::to_string(outcome.call->nr)
                          : std::string("killed for a call that is not known");
    case StrictEnd::signalled: break;
  }
  std::string text = "killed by signal " + std::to_string(outcome.signal);
  if (outcome.read_time_stamp) text += ": it read the time stamp counter";
  if (outcome.signal == SIGKILL && outcome.unwatched)
    text += ", maybe for a call: ptrace is refused";
  return text;
}

}  // namespace callgate

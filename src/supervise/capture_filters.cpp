// Running a program up to the moment at which it installs a filter: every system call of it and of
// its descendants is stopped at its entry (PTRACE_SYSCALL), and where the call is one that installs
// a filter, its sock_fprog is read from memory. Known weakness: each call costs two stops, so the
// program runs slowly; and another thread of it can change the filter's bytes between our reading
// and the kernel's, which only matters for requests that are let through (limit > 1).
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <set>

#include "callgate/abi/syscalls.h"
#include "callgate/base/unique_fd.h"
#include "callgate/supervise/read_filters.h"
#include "supervise/memory.h"
#include "supervise/tracee.h"

namespace callgate {
namespace {

constexpr int syscall_stop = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD
constexpr unsigned long trace_options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL |
                                        PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                                        PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;

long trace(int request, pid_t thread, unsigned long data) {
  return ::ptrace(static_cast<__ptrace_request>(request), thread, nullptr,
                  supervise::as_pointer(data));
}

/// A request to install a filter, as the registers say it.
struct Request {
  Arch arch = Arch::x86_64;
  bool by_prctl = false;
  std::uint32_t flags = 0;
  std::uint64_t fprog = 0;
};

/// The request that a call is, if it is one.
std::optional<Request> request_of(const __ptrace_syscall_info& info) {
  const auto number = static_cast<std::uint32_t>(info.entry.nr);
  const auto arch = classify(info.arch, number);
  const Syscall* call = arch ? find_syscall(*arch, number) : nullptr;
  if (call == nullptr) return std::nullopt;
  const auto& args = info.entry.args;
  // Options are ints: the kernel looks at their low halves.
  const auto low = [&](int index) { return static_cast<std::uint32_t>(args[index]); };
  if (call->name == "seccomp" && low(0) == SECCOMP_SET_MODE_FILTER)
    return Request{*arch, false, low(1), args[2]};
  if (call->name == "prctl" && low(0) == PR_SET_SECCOMP && low(1) == SECCOMP_MODE_FILTER)
    return Request{*arch, true, 0, args[2]};
  return std::nullopt;
}

template <class T>
std::optional<T> read_object(pid_t thread, std::uint64_t address) {
  const auto bytes = supervise::read_memory(thread, address, sizeof(T));
  if (!bytes || bytes->size() != sizeof(T)) return std::nullopt;
  T object;
  std::memcpy(&object, bytes->data(), sizeof object);
  return object;
}

/// struct sock_fprog, and its form for 32-bit ABIs.
struct Fprog {
  std::uint16_t length;
  std::uint64_t filter;
};
struct CompatFprog {
  std::uint16_t length;
  std::uint32_t filter;
};

bool is_compat(Arch arch) { return arch == Arch::x32 || arch_info(arch).word_bits == 32; }

/// The instructions that a request points to; none if the kernel would refuse them.
std::optional<std::vector<Instruction>> read_program(pid_t thread, const Request& request) {
  Fprog fprog{};
  if (is_compat(request.arch)) {
    const auto compat = read_object<CompatFprog>(thread, request.fprog & 0xffffffff);
    if (!compat) return std::nullopt;
    fprog = {compat->length, compat->filter};
  } else {
    const auto native = read_object<Fprog>(thread, request.fprog);
    if (!native) return std::nullopt;
    fprog = *native;
  }
  const std::size_t size = fprog.length * sizeof(Instruction);
  const auto bytes = supervise::read_memory(thread, fprog.filter, size);
  if (!bytes || bytes->size() != size) return std::nullopt;
  std::vector<Instruction> code(fprog.length);
  std::memcpy(code.data(), bytes->data(), size);
  if (find_refusal(code)) return std::nullopt;
  return code;
}

class Capturer {
 public:
  explicit Capturer(std::size_t limit) : limit_(limit) {}

  Result<Capture> run(std::span<const std::string> command) {
    CALLGATE_CHECK(start(command));
    for (;;) {
      int status = 0;
      const pid_t thread = ::waitpid(-1, &status, __WALL);
      if (thread < 0 && errno == EINTR) continue;
      if (thread < 0) break;
      if (WIFSTOPPED(status)) {
        handle(thread, status);
      } else {
        tracees_.erase(thread);
        if (thread == program_) capture_.status = status;
      }
    }
    if (failure_ != 0)
      return fail(system_error("cannot read the program's system calls", failure_),
                  "PTRACE_GET_SYSCALL_INFO needs Linux 5.3");
    return std::move(capture_);
  }

 private:
  static tl::unexpected<Error> fail(Error error, std::string hint = {}) {
    error.diagnostics.front().hint = std::move(hint);
    return callgate::fail(std::move(error));
  }

  /// Forks, attaches, and lets the child exec.
  Result<void> start(std::span<const std::string> command) {
    std::vector<char*> arguments;
    for (const std::string& argument : command)
      arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    int go[2];
    int told[2];
    if (::pipe2(go, O_CLOEXEC) != 0) return fail(system_error("pipe", errno));
    const UniqueFd go_read(go[0]);
    UniqueFd go_write(go[1]);
    if (::pipe2(told, O_CLOEXEC) != 0) return fail(system_error("pipe", errno));
    const UniqueFd told_read(told[0]);
    UniqueFd told_write(told[1]);
    program_ = ::fork();
    if (program_ < 0) return fail(system_error("fork", errno));
    if (program_ == 0) exec_child(go_read.get(), go_write.get(), told_write.get(), arguments);
    told_write.reset();
    if (const int error = supervise::seize(program_, trace_options); error != 0) {
      ::kill(program_, SIGKILL);
      ::waitpid(program_, nullptr, 0);
      return fail(system_error("cannot trace " + command.front(), error));
    }
    go_write.reset();
    return follow_to_exec(told_read.get(), command.front());
  }

  [[noreturn]] static void exec_child(int go, int go_write, int told,
                                      const std::vector<char*>& arguments) {
    ::close(go_write);
    char byte;
    while (::read(go, &byte, 1) < 0 && errno == EINTR) {
    }
    ::execvp(arguments.front(), arguments.data());
    const int error = errno;
    // One write of an int to a pipe is whole.
    if (::write(told, &error, sizeof error) < 0) ::_exit(126);
    ::_exit(127);
  }

  /// Until the exec has been done or has failed.
  Result<void> follow_to_exec(int told, const std::string& name) {
    for (;;) {
      int status = 0;
      if (::waitpid(program_, &status, __WALL) < 0) {
        if (errno == EINTR) continue;
        return fail(system_error("waitpid", errno));
      }
      if (!WIFSTOPPED(status)) break;
      if (status >> 16 == PTRACE_EVENT_EXEC) {
        trace(PTRACE_SYSCALL, program_, 0);
        return {};
      }
      resume(program_, status, PTRACE_CONT);
    }
    int error = 0;
    const ssize_t got = ::read(told, &error, sizeof error);
    if (got == static_cast<ssize_t>(sizeof error)) return fail(system_error(name, error));
    return fail(Error(name + " was killed before it started"));
  }

  static void resume(pid_t thread, int status, int request) {
    const supervise::WaitedStop stop = supervise::interpret(thread, status);
    if (stop.stop == supervise::Stop::group) {
      trace(PTRACE_LISTEN, thread, 0);
      return;
    }
    const bool is_delivery = stop.stop == supervise::Stop::signal && stop.signal != syscall_stop;
    trace(request, thread, is_delivery ? static_cast<unsigned long>(stop.signal) : 0);
  }

  void handle(pid_t thread, int status) {
    tracees_.insert(thread);
    const bool is_call = status >> 16 == 0 && WSTOPSIG(status) == syscall_stop;
    if (is_call && !is_over()) look(thread);
    if (is_over()) {
      // Those that nobody has seen yet are killed at their first stop.
      for (const pid_t tracee : tracees_) ::kill(tracee, SIGKILL);
    }
    resume(thread, status, PTRACE_SYSCALL);
  }

  [[nodiscard]] bool is_over() const { return capture_.stopped || failure_ != 0; }

  /// A thread is at the entry or the exit of a call.
  void look(pid_t thread) {
    __ptrace_syscall_info info{};
    void* const size = supervise::as_pointer(sizeof info);
    constexpr auto request = static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO);
    if (::ptrace(request, thread, size, &info) < 0) {
      if (errno != ESRCH) failure_ = errno;
      return;
    }
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return;
    const auto wanted = request_of(info);
    if (!wanted) return;
    auto code = read_program(thread, *wanted);
    if (!code) return;
    capture_.filters.push_back(
        {.process = static_cast<pid_t>(supervise::status_field(thread, "Tgid")),
         .thread = thread,
         .command = supervise::command_of(thread),
         .by_prctl = wanted->by_prctl,
         .flags = wanted->flags,
         .is_compat = is_compat(wanted->arch),
         .instructions = *std::move(code)});
    capture_.stopped = capture_.filters.size() >= limit_;
  }

  std::size_t limit_;
  pid_t program_ = 0;
  std::set<pid_t> tracees_;
  int failure_ = 0;
  Capture capture_;
};

}  // namespace

Result<Capture> capture_filters(std::span<const std::string> command, std::size_t limit) {
  if (command.empty()) return fail("no program given");
  return Capturer(limit == 0 ? 1 : limit).run(command);
}

}  // namespace callgate

// The program's side of a start, and the supervisor's birth. The calling process becomes the
// program; the supervisor is its grandchild, adopted by init, in a session of its own.
#include "callgate/supervise/run.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "callgate/runtime/install.h"
#include "supervise/closing.h"
#include "supervise/injector.h"
#include "supervise/layer.h"
#include "supervise/memory.h"
#include "supervise/supervisor.h"

extern char** environ;

namespace callgate {
namespace {

using supervise::Closed;
using supervise::Supervision;
using supervise::Supervisor;

/// What the supervisor tells the process that started it.
struct Hello {
  int supervisor = 0;  ///< its process id
  int refused = 0;     ///< errno of ptrace, once it has tried
};

RunFailure failure(Error error, int code = run_failed) { return {code, std::move(error)}; }

bool send_hello(int channel, const Hello& hello) {
  return ::send(channel, &hello, sizeof hello, MSG_NOSIGNAL) == sizeof hello;
}

bool receive_hello(int channel, Hello& hello) {
  ssize_t got = 0;
  do {
    got = ::recv(channel, &hello, sizeof hello, 0);
  } while (got < 0 && errno == EINTR);
  return got == sizeof hello;
}

/// Orphans among the program's descendants become its own children.
bool adopts_orphans() {
  int is_subreaper = 0;
  ::prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper, 0, 0, 0);
  return is_subreaper != 0 || ::getpid() == 1;
}

RunFailure exec_failure(const std::string& path, int error) {
  const bool is_missing = error == ENOENT || error == ENOTDIR;
  Error text = system_error("running " + path, error);
  if (error == ENOEXEC) text.diagnostics.front().hint = "a script needs a #! line";
  if (is_missing) text.diagnostics.front().hint = "or the interpreter that it names is missing";
  return failure(std::move(text), is_missing ? run_not_found : run_not_executable);
}

RunFailure exec_program(const std::string& path, const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  ::execve(path.c_str(), arguments.data(), environ);
  return exec_failure(path, errno);
}

/// Everything about one start.
struct Start {
  const Confinement& confinement;
  const RunOptions& options;
  Program supervised;
  std::string path;
  bool adopts = false;
  UniqueFd layer;  ///< open in the program, if it is started with one
};

// ---- the supervisor's process

/// Lets go of what belongs to the program: its standard streams, inherited descriptors, its working
/// directory, its session; and of nothing that is close-on-exec, which is ours.
void leave_home() {
  ::setsid();
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU}) {
    ::signal(signal, SIG_IGN);
  }
  ::signal(SIGCHLD, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<int> inherited;
  if (DIR* folder = ::opendir("/proc/self/fd"); folder != nullptr) {
    while (const dirent* entry = ::readdir(folder)) {
      const int fd = std::atoi(entry->d_name);
      if (entry->d_name[0] != '.' && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
        inherited.push_back(fd);
    }
    ::closedir(folder);
  }
  for (const int fd : inherited) ::close(fd);
  // Nothing may come to stand at 0, 1 or 2.
  while (true) {
    const int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0 || fd > 2) {
      if (fd > 2) ::close(fd);
      break;
    }
  }
  if (::chdir("/") != 0) return;
  ::unsetenv("DEBUGINFOD_URLS");  // stacks are made from what is here
  // A program of the same user must not trace its own supervisor.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::prctl(PR_SET_NAME, "callgate-run", 0, 0, 0);
}

/// Attaches to the program, telling it how that went. False if there is nothing more to do.
bool attach(int channel, pid_t program) {
  Hello hello{static_cast<int>(::getpid()), 0};
  // The program names us as its tracer first (Yama), and says so by sending the greeting back.
  if (!send_hello(channel, hello) || !receive_hello(channel, hello)) return false;
  hello.refused =
      supervise::can_inject() ? supervise::seize(program, supervise::closing_options()) : ENOTSUP;
  return send_hello(channel, hello) && hello.refused == 0;
}

/// Under Yama's scope 1 an unprivileged tracer that is no ancestor reaches only what it has traced
/// from its birth on: the program itself names us, its children do not inherit that.
bool yama_hides_children() {
  const std::string scope = supervise::read_proc_file("/proc/sys/kernel/yama/ptrace_scope", 16);
  if (scope.empty() || scope.front() == '0') return false;
  constexpr unsigned cap_sys_ptrace = 19;
  const std::string status = supervise::read_proc_file("/proc/self/status", 65536);
  const auto at = status.find("CapEff:\t");
  if (at == std::string::npos) return true;
  const unsigned long long effective = std::strtoull(status.c_str() + at + 8, nullptr, 16);
  return (effective >> cap_sys_ptrace & 1) == 0;
}

/// Traces the other threads, which libraries may have started before the program was closed.
void seize_threads(pid_t program) {
  DIR* folder = ::opendir(fmt::format("/proc/{}/task", program).c_str());
  if (folder == nullptr) return;
  while (const dirent* entry = ::readdir(folder)) {
    const pid_t thread = std::atoi(entry->d_name);
    if (thread > 0 && thread != program) {
      (void)supervise::seize(thread, supervise::tree_options());
    }
  }
  ::closedir(folder);
}

/// Lets the closed program go, traced on where that is needed.
void let_go(pid_t program, bool traces_tree) {
  if (traces_tree) {
    ::ptrace(PTRACE_SETOPTIONS, program, nullptr, supervise::as_pointer(supervise::tree_options()));
    seize_threads(program);
    ::ptrace(PTRACE_CONT, program, nullptr, nullptr);
  } else {
    ::ptrace(PTRACE_DETACH, program, nullptr, nullptr);
  }
}

void supervise_program(const Start& start, UniqueFd channel, UniqueFd errors, pid_t program) {
  leave_home();
  if (!attach(channel.get(), program)) return;
  channel.reset();
  const RunOptions& options = start.options;
  Closed closed = supervise::close_program(
      program, {start.confinement, start.supervised, options.at, options.report, options.log_only,
                start.adopts, errors.get(), start.layer.get()});
  if (closed.ended) return;
  const bool is_full = options.report == ReportLevel::full;
  const bool has_kills = !options.log_only && can_kill(start.confinement);
  const bool traces_tree = is_full && (has_kills || yama_hides_children());
  if (is_full && !closed.degraded.empty()) {
    options.sink->message("denials with an errno are not reported: " + closed.degraded);
  }
  if (is_full && !closed.no_layer.empty()) options.sink->message(closed.no_layer);
  let_go(program, traces_tree);
  errors.reset();
  if (!closed.listener.open() && !traces_tree) return;
  Supervisor(Supervision{start.confinement, *options.sink, std::move(closed.listener),
                         closed.wait_killable, options.log_only, traces_tree})
      .serve(program);
}

/// Makes the supervisor; in the program's process, the errno of that.
int make_supervisor(const Start& start, UniqueFd& ours, UniqueFd channel, UniqueFd errors) {
  const pid_t program = ::getpid();
  // A child without an exit signal is none that wait(2) would show; used where an orphan would come
  // back to the program.
  const pid_t child =
      start.adopts ? static_cast<pid_t>(::syscall(SYS_clone, 0, 0, 0, 0, 0)) : ::fork();
  if (child < 0) return errno;
  if (child > 0) {
    if (!start.adopts) ::waitpid(child, nullptr, 0);
    return 0;
  }
  if (!start.adopts) {
    const pid_t second = ::fork();
    if (second != 0) ::_exit(0);
  }
  ours.reset();
  supervise_program(start, std::move(channel), std::move(errors), program);
  ::_exit(0);
}

// ---- the program's process

RunFailure close_alone(const Start& start, const std::vector<std::string>& command) {
  InstallOptions install_options;
  install_options.log = start.options.report == ReportLevel::audit;
  const Program& program = start.options.log_only ? start.supervised : start.confinement.program;
  if (auto done = to_result(install(program, install_options)); !done) return failure(done.error());
  return exec_program(start.path, command);
}

RunFailure refused_ptrace(const Start& start, const std::vector<std::string>& command, int error) {
  const std::string why = fmt::format("ptrace is refused ({})", std::strerror(error));
  if (start.options.at != ClosePoint::exec) {
    return failure(
        Error("the program cannot be closed after execve: " + why,
              "use --at=exec --report=none (or audit), if the policy lets execve and the "
              "loader's calls through"));
  }
  if (start.options.log_only) {
    return failure(Error("--log-only needs a supervisor: " + why, "use --report=audit"));
  }
  start.options.sink->message("denials are not reported: " + why);
  return close_alone(start, command);
}

RunFailure start_supervised(const Start& start, const std::vector<std::string>& command) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return failure(system_error("socketpair", errno));
  }
  UniqueFd ours(pair[0]);
  UniqueFd errors(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  if (const int error = make_supervisor(start, ours, UniqueFd(pair[1]), std::move(errors));
      error != 0) {
    return failure(system_error("making the supervisor", error));
  }
  const Error lost("the supervisor ended before the program was closed");
  Hello hello;
  if (!receive_hello(ours.get(), hello)) return failure(lost);
  ::prctl(PR_SET_PTRACER, hello.supervisor, 0, 0, 0);
  if (!send_hello(ours.get(), hello) || !receive_hello(ours.get(), hello)) return failure(lost);
  if (hello.refused != 0) return refused_ptrace(start, command, hello.refused);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return failure(system_error("setting no_new_privs", errno));
  }
  // The supervisor closes us here: a stop that cannot be blocked or ignored.
  if (start.options.at == ClosePoint::exec) ::kill(::getpid(), SIGSTOP);
  return exec_program(start.path, command);
}

Result<void> check_start(const Start& start) {
  const auto missing = missing_calls(start.confinement.program, start.options.at, start.path);
  if (missing.empty() || start.options.log_only) return {};
  std::string list;
  for (const std::string& call : missing) list += (list.empty() ? "" : ", ") + call;
  return fail(fmt::format("the policy does not let the start of {} through: {}", start.path, list),
              "add these calls to the policy, or close later: --at=entry");
}

RunFailure not_found(const std::string& name, int code) {
  return failure(Error(code == run_not_found ? name + ": command not found"
                                             : name + ": not an executable file"),
                 code);
}

}  // namespace

RunFailure run_unconfined(const std::vector<std::string>& command) {
  if (command.empty()) return failure(Error("no command to run"));
  const FoundProgram found = find_program(command.front());
  if (found.exit_code != 0) return not_found(command.front(), found.exit_code);
  return exec_program(found.path, command);
}

RunFailure run(const Confinement& confinement, RunOptions options,
               const std::vector<std::string>& command) {
  if (command.empty()) return failure(Error("no command to run"));
  if (options.log_only && options.report == ReportLevel::none) {
    return failure(Error("--log-only with --report=none would neither refuse nor report"));
  }
  if (options.at != ClosePoint::entry && (confinement.strict || !options.layer.empty())) {
    return failure(Error("strict mode and a layer begin at the program's entry point"));
  }
  if (confinement.strict && options.log_only) {
    return failure(Error("strict mode lets no denied call through: --log-only cannot be"));
  }
  if (options.report == ReportLevel::full && options.sink == nullptr) {
    return failure(Error("full reports need a sink"));
  }
  const FoundProgram found = find_program(command.front());
  if (found.exit_code != 0) return not_found(command.front(), found.exit_code);
  auto supervised = supervised_program(confinement.program, options.report, options.log_only);
  if (!supervised) return failure(supervised.error());
  Start start{confinement, options, *std::move(supervised), found.path, adopts_orphans(), {}};
  if (auto checked = check_start(start); !checked) return failure(checked.error());
  if (!options.layer.empty() && supervise::takes_layer(found.path)) {
    auto layer = supervise::preload_layer(options.layer);
    if (!layer) return failure(layer.error());
    start.layer = *std::move(layer);
  }
  if (options.report != ReportLevel::full && options.at == ClosePoint::exec) {
    return close_alone(start, command);
  }
  return start_supervised(start, command);
}

}  // namespace callgate

// Where the policy lets a loader work, it is put into force at the return from execve. Else a
// loading policy is put into force there, the program runs on to its entry point, and the policy
// itself comes on top of it: so no code of the program's file, of libraries of its choice or of a
// loader that it names ever runs without a filter. Between these two points the program must have
// one thread: another could change the filter's bytes while they are handed to the kernel.
//
// Call stacks are not taken: unwinding reads tables of the program's file, which is not trusted.
#include "judge/watcher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "callgate/compiler/compile.h"
#include "judge/loading.h"
#include "judge/message.h"
#include "judge/tasks.h"
#include "supervise/closing.h"
#include "supervise/memory.h"
#include "supervise/supervisor.h"
#include "supervise/tracee.h"

namespace callgate::judging {
namespace {

/// Files that run-times look for when they start and do without: Go (runtime/os_linux.go,
/// internal/runtime/cgroup), Rust (pthread_getattr_np of glibc), glibc (get_nprocs, static start).
constexpr std::array probed_files = {
    "\"/proc/self/maps\"",
    "\"/proc/self/exe\"",
    "\"/proc/self/cgroup\"",
    "\"/proc/self/mountinfo\"",
    "\"/proc/self/coredump_filter\"",
    "\"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size\"",
    "\"/sys/devices/system/cpu/online\"",
    "\"/sys/devices/system/cpu/possible\"",
    "\"/proc/stat\"",
    "\"/proc/meminfo\"",
};

JudgedDenial::Kind kind_of(const Denial& denial) {
  if (denial.action == deny(ENOSYS)) return JudgedDenial::Kind::fallback;
  for (const DeniedArgument& argument : denial.arguments) {
    if (argument.name != "pathname" && argument.name != "filename" && argument.name != "path") {
      continue;
    }
    for (const std::string_view file : probed_files) {
      if (argument.text == file) return JudgedDenial::Kind::probe;
    }
  }
  return JudgedDenial::Kind::denial;
}

/// Passes denials on to the judge.
class ChannelSink final : public DenialSink {
 public:
  explicit ChannelSink(int channel) : channel_(channel) {}
  void denial(const Denial& denial) override {
    (void)send_message(channel_, {.kind = Message::Kind::denial,
                                  .number = static_cast<std::int64_t>(kind_of(denial)),
                                  .name = denial.call,
                                  .how = format_call(denial),
                                  .why = format_rule(denial)});
  }
  void message(const std::string&) override {}
  void counts(const std::vector<DenialCount>&) override {}

 private:
  int channel_;
};

struct Programs {
  Confinement confinement;
  Program supervised;
  std::optional<Program> loading;
};

Result<Program> compiled(const Policy& policy) {
  CALLGATE_TRY(Compilation made, compile(policy));
  return std::move(made.program);
}

Result<Programs> prepare(const SandboxPlan& plan, bool in_pid_namespace) {
  Policy policy = plan.request.policy;
  if (in_pid_namespace) {
    CALLGATE_TRY(policy, signalling_policy(policy));
  }
  CALLGATE_TRY(const Program program, compiled(policy));
  CALLGATE_TRY(Program supervised, supervised_program(program, ReportLevel::full, false));
  Programs made{{program, policy, policy.arches}, std::move(supervised), std::nullopt};
  if (!missing_calls(program, ClosePoint::loader, plan.path).empty()) {
    CALLGATE_TRY(const Policy loading, loading_policy(policy));
    CALLGATE_TRY(made.loading, compiled(loading));
  }
  return made;
}

/// The program's process id as it is here: the kernel translates a packet's credentials.
pid_t greeted_by(int greeting) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(greeting, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head == nullptr || head->cmsg_type != SCM_CREDENTIALS) return -1;
  ucred sender{};
  std::memcpy(&sender, CMSG_DATA(head), sizeof sender);
  return sender.pid;
}

/// Two ends of a channel; the first one learns who sends.
Result<std::pair<UniqueFd, UniqueFd>> greeting_pair() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return fail(system_error("socketpair", errno));
  }
  const int on = 1;
  ::setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  return std::pair{UniqueFd(pair[0]), UniqueFd(pair[1])};
}

Result<void> release_init(const SandboxPlan& plan, pid_t init, int gate, bool has_user) {
  (void)send_message(plan.channel, {.kind = Message::Kind::init, .number = init});
  if (has_user) {
    if (const int error = map_user(init, plan.request); error != 0) {
      return fail(system_error("mapping the user of the namespace", error));
    }
  }
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (::write(gate, "", 1) != 1) return fail(system_error("starting init", errno));
  return {};
}

/// Closes the stopped program and answers its denied calls until it is gone.
void supervise_program(const SandboxPlan& plan, const Programs& programs, pid_t program,
                       int errors) {
  supervise::ClosingPlan closing{
      programs.confinement,
      programs.supervised,
      programs.loading ? ClosePoint::entry : ClosePoint::loader,
      ReportLevel::full,
  };
  closing.errors = errors;
  if (programs.loading) closing.loading = &*programs.loading;
  supervise::Closed closed = supervise::close_program(program, closing);
  if (closed.ended) return;
  if (!closed.degraded.empty()) {
    (void)send_message(plan.channel, {.kind = Message::Kind::failed, .how = closed.degraded});
    ::kill(program, SIGKILL);
  }
  (void)send_message(plan.channel, {.kind = Message::Kind::closed});
  const bool traces_tree = can_kill(programs.confinement);
  if (traces_tree) {
    ::ptrace(PTRACE_SETOPTIONS, program, nullptr, supervise::as_pointer(supervise::tree_options()));
    ::ptrace(PTRACE_CONT, program, nullptr, nullptr);
  } else {
    ::ptrace(PTRACE_DETACH, program, nullptr, nullptr);
  }
  ChannelSink sink(plan.channel);
  supervise::Supervisor({programs.confinement, sink, std::move(closed.listener),
                         closed.wait_killable, false, traces_tree, false})
      .serve(program);
}

Result<void> run_watched(const SandboxPlan& plan, int answers) {
  std::array<int, 2> gate{};
  std::array<int, 2> errors{};
  if (::pipe2(gate.data(), O_CLOEXEC) != 0 || ::pipe2(errors.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return fail(system_error("pipe", errno));
  }
  CALLGATE_TRY(auto greeting, greeting_pair());
  Namespaces made;
  const std::array<int, 5> ours = {gate[1], errors[0], errors[1], greeting.first.get(), answers};
  const pid_t init = make_init(plan, gate[0], greeting.second.get(), ours, made);
  if (init < 0) return fail(system_error("making the program's init", errno));
  greeting.second.reset();
  CALLGATE_TRY(const Programs programs, prepare(plan, (made.flags & CLONE_NEWPID) != 0));
  CALLGATE_CHECK(release_init(plan, init, gate[1], (made.flags & CLONE_NEWUSER) != 0));
  const pid_t program = greeted_by(greeting.first.get());
  if (program <= 0) return fail("the program's process ended before it was ready");
  if (const int error = supervise::seize(program, supervise::closing_options()); error != 0) {
    return fail(system_error("tracing the program", error));
  }
  (void)send_message(plan.channel, {.kind = Message::Kind::program, .number = program});
  char byte = 0;
  if (::read(answers, &byte, 1) != 1 || ::write(greeting.first.get(), &byte, 1) != 1) {
    return fail("the program could not be let go");
  }
  supervise_program(plan, programs, program, errors[1]);
  std::array<char, 4096> text{};
  const ssize_t got = ::read(errors[0], text.data(), text.size());
  if (got > 0) return fail(std::string(text.data(), static_cast<std::size_t>(got)));
  return {};
}

}  // namespace

void watch(const SandboxPlan& plan, int answers) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::prctl(PR_SET_NAME, "callgate-watch", 0, 0, 0);
  ::setsid();
  if (const auto done = run_watched(plan, answers); !done) {
    (void)send_message(plan.channel,
                       {.kind = Message::Kind::failed, .how = done.error().message()});
    for (const pid_t child : children_of(::getpid())) ::kill(child, SIGKILL);
  }
  while (::waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR) {
  }
}

}  // namespace callgate::judging

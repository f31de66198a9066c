// Three processes below the supervisor's: init (first of a PID namespace where one can be had, else
// a subreaper), the program, and whatever the program makes. Init is no program of the user's:
// signals from inside its namespace do not reach it (pid_namespaces(7)), and its end ends all
// inside.
//
// Known weakness: without a PID namespace, what is left is found by walking /proc and killed one by
// one, which a policy that lets processes be made can outrun for a while.
#include "judge/sandbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "judge/landlock.h"
#include "judge/message.h"
#include "judge/tasks.h"

namespace callgate::judging {
namespace {

constexpr uid_t nobody = 65534;
constexpr int exec_failed = 127;
constexpr std::uint64_t most_descriptors = 1024;
constexpr unsigned close_on_exec = 4;  // CLOSE_RANGE_CLOEXEC, 5.11

struct Named {
  const char* name;
  int flag;
};
constexpr std::array namespace_names = {
    Named{"userns", CLONE_NEWUSER},    Named{"pidns", CLONE_NEWPID}, Named{"mountns", CLONE_NEWNS},
    Named{"ipcns", CLONE_NEWIPC},      Named{"netns", CLONE_NEWNET}, Named{"utsns", CLONE_NEWUTS},
    Named{"cgroupns", CLONE_NEWCGROUP}};

[[noreturn]] void give_up(int channel, const std::string& what, int error) {
  (void)send_message(channel,
                     {.kind = Message::Kind::failed, .how = system_error(what, error).message()});
  ::_exit(exec_failed);
}

void report(int channel, const char* name, const char* how, std::string why) {
  (void)send_message(
      channel, {.kind = Message::Kind::measure, .name = name, .how = how, .why = std::move(why)});
}

pid_t clone_process(int flags) {
  return static_cast<pid_t>(::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, 0));
}

// ---- the program's process

void limit(int channel, int resource, std::uint64_t most) {
  rlimit old{};
  ::getrlimit(static_cast<__rlimit_resource>(resource), &old);
  const rlim_t value = std::min<rlim_t>(most, old.rlim_max);
  const rlimit both{value, value};
  if (::setrlimit(static_cast<__rlimit_resource>(resource), &both) != 0) {
    give_up(channel, "setrlimit", errno);
  }
}

void set_limits(const SandboxPlan& plan, bool in_user_namespace) {
  const JudgeLimits& limits = plan.request.limits;
  const auto seconds =
      std::chrono::ceil<std::chrono::seconds>(limits.time).count() + 1;  // the judge is exacter
  limit(plan.channel, RLIMIT_CPU, static_cast<std::uint64_t>(seconds));
  limit(plan.channel, RLIMIT_CORE, 0);
  limit(plan.channel, RLIMIT_FSIZE, limits.output);
  limit(plan.channel, RLIMIT_NOFILE, most_descriptors);
  limit(plan.channel, RLIMIT_MEMLOCK, 0);
  limit(plan.channel, RLIMIT_MSGQUEUE, 0);
  limit(plan.channel, RLIMIT_STACK, limits.stack);
  if (!plan.memory_by_group) {
    // Far above what may be touched, which is counted: room for stacks and for reservations.
    const std::uint64_t room = std::uint64_t{64} << 20;
    limit(plan.channel, RLIMIT_DATA, 2 * limits.memory + limits.processes * limits.stack + room);
  }
  // Counted for the user in all namespaces but a user namespace of its own (5.14).
  if (in_user_namespace) limit(plan.channel, RLIMIT_NPROC, limits.processes);
}

void take_descriptors(const SandboxPlan& plan) {
  if (::dup2(plan.input, 0) < 0 || ::dup2(plan.output, 1) < 0 || ::dup2(plan.errors, 2) < 0) {
    give_up(plan.channel, "dup2", errno);
  }
  if (::syscall(SYS_close_range, 3U, ~0U, close_on_exec) == 0) return;
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) give_up(plan.channel, "closing inherited descriptors", errno);
  while (const dirent* entry = ::readdir(folder)) {
    const int fd = std::atoi(entry->d_name);
    if (fd > 2) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  ::closedir(folder);
}

void drop_privilege(const SandboxPlan& plan, bool in_user_namespace) {
  const int channel = plan.channel;
  if (plan.request.user && !in_user_namespace && ::setgroups(0, nullptr) != 0) {
    give_up(channel, "setgroups", errno);
  }
  for (int capability = 0; capability <= CAP_LAST_CAP + 8; ++capability) {
    ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  const uid_t user = plan.request.user.value_or(nobody);
  if (plan.request.user || in_user_namespace) {
    if (::setresgid(user, user, user) != 0) give_up(channel, "setresgid", errno);
    if (::setresuid(user, user, user) != 0) give_up(channel, "setresuid", errno);
  }
  // Its own again, so that the judge can reach it: init is not, and a change of user takes it away.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

void use_landlock(const SandboxPlan& plan) {
  if (!may_use(plan.request, "landlock")) {
    report(plan.channel, "landlock", "", "not wanted");
    return;
  }
  const UniqueFd ruleset = make_ruleset(plan.readable);
  const int error = ruleset.valid() ? restrict_self(ruleset) : errno;
  report(plan.channel, "landlock", error == 0 ? "landlock" : "",
         error == 0 ? "" : fmt::format("landlock: {}", std::strerror(error)));
  if (error != 0 && !plan.request.readable.empty()) {
    give_up(plan.channel, "what may be read cannot be limited: landlock", error);
  }
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

[[noreturn]] void become_program(const SandboxPlan& plan, int greeting, bool in_user_namespace) {
  ::setsid();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up(plan.channel, "no_new_privs", errno);
  set_limits(plan, in_user_namespace);
  if (!plan.request.folder.empty() && ::chdir(plan.request.folder.c_str()) != 0) {
    give_up(plan.channel, "entering " + plan.request.folder, errno);
  }
  take_descriptors(plan);
  drop_privilege(plan, in_user_namespace);
  use_landlock(plan);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  // a change of user takes it away
  char byte = 0;
  if (::write(greeting, &byte, 1) != 1 || ::read(greeting, &byte, 1) != 1) ::_exit(exec_failed);
  auto arguments = pointers(plan.request.command);
  auto environment = pointers(plan.request.environment);
  ::execve(plan.path.c_str(), arguments.data(), environment.data());
  (void)send_message(plan.channel, {.kind = Message::Kind::not_started, .number = errno});
  ::_exit(exec_failed);
}

// ---- init

/// SIGKILL to every descendant, as /proc shows them.
void kill_below(pid_t process) {
  for (const pid_t child : children_of(process)) {
    kill_below(child);
    ::kill(child, SIGKILL);
  }
}

void kill_the_rest(bool in_pid_namespace) {
  while (true) {
    if (in_pid_namespace) {
      ::kill(-1, SIGKILL);
    } else {
      kill_below(::getpid());
    }
    pid_t reaped = 0;
    while ((reaped = ::waitpid(-1, nullptr, WNOHANG | __WALL)) > 0) {
    }
    if (reaped < 0 && errno == ECHILD) return;
    ::usleep(500);
  }
}

/// Its own view of processes, where the mount table may be changed.
void mount_proc(const SandboxPlan& plan, int flags) {
  if ((flags & CLONE_NEWNS) == 0 || (flags & CLONE_NEWPID) == 0) {
    report(plan.channel, "proc", "", "no mount or no PID namespace");
    return;
  }
  const bool done =
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
      ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0;
  report(plan.channel, "proc", done ? "mounted anew" : "",
         done ? "" : fmt::format("mount: {}", std::strerror(errno)));
}

[[noreturn]] void be_init(const SandboxPlan& plan, int gate, int greeting, int flags) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::prctl(PR_SET_NAME, "callgate-init", 0, 0, 0);
  char byte = 0;
  if (::read(gate, &byte, 1) != 1) ::_exit(exec_failed);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const bool in_pid_namespace = (flags & CLONE_NEWPID) != 0;
  if (!in_pid_namespace) ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  mount_proc(plan, flags);
  const pid_t program = ::fork();
  if (program < 0) give_up(plan.channel, "fork", errno);
  if (program == 0) become_program(plan, greeting, (flags & CLONE_NEWUSER) != 0);
  for (const int fd : {plan.input, plan.output, plan.errors, greeting, gate}) ::close(fd);
  int status = 0;
  while (true) {
    const pid_t reaped = ::waitpid(-1, &status, __WALL);
    if (reaped == program) break;
    if (reaped < 0 && errno != EINTR) give_up(plan.channel, "waiting for the program", errno);
  }
  kill_the_rest(in_pid_namespace);
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  const std::int64_t cpu = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1'000'000 +
                           used.ru_utime.tv_usec + used.ru_stime.tv_usec;
  (void)send_message(plan.channel, {.kind = Message::Kind::ended,
                                    .number = status,
                                    .cpu_us = cpu,
                                    .peak_memory = used.ru_maxrss * 1024});
  ::_exit(0);
}

int wanted_flags(const JudgeRequest& request) {
  int flags = 0;
  for (const Named& each : namespace_names) {
    if (may_use(request, each.name)) flags |= each.flag;
  }
  return flags;
}

int write_map(pid_t init, const char* file, const std::string& text) {
  const int fd = ::open(fmt::format("/proc/{}/{}", init, file).c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = ::write(fd, text.data(), text.size()) < 0 ? errno : 0;
  ::close(fd);
  return error;
}

}  // namespace

bool may_use(const JudgeRequest& request, std::string_view isolation) {
  return std::find(request.without.begin(), request.without.end(), isolation) ==
         request.without.end();
}

pid_t make_init(const SandboxPlan& plan, int gate, int greeting, std::span<const int> theirs,
                Namespaces& made) {
  const int wanted = wanted_flags(plan.request);
  pid_t init = -1;
  // A user namespace brings the others with it; the superuser can have those without it.
  for (const int flags : {wanted, wanted & ~CLONE_NEWUSER, 0}) {
    made.flags = flags;
    init = clone_process(flags);
    if (init == 0) {
      // So that the watcher's end is seen as the end of what it writes to.
      for (const int fd : theirs) ::close(fd);
      be_init(plan, gate, greeting, flags);
    }
    if (init > 0) break;
    if (made.error == 0) made.error = errno;
  }
  for (const Named& each : namespace_names) {
    const bool has = (made.flags & each.flag) != 0;
    const bool is_wanted = (wanted & each.flag) != 0;
    report(plan.channel, each.name, has ? "namespace" : "",
           has          ? ""
           : !is_wanted ? "not wanted"
                        : std::strerror(made.error));
  }
  return init;
}

int map_user(pid_t init, const JudgeRequest& request) {
  const uid_t inside = request.user.value_or(nobody);
  const uid_t user = request.user.value_or(::geteuid());
  const gid_t group = request.user ? static_cast<gid_t>(*request.user) : ::getegid();
  if (const int error = write_map(init, "setgroups", "deny"); error != 0) return error;
  const int error = write_map(init, "gid_map", fmt::format("{} {} 1\n", inside, group));
  return error != 0 ? error : write_map(init, "uid_map", fmt::format("{} {} 1\n", inside, user));
}

}  // namespace callgate::judging

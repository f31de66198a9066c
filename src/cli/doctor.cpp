// `callgate doctor`: what the kernel, its settings and the container run-times here can do, and
// what that means for the user.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <sstream>

#include "callgate/abi/arch.h"
#include "callgate/base/unique_fd.h"
#include "callgate/runtime/probe.h"
#include "cli/program_json.h"
#include "cli/verbs.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate doctor\n"
    "  callgate doctor --json | jq '.findings[] | select(.state != \"ok\")'\n"
    "Exit code 1: this process cannot install filters here.";

struct DoctorOptions {
  bool json = false;
};

enum class State { ok, limited, missing };

/// One line of the report: what was looked at, what was found, what that means.
struct Finding {
  std::string section;
  std::string name;
  State state = State::ok;
  std::string value;
  std::string meaning;
};

std::string_view state_name(State state) {
  switch (state) {
    case State::ok: return "ok";
    case State::limited: return "limited";
    case State::missing: return "missing";
  }
  return "missing";
}

std::string attempt_text(Attempt attempt) {
  if (!attempt) return "could not be tried";
  return *attempt == 0 ? "yes" : fmt::format("no ({})", std::strerror(*attempt));
}

State attempt_state(Attempt attempt, State otherwise) {
  return attempt == 0 ? State::ok : otherwise;
}

// The kernel.

std::string meaning_of_install(const KernelProbe& probe) {
  if (probe.install != 0) return "no program can be confined from here";
  if (probe.mode == 2) return "filters can be added below the ones that this process already has";
  return "programs can be confined; no privilege is needed, since no_new_privs is set first";
}

std::string meaning_of_reading(const KernelProbe& probe) {
  if (probe.read_filter == 0) return "`callgate dump -p` shows the filters of running processes";
  if (probe.mode > 0) return "this process is itself filtered: run `callgate dump -p` outside";
  if (!probe.has_sys_admin) return "`callgate dump -p` needs root (CAP_SYS_ADMIN)";
  return "`callgate dump -p` does not work: no CONFIG_CHECKPOINT_RESTORE, or ptrace is refused";
}

void add_kernel(std::vector<Finding>& all, const KernelProbe& probe) {
  const Release release = parse_release(probe.release).value_or(Release{});
  const bool is_newer = Release{release.major, release.minor} > newest_release();
  all.push_back({"kernel", "release", State::ok, fmt::format("{} {}", probe.release, probe.machine),
                 is_newer
                     ? fmt::format("newer than callgate's tables ({}): calls that it added "
                                   "are unknown to policies by name",
                                   to_string(newest_release()))
                     : fmt::format("callgate's tables reach {}", to_string(newest_release()))});
  all.push_back({"kernel", "install a filter", attempt_state(probe.install, State::missing),
                 attempt_text(probe.install), meaning_of_install(probe)});
  all.push_back({"kernel", "seccomp(2)", probe.has_call ? State::ok : State::limited,
                 probe.has_call ? "yes" : "no",
                 probe.has_call ? "flags and questions are possible"
                                : "before Linux 3.17, or hidden by an outer filter: only prctl(2), "
                                  "for one thread, without flags"});
  all.push_back({"kernel", "read filters", attempt_state(probe.read_filter, State::limited),
                 attempt_text(probe.read_filter), meaning_of_reading(probe)});
  if (probe.mode > 0)
    all.push_back({"kernel", "this process", State::limited, "is itself under seccomp",
                   "its filters also hold for all that it starts, and the stricter action wins"});
}

/// What a feature is good for.
std::string_view use_of(std::string_view name) {
  struct Use {
    std::string_view name;
    std::string_view meaning;
  };
  static constexpr Use uses[] = {
      {"SECCOMP_FILTER_FLAG_TSYNC", "all threads of a process can be confined at once"},
      {"SECCOMP_FILTER_FLAG_LOG", "denials by errno, trap and trace can go to the audit log"},
      {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", "a filter need not switch on SSB mitigations"},
      {"SECCOMP_FILTER_FLAG_NEW_LISTENER", "a supervisor can be asked: full denial reports"},
      {"SECCOMP_FILTER_FLAG_TSYNC_ESRCH", "all threads and a listener in one call"},
      {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
       "a signal does not tear a call from the supervisor that has received it"},
      {"SECCOMP_RET_KILL_PROCESS", "a denial can end the whole process, not only its thread"},
      {"SECCOMP_RET_KILL_THREAD", "a denial can end the thread"},
      {"SECCOMP_RET_TRAP", "a denial can raise SIGSYS"},
      {"SECCOMP_RET_ERRNO", "a denial can be an errno"},
      {"SECCOMP_RET_USER_NOTIF", "a supervisor can decide"},
      {"SECCOMP_RET_TRACE", "a tracer can decide"},
      {"SECCOMP_RET_LOG", "a call can be let through and logged"},
      {"SECCOMP_RET_ALLOW", "a call can be let through"},
      {"SECCOMP_IOCTL_NOTIF_ADDFD", "a supervisor can hand descriptors to the caller"},
      {"SECCOMP_ADDFD_FLAG_SEND", "a descriptor and the answer in one step"},
      {"SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP",
       "asking a supervisor costs about a tenth, since both sides stay on one CPU"},
  };
  for (const Use& use : uses) {
    if (use.name == name) return use.meaning;
  }
  return {};
}

void add_features(std::vector<Finding>& all, const std::string& section,
                  std::span<const ProbedFeature> features) {
  for (const ProbedFeature& feature : features) {
    const std::string use(use_of(feature.name));
    all.push_back(
        {section, feature.name, feature.known ? State::ok : State::limited,
         feature.known ? "yes" : "no",
         feature.known ? use : fmt::format("not here: {} (Linux {})", use, feature.since)});
  }
}

// Settings.

bool has_word(const std::string& text, std::string_view word) {
  return (" " + text + " ").find(fmt::format(" {} ", word)) != std::string::npos;
}

void add_logging(std::vector<Finding>& all, const KernelProbe& probe) {
  if (!probe.actions_logged) {
    all.push_back({"settings", "kernel.seccomp.actions_logged", State::limited, "not there",
                   "before Linux 4.14: only kills are logged"});
    return;
  }
  const bool has_errno = has_word(*probe.actions_logged, "errno");
  all.push_back({"settings", "kernel.seccomp.actions_logged",
                 has_errno ? State::ok : State::limited, *probe.actions_logged,
                 has_errno
                     ? "a filter with the LOG flag logs its errno denials too"
                     : "errno denials never reach the audit log: --report=audit misses them"});
}

void add_jit(std::vector<Finding>& all, const KernelProbe& probe) {
  const bool is_on = probe.jit_enable.value_or(0) > 0;
  all.push_back({"settings", "net.core.bpf_jit_enable", is_on ? State::ok : State::limited,
                 probe.jit_enable ? std::to_string(*probe.jit_enable) : "cannot be read",
                 is_on ? "filters run as machine code"
                       : "filters are interpreted, or the setting cannot be seen from here; the "
                         "constant-action cache still spares most calls"});
  if (probe.jit_harden.value_or(0) > 0)
    all.push_back({"settings", "net.core.bpf_jit_harden", State::ok,
                   std::to_string(*probe.jit_harden),
                   "constants are blinded: filters get longer against the limit of 32768 of a "
                   "stack"});
}

std::string_view meaning_of_yama(long scope) {
  switch (scope) {
    case 0: return "any process of the same user can be traced";
    case 1: return "only descendants can be traced: `callgate run` works, -p PID needs root";
    case 2: return "tracing needs CAP_SYS_PTRACE: full reports and -p PID need root";
    default: return "nothing can be traced: reports have no stacks, and -p PID does not work";
  }
}

void add_settings(std::vector<Finding>& all, const KernelProbe& probe) {
  if (probe.actions_avail)
    all.push_back({"settings", "kernel.seccomp.actions_avail", State::ok, *probe.actions_avail,
                   "what this kernel says it knows"});
  add_logging(all, probe);
  add_jit(all, probe);
  const long scope = probe.yama_scope.value_or(0);
  all.push_back({"settings", "kernel.yama.ptrace_scope", scope < 2 ? State::ok : State::limited,
                 probe.yama_scope ? std::to_string(scope) : "no Yama",
                 std::string(meaning_of_yama(scope))});
  all.push_back({"settings", "user namespaces", attempt_state(probe.user_namespace, State::limited),
                 attempt_text(probe.user_namespace),
                 probe.user_namespace == 0 ? "rootless containers can be made; policies should "
                                             "refuse CLONE_NEWUSER to what does not need it"
                                           : "no rootless containers from here"});
  const std::string version =
      probe.cgroup_version == 0
          ? "none"
          : fmt::format("{}{}", probe.cgroup_version, probe.cgroup_hybrid ? ", hybrid" : "");
  all.push_back({"settings", "cgroups", probe.cgroup_version == 2 ? State::ok : State::limited,
                 version,
                 probe.cgroup_version == 2 ? "what container run-times expect"
                 : probe.cgroup_version == 1
                     ? "runc and containerd run; crun refuses hybrid trees, newer ones want 2"
                     : "container run-times will not start"});
}

// Container run-times.

constexpr int version_timeout_ms = 5000;

/// What a program prints, if it ends well within a few seconds.
std::optional<std::string> output_of(const std::string& path, const char* argument) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  char* arguments[] = {const_cast<char*>(path.c_str()), const_cast<char*>(argument), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawn(&child, path.c_str(), &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  writer.reset();
  if (error != 0) return std::nullopt;
  std::string text;
  char buffer[4096];
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(version_timeout_ms);
  for (bool more = true; more && text.size() < 65536;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd wanted{reader.get(), POLLIN, 0};
    more = left.count() > 0 && ::poll(&wanted, 1, static_cast<int>(left.count())) > 0;
    const ssize_t got = more ? ::read(reader.get(), buffer, sizeof buffer) : 0;
    more = got > 0;
    if (more) text.append(buffer, static_cast<std::size_t>(got));
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return text;
}

std::optional<std::string> find_on_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string directories = path == nullptr ? "" : path;
  directories += ":/usr/sbin:/sbin";
  std::istringstream stream(directories);
  for (std::string directory; std::getline(stream, directory, ':');) {
    std::string file = directory;
    file.append("/").append(name);
    if (!directory.empty() && ::access(file.c_str(), X_OK) == 0) return file;
  }
  return std::nullopt;
}

/// The word behind "libseccomp:" of what a run-time prints, or "".
std::string libseccomp_of(const std::string& text) {
  const std::size_t at = text.find("libseccomp:");
  if (at == std::string::npos) return {};
  const std::size_t start = text.find_first_not_of(' ', at + std::strlen("libseccomp:"));
  return start == std::string::npos ? "" : text.substr(start, text.find('\n', start) - start);
}

std::string meaning_of_runtime(const std::string& name, const std::string& text,
                               const std::string& libseccomp) {
  if (!libseccomp.empty()) {
    const auto version = parse_release(libseccomp);
    const bool is_old = version && *version < Release{2, 5, 5};
    return fmt::format("resolves names by libseccomp {}{}", libseccomp,
                       is_old ? ": calls that are newer are dropped from a profile in silence"
                              : ": calls that are newer than it are dropped from a profile");
  }
  if (name == "crun")
    return text.find("+SECCOMP") != std::string::npos
               ? "filters, with the libseccomp of this system; names that it lacks are dropped"
               : "built without seccomp: containers run unfiltered";
  if (name == "runc" || name == "youki") return "does not say which libseccomp it has";
  return "hands profiles to its low-level run-time";
}

void add_runtimes(std::vector<Finding>& all) {
  for (const char* name : {"runc", "crun", "youki", "podman", "docker", "containerd", "crio"}) {
    const auto path = find_on_path(name);
    if (!path) continue;
    const auto text = output_of(*path, "--version");
    if (!text || text->empty()) {
      all.push_back({"run-times", name, State::limited, *path, "does not tell its version"});
      continue;
    }
    all.push_back({"run-times", name, State::ok, text->substr(0, text->find('\n')),
                   meaning_of_runtime(name, *text, libseccomp_of(*text))});
  }
  if (all.back().section != "run-times")
    all.push_back({"run-times", "none", State::ok, "not found on PATH",
                   "containers cannot be tried here; profiles can still be converted"});
}

std::string as_text(std::span<const Finding> all) {
  std::string text;
  std::string section;
  for (const Finding& finding : all) {
    if (finding.section != section) text += (section = finding.section) + "\n";
    const char mark = finding.state == State::ok        ? ' '
                      : finding.state == State::limited ? '-'
                                                        : '!';
    text +=
        fmt::format(" {} {}: {}\n     {}\n", mark, finding.name, finding.value, finding.meaning);
  }
  return text;
}

std::string as_json(std::span<const Finding> all) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  json_key(writer, "findings");
  writer.StartArray();
  for (const Finding& finding : all) {
    writer.StartObject();
    json_member(writer, "section", finding.section);
    json_member(writer, "name", finding.name);
    json_member(writer, "state", state_name(finding.state));
    json_member(writer, "value", finding.value);
    json_member(writer, "meaning", finding.meaning);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return buffer.GetString() + std::string("\n");
}

int run_doctor(const DoctorOptions& options) {
  const KernelProbe probe = probe_kernel();
  std::vector<Finding> all;
  add_kernel(all, probe);
  add_features(all, "filter flags", probe.flags);
  add_features(all, "actions", probe.actions);
  add_features(all, "notification", probe.notify);
  if (probe.notify_sizes)
    all.push_back({"notification", "SECCOMP_GET_NOTIF_SIZES", State::ok,
                   fmt::format("{}/{}/{} bytes", probe.notify_sizes->request,
                               probe.notify_sizes->response, probe.notify_sizes->data),
                   "what a request, an answer and seccomp_data take; buffers follow it"});
  add_settings(all, probe);
  add_runtimes(all);
  const int code = probe.install == 0 ? exit_yes : exit_no;
  return write_output("-", options.json ? as_json(all) : as_text(all), code);
}

}  // namespace

void add_doctor_verb(CLI::App& app, Action& chosen) {
  auto [command, options] = add_verb<DoctorOptions>(
      app, chosen, "doctor", "tell what this kernel and its run-times can do", run_doctor);
  command->footer(examples);
  command->add_flag("--json", options->json, "as JSON (docs/json.md)");
}

}  // namespace callgate::cli

// The questions: a flag is known if seccomp(SECCOMP_SET_MODE_FILTER, flag, NULL) fails for its
// pointer (EFAULT) and not for its flag (EINVAL); an action if SECCOMP_GET_ACTION_AVAIL says so; an
// ioctl of a listener if it fails for its subject (ENOENT) and not for its number (EINVAL). What
// changes the asker for good is asked in a child. Values come from Linux 6.12's headers, since the
// ones at hand may be older than the kernel.
#include "callgate/runtime/probe.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "callgate/base/unique_fd.h"

namespace callgate {
namespace {

constexpr std::array<ProbedFeature, 6> all_flags = {{
    {"SECCOMP_FILTER_FLAG_TSYNC", 1, "3.17"},
    {"SECCOMP_FILTER_FLAG_LOG", 2, "4.14"},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", 4, "4.17"},
    {"SECCOMP_FILTER_FLAG_NEW_LISTENER", 8, "5.0"},
    {"SECCOMP_FILTER_FLAG_TSYNC_ESRCH", 16, "5.7"},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 32, "5.19"},
}};
constexpr std::uint32_t flag_new_listener = 8;
constexpr std::uint32_t flag_wait_killable = 32;

constexpr std::array<ProbedFeature, 8> all_actions = {{
    {"SECCOMP_RET_KILL_PROCESS", 0x80000000, "4.14"},
    {"SECCOMP_RET_KILL_THREAD", 0x00000000, "3.5"},
    {"SECCOMP_RET_TRAP", 0x00030000, "3.5"},
    {"SECCOMP_RET_ERRNO", 0x00050000, "3.5"},
    {"SECCOMP_RET_USER_NOTIF", 0x7fc00000, "5.0"},
    {"SECCOMP_RET_TRACE", 0x7ff00000, "3.5"},
    {"SECCOMP_RET_LOG", 0x7ffc0000, "4.14"},
    {"SECCOMP_RET_ALLOW", 0x7fff0000, "3.5"},
}};

/// struct seccomp_notif_addfd (5.9).
struct AddFd {
  std::uint64_t id;
  std::uint32_t flags;
  std::uint32_t source;
  std::uint32_t target;
  std::uint32_t target_flags;
};
constexpr unsigned long ioctl_addfd = _IOW('!', 3, AddFd);
constexpr unsigned long ioctl_set_flags = _IOW('!', 4, std::uint64_t);
constexpr std::array<ProbedFeature, 3> all_notify = {{
    {"SECCOMP_IOCTL_NOTIF_ADDFD", 1, "5.9"},
    {"SECCOMP_ADDFD_FLAG_SEND", 2, "5.14"},
    {"SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP", 4, "6.6"},
}};

constexpr long cgroup2_magic = 0x63677270;  // CGROUP2_SUPER_MAGIC of <linux/magic.h>
constexpr unsigned cap_sys_admin = 21;

std::optional<std::string> read_small(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::nullopt;
  std::string text(4096, '\0');
  const ssize_t got = ::read(fd.get(), text.data(), text.size());
  if (got < 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(got));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::optional<long> read_long(const std::string& path) {
  const auto text = read_small(path);
  if (!text || text->empty()) return std::nullopt;
  return std::strtol(text->c_str(), nullptr, 10);
}

/// "name:\tvalue" of /proc/self/status.
std::optional<std::string> own_status(const std::string& name) {
  const auto text = read_small("/proc/self/status");
  if (!text) return std::nullopt;
  const std::size_t at = text->find("\n" + name + ":\t");
  if (at == std::string::npos) return std::nullopt;
  const std::size_t start = at + name.size() + 3;
  return text->substr(start, text->find('\n', start) - start);
}

/// Runs `ask` in a child; what it returns (0 to 255) is the child's exit code.
template <class Ask>
Attempt in_child(Ask&& ask) {
  const pid_t child = ::fork();
  if (child < 0) return std::nullopt;
  if (child == 0) ::_exit(ask());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return std::nullopt;
  }
  if (!WIFEXITED(status)) return std::nullopt;
  return WEXITSTATUS(status);
}

/// Installs `ret allow`; the result of seccomp(2), or -1 with errno.
long install_allow_all(unsigned long flags) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  sock_filter code[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  sock_fprog filter{1, code};
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
  if (result < 0 && errno == ENOSYS && flags == 0)
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
  return result;
}

bool knows_flag(std::uint32_t flag) {
  const std::uint32_t flags = flag == flag_wait_killable ? flag | flag_new_listener : flag;
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, nullptr) < 0 && errno == EFAULT;
}

bool knows_action(std::uint32_t action) {
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/// Bits of all_notify that a listener of this kernel takes.
int ask_listener() {
  const long listener = install_allow_all(flag_new_listener);
  if (listener < 0) return 0;
  const int fd = static_cast<int>(listener);
  int known = 0;
  AddFd add{0, 0, static_cast<std::uint32_t>(fd), 0, 0};
  if (::ioctl(fd, ioctl_addfd, &add) < 0 && errno == ENOENT) known |= 1;
  add.flags = 2;
  if (::ioctl(fd, ioctl_addfd, &add) < 0 && errno == ENOENT) known |= 2;
  if (::ioctl(fd, ioctl_set_flags, 1ul) == 0) known |= 4;
  return known;
}

/// Reads the filter of a child that has one; 0 or errno.
int ask_get_filter() {
  constexpr auto request = static_cast<__ptrace_request>(PTRACE_SECCOMP_GET_FILTER);
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0 || install_allow_all(0) < 0)
      ::_exit(errno);
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) < 0) return errno;
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const int result = ::ptrace(request, child, nullptr, nullptr) < 0 ? errno : 0;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return result;
}

void ask_about_itself(KernelProbe& probe) {
  utsname names{};
  if (::uname(&names) == 0) {
    probe.release = names.release;
    probe.machine = names.machine;
  }
  const auto mode = own_status("Seccomp");
  probe.mode = mode ? std::atoi(mode->c_str()) : -1;
  probe.no_new_privs = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
  const auto capabilities = own_status("CapEff");
  probe.has_sys_admin =
      capabilities && (std::strtoull(capabilities->c_str(), nullptr, 16) >> cap_sys_admin & 1) != 0;
}

void ask_features(KernelProbe& probe) {
  const long bad_operation = ::syscall(SYS_seccomp, ~0u, 0, nullptr);
  probe.has_call = bad_operation < 0 && errno == EINVAL;
  for (ProbedFeature flag : all_flags) {
    flag.known = knows_flag(flag.value);
    probe.flags.push_back(flag);
  }
  for (ProbedFeature action : all_actions) {
    action.known = knows_action(action.value);
    probe.actions.push_back(action);
  }
  const int notify = in_child(ask_listener).value_or(0);
  for (ProbedFeature feature : all_notify) {
    feature.known = (static_cast<std::uint32_t>(notify) & feature.value) != 0;
    probe.notify.push_back(feature);
  }
  seccomp_notif_sizes sizes{};
  if (::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0)
    probe.notify_sizes =
        NotifySizes{sizes.seccomp_notif, sizes.seccomp_notif_resp, sizes.seccomp_data};
}

bool is_cgroup2(const char* path) {
  struct statfs status {};
  return ::statfs(path, &status) == 0 && status.f_type == cgroup2_magic;
}

void ask_surroundings(KernelProbe& probe) {
  probe.actions_avail = read_small("/proc/sys/kernel/seccomp/actions_avail");
  probe.actions_logged = read_small("/proc/sys/kernel/seccomp/actions_logged");
  probe.jit_enable = read_long("/proc/sys/net/core/bpf_jit_enable");
  probe.jit_harden = read_long("/proc/sys/net/core/bpf_jit_harden");
  probe.yama_scope = read_long("/proc/sys/kernel/yama/ptrace_scope");
  probe.user_namespace = in_child([] { return ::unshare(CLONE_NEWUSER) == 0 ? 0 : errno; });
  if (is_cgroup2("/sys/fs/cgroup")) {
    probe.cgroup_version = 2;
  } else if (::access("/sys/fs/cgroup/memory", F_OK) == 0 ||
             ::access("/sys/fs/cgroup/cpu", F_OK) == 0) {
    probe.cgroup_version = 1;
    probe.cgroup_hybrid = is_cgroup2("/sys/fs/cgroup/unified");
  }
}

}  // namespace

KernelProbe probe_kernel() {
  KernelProbe probe;
  ask_about_itself(probe);
  ask_features(probe);
  probe.install = in_child([] { return install_allow_all(0) < 0 ? errno : 0; });
  probe.read_filter = in_child(ask_get_filter);
  ask_surroundings(probe);
  return probe;
}

}  // namespace callgate

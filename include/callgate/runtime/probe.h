// What the running kernel can do with seccomp, found out by asking it. Changes nothing: filters are
// only installed in short-lived child processes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace callgate {

/// One capability of the kernel. `known` is what the kernel answered; `since` is the release that
/// brought it.
struct ProbedFeature {
  const char* name;  ///< as in the kernel's headers
  std::uint32_t value;
  const char* since;
  bool known = false;
};

/// SECCOMP_GET_NOTIF_SIZES (5.0), in bytes.
struct NotifySizes {
  std::uint16_t request = 0;
  std::uint16_t response = 0;
  std::uint16_t data = 0;
};

/// How a try in a child process went: 0, or the errno; none if the child could not be made.
using Attempt = std::optional<int>;

struct KernelProbe {
  std::string release;  ///< uname -r
  std::string machine;  ///< uname -m

  // What this process may do.
  int mode = 0;  ///< "Seccomp" of /proc/self/status; -1: the kernel has none
  bool no_new_privs = false;
  bool has_sys_admin = false;  ///< CAP_SYS_ADMIN is effective
  Attempt install;             ///< an allow-all filter with no_new_privs
  Attempt read_filter;         ///< PTRACE_SECCOMP_GET_FILTER of a filtered child

  // What the kernel knows.
  bool has_call = false;               ///< seccomp(2), 3.17
  std::vector<ProbedFeature> flags;    ///< SECCOMP_FILTER_FLAG_*
  std::vector<ProbedFeature> actions;  ///< SECCOMP_RET_*, by SECCOMP_GET_ACTION_AVAIL (4.14)
  std::vector<ProbedFeature> notify;   ///< what a listener's ioctls take
  std::optional<NotifySizes> notify_sizes;

  // Sysctls and surroundings; none where the file does not exist.
  std::optional<std::string> actions_avail;   ///< kernel.seccomp.actions_avail
  std::optional<std::string> actions_logged;  ///< kernel.seccomp.actions_logged
  std::optional<long> jit_enable;             ///< net.core.bpf_jit_enable
  std::optional<long> jit_harden;             ///< net.core.bpf_jit_harden
  std::optional<long> yama_scope;             ///< kernel.yama.ptrace_scope
  Attempt user_namespace;                     ///< unshare(CLONE_NEWUSER)
  int cgroup_version = 0;                     ///< 1, 2, 0 if none is mounted
  bool cgroup_hybrid = false;                 ///< version 1 with a version 2 tree beside it
};

/// Asks the kernel. Takes some milliseconds and makes child processes, for which it waits; not to
/// be called from two threads at once.
[[nodiscard]] KernelProbe probe_kernel();

}  // namespace callgate

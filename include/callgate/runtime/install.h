// Putting a program into force. No third-party library, no allocation, no exception: everything
// here may run between fork and exec and in a signal handler.
#pragma once

#include <cstdint>

#include "callgate/base/unique_fd.h"
#include "callgate/bpf/program.h"

namespace callgate {

struct InstallOptions {
  bool all_threads = false;    ///< SECCOMP_FILTER_FLAG_TSYNC (3.17)
  bool log = false;            ///< SECCOMP_FILTER_FLAG_LOG (4.14)
  bool spec_allow = false;     ///< SECCOMP_FILTER_FLAG_SPEC_ALLOW (4.17)
  bool listener = false;       ///< SECCOMP_FILTER_FLAG_NEW_LISTENER (5.0)
  bool wait_killable = false;  ///< SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (5.19); needs listener
  bool no_new_privs = true;    ///< prctl(PR_SET_NO_NEW_PRIVS) first
};

/// Which step of an installation failed.
enum class InstallStep : std::uint8_t { none, no_new_privs, filter, thread };

/// What an installation did. `step` is none on success.
struct InstallStatus {
  InstallStep step = InstallStep::none;
  int errno_value = 0;
  int thread = 0;         ///< for InstallStep::thread: the id of the thread that could not follow
  UniqueFd listener;      ///< where options.listener was set
  bool by_prctl = false;  ///< seccomp(2) is missing (before 3.17), prctl(2) was used
  [[nodiscard]] bool ok() const noexcept { return step == InstallStep::none; }
};

/// Installs on the calling thread, or on all threads of the process. Where seccomp(2) is missing
/// and no flag is asked for, prctl(PR_SET_SECCOMP) is used. Nothing is weakened in silence: a flag
/// that the kernel does not know is an error. One way only: no filter can be taken off.
[[nodiscard]] InstallStatus install(const Program& program, const InstallOptions& options) noexcept;

/// The status as a Result with a message for people; allocates.
[[nodiscard]] Result<UniqueFd> to_result(InstallStatus status);

}  // namespace callgate

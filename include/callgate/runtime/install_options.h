// How a filter is put into force, and what came of it: no header of the C++ library but <utility>.
#pragma once

#include "callgate/base/unique_fd.h"

namespace callgate {

template <class T>
class Result;

struct InstallOptions {
  bool all_threads = false;    ///< SECCOMP_FILTER_FLAG_TSYNC (3.17)
  bool log = false;            ///< SECCOMP_FILTER_FLAG_LOG (4.14)
  bool spec_allow = false;     ///< SECCOMP_FILTER_FLAG_SPEC_ALLOW (4.17)
  bool listener = false;       ///< SECCOMP_FILTER_FLAG_NEW_LISTENER (5.0)
  bool wait_killable = false;  ///< SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (5.19); needs listener
  bool no_new_privs = true;    ///< prctl(PR_SET_NO_NEW_PRIVS) first
};

/// Which step of an installation failed.
enum class InstallStep : unsigned char { none, no_new_privs, filter, thread };

/// What an installation did. `step` is none on success.
struct [[nodiscard]] InstallStatus {
  InstallStep step = InstallStep::none;
  int errno_value = 0;
  int thread = 0;         ///< for InstallStep::thread: the id of the thread that could not follow
  UniqueFd listener;      ///< where options.listener was set
  bool by_prctl = false;  ///< seccomp(2) is missing (before 3.17), prctl(2) was used
  [[nodiscard]] bool ok() const noexcept { return step == InstallStep::none; }

  /// `return install(...);` in a function that returns Result<UniqueFd> passes a failure on, as
  /// to_result (install.h) words it.
  operator Result<UniqueFd>() &&;  // NOLINT(google-explicit-constructor)
};

}  // namespace callgate

// Landlock (5.13): which files a program may open, whatever its policy says, without privilege.
#pragma once

#include <string>
#include <vector>

#include "callgate/base/unique_fd.h"

namespace callgate::judging {

/// The system's libraries, their cache and the interpreters' own trees below them.
[[nodiscard]] const std::vector<std::string>& library_trees();

/// A ruleset under which only what lies in these trees may be read or executed, nothing may be
/// written or made, and no signal and no abstract socket leaves the program (ABI 6). Paths that do
/// not exist are passed by. Invalid (errno is set) where the kernel has no Landlock.
[[nodiscard]] UniqueFd make_ruleset(const std::vector<std::string>& readable);

/// Puts a ruleset into force on the calling thread, which has no_new_privs; 0 or errno.
[[nodiscard]] int restrict_self(const UniqueFd& ruleset);

}  // namespace callgate::judging

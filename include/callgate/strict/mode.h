// What SECCOMP_MODE_STRICT lets through, as a policy.
#pragma once

#include <string_view>

namespace callgate {

/// The calls of strict mode on x86-64 kernels in the policy language (kernel/seccomp.c
/// mode1_syscalls, arch/x86/include/asm/seccomp.h, 6.12). What it refuses, strict mode kills.
/// exit_group is not among them: the built-in profile "strict" adds it.
inline constexpr std::string_view strict_mode_policy = R"(policy strict-mode
abi 6.12
arches x86_64, i386
otherwise kill_thread
unknown kill_thread
unlisted kill_thread
allow read, write, exit
on x86_64 { allow rt_sigreturn }
on i386 { allow sigreturn }
)";

}  // namespace callgate

// Numbers of the seccomp interface, as <linux/seccomp.h>, <linux/prctl.h> and <asm/errno.h> have
// them, independent of how old the headers are that callgate is built with.
#pragma once

#include <cstddef>
#include <cstdint>

namespace callgate::uapi {

// prctl(2)
inline constexpr int pr_get_seccomp = 21;
inline constexpr int pr_set_seccomp = 22;
inline constexpr int pr_set_no_new_privs = 38;
inline constexpr int pr_get_no_new_privs = 39;

// Modes, as PR_SET_SECCOMP takes and PR_GET_SECCOMP returns them.
inline constexpr std::uint64_t mode_disabled = 0;
inline constexpr std::uint64_t mode_strict = 1;
inline constexpr std::uint64_t mode_filter = 2;

// Operations of seccomp(2).
inline constexpr std::uint32_t set_mode_strict = 0;
inline constexpr std::uint32_t set_mode_filter = 1;
inline constexpr std::uint32_t get_action_avail = 2;
inline constexpr std::uint32_t get_notif_sizes = 3;

// Flags of SECCOMP_SET_MODE_FILTER.
inline constexpr std::uint32_t flag_tsync = 1;
inline constexpr std::uint32_t flag_log = 2;
inline constexpr std::uint32_t flag_spec_allow = 4;
inline constexpr std::uint32_t flag_new_listener = 8;
inline constexpr std::uint32_t flag_tsync_esrch = 16;
inline constexpr std::uint32_t flag_wait_killable_recv = 32;

// Flags of notifications.
inline constexpr std::uint32_t notif_continue = 1;
inline constexpr std::uint32_t addfd_setfd = 1;
inline constexpr std::uint32_t addfd_send = 2;
inline constexpr std::uint64_t notif_sync_wake_up = 1;

// errno values; every architecture in callgate's tables numbers them so.
inline constexpr int eperm = 1;
inline constexpr int enoent = 2;
inline constexpr int esrch = 3;
inline constexpr int eintr = 4;
inline constexpr int eio = 5;
inline constexpr int ebadf = 9;
inline constexpr int enomem = 12;
inline constexpr int eacces = 13;
inline constexpr int efault = 14;
inline constexpr int ebusy = 16;
inline constexpr int einval = 22;
inline constexpr int emfile = 24;
inline constexpr int enosys = 38;
inline constexpr int eopnotsupp = 95;
inline constexpr int einprogress = 115;
inline constexpr int erestartsys = 512;  ///< inside the kernel; programs should never see it
inline constexpr int max_errno = 4095;

// Signals.
inline constexpr int sigkill = 9;
inline constexpr int sigsys = 31;
inline constexpr int sys_seccomp = 1;  ///< si_code of seccomp's SIGSYS

/// Instructions that the filters of one task may have in all, and what each earlier one adds.
inline constexpr std::size_t max_stack = 32768;
inline constexpr std::size_t stack_penalty = 4;

}  // namespace callgate::uapi

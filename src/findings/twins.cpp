#include "findings/twins.h"

#include <string>

#include "callgate/abi/syscalls.h"

namespace callgate::findings {
namespace {

const std::vector<Fixed> here = {{"dirfd", "AT_FDCWD"}};
const std::vector<Fixed> both_here = {{"olddirfd", "AT_FDCWD"}, {"newdirfd", "AT_FDCWD"}};

/// Calls of the same sense, each by its name.
const std::vector<Twin> written = {
    {"open", "openat", true, here},
    {"open", "openat2", true, here},
    {"open", "creat", false, {}, {"flags", "O_CREAT|O_WRONLY|O_TRUNC"}},
    {"openat", "open", true},
    {"openat", "openat2", true},
    {"openat", "creat", false, {}, {"flags", "O_CREAT|O_WRONLY|O_TRUNC"}},
    {"openat2", "open", false},
    {"openat2", "openat", false},
    {"creat", "open", true, {{"flags", "O_CREAT|O_WRONLY|O_TRUNC"}}},
    {"creat", "openat", true, {{"dirfd", "AT_FDCWD"}, {"flags", "O_CREAT|O_WRONLY|O_TRUNC"}}},
    {"creat", "openat2", true, here},
    {"clone", "clone3", true},
    {"clone", "fork", false},
    {"clone", "vfork", false},
    {"clone3", "clone", false},
    {"clone3", "fork", false},
    {"clone3", "vfork", false},
    {"fork", "clone", true, {{"flags", "SIGCHLD"}}},
    {"fork", "clone3", true},
    {"fork", "vfork", true},
    {"vfork", "clone", true, {{"flags", "CLONE_VFORK"}}},
    {"vfork", "clone3", true},
    {"vfork", "fork", true},
    {"unshare", "clone", true, {}, {"flags", "CLONE_NEWUSER"}},
    {"unshare", "clone3", true, {}, {"flags", "CLONE_NEWUSER"}},
    {"execve", "execveat", true, here},
    {"execveat", "execve", false},
    {"stat", "newfstatat", true, here},
    {"stat", "statx", true, here},
    {"lstat", "newfstatat", true, here},
    {"lstat", "statx", true, here},
    {"newfstatat", "stat", false},
    {"newfstatat", "statx", true},
    {"statx", "stat", false},
    {"statx", "newfstatat", true},
    {"fstatat64", "statx", true},
    {"statx", "fstatat64", true},
    {"select", "pselect6", true},
    {"pselect6", "select", true},
    {"poll", "ppoll", true},
    {"ppoll", "poll", true},
    {"access", "faccessat", true, here},
    {"access", "faccessat2", true, here},
    {"chmod", "fchmodat", true, here},
    {"chmod", "fchmodat2", true, here},
    {"fchmodat", "chmod", true},
    {"fchmodat", "fchmodat2", true},
    {"fchmodat2", "chmod", true},
    {"fchmodat2", "fchmodat", true},
    {"chown", "fchownat", true, here},
    {"lchown", "fchownat", true, here},
    {"fchownat", "chown", true},
    {"rename", "renameat", true, both_here},
    {"rename", "renameat2", true, both_here},
    {"renameat", "rename", true},
    {"renameat", "renameat2", true},
    {"renameat2", "rename", true},
    {"renameat2", "renameat", true},
    {"unlink", "unlinkat", true, here},
    {"rmdir", "unlinkat", true, {{"dirfd", "AT_FDCWD"}, {"flags", "AT_REMOVEDIR"}}},
    {"unlinkat", "unlink", false},
    {"mkdir", "mkdirat", true, here},
    {"mkdirat", "mkdir", true},
    {"mknod", "mknodat", true, here},
    {"mknodat", "mknod", true},
    {"link", "linkat", true, both_here},
    {"linkat", "link", false},
    {"symlink", "symlinkat", true, {{"newdirfd", "AT_FDCWD"}}},
    {"symlinkat", "symlink", true},
    {"readlink", "readlinkat", true, here},
    {"readlinkat", "readlink", true},
    {"mount", "move_mount", false},
    {"umount", "umount2", true},
    {"umount2", "umount", false},
    {"accept", "accept4", true},
    {"accept4", "accept", true},
    {"sendto", "sendmsg", true},
    {"sendto", "sendmmsg", true},
    {"sendmsg", "sendto", false},
    {"sendmsg", "sendmmsg", true},
    {"recvfrom", "recvmsg", true},
    {"recvmsg", "recvmmsg", true},
    {"mprotect", "pkey_mprotect", true},
    {"pkey_mprotect", "mprotect", true},
    {"settimeofday", "clock_settime", true},
    {"clock_settime", "settimeofday", false},
    {"adjtimex", "clock_adjtime", true},
    {"clock_adjtime", "adjtimex", false},
    {"setrlimit", "prlimit64", true},
    {"kill", "tkill", true},
    {"kill", "tgkill", true},
    {"kill", "pidfd_send_signal", true},
    {"tkill", "tgkill", true},
    {"tgkill", "tkill", true},
    {"kexec_load", "kexec_file_load", false},
    {"kexec_file_load", "kexec_load", false},
    {"init_module", "finit_module", false},
    {"finit_module", "init_module", false},
    {"process_vm_readv", "ptrace", false},
    {"process_vm_writev", "ptrace", false},
    {"ptrace", "process_vm_writev", false},
    {"setxattr", "setxattrat", true},
    {"removexattr", "removexattrat", true},
    {"setuid", "setreuid", false},
    {"setuid", "setresuid", false},
    {"setgid", "setregid", false},
    {"setgid", "setresgid", false},
    {"setreuid", "setresuid", false},
    {"setregid", "setresgid", false},
};

/// Forms of one call that differ in the width of what they take: of the time, of users and groups.
void add_wide_forms(std::vector<Twin>& all) {
  for (const std::string_view name : syscall_names())
    for (const std::string_view suffix : {"_time64", "64", "32"}) {
      if (!name.ends_with(suffix)) continue;
      const std::string_view base = name.substr(0, name.size() - suffix.size());
      const bool is_time = suffix == "_time64" || base.starts_with("clock_") ||
                           base.starts_with("timer_") || base.starts_with("timerfd_");
      const bool is_user =
          suffix == "32" && (base.find("uid") != base.npos || base.find("gid") != base.npos ||
                             base.ends_with("chown") || base == "setgroups");
      if (!is_syscall_name(base) || !(is_time || is_user)) continue;
      all.push_back({base, name});
      all.push_back({name, base});
    }
}

/// glibc 2.41 and musl 1.2.5, by their sources.
constexpr Successor known_successors[] = {
    {"open", "openat", false, "glibc's open(3)"},
    {"stat", "newfstatat", false, "glibc's stat(3) since 2.33"},
    {"fstat", "newfstatat", false, "glibc's fstat(3) since 2.33"},
    {"select", "pselect6", false, "glibc's select(3) since 2.34"},
    {"clone", "clone3", true, "glibc's threads since 2.34"},
    {"newfstatat", "statx", true, "coreutils' ls and stat"},
    {"faccessat", "faccessat2", true, "glibc's faccessat(3) since 2.33"},
    {"fchmodat", "fchmodat2", true, "glibc's fchmodat(3) since 2.39"},
    {"futex", "futex_time64", true, "glibc on 32-bit machines since 2.34"},
    {"clock_gettime", "clock_gettime64", true, "glibc on 32-bit machines since 2.34"},
    {"clock_nanosleep", "clock_nanosleep_time64", true, "glibc on 32-bit machines since 2.34"},
    {"ppoll", "ppoll_time64", true, "glibc on 32-bit machines since 2.34"},
    {"pselect6", "pselect6_time64", true, "glibc on 32-bit machines since 2.34"},
    {"utimensat", "utimensat_time64", true, "glibc on 32-bit machines since 2.34"},
    {"recvmmsg", "recvmmsg_time64", true, "glibc on 32-bit machines since 2.34"},
    {"rt_sigtimedwait", "rt_sigtimedwait_time64", true, "glibc on 32-bit machines since 2.34"},
    {"timerfd_settime", "timerfd_settime64", true, "glibc on 32-bit machines since 2.34"},
    {"preadv", "preadv2", true, "glibc's preadv2(3)"},
    {"pwritev", "pwritev2", true, "glibc's pwritev2(3)"},
};

constexpr RingCall known_ring_calls[] = {
    {"openat", {5, 6}},     {"openat2", {5, 6}},    {"connect", {5, 5}},   {"accept4", {5, 5}},
    {"socket", {5, 19}},    {"bind", {6, 11}},      {"listen", {6, 11}},   {"sendmsg", {5, 3}},
    {"recvmsg", {5, 3}},    {"sendto", {5, 6}},     {"recvfrom", {5, 6}},  {"statx", {5, 6}},
    {"renameat", {5, 11}},  {"renameat2", {5, 11}}, {"unlinkat", {5, 11}}, {"mkdirat", {5, 15}},
    {"symlinkat", {5, 15}}, {"linkat", {5, 15}},    {"setxattr", {5, 19}}, {"fsetxattr", {5, 19}},
    {"getxattr", {5, 19}},  {"madvise", {5, 6}},    {"fallocate", {5, 6}}, {"ftruncate", {6, 9}},
};

}  // namespace

const std::vector<Twin>& twins() {
  static const std::vector<Twin> all = [] {
    std::vector<Twin> made = written;
    add_wide_forms(made);
    return made;
  }();
  return all;
}

std::span<const Successor> successors() noexcept { return known_successors; }
std::span<const RingCall> ring_calls() noexcept { return known_ring_calls; }

}  // namespace callgate::findings

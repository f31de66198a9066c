#include "callgate/abi/constants.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace callgate {
namespace {

const ConstantSet* set_of(Arch arch, std::string_view call, std::string_view parameter) {
  const Syscall* found = find_syscall(arch, call);
  const Parameter* known = found != nullptr ? find_parameter(*found, parameter) : nullptr;
  return known != nullptr ? known->constants : nullptr;
}

struct ValueRow {
  Arch arch;
  std::string_view call, parameter, text;
  std::uint64_t value;
};

const ValueRow values[] = {
    {Arch::x86_64, "openat", "dirfd", "AT_FDCWD", 0xffffff9c},
    {Arch::x86_64, "openat", "flags", "O_RDONLY", 0},
    {Arch::x86_64, "openat", "flags", "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC", 02001101},
    {Arch::x86_64, "openat", "flags", "O_RDONLY|O_DIRECTORY", 0200000},
    {Arch::aarch64, "openat", "flags", "O_RDONLY|O_DIRECTORY", 040000},
    {Arch::arm, "open", "flags", "O_RDONLY|O_DIRECT", 0200000},
    {Arch::x86_64, "open", "flags", "O_RDWR|O_SYNC", 04010002},
    {Arch::x86_64, "socket", "domain", "AF_UNIX", 1},
    {Arch::x86_64, "socket", "domain", "AF_INET6", 10},
    {Arch::x86_64, "socket", "domain", "77", 77},
    {Arch::x86_64, "socket", "type", "SOCK_STREAM|SOCK_CLOEXEC", 02000001},
    {Arch::x86_64, "mmap", "prot", "PROT_NONE", 0},
    {Arch::x86_64, "mmap", "prot", "PROT_READ|PROT_EXEC", 5},
    {Arch::x86_64, "mmap", "flags", "MAP_PRIVATE|MAP_ANONYMOUS", 0x22},
    {Arch::i386, "mmap2", "flags", "MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS", 0x32},
    {Arch::x86_64, "clone", "flags", "SIGCHLD|CLONE_NEWUSER", 0x10000011},
    {Arch::x86_64, "unshare", "flags", "CLONE_NEWTIME", 0x80},
    {Arch::x86_64, "prctl", "option", "PR_SET_SECCOMP", 22},
    {Arch::x86_64, "ioctl", "request", "TIOCSTI", 0x5412},
    {Arch::x86_64, "fcntl", "cmd", "F_DUPFD_CLOEXEC", 1030},
    {Arch::x86_64, "futex", "futex_op", "FUTEX_WAKE|FUTEX_PRIVATE_FLAG", 129},
    {Arch::x86_64, "keyctl", "operation", "KEYCTL_READ", 11},
    {Arch::x86_64, "bpf", "cmd", "BPF_PROG_LOAD", 5},
    {Arch::x86_64, "personality", "persona", "PER_LINUX|ADDR_NO_RANDOMIZE", 0x40000},
    {Arch::x86_64, "ptrace", "request", "PTRACE_ATTACH", 16},
    {Arch::x86_64, "mount", "mountflags", "MS_RDONLY|MS_NOSUID", 3},
    {Arch::x86_64, "umount2", "flags", "MNT_DETACH", 2},
    {Arch::x86_64, "setns", "nstype", "CLONE_NEWNET", 0x40000000},
    {Arch::x86_64, "seccomp", "operation", "SECCOMP_SET_MODE_FILTER", 1},
    {Arch::x86_64, "seccomp", "flags", "SECCOMP_FILTER_FLAG_TSYNC", 1},
    {Arch::x86_64, "madvise", "advice", "MADV_DONTNEED", 4},
    {Arch::x86_64, "kill", "sig", "SIGKILL", 9},
    {Arch::x86_64, "arch_prctl", "code", "ARCH_SET_FS", 0x1002},
    {Arch::x86_64, "chmod", "mode", "S_ISUID|0700", 04700},
    {Arch::x86_64, "chmod", "mode", "0644", 0644},
    {Arch::x86_64, "chmod", "mode", "0", 0},
    {Arch::x86_64, "mknod", "mode", "S_IFCHR|0600", 020600},
    {Arch::x86_64, "setsockopt", "optname", "SO_REUSEADDR", 2},
    {Arch::x86_64, "shutdown", "how", "SHUT_RDWR", 2},
    {Arch::x86_64, "prlimit64", "resource", "RLIMIT_NOFILE", 7},
    {Arch::x86_64, "io_uring_register", "opcode", "IORING_REGISTER_BUFFERS", 0},
    {Arch::x86_64, "reboot", "magic", "LINUX_REBOOT_MAGIC1", 0xfee1dead},
};

TEST(Values, AsPeopleWriteThem) {
  for (const ValueRow& row : values) {
    const Parameter* parameter = find_parameter(*find_syscall(row.arch, row.call), row.parameter);
    ASSERT_NE(parameter, nullptr) << row.call << " " << row.parameter;
    EXPECT_EQ(format_value(row.arch, parameter->constants, row.value, parameter->bits,
                           parameter->is_signed),
              row.text);
  }
}

TEST(Values, UnknownBitsAreNumbers) {
  const ConstantSet* prot = set_of(Arch::x86_64, "mmap", "prot");
  EXPECT_EQ(format_value(Arch::x86_64, prot, 0x10000001, 64, false), "PROT_READ|0x10000000");
  EXPECT_EQ(format_value(Arch::x86_64, nullptr, 0xffffffff, 32, true), "-1");
  EXPECT_EQ(format_value(Arch::x86_64, nullptr, 0xffffffff, 32, false), "0xffffffff");
  EXPECT_EQ(format_value(Arch::x86_64, nullptr, 0x100000003, 32, false), "3");
  EXPECT_EQ(format_value(Arch::x86_64, nullptr, ~std::uint64_t{0}, 64, true), "-1");
  EXPECT_EQ(format_value(Arch::x86_64, nullptr, std::uint64_t{1} << 63, 64, true),
            "-9223372036854775808");
}

TEST(FindConstant, BySet) {
  const ConstantSet* flags = set_of(Arch::x86_64, "openat", "flags");
  ASSERT_NE(flags, nullptr);
  EXPECT_EQ(find_constant(Arch::x86_64, *flags, "O_DIRECTORY"), 0200000u);
  EXPECT_EQ(find_constant(Arch::arm, *flags, "O_DIRECTORY"), 040000u);
  EXPECT_EQ(find_constant(Arch::arm, *flags, "AF_INET"), std::nullopt);
  EXPECT_EQ(find_constant(Arch::x86_64, "AT_FDCWD"), 0xffffffffffffff9cu);
  EXPECT_EQ(find_constant(Arch::x86_64, "NO_SUCH_NAME"), std::nullopt);
}

TEST(FindConstant, EveryNameOfASetIsFound) {
  for (const Arch arch : all_arches) {
    const auto all = constant_names(arch, nullptr);
    EXPECT_GT(all.size(), 1000u);
    EXPECT_TRUE(std::ranges::is_sorted(all));
    for (const Syscall& call : syscalls(arch))
      for (const Parameter& parameter : call.parameters) {
        if (parameter.constants == nullptr) continue;
        const auto names = constant_names(arch, parameter.constants);
        EXPECT_EQ(std::set(names.begin(), names.end()).size(), names.size())
            << parameter.constants->name;
        for (const std::string_view name : names)
          EXPECT_TRUE(find_constant(arch, *parameter.constants, name)) << name;
      }
  }
}

TEST(Errno, BothWays) {
  EXPECT_EQ(find_errno("EPERM"), 1);
  EXPECT_EQ(find_errno("ENOSYS"), 38);
  EXPECT_EQ(find_errno("ENOTSUP"), 95);
  EXPECT_EQ(find_errno("EWOULDBLOCK"), 11);
  EXPECT_EQ(find_errno("ENOPE"), std::nullopt);
  EXPECT_EQ(errno_name(11), "EAGAIN");
  EXPECT_EQ(errno_name(95), "EOPNOTSUPP");
  EXPECT_EQ(errno_name(35), "EDEADLK");
  EXPECT_EQ(errno_name(0), "");
  for (const Constant& constant : errno_constants()) EXPECT_LE(constant.value, 133u);
}

TEST(Errno, EachAbisOwn) {
  constexpr std::uint16_t enosys = 38;
  EXPECT_EQ(errno_on(Arch::x86_64, enosys), 38);
  EXPECT_EQ(errno_on(Arch::mips, enosys), 89);
  EXPECT_EQ(errno_on(Arch::mipsel64n32, enosys), 89);
  EXPECT_EQ(errno_on(Arch::parisc64, enosys), 251);
  EXPECT_EQ(errno_on(Arch::ppc64, 1), 1);
  EXPECT_EQ(errno_on(Arch::mips, 4000), 4000);
  EXPECT_EQ(errno_name(Arch::mips, 89), "ENOSYS");
  EXPECT_EQ(errno_name(Arch::x86_64, 89), "EDESTADDRREQ");
  EXPECT_EQ(generic_errno(Arch::mips, 89), 38);
  EXPECT_EQ(generic_errno(Arch::x86_64, 89), 89);
  const std::vector<Arch> both{Arch::mips, Arch::mips64};
  EXPECT_EQ(errno_name(both, 1), "EPERM");
  EXPECT_EQ(errno_name(both, 38), "");
  EXPECT_EQ(action_on(Arch::parisc, deny(enosys)), deny(251));
  EXPECT_EQ(action_on(Arch::parisc, trap(enosys)), trap(enosys));
  for (const Arch arch : all_arches)
    for (const Constant& constant : errno_constants()) {
      const auto value = static_cast<std::uint16_t>(constant.value);
      const auto back = generic_errno(arch, errno_on(arch, value));
      EXPECT_TRUE(!back || errno_on(arch, *back) == errno_on(arch, value)) << constant.name;
    }
}

}  // namespace
}  // namespace callgate

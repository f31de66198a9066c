// The generated tables against themselves and against the headers of the machine that builds them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <regex>
#include <set>

#include "callgate/abi/constants.h"
#include "callgate/abi/groups.h"

namespace callgate {
namespace {

class EachArch : public testing::TestWithParam<Arch> {};
INSTANTIATE_TEST_SUITE_P(Tables, EachArch, testing::ValuesIn(all_arches),
                         [](const auto& each) { return std::string(arch_info(each.param).name); });

TEST_P(EachArch, NumbersAscendAndNamesAreUnique) {
  std::set<std::string_view> names;
  for (const Syscall& call : syscalls(GetParam())) {
    EXPECT_TRUE(names.insert(call.name).second) << call.name;
    EXPECT_EQ(find_syscall(GetParam(), call.name), &call);
    EXPECT_EQ(find_syscall(GetParam(), call.number), &call);
    EXPECT_TRUE(is_syscall_name(call.name));
    EXPECT_LE(call.since, newest_release()) << call.name;
    EXPECT_GT(call.since, Release{}) << call.name;
  }
  EXPECT_TRUE(std::ranges::is_sorted(syscalls(GetParam()), {}, &Syscall::number));
}

TEST_P(EachArch, NumbersAreOfTheirAbi) {
  for (const Syscall& call : syscalls(GetParam()))
    EXPECT_EQ(classify(arch_info(GetParam()).audit, call.number), GetParam()) << call.name;
}

TEST_P(EachArch, ParametersHaveTheirOwnWords) {
  for (const Syscall& call : syscalls(GetParam())) {
    std::set<int> words;
    std::set<std::string_view> names;
    for (const Parameter& parameter : call.parameters) {
      EXPECT_TRUE(names.insert(parameter.name).second) << call.name << " " << parameter.name;
      EXPECT_EQ(find_parameter(call, parameter.name), &parameter);
      const bool pair = parameter.placement == Placement::word_pair;
      if (parameter.placement != Placement::word && !pair) continue;
      if (parameter.kind == ParameterKind::unknown) continue;
      EXPECT_TRUE(parameter.bits == 16 || parameter.bits == 32 || parameter.bits == 64);
      EXPECT_TRUE(words.insert(parameter.low).second) << call.name << " " << parameter.name;
      EXPECT_LT(parameter.low, 6);
      EXPECT_LT(parameter.high, 6);
      EXPECT_TRUE(!pair || words.insert(parameter.high).second) << call.name;
      EXPECT_TRUE(!pair || parameter.bits == 64) << call.name;
      EXPECT_TRUE(pair || parameter.bits <= arch_info(GetParam()).word_bits) << call.name;
    }
  }
}

/// Numbers that an ABI's table gives to calls that its kernel has not (sys_ni_syscall there), and
/// the indirect call of mips, which a filter sees as the call that it makes.
std::set<std::string_view> reserved_on(Arch arch) {
  switch (arch) {
    case Arch::mips:
    case Arch::mipsel:
      return {"syscall", "signal", "ioperm", "iopl", "vm86", "modify_ldt", "timerfd"};
    case Arch::mips64:
    case Arch::mips64n32:
    case Arch::mipsel64:
    case Arch::mipsel64n32: return {"timerfd"};
    case Arch::parisc:
    case Arch::parisc64: return {"uselib"};
    case Arch::ppc:
      return {"ioperm",          "iopl", "vm86", "modify_ldt", "multiplexer", "switch_endian",
              "map_shadow_stack"};
    case Arch::ppc64:
    case Arch::ppc64le:
      return {"oldstat",
              "umount",
              "oldfstat",
              "oldolduname",
              "sigaction",
              "sigpending",
              "getrlimit",
              "select",
              "oldlstat",
              "readdir",
              "ioperm",
              "olduname",
              "iopl",
              "vm86",
              "sigreturn",
              "modify_ldt",
              "multiplexer",
              "sigprocmask",
              "sys_debug_setcontext",
              "map_shadow_stack"};
    case Arch::s390: return {"ioperm", "timerfd"};
    case Arch::s390x: return {"readdir", "timerfd"};
    default: return {};
  }
}

TEST_P(EachArch, OnlyCallsThatNoKernelHasAreUnknown) {
  const std::set<std::string_view> never = {"afs_syscall",
                                            "break",
                                            "create_module",
                                            "epoll_ctl_old",
                                            "epoll_wait_old",
                                            "ftime",
                                            "get_kernel_syms",
                                            "getpmsg",
                                            "gtty",
                                            "idle",
                                            "lock",
                                            "mpx",
                                            "prof",
                                            "profil",
                                            "putpmsg",
                                            "query_module",
                                            "security",
                                            "stty",
                                            "tuxcall",
                                            "ulimit",
                                            "vserver"};
  const std::set<std::string_view> reserved = reserved_on(GetParam());
  for (const Syscall& call : syscalls(GetParam()))
    EXPECT_EQ(call.signature_known, !never.contains(call.name) && !reserved.contains(call.name))
        << call.name;
}

/// The release of the kernel headers of this machine.
Release header_release() {
  std::ifstream header("/usr/include/linux/version.h");
  const std::regex define(R"(#define LINUX_VERSION_CODE (\d+))");
  for (std::string line; std::getline(header, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, define)) continue;
    const unsigned long code = std::stoul(match[1]);
    return {static_cast<std::uint16_t>(code >> 16), static_cast<std::uint16_t>(code >> 8 & 0xff)};
  }
  return {};
}

/// Every "__NR_name number" of a kernel header is in the tables, and of the tables the header has
/// what its release has.
void expect_header(const std::string& path, Arch arch, std::uint32_t flag) {
  std::ifstream header(path);
  if (!header) GTEST_SKIP() << path << " is not installed";
  const std::regex define(R"(#define __NR_(\w+) \(?(?:__X32_SYSCALL_BIT \+ )?(\d+)\)?)");
  std::set<std::string> seen;
  for (std::string line; std::getline(header, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, define)) continue;
    const std::uint32_t number = static_cast<std::uint32_t>(std::stoul(match[2])) | flag;
    const Syscall* call = find_syscall(arch, match[1].str());
    ASSERT_NE(call, nullptr) << path << ": " << match[1];
    EXPECT_EQ(call->number, number) << path << ": " << match[1];
    seen.insert(match[1]);
  }
  EXPECT_GT(seen.size(), 300u) << path;
  for (const Syscall& call : syscalls(arch))
    EXPECT_EQ(seen.contains(std::string(call.name)), call.since <= header_release())
        << call.name << " since " << to_string(call.since) << ", headers of "
        << to_string(header_release());
}

TEST(Headers, X8664) {
  expect_header("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", Arch::x86_64, 0);
}
TEST(Headers, I386) {
  expect_header("/usr/include/x86_64-linux-gnu/asm/unistd_32.h", Arch::i386, 0);
}
TEST(Headers, X32) {
  expect_header("/usr/include/x86_64-linux-gnu/asm/unistd_x32.h", Arch::x32, x32_bit);
}

struct NumberRow {
  Arch arch;
  std::string_view name;
  std::uint32_t number;
  Release since;
};

TEST(Numbers, AsTheKernelAssignsThem) {
  const NumberRow table[] = {
      {Arch::x86_64, "read", 0, {2, 6}},
      {Arch::x86_64, "clone3", 435, {5, 3}},
      {Arch::x86_64, "uretprobe", 335, {6, 11}},
      {Arch::x86_64, "uprobe", 336, {6, 18}},
      {Arch::x86_64, "getcpu", 309, {3, 1}},
      {Arch::x86_64, "file_setattr", 469, {6, 17}},
      {Arch::i386, "socketcall", 102, {1, 0}},
      {Arch::i386, "socket", 359, {4, 3}},
      {Arch::i386, "shmat", 397, {5, 1}},
      {Arch::i386, "clock_gettime64", 403, {5, 1}},
      {Arch::i386, "arch_prctl", 384, {4, 12}},
      {Arch::x32, "rt_sigaction", x32_bit | 512, {3, 4}},
      {Arch::x32, "read", x32_bit, {3, 4}},
      {Arch::x32, "pwritev2", x32_bit | 547, {4, 6}},
      {Arch::aarch64, "openat", 56, {3, 7}},
      {Arch::aarch64, "renameat", 38, {3, 7}},
      {Arch::aarch64, "memfd_secret", 447, {5, 14}},
      {Arch::aarch64, "fchmodat2", 452, {6, 6}},
      {Arch::arm, "socket", 281, {2, 6, 16}},
      {Arch::arm, "set_tls", 0xf0005, {2, 6, 16}},
      {Arch::arm, "arm_fadvise64_64", 270, {2, 6, 16}},
      {Arch::arm, "mseal", 462, {6, 10}},
  };
  for (const NumberRow& row : table) {
    const Syscall* call = find_syscall(row.arch, row.name);
    ASSERT_NE(call, nullptr) << row.name;
    EXPECT_EQ(call->number, row.number) << row.name;
    EXPECT_EQ(to_string(call->since), to_string(row.since)) << row.name;
  }
  EXPECT_EQ(find_syscall(Arch::x86_64, 470u), nullptr);
  EXPECT_EQ(find_syscall(Arch::x86_64, 400u), nullptr);
  EXPECT_EQ(find_syscall(Arch::x86_64, 512u), nullptr);
  EXPECT_EQ(find_syscall(Arch::aarch64, "open"), nullptr);
  EXPECT_EQ(find_syscall(Arch::x86_64, ""), nullptr);
}

TEST(Headers, NewestRelease) { EXPECT_EQ(newest_release(), (Release{6, 18})); }

/// "word 1 s32", "pair 2+3 s64", "memory u64", of one parameter.
std::string where(Arch arch, std::string_view call, std::string_view name) {
  const Syscall* found = find_syscall(arch, call);
  const Parameter* parameter = found != nullptr ? find_parameter(*found, name) : nullptr;
  if (parameter == nullptr) return "none";
  std::string text = std::to_string(parameter->low);
  if (parameter->placement == Placement::memory) text = "memory";
  if (parameter->placement == Placement::word_pair) text += "+" + std::to_string(parameter->high);
  if (parameter->kind == ParameterKind::pointer) return text + " pointer";
  return text + (parameter->is_signed ? " s" : " u") + std::to_string(parameter->bits);
}

struct PlaceRow {
  std::string_view call, parameter;
  std::string_view x86_64, i386, x32, aarch64, arm;
};

TEST(Parameters, WhereEachAbiPutsThem) {
  const PlaceRow table[] = {
      {"clone", "flags", "0 u32", "0 u32", "0 u32", "0 u32", "0 u32"},
      {"clone", "child_tid", "3 pointer", "4 pointer", "3 pointer", "4 pointer", "4 pointer"},
      {"clone", "tls", "4 u64", "3 u32", "4 u64", "3 u64", "3 u32"},
      {"clone3", "flags", "memory u64", "memory u64", "memory u64", "memory u64", "memory u64"},
      {"clone3", "size", "1 u64", "1 u32", "1 u64", "1 u64", "1 u32"},
      {"openat2", "resolve", "memory u64", "memory u64", "memory u64", "memory u64", "memory u64"},
      {"mmap", "prot", "2 u64", "memory u32", "2 u64", "2 u64", "none"},
      {"mmap", "fd", "4 s32", "memory s32", "4 s32", "4 s32", "none"},
      {"mmap2", "prot", "none", "2 u32", "none", "none", "2 u32"},
      {"open", "flags", "1 s32", "1 s32", "1 s32", "none", "1 s32"},
      {"open", "mode", "2 u16", "2 u16", "2 u16", "none", "2 u16"},
      {"chmod", "mode", "1 u16", "1 u16", "1 u16", "none", "1 u16"},
      {"setuid", "uid", "0 u32", "0 u16", "0 u32", "0 u32", "0 u16"},
      {"setuid32", "uid", "none", "0 u32", "none", "none", "0 u32"},
      {"pread64", "offset", "3 s64", "3+4 s64", "3 s64", "3 s64", "4+5 s64"},
      {"preadv", "offset", "3 s64", "3+4 s64", "3 s64", "3 s64", "3+4 s64"},
      {"preadv2", "flags", "5 s32", "5 s32", "4 s32", "5 s32", "5 s32"},
      {"ftruncate64", "length", "none", "1+2 s64", "none", "none", "2+3 s64"},
      {"fallocate", "len", "3 s64", "4+5 s64", "3 s64", "3 s64", "4+5 s64"},
      {"readahead", "count", "2 u64", "3 u32", "2 u64", "2 u64", "4 u32"},
      {"sync_file_range", "flags", "3 u32", "5 s32", "3 u32", "3 u32", "none"},
      {"arm_sync_file_range", "offset", "none", "none", "none", "none", "2+3 s64"},
      {"arm_fadvise64_64", "advice", "none", "none", "none", "none", "1 s32"},
      {"fadvise64_64", "len", "none", "3+4 s64", "none", "none", "none"},
      {"fanotify_mark", "pathname", "4 pointer", "5 pointer", "4 pointer", "4 pointer",
       "5 pointer"},
      {"fanotify_mark", "mask", "2 u64", "2+3 u64", "2 u64", "2 u64", "2+3 u64"},
      {"select", "nfds", "0 s32", "memory u32", "0 s32", "none", "none"},
      {"socketcall", "domain", "none", "memory u32", "none", "none", "none"},
      {"ipc", "call", "none", "0 u16", "none", "none", "none"},
      {"ioctl", "request", "1 u32", "1 u32", "1 u32", "1 u32", "1 u32"},
      {"ioctl", "argp", "2 u64", "2 u32", "2 u32", "2 u64", "2 u32"},
      {"_llseek", "offset_high", "none", "1 u32", "none", "none", "1 u32"},
  };
  for (const PlaceRow& row : table) {
    const std::string_view expected[] = {row.x86_64, row.i386, row.x32, row.aarch64, row.arm};
    for (std::size_t i = 0; i < std::size(expected); ++i)
      EXPECT_EQ(where(all_arches[i], row.call, row.parameter), expected[i])
          << row.call << " " << row.parameter << " " << arch_info(all_arches[i]).name;
  }
}

struct OtherPlaceRow {
  std::string_view call, parameter, where;
  std::vector<Arch> arches;
};

/// Where the layout differs: orders of clone's words, halves of 64-bit values, memory.
TEST(Parameters, WhereTheOtherAbisPutThem) {
  using enum Arch;
  const OtherPlaceRow table[] = {
      {"clone", "flags", "0 u32", {mips, mips64, parisc, ppc, ppc64le, riscv64, loongarch64, sh}},
      {"clone", "flags", "1 u32", {s390, s390x}},
      {"clone", "stack", "0 pointer", {s390, s390x}},
      {"clone", "tls", "3 u64", {mips64, ppc64, riscv64, parisc64}},
      {"clone", "tls", "4 u64", {loongarch64, s390x}},
      {"clone", "tls", "4 u32", {m68k, s390, sh, sheb}},
      {"mmap", "prot", "memory u64", {s390x}},
      {"mmap", "prot", "memory u32", {m68k, s390}},
      {"mmap", "prot", "2 u64", {mips64, mipsel64n32, ppc64, riscv64, parisc64, loongarch64}},
      {"mmap", "prot", "2 u32", {mips, ppc, parisc, sh}},
      {"mmap2", "prot", "2 u32", {mips, mipsel, ppc, parisc, m68k, sh}},
      {"mmap2", "prot", "memory u32", {s390}},
      {"pread64", "offset", "4+5 s64", {mipsel, sh}},
      {"pread64", "offset", "5+4 s64", {mips, ppc, sheb}},
      {"pread64", "offset", "4+3 s64", {m68k, parisc, s390}},
      {"pread64", "offset", "3 s64", {mips64, mips64n32, ppc64, ppc64le, s390x, riscv64}},
      {"preadv", "offset", "3+4 s64", {mips, m68k, parisc, ppc, s390, sh}},
      {"truncate64", "length", "1+2 s64", {sh}},
      {"truncate64", "length", "2+1 s64", {m68k, parisc, s390, sheb}},
      {"truncate64", "length", "2+3 s64", {mipsel}},
      {"truncate64", "length", "3+2 s64", {mips, ppc}},
      {"fanotify_mark", "pathname", "5 pointer", {m68k, parisc, s390, sh}},
      {"sync_file_range2", "flags", "1 u32", {ppc, ppc64, ppc64le}},
      {"sync_file_range", "flags", "memory u32", {mips, mipsel}},
      {"socketcall", "call", "0 s32", {mips, ppc64, s390x, m68k, sh}},
      {"setuid", "uid", "0 u16", {m68k, sh, s390}},
      {"setuid", "uid", "0 u32", {mips, ppc, parisc, s390x, riscv64}},
  };
  for (const OtherPlaceRow& row : table)
    for (const Arch arch : row.arches)
      EXPECT_EQ(where(arch, row.call, row.parameter), row.where)
          << row.call << " " << row.parameter << " " << arch_info(arch).name;
}

TEST(Multiplexers, CarryTheirCalls) {
  const Syscall* socketcall = find_syscall(Arch::i386, "socketcall");
  ASSERT_NE(socketcall, nullptr);
  ASSERT_EQ(socketcall->multiplexes.size(), 20u);
  EXPECT_EQ(socketcall->multiplexes[0].name, "socket");
  EXPECT_EQ(socketcall->multiplexes[19].selector, 20u);
  EXPECT_EQ(find_syscall(Arch::i386, "ipc")->multiplexes.size(), 12u);
  for (const Arch arch : all_arches)
    for (const Syscall& call : syscalls(arch))
      EXPECT_EQ(call.multiplexes.empty(), call.name != "socketcall" && call.name != "ipc")
          << call.name;
}

/// The selectors against the constants of <linux/net.h> (SYS_CONNECT) and <linux/ipc.h> (SEMOP).
TEST(Multiplexers, SelectAsTheHeadersSay) {
  for (const std::string_view name : {"socketcall", "ipc"}) {
    const Syscall* call = find_syscall(Arch::i386, name);
    const Parameter* selector = find_parameter(*call, "call");
    ASSERT_NE(selector->constants, nullptr);
    for (const Multiplexed& carried : call->multiplexes) {
      std::string constant(name == "socketcall" ? "SYS_" : "");
      for (const char letter : carried.name)
        constant += static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
      EXPECT_EQ(find_constant(Arch::i386, *selector->constants, constant), carried.selector)
          << constant;
    }
  }
}

TEST(Groups, HoldCallsOfSomeAbi) {
  EXPECT_TRUE(std::ranges::is_sorted(groups(), {}, &Group::name));
  for (const Group& group : groups()) {
    EXPECT_EQ(find_group(group.name), &group);
    EXPECT_FALSE(group.summary.empty());
    std::set<std::string_view> calls;
    for (const std::string_view call : group.calls) {
      EXPECT_TRUE(is_syscall_name(call)) << group.name << " " << call;
      EXPECT_TRUE(calls.insert(call).second) << group.name << " " << call;
    }
  }
  EXPECT_EQ(find_group("nosuch"), nullptr);
  ASSERT_NE(find_group("mmap"), nullptr);
  EXPECT_EQ(find_group("mmap")->calls.size(), 2u);
  for (const std::string_view name :
       {"socket", "sigreturn", "clone", "fork", "stat", "select", "wait", "open", "stdio"})
    EXPECT_NE(find_group(name), nullptr) << name;
}

}  // namespace
}  // namespace callgate

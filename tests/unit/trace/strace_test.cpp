// What strace prints, as calls: a table of lines, and the ways in which lines hang together.
#include <gtest/gtest.h>

#include "callgate/formats/call.h"
#include "callgate/trace/trace.h"

namespace callgate {
namespace {

/// A trace read to its end.
struct Read {
  std::vector<PartialCall> calls;  ///< one an event
  std::vector<std::uint32_t> threads;
  std::vector<std::uint64_t> times;
  std::vector<std::uint64_t> lines;
  std::map<std::string, UnreadLine, std::less<>> unread;
  TraceEnd end;
  std::string error;
};

Read read(std::string_view text, Arch arch = Arch::x86_64) {
  Read all;
  auto reader = read_trace(text, "test", {.arch = arch});
  if (!reader) return {.error = reader.error().text()};
  std::vector<PartialCall> known(1);
  for (TraceBlock block;;) {
    const auto more = (*reader)->next(block);
    if (!more) {
      all.error = more.error().text();
      return all;
    }
    if (!*more) break;
    if (block.restart) known.resize(1);
    known.insert(known.end(), block.calls.begin(), block.calls.end());
    for (const std::uint32_t id : block.ids) all.calls.push_back(known.at(id));
    all.threads.insert(all.threads.end(), block.threads.begin(), block.threads.end());
    all.times.insert(all.times.end(), block.times.begin(), block.times.end());
    all.lines.insert(all.lines.end(), block.lines.begin(), block.lines.end());
  }
  all.unread = (*reader)->unread();
  all.end = (*reader)->end();
  return all;
}

constexpr Known all = Known::all, low32 = Known::low32, low16 = Known::low16, none = Known::nothing,
                some = Known::not_null;

struct Row {
  const char* line;
  const char* call;
  std::array<std::uint64_t, 6> args;
  std::array<Known, 6> known;
};

const Row rows[] = {
    {R"~(read(3, "\177ELF)\"\2"..., 832) = 832)~",
     "read",
     {3, 1, 832},
     {low32, some, all, none, none, none}},
    {R"~(openat(AT_FDCWD, "/x, y)", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 3)~",
     "openat",
     {0xffffff9c, 1, 02000102, 0644},
     {low32, some, low32, low16, none, none}},
    {R"~(openat(AT_FDCWD</root>, "x", O_RDONLY) = 3</root/x>)~",
     "openat",
     {0xffffff9c, 1, 0},
     {low32, some, low32, none, none, none}},
    {R"~(mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f1)~",
     "mmap",
     {0, 8192, 3, 0x22, 0xffffffff, 0},
     {all, all, all, all, low32, all}},
    {R"~(mmap(0x7f0, 1, 0x1 /* PROT_READ */, 0x802 /* MAP_PRIVATE|MAP_DENYWRITE */, 3, 0x1000) = 0)~",
     "mmap",
     {0x7f0, 1, 1, 0x802, 3, 0x1000},
     {all, all, all, all, low32, all}},
    {R"~(clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f10) = 7)~",
     "clone",
     {0x1000011, 0, 0, 0x7f10},
     {low32, all, none, all, none, none}},
    {R"~(clone3({flags=CLONE_VM, stack=0x1}, 88) = 5)~",
     "clone3",
     {1, 88},
     {some, all, none, none, none, none}},
    {R"~(clone3({flags=CLONE_VM} => {parent_tid=[5]}, 88) = 5)~",
     "clone3",
     {1, 88},
     {some, all, none, none, none, none}},
    {R"~(ioctl(1, TCGETS, {c_iflag=ICRNL, ...}) = 0)~",
     "ioctl",
     {1, 0x5401, 0},
     {low32, low32, none, none, none, none}},
    {R"~(ioctl(3, _IOC(_IOC_READ|_IOC_WRITE, 0x54, 0x1, 0x4), 0x7ff) = 0)~",
     "ioctl",
     {3, 0xc0045401, 0x7ff},
     {low32, low32, all, none, none, none}},
    {R"~(write(4<TCP:[127.0.0.1:80->127.0.0.1:8080]>, "a", 1) = 1)~",
     "write",
     {4, 1, 1},
     {low32, some, all, none, none, none}},
    {R"~(write(1</dev/pts/0<char 136:0>>, "a<b", 3) = 3)~",
     "write",
     {1, 1, 3},
     {low32, some, all, none, none, none}},
    {R"~(kill(12<my (odd) name>, SIGTERM) = 0)~",
     "kill",
     {12, 15},
     {low32, low32, none, none, none, none}},
    {R"~(socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3)~",
     "socket",
     {2, 02000001, 0},
     {low32, low32, low32, none, none, none}},
    {R"~(lseek(3, -4, SEEK_END) = 0)~",
     "lseek",
     {3, 0xfffffffc, 2},
     {low32, low32, low32, none, none, none}},
    {R"~(getpid() = 7)~", "getpid", {}, {none, none, none, none, none, none}},
    {R"~(exit_group(0) = ?)~", "exit_group", {0}, {low32, none, none, none, none, none}},
    {R"~(frob_no_such(1) = 0)~", nullptr, {}, {}},
    {R"~(openat(AT_FDCWD, 0x7ff, O_NO_SUCH_FLAG|O_RDWR) = -1 EFAULT (Bad address))~",
     "openat",
     {0xffffff9c, 0x7ff},
     {low32, all, none, none, none, none}},
    {R"~(execve("/bin/ls", ["ls", "a, b)"], 0x7ffe /* 20 vars */) = 0)~",
     "execve",
     {1, 1, 0x7ffe},
     {some, some, all, none, none, none}},
    {R"~(wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], WNOHANG|WSTOPPED, NULL) = 5)~",
     "wait4",
     {0xffffffff, 1, 3, 0},
     {low32, some, low32, all, none, none}},
    {R"~(rt_sigprocmask(SIG_BLOCK, ~[RTMIN RT_1], [], 8) = 0)~",
     "rt_sigprocmask",
     {0, 1, 1, 8},
     {low32, some, some, all, none, none}},
    {R"~(restart_syscall(<... resuming interrupted read ...>) = 0)~",
     "restart_syscall",
     {},
     {none, none, none, none, none, none}},
};

TEST(Strace, Lines) {
  for (const Row& row : rows) {
    const Read got = read(std::string("getpid() = 1\n") + row.line + "\n");
    ASSERT_EQ(got.error, "") << row.line;
    if (row.call == nullptr) {
      EXPECT_EQ(got.calls.size(), 1u) << row.line;
      EXPECT_EQ(got.unread.size(), 1u) << row.line;
      continue;
    }
    ASSERT_EQ(got.calls.size(), 2u) << row.line;
    const PartialCall& call = got.calls[1];
    EXPECT_EQ(call.data.nr, find_syscall(Arch::x86_64, std::string_view(row.call))->number);
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(call.args[i], row.known[i]) << row.line << " args[" << i << "]";
      if (row.known[i] != none) {
        EXPECT_EQ(call.data.args[i], row.args[i]) << row.line << " args[" << i << "]";
      }
    }
    EXPECT_EQ(call.instruction_pointer, none);
  }
}

TEST(Strace, Prefixes) {
  const Read got = read(
      "11 read(3, \"\", 0) = 0\n"
      "[pid    12] read(3, \"\", 0) = 0\n"
      "13<comm (x)> read(3, \"\", 0) = 0\n"
      "14 1700000000.123456 read(3, \"\", 0) = 0 <0.000003>\n"
      "15 13:53:47.568821 [  59] [00007f530b270ad7] read(3, \"\", 0) = 0\n"
      "16 13:53:47 (+     0.000012) read(3, \"\", 0) = 0\n"
      "     0.000212 read(3, \"\", 0) = 0\n"
      "read(3, \"\", 0)                         = 0\n");
  ASSERT_EQ(got.error, "");
  ASSERT_EQ(got.calls.size(), 8u);
  EXPECT_EQ(got.threads, (std::vector<std::uint32_t>{11, 12, 13, 14, 15, 16, 0, 0}));
  EXPECT_EQ(got.times[3], 1700000000123456000u);
  EXPECT_EQ(got.calls[4].data.nr, 59u) << "the number counts";
  EXPECT_EQ(got.calls[4].data.instruction_pointer, 0x00007f530b270ad7u);
  EXPECT_EQ(got.calls[4].instruction_pointer, Known::all);
}

TEST(Strace, HalvesComeTogetherByThread) {
  const Read got = read(
      "1 read(3,  <unfinished ...>\n"
      "2 write(1, \"a\", 1 <unfinished ...>\n"
      "2 <... write resumed>) = 1\n"
      "1 <... read resumed>\"b\", 7) = 1\n"
      "3 futex(0x7f0, FUTEX_WAIT, 1, NULL <unfinished ...>\n"
      "4 <... read resumed>\"b\", 7) = 1\n"
      "3 +++ killed by SIGKILL +++\n"
      "5 pause( <unfinished ...>\n");
  ASSERT_EQ(got.error, "");
  ASSERT_EQ(got.calls.size(), 4u);
  EXPECT_EQ(got.lines, (std::vector<std::uint64_t>{2, 1, 5, 8}));
  EXPECT_EQ(got.calls[1].data.args[2], 7u);
  EXPECT_EQ(got.calls[2].data.nr, 202u);
  EXPECT_EQ(got.calls[2].args[3], Known::all);
  EXPECT_EQ(got.unread.begin()->first, "ends of calls whose beginning is missing");
}

TEST(Strace, ModesOfProcesses) {
  const Read got = read(
      "7 execve(\"./a\", [\"a\"], 0x1 /* 1 var */) = 0\n"
      "[ Process PID=7 runs in 32 bit mode. ]\n"
      "7 openat(AT_FDCWD, \"x\", O_RDONLY) = 3\n"
      "8 openat(AT_FDCWD, \"x\", O_RDONLY) = 3\n"
      "7 socket(AF_INET, SOCK_STREAM, 0) = 3\n"
      "7 [ 102] socket(AF_INET, SOCK_STREAM, 0) = 3\n"
      "[ Process PID=7 runs in 64 bit mode. ]\n"
      "7 getpid() = 7\n");
  ASSERT_EQ(got.error, "");
  ASSERT_EQ(got.calls.size(), 5u);
  EXPECT_EQ(got.calls[1].data.arch, arch_info(Arch::i386).audit);
  EXPECT_EQ(got.calls[1].data.nr, 295u);
  EXPECT_EQ(got.calls[1].args[0], Known::all) << "32 bits are the whole register";
  EXPECT_EQ(got.calls[2].data.arch, arch_info(Arch::x86_64).audit);
  EXPECT_EQ(got.calls[3].data.nr, 102u);
  EXPECT_EQ(got.calls[3].data.args[0], 1u) << "SYS_SOCKET";
  EXPECT_EQ(got.calls[4].data.nr, 39u);
  EXPECT_NE(got.unread.begin()->first.find("socketcall"), std::string::npos);
}

TEST(Strace, WhatIsNoCall) {
  const Read got = read(
      "strace: Process 12 attached\n"
      "hello, world\n"
      "--- SIGCHLD {si_signo=SIGCHLD} ---\n"
      " > /lib/libc.so.6(read+0x1) [0x2]\n"
      "?\?\?( <unfinished ...>\n"
      "read(3, \"unclosed = 1\n"
      "syscall_0x1ff(1, 2, 3, 4, 5, 6) = -1 ENOSYS (Function not implemented)\n"
      "+++ exited with 0 +++\n");
  ASSERT_EQ(got.error, "");
  ASSERT_EQ(got.calls.size(), 1u);
  EXPECT_EQ(got.calls[0].data.nr, 0x1ffu);
  ASSERT_EQ(got.unread.size(), 2u);
  EXPECT_EQ(got.unread.at("lines that are none of strace's").times, 2u);
  EXPECT_EQ(got.unread.at("lines that are none of strace's").first_line, 2u);
  EXPECT_EQ(got.unread.at("calls that strace could not read").times, 1u);
  EXPECT_TRUE(got.end.whole);
}

TEST(Strace, ACutLineIsACutTrace) {
  for (const char* rest : {"read(3, \"ab", "re", "read(3, \"ab\", 2"}) {
    const Read got = read(std::string("getpid() = 1\n") + rest);
    EXPECT_EQ(got.error, "");
    EXPECT_EQ(got.calls.size(), 1u);
    EXPECT_TRUE(got.unread.empty());
    EXPECT_FALSE(got.end.whole);
  }
}

TEST(Strace, OtherTextsAreNoTraces) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "some line of a log\n";
  EXPECT_NE(read(text).error.find("none of its first 50 lines"), std::string::npos);
  EXPECT_NE(read("one line\n").error.find("no trace"), std::string::npos);
  EXPECT_NE(read("getpid() = 1\n" + std::string(2 << 20, 'x')).error.find(":2: error: a line of"),
            std::string::npos);
  EXPECT_NE(read("").error.find("empty"), std::string::npos);
  EXPECT_NE(read(std::string("ab\0c", 4)).error.find("byte 2"), std::string::npos);
}

}  // namespace
}  // namespace callgate

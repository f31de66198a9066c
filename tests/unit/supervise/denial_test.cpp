// Arguments from memory (our own), lines that allow, and texts.
#include "callgate/supervise/denial.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "callgate/abi/syscalls.h"
#include "callgate/supervise/run.h"

namespace callgate {
namespace {

std::uint64_t word(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

/// "name=text" of one argument of a call with these words, read from this process.
std::string argument(std::string_view call, std::array<std::uint64_t, 6> args, std::size_t index,
                     Arch arch = Arch::x86_64) {
  const Syscall* found = find_syscall(arch, call);
  if (found == nullptr) return "no such call";
  const SeccompData data{found->number, arch_info(arch).audit, 0, args};
  const auto decoded = decode_arguments(data, ::getpid());
  if (index >= decoded.size()) return "no such argument";
  return decoded[index].name + "=" + decoded[index].text;
}

TEST(Decode, Paths) {
  EXPECT_EQ(argument("open", {word("/etc/a\tb\"\x01\xff")}, 0),
            "pathname=\"/etc/a\\tb\\\"\\x01\\xff\"");
  EXPECT_EQ(argument("open", {0}, 0), "pathname=NULL");
  const std::string longer(1000, 'x');
  EXPECT_EQ(argument("open", {word(longer.c_str())}, 0),
            "pathname=\"" + std::string(256, 'x') + "\"...");
  EXPECT_NE(argument("open", {8}, 0).find("cannot be read"), std::string::npos);
}

TEST(Decode, NumbersAtTheKernelsWidth) {
  EXPECT_EQ(argument("openat", {0xffffff9c}, 0), "dirfd=AT_FDCWD");
  EXPECT_EQ(argument("openat", {0xffffffffffffff9c}, 0), "dirfd=AT_FDCWD");
  EXPECT_EQ(argument("openat", {0x1234567800000003}, 0), "dirfd=3");
  EXPECT_EQ(argument("chmod", {0, 0x104755}, 1), "mode=043525");
  EXPECT_EQ(argument("close", {0xffffffff00000007}, 0, Arch::i386), "fd=7");
}

TEST(Decode, SocketAddresses) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(443);
  in.sin_addr.s_addr = htonl(0x0a000001);
  EXPECT_EQ(argument("connect", {3, word(&in), sizeof in}, 1), "addr=AF_INET 10.0.0.1:443");
  EXPECT_EQ(argument("connect", {3, word(&in), 4}, 1), "addr=family 2, 4 bytes");
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::strcpy(local.sun_path + 1, "name");
  EXPECT_EQ(argument("connect", {3, word(&local), 7}, 1), "addr=AF_UNIX @\"name\"");
  EXPECT_EQ(argument("connect", {3, word(&local), 2}, 1), "addr=AF_UNIX (unnamed)");
}

TEST(Decode, Vectors) {
  const char* argv[] = {"ls", "-l", nullptr};
  EXPECT_EQ(argument("execve", {word("/bin/ls"), word(argv)}, 1), "argv=[\"ls\", \"-l\"]");
}

TEST(Decode, UnknownNumbersShowSixWords) {
  const SeccompData data{
      5000, arch_info(Arch::x86_64).audit, 0, {1, 2, 3, 4, 5, 0xffffffffffffffff}};
  const auto decoded = decode_arguments(data, 0);
  ASSERT_EQ(decoded.size(), 6u);
  EXPECT_EQ(decoded[5].name + "=" + decoded[5].text, "arg5=0xffffffffffffffff");
}

TEST(AllowingLine, TestsWhatThePolicyTests) {
  const Arch arches[] = {Arch::x86_64};
  const std::uint32_t audit = arch_info(Arch::x86_64).audit;
  const SeccompData netlink{find_syscall(Arch::x86_64, "socket")->number, audit, 0, {16, 3, 0}};
  Policy policy;
  EXPECT_EQ(allowing_line(policy, arches, netlink), "allow socket if domain == AF_NETLINK");
  Rule rule{.action = deny(1), .calls = {Selector::named("socket")}};
  rule.condition = Condition::of(
      {.operand = {.kind = Operand::Kind::parameter, .name = "type"}, .values = {{Value::of(3)}}});
  policy.rules.push_back(rule);
  EXPECT_EQ(allowing_line(policy, arches, netlink), "allow socket if type == SOCK_RAW");
  EXPECT_EQ(allowing_line(policy, arches, {5000, audit, 0, {}}), "allow 5000");
  EXPECT_EQ(allowing_line(policy, arches, {1, arch_info(Arch::i386).audit, 0, {}}),
            "arches x86_64, i386");
  EXPECT_EQ(allowing_line(policy, arches, {1, 0xdead, 0, {}}), "");
}

Denial sample() {
  Denial denial;
  denial.abi = arch_info(native_arch()).name;
  denial.call = "open";
  denial.action = deny(13);
  denial.arguments = {{"pathname", "\"/x\""}, {"flags", "O_RDONLY"}};
  denial.process = denial.thread = 7;
  denial.command = "a\x1b[31m";
  denial.verdict.source = Verdict::Source::otherwise;
  denial.stack = {
      {.address = 16, .object = "/bin/a", .function = "f", .offset = 4, .file = "a.c", .line = 9},
      {.address = 32}};
  return denial;
}

TEST(Format, TextEscapesWhatTheProgramChose) {
  EXPECT_EQ(format_denial(sample()),
            "callgate: denied open(pathname=\"/x\", flags=O_RDONLY) = EACCES\n"
            "  process  7 (a\\x1b[31m)\n"
            "  rule     otherwise\n"
            "  stack    #0  /bin/a f+0x4  a.c:9\n"
            "           #1  0x20 (no object)\n");
}

TEST(Format, CountsOnlyWhereThereIsMoreThanOne) {
  EXPECT_EQ(format_counts({{sample(), 1}}), "");
  EXPECT_NE(format_counts({{sample(), 3}}).find("3 denials of 1 kind\n"), std::string::npos);
}

TEST(FindProgram, AsExecvpDoes) {
  EXPECT_EQ(find_program("sh").exit_code, 0);
  EXPECT_EQ(find_program("no-such-program-anywhere").exit_code, run_not_found);
  EXPECT_EQ(find_program("/etc/passwd").exit_code, run_not_executable);
  EXPECT_EQ(find_program("/etc").exit_code, run_not_executable);
  EXPECT_EQ(find_program("").exit_code, run_not_found);
}

TEST(MissingCalls, NamesWhatAStartNeeds) {
  const Program nothing = *Program::verify({{0x06, 0, 0, 0x00050001}});
  const Program everything = *Program::verify({{0x06, 0, 0, 0x7fff0000}});
  const std::string program = find_program("sh").path;
  EXPECT_TRUE(missing_calls(everything, ClosePoint::exec, program).empty());
  EXPECT_TRUE(missing_calls(nothing, ClosePoint::entry, program).empty());
  const auto at_exec = missing_calls(nothing, ClosePoint::exec, program);
  ASSERT_FALSE(at_exec.empty());
  EXPECT_EQ(at_exec.front(), "execve (gets errno(EPERM))");
  const auto at_loader = missing_calls(nothing, ClosePoint::loader, program);
  EXPECT_EQ(at_loader.size() + 1, at_exec.size());
}

}  // namespace
}  // namespace callgate

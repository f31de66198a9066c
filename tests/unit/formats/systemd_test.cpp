// Units as they are read, and drop-ins as they are written. What systemd itself makes of the same
// text is the matter of tests/integration/systemd_test.py.
#include "callgate/formats/systemd.h"

#include <gtest/gtest.h>

#include "callgate/abi/groups.h"
#include "callgate/abi/syscalls.h"
#include "callgate/formats/text.h"
#include "callgate/policy/evaluate.h"

namespace callgate {
namespace {

class Units : public testing::Test {
 protected:
  void SetUp() override {
    if (find_group("systemd/default") == nullptr) {
      GTEST_SKIP() << "the groups of systemd are not among the tables";
    }
  }
};
class UnitWriter : public Units {};

Result<UnitImport> read(const std::string& lines, Arch machine = Arch::x86_64) {
  const UnitFile file{.path = "a.service", .text = "[Service]\n" + lines};
  return read_unit({&file, 1}, {.arch = machine, .libseccomp = {6, 7}});
}

/// What a call gets, by name, with its first arguments.
Action verdict(const UnitImport& import, Arch arch, std::string_view name,
               std::initializer_list<std::uint64_t> args = {}) {
  SeccompData data{.nr = find_syscall(arch, name)->number, .arch = arch_info(arch).audit};
  std::copy(args.begin(), args.end(), data.args.begin());
  return evaluate(import.policy, import.policy.arches, data).action;
}

TEST_F(Units, AllowListsHoldTheDefaultGroup) {
  const auto import = read("SystemCallFilter=read\nSystemCallErrorNumber=EPERM\n");
  ASSERT_TRUE(import.has_value()) << import.error().text();
  EXPECT_EQ(verdict(*import, Arch::x86_64, "read"), allow);
  EXPECT_EQ(verdict(*import, Arch::x86_64, "execve"), allow);
  EXPECT_EQ(verdict(*import, Arch::i386, "read"), allow);
  EXPECT_EQ(verdict(*import, Arch::x32, "read"), allow);
  EXPECT_EQ(verdict(*import, Arch::x86_64, "write"), deny(1));
  EXPECT_EQ(import->policy.unlisted, allow);
  EXPECT_EQ(import->policy.arches, (std::vector{Arch::x86_64, Arch::i386, Arch::x32}));
}

TEST_F(Units, OtherAbisOfAnotherMachine) {
  const auto import = read("SystemCallFilter=~mount\n", Arch::aarch64);
  ASSERT_TRUE(import.has_value()) << import.error().text();
  EXPECT_EQ(import->policy.arches, (std::vector{Arch::aarch64, Arch::arm}));
  EXPECT_EQ(verdict(*import, Arch::arm, "mount"), kill_process);
}

TEST_F(Units, RefusedArchitectures) {
  const auto import = read("SystemCallArchitectures=native\n");
  ASSERT_TRUE(import.has_value());
  EXPECT_EQ(import->policy.arches, std::vector{Arch::x86_64});
  EXPECT_EQ(import->policy.unlisted, kill_thread);
  EXPECT_EQ(import->policy.otherwise, allow);
}

TEST_F(Units, TheYoungestFilterOfEquallyStrictOnes) {
  const auto import = read(
      "SystemCallFilter=~adjtimex:ENOSYS "
      "clone3:EACCES\nProtectClock=yes\nRestrictNamespaces=yes\n");
  ASSERT_TRUE(import.has_value());
  EXPECT_EQ(verdict(*import, Arch::x86_64, "adjtimex"), deny(38));
  EXPECT_EQ(verdict(*import, Arch::x86_64, "settimeofday"), deny(1));
  EXPECT_EQ(verdict(*import, Arch::x86_64, "clone3"), deny(13));
  EXPECT_EQ(verdict(*import, Arch::x86_64, "clone", {0x10000000}), deny(1));
  EXPECT_EQ(verdict(*import, Arch::x86_64, "clone", {0x100}), allow);
}

TEST_F(Units, AnErrnoDoesNotSaveWhatIsKilled) {
  const auto import = read("SystemCallFilter=mprotect\nMemoryDenyWriteExecute=yes\n");
  ASSERT_TRUE(import.has_value());
  EXPECT_EQ(verdict(*import, Arch::x86_64, "mprotect", {0, 0, 4}), deny(1));
  EXPECT_EQ(verdict(*import, Arch::x86_64, "mprotect", {0, 0, 3}), allow);
  EXPECT_EQ(verdict(*import, Arch::x86_64, "pkey_mprotect", {0, 0, 4}), kill_process);
}

TEST_F(Units, SocketCallsOfI386CountForTheirMultiplexer) {
  const auto import = read("SystemCallFilter=connect\nSystemCallErrorNumber=EPERM\n");
  ASSERT_TRUE(import.has_value());
  constexpr std::uint64_t connect = 3;
  EXPECT_EQ(verdict(*import, Arch::i386, "socketcall", {connect}), allow);
  EXPECT_EQ(verdict(*import, Arch::i386, "socketcall", {1}), deny(1));
}

TEST_F(Units, CallsWithoutNumberOnI386AreLostThere) {
  const auto import = read("SystemCallFilter=~semop send\nSystemCallErrorNumber=EPERM\n");
  ASSERT_TRUE(import.has_value());
  constexpr std::uint64_t semop = 1;
  EXPECT_EQ(verdict(*import, Arch::i386, "ipc", {semop}), allow);
  EXPECT_EQ(verdict(*import, Arch::x86_64, "semop"), deny(1));
  ASSERT_EQ(import->diagnostics.size(), 1u);
  EXPECT_NE(import->diagnostics.front().message.find("no effect on i386"), std::string::npos);
  const auto kept = read("SystemCallFilter=~semop mount\nSystemCallErrorNumber=EPERM\n");
  EXPECT_EQ(verdict(*kept, Arch::i386, "ipc", {semop}), deny(1));
}

TEST_F(Units, FamiliesAreComparedWhole) {
  const auto import = read("RestrictAddressFamilies=~AF_PACKET\n");
  ASSERT_TRUE(import.has_value());
  EXPECT_EQ(verdict(*import, Arch::x86_64, "socket", {17}), deny(97));
  // The kernel looks at the low half alone, systemd's filter does not: a hole of a deny list.
  EXPECT_EQ(verdict(*import, Arch::x86_64, "socket", {0x100000011}), allow);
  EXPECT_EQ(verdict(*import, Arch::x32, "socket", {0x100000011}), deny(97));
  EXPECT_EQ(verdict(*import, Arch::i386, "socket", {17}), allow);
}

TEST_F(Units, TheSectionIsThatOfTheName) {
  const UnitFile socket{.path = "a.socket",
                        .text = "[Service]\nLockPersonality=yes\n[Socket]\nRestrictRealtime=yes\n"};
  const auto import = read_unit({&socket, 1}, {.arch = Arch::x86_64});
  ASSERT_TRUE(import.has_value());
  EXPECT_EQ(verdict(*import, Arch::x86_64, "personality", {1}), allow);
  EXPECT_EQ(verdict(*import, Arch::x86_64, "sched_setscheduler", {0, 1}), deny(1));
  const UnitFile unnamed{.path = "-", .text = socket.text};
  const auto unclear = read_unit({&unnamed, 1}, {.arch = Arch::x86_64});
  ASSERT_FALSE(unclear.has_value());
  EXPECT_NE(unclear.error().message().find("both [Service] and [Socket]"), std::string::npos);
}

TEST_F(Units, NamesNewerThanLibseccompAreIgnored) {
  const auto import =
      read("SystemCallFilter=~mseal\nSystemCallErrorNumber=EPERM\nLockPersonality=y\n");
  ASSERT_TRUE(import.has_value());
  EXPECT_EQ(verdict(*import, Arch::x86_64, "mseal"), allow);
  ASSERT_FALSE(import->diagnostics.empty());
  EXPECT_NE(import->diagnostics.front().message.find("newer than 6.7"), std::string::npos);
}

TEST_F(Units, PlacesOfContinuedLines) {
  const auto import = read("SystemCallFilter=~mount \\\n# a comment\n   nosuch \\\n  reboot\n");
  ASSERT_TRUE(import.has_value());
  ASSERT_EQ(import->diagnostics.size(), 1u);
  EXPECT_EQ(import->diagnostics.front().place.line, 4u);
  EXPECT_EQ(import->diagnostics.front().place.column, 4u);
  EXPECT_EQ(import->diagnostics.front().place.length, 6u);
  EXPECT_EQ(import->diagnostics.front().source_line, "   nosuch \\");
}

TEST_F(Units, MuchThatIsIgnoredIsCounted) {
  std::string words;
  for (int i = 0; i < 50'000; ++i) words += " nosuch" + std::to_string(i % 1000);
  const auto import = read("SystemCallFilter=~mount" + words + "\n");
  ASSERT_TRUE(import.has_value());
  ASSERT_EQ(import->diagnostics.size(), 101u);
  EXPECT_EQ(import->diagnostics.back().message, "and 49900 more that systemd ignores");
  const auto large = read("SystemCallFilter=~mount" + std::string(std::size_t{1} << 20, ' '));
  ASSERT_FALSE(large.has_value());
  EXPECT_NE(large.error().message().find("more than 1 MiB"), std::string::npos);
}

TEST_F(Units, LookLikeUnits) {
  EXPECT_TRUE(looks_like_unit("# comment\n\n; another\n [Unit]\nDescription=x\n"));
  EXPECT_TRUE(looks_like_unit("\xef\xbb\xbf[Service]\r\n"));
  EXPECT_FALSE(looks_like_unit("otherwise allow\n[Unit]\n"));
  EXPECT_FALSE(looks_like_unit("{\n}\n"));
  EXPECT_FALSE(looks_like_unit("[1, 2]x\n"));
  EXPECT_FALSE(looks_like_unit(""));
}

TEST_F(Units, MachinesThatAreNotModelled) {
  const UnitFile file{.path = "a.service", .text = "[Service]\n"};
  EXPECT_FALSE(read_unit({&file, 1}, {.arch = Arch::arm}).has_value());
}

Result<UnitExport> write(const std::string& text, bool stricter = false,
                         std::vector<Arch> arches = {Arch::x86_64}) {
  const auto parsed = parse_policy(text, "p.policy");
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().text());
  return write_unit(parsed->policy, {.machine = Arch::x86_64,
                                     .arches = std::move(arches),
                                     .libseccomp = {6, 7},
                                     .approximate_stricter = stricter});
}

const std::string allowing = "abi 6.7\notherwise allow\nunlisted kill_thread\n";
const std::string denying =
    "abi 6.7\notherwise errno(EPERM)\nunknown errno(EPERM)\nunlisted kill_thread\nallow execve\n";

TEST_F(UnitWriter, DenyListWithTheCommonErrno) {
  const auto written =
      write(allowing + "errno(EPERM) mount, umount2\nkill_process reboot\nlog ptrace\n");
  ASSERT_TRUE(written.has_value()) << written.error().text();
  EXPECT_EQ(written->text,
            "[Service]\n"
            "SystemCallArchitectures=\n"
            "SystemCallArchitectures=native\n"
            "SystemCallErrorNumber=EPERM\n"
            "SystemCallLog=\n"
            "SystemCallLog=ptrace\n"
            "SystemCallFilter=\n"
            "SystemCallFilter=~mount reboot:kill umount2\n");
  EXPECT_TRUE(written->diagnostics.empty());
}

TEST_F(UnitWriter, TheDefaultGroupIsTakenOutOfAllowLists) {
  const auto written = write(denying + "allow read\nerrno(ENOSYS) clone3\n");
  ASSERT_TRUE(written.has_value()) << written.error().text();
  EXPECT_NE(written->text.find("SystemCallFilter=execve read\n"), std::string::npos);
  EXPECT_NE(written->text.find("clone3:ENOSYS"), std::string::npos);
  EXPECT_NE(written->text.find("SystemCallFilter=~arch_prctl brk"), std::string::npos);
}

TEST_F(UnitWriter, UnknownNumbersGetTheDefault) {
  const auto written =
      write("abi 6.7\notherwise errno(EPERM)\nunlisted kill_thread\nallow read, execve\n");
  ASSERT_TRUE(written.has_value()) << written.error().text();
  EXPECT_NE(written->text.find("SystemCallErrorNumber=ENOSYS\n"), std::string::npos);
  EXPECT_NE(written->text.find("write:EPERM"), std::string::npos);
  ASSERT_EQ(written->diagnostics.size(), 1u);
  EXPECT_EQ(written->diagnostics.front().message,
            "number -1, which is no call, gets errno(ENOSYS)");
}

TEST_F(UnitWriter, ConditionsAreRefusedOrNarrowed) {
  const std::string text = denying + "allow ioctl if request == TIOCGWINSZ\n";
  const auto refused = write(text);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().diagnostics.front().place.line, 6u);
  const auto narrowed = write(text, true);
  ASSERT_TRUE(narrowed.has_value()) << narrowed.error().text();
  EXPECT_EQ(narrowed->text.find("ioctl"), std::string::npos);
  ASSERT_EQ(narrowed->diagnostics.size(), 1u);
}

TEST_F(UnitWriter, NarrowingNeverLoosens) {
  const auto narrowed = write(denying + "trap ptrace\nkill_thread reboot\n", true);
  ASSERT_TRUE(narrowed.has_value()) << narrowed.error().text();
  EXPECT_NE(narrowed->text.find("ptrace:kill"), std::string::npos);
  EXPECT_NE(narrowed->text.find("reboot:kill"), std::string::npos);
}

TEST_F(UnitWriter, AbisThatShareANameMustAgree) {
  const std::string text = denying + "on x86_64 {\n  allow socket\n}\n";
  const auto refused = write(text, false, {Arch::x86_64, Arch::i386});
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message().find("i386"), std::string::npos);
  const auto narrowed = write(text, true, {Arch::x86_64, Arch::i386});
  ASSERT_TRUE(narrowed.has_value()) << narrowed.error().text();
  EXPECT_FALSE(narrowed->diagnostics.empty());
}

TEST_F(UnitWriter, AServiceThatCannotStartIsSaid) {
  const auto written = write(allowing + "errno(EPERM) execve\n");
  ASSERT_TRUE(written.has_value());
  ASSERT_EQ(written->diagnostics.size(), 1u);
  EXPECT_NE(written->diagnostics.front().message.find("cannot start"), std::string::npos);
}

TEST_F(UnitWriter, WhatItCannotSay) {
  EXPECT_FALSE(write("abi 6.7\notherwise allow\n").has_value());  // unlisted kill_process
  EXPECT_FALSE(write(allowing + "errno(EPERM) mount\n", false, {Arch::i386}).has_value());
  EXPECT_FALSE(
      write(allowing + "errno(EPERM) mount\n", false, {Arch::x86_64, Arch::aarch64}).has_value());
  EXPECT_FALSE(write("abi 6.7\notherwise trap\nunlisted kill_thread\n").has_value());
}

}  // namespace
}  // namespace callgate

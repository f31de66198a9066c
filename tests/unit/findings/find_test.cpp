#include <gtest/gtest.h>

#include <algorithm>

#include "callgate/bpf/assembly.h"
#include "callgate/findings/finding.h"
#include "callgate/formats/call.h"
#include "callgate/formats/text.h"
#include "callgate/policy/evaluate.h"

namespace callgate {
namespace {

std::vector<Finding> find(const std::string& text) {
  const auto parsed = parse_policy("abi 6.12\n" + text, "test.policy");
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().text());
  if (!parsed) return {};
  const Policy& policy = parsed->policy;
  const auto found = find_all({.subject = PolicySubject{policy, policy.arches},
                               .policy = &policy,
                               .arches = policy.arches});
  EXPECT_TRUE(found) << (found ? "" : found.error().text());
  return found ? *found : std::vector<Finding>();
}

std::vector<Finding> find_in_filter(std::string_view text) {
  auto assembled = assemble(text, "test.s");
  EXPECT_TRUE(assembled) << (assembled ? "" : assembled.error().text());
  auto program = verify(std::move(*assembled));
  EXPECT_TRUE(program);
  const auto found = find_all({.subject = Subject(*program)});
  EXPECT_TRUE(found) << (found ? "" : found.error().text());
  return found ? *found : std::vector<Finding>();
}

const Finding* one(const std::vector<Finding>& all, std::string_view id,
                   std::string_view subject = {}) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Finding& each) {
    return each.id == id && (subject.empty() || each.subject == subject);
  });
  return found == all.end() ? nullptr : &*found;
}

/// What each row refuses, and the witness by which it passes all the same; none: it does not.
struct TwinRow {
  const char* policy;
  const char* call;
  const char* witness;
};
const TwinRow twin_rows[] = {
    {"otherwise allow\nerrno(EPERM) open\n", "open", "openat(AT_FDCWD, 0)"},
    {"otherwise allow\nerrno(EPERM) open, openat, openat2, creat\n", "open", nullptr},
    {"otherwise errno(EPERM)\nallow openat\n", "open", nullptr},
    {"otherwise errno(EPERM)\nallow open if flags & O_CREAT == 0\nallow creat\n", "open",
     "creat(0)"},
    {"otherwise errno(EPERM)\nallow open if flags & O_TRUNC == 0\nallow creat\n", "open",
     "creat(0)"},
    {"otherwise errno(EPERM)\nallow open if flags & O_APPEND == 0\nallow creat\n", "open", nullptr},
    {"otherwise errno(EPERM)\nallow open if flags & O_CREAT == 0\nallow openat if flags & O_CREAT "
     "== 0\n",
     "open", nullptr},
    {"otherwise errno(EPERM)\nallow open if flags & O_CREAT == 0\nallow openat if flags & O_TRUNC "
     "== 0\n",
     "open", "openat(AT_FDCWD, 0, O_CREAT)"},
    {"otherwise allow\nerrno(EPERM) unshare if flags & CLONE_NEWUSER != 0\nerrno(EPERM) clone if "
     "flags & CLONE_NEWUSER != 0\nerrno(ENOSYS) clone3\n",
     "unshare", nullptr},
    {"otherwise allow\nerrno(EPERM) unshare\nerrno(ENOSYS) clone3\n", "unshare",
     "clone(CLONE_NEWUSER)"},
    {"otherwise allow\nerrno(EPERM) mprotect if prot & PROT_EXEC != 0\n", "mprotect",
     "pkey_mprotect(0, 0, PROT_EXEC)"},
    {"otherwise allow\nerrno(EPERM) kill if sig == 9\n", "kill", "tkill(0, 9)"},
    {"otherwise allow\nerrno(EPERM) process_vm_readv\n", "process_vm_readv", "ptrace()"},
};

TEST(Twins, WitnessesDoWhatWasRefused) {
  for (const TwinRow& row : twin_rows) {
    const auto found = find("arches x86_64\n" + std::string(row.policy));
    const Finding* twin = one(found, "twin-open", row.call);
    ASSERT_EQ(twin != nullptr, row.witness != nullptr) << row.policy;
    if (twin == nullptr) continue;
    EXPECT_EQ(twin->severity, Severity::error);
    const auto expected = parse_call(row.witness, Arch::x86_64);
    ASSERT_TRUE(expected) << expected.error().text();
    EXPECT_EQ(twin->witness->call, expected->data) << row.policy << twin->witness->text;
  }
}

TEST(Twins, MultiplexersAndWideTimes) {
  const auto socket = find("arches i386\notherwise allow\nerrno(EPERM) socket if domain == 16\n");
  ASSERT_NE(one(socket, "twin-open", "socket"), nullptr);
  EXPECT_EQ(one(socket, "twin-open", "socket")->witness->call.args[0], 1u);
  EXPECT_EQ(one(find("arches i386\notherwise allow\nerrno(EPERM) @socket if domain == 16 "
                     "on untestable deny\n"),
                "twin-open"),
            nullptr);
  EXPECT_NE(
      one(find("arches i386\notherwise allow\nerrno(EPERM) clock_settime, stime, settimeofday\n"),
          "twin-open", "clock_settime"),
      nullptr);
}

TEST(Widths, WhatIsRefusedPassesWithDirt) {
  for (const char* rule : {"allow socket if args[0] != 38", "allow socket if args[0] > 40"}) {
    const auto found = find("arches x86_64\notherwise errno(EPERM)\n" + std::string(rule) + "\n");
    const Finding* wide = one(found, "compared-wider", "x86_64 socket domain");
    ASSERT_NE(wide, nullptr) << rule;
    EXPECT_TRUE(permits(action_of(wide->witness->ret)->kind));
    EXPECT_NE(wide->witness->call.args[0] >> 32, 0u);
  }
  for (const char* rule : {"allow socket if domain != 38", "allow socket if args[0].lo != 38",
                           "allow socket if args[0] == 1", "allow socket if args[0] & 7 == 1"}) {
    const auto found = find("arches x86_64\notherwise errno(EPERM)\n" + std::string(rule) + "\n");
    EXPECT_EQ(one(found, "compared-wider"), nullptr) << rule;
  }
}

TEST(Widths, SignsAndHalves) {
  const std::string head = "arches x86_64\notherwise ";
  auto found = find(head + "errno(EPERM)\nallow mkdirat if args[0] == 0xffffff9c\n");
  const Finding* sign = one(found, "sign-extended");
  ASSERT_NE(sign, nullptr);
  EXPECT_EQ(sign->severity, Severity::warning);
  found = find(head + "allow\nerrno(EPERM) mkdirat if args[0] == 0xffffffffffffff9c\n");
  sign = one(found, "sign-extended");
  ASSERT_NE(sign, nullptr);
  EXPECT_EQ(sign->severity, Severity::error);
  EXPECT_EQ(one(find(head + "errno(EPERM)\nallow mkdirat if dirfd == -100\n"), "sign-extended"),
            nullptr);
  EXPECT_NE(
      one(find(head + "errno(EPERM)\nallow mremap if args[2].lo < 4096\n"), "compared-narrower"),
      nullptr);
  EXPECT_EQ(
      one(find(head + "errno(EPERM)\nallow mremap if new_size < 4096\n"), "compared-narrower"),
      nullptr);
}

TEST(Arches, WhatPassesBesideTheMachinesOwnCalls) {
  EXPECT_EQ(one(find("arches x86_64\notherwise allow\nerrno(EPERM) swapon\n"), "arch-unchecked"),
            nullptr);
  const auto unchecked =
      find_in_filter("ld nr\njeq x86_64:swapon, no, yes\nyes: ret allow\nno: ret errno(EPERM)\n");
  ASSERT_NE(one(unchecked, "arch-unchecked"), nullptr);
  EXPECT_NE(one(unchecked, "x32-open"), nullptr);
  const auto no_x32 = find_in_filter(
      "ld arch\njeq AUDIT_ARCH_X86_64, next, no\nld nr\njeq x86_64:swapon, no, yes\n"
      "yes: ret allow\nno: ret errno(EPERM)\n");
  EXPECT_EQ(one(no_x32, "arch-unchecked"), nullptr);
  ASSERT_NE(one(no_x32, "x32-open"), nullptr);
  EXPECT_NE(one(no_x32, "x32-open")->witness->call.nr & x32_bit, 0u);
  const auto closed = find_in_filter(
      "ld arch\njeq AUDIT_ARCH_X86_64, next, no\nld nr\njge 0x40000000, no, next\n"
      "jeq x86_64:swapon, no, yes\nyes: ret allow\nno: ret errno(EPERM)\n");
  EXPECT_EQ(one(closed, "x32-open"), nullptr);
}

TEST(Listener, OnlyWhereItCanBeMade) {
  const std::string head = "arches x86_64\notherwise errno(EPERM)\n";
  EXPECT_EQ(one(find(head + "allow seccomp\ntrace ioctl\n"), "listener-override")->severity,
            Severity::error);
  EXPECT_EQ(one(find(head + "allow seccomp\nnotify ioctl\n"), "listener-override")->severity,
            Severity::warning);
  EXPECT_EQ(one(find(head + "allow seccomp if flags & 8 == 0\ntrace ioctl\n"), "listener-override"),
            nullptr);
  EXPECT_EQ(one(find(head + "allow seccomp\n"), "listener-override"), nullptr);
}

TEST(Ring, ErrorsNeedARefusalThatWasMeant) {
  const std::string ring = "allow io_uring_setup, io_uring_enter\n";
  EXPECT_EQ(one(find("arches x86_64\notherwise errno(EPERM)\n" + ring), "io-uring-open")->severity,
            Severity::warning);
  EXPECT_EQ(one(find("arches x86_64\notherwise errno(EPERM)\nerrno(EACCES) connect\n" + ring),
                "io-uring-open")
                ->severity,
            Severity::error);
  EXPECT_EQ(one(find("arches x86_64\notherwise allow\n"), "io-uring-open"), nullptr);
}

TEST(Kinds, SortedAndSummed) {
  const auto kinds = finding_kinds();
  for (std::size_t i = 1; i < kinds.size(); ++i) EXPECT_LT(kinds[i - 1].id, kinds[i].id);
  EXPECT_EQ(find_finding_kind("twin-open")->severity, Severity::error);
  EXPECT_EQ(find_finding_kind("twin"), nullptr);
}

}  // namespace
}  // namespace callgate

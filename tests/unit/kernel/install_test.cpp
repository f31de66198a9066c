// prctl(2) and seccomp(2): errno values, their order, the stack's limit, TSYNC.
#include <gtest/gtest.h>

#include "unit/kernel/fixtures.h"

namespace callgate::test {
namespace {

using Kind = KernelAnswer::Kind;

KernelAnswer failed(int errno_value) { return {.value = -errno_value}; }

TEST(Prctl, NoNewPrivsTakesOnlyItsExactArguments) {
  TaskModel model = privileged();
  const auto set = [&](std::uint64_t a2, UserArgument a3, std::uint64_t a4, std::uint64_t a5) {
    return model.prctl(0, uapi::pr_set_no_new_privs, a2, a3, a4, a5);
  };
  EXPECT_EQ(set(0, {}, 0, 0), failed(uapi::einval));
  EXPECT_EQ(set(2, {}, 0, 0), failed(uapi::einval));
  EXPECT_EQ(set((1ull << 32) + 1, {}, 0, 0), failed(uapi::einval));
  EXPECT_EQ(set(1, std::uint64_t{1}, 0, 0), failed(uapi::einval));
  EXPECT_EQ(set(1, BadPointer{}, 0, 0), failed(uapi::einval));
  EXPECT_EQ(set(1, {}, 1, 0), failed(uapi::einval));
  EXPECT_EQ(set(1, {}, 0, 1), failed(uapi::einval));
  EXPECT_FALSE(model.thread(0).no_new_privs);
  EXPECT_EQ(model.prctl(0, uapi::pr_get_no_new_privs, 0).value, 0);
  EXPECT_EQ(set(1, std::uint64_t{0}, 0, 0), KernelAnswer{});
  EXPECT_EQ(model.prctl(0, uapi::pr_get_no_new_privs, 0).value, 1);
  EXPECT_EQ(model.prctl(0, uapi::pr_get_no_new_privs, 1), failed(uapi::einval));
  EXPECT_EQ(model.prctl(0, 4711, 0), failed(uapi::einval));
}

TEST(Prctl, ModesByRelease) {
  struct Row {
    Release release;
    std::uint64_t mode;
    std::int64_t answer;
  };
  const Row rows[] = {
      {{2, 6, 22}, 1, -22}, {{2, 6, 23}, 1, 0}, {{2, 6, 23}, 2, -22}, {{3, 4}, 2, -22},
      {{3, 5}, 2, 0},       {{3, 5}, 0, -22},   {{6, 18}, 3, -22},    {{6, 18}, 1ull << 32, -22},
      {{6, 18}, 1, 0}};
  for (const Row& row : rows) {
    TaskModel model = privileged(row.release);
    EXPECT_EQ(model.prctl(0, uapi::pr_set_seccomp, row.mode, user(0x7fff0000)).value, row.answer)
        << to_string(row.release) << " mode " << row.mode;
  }
}

TEST(Prctl, ModesGoOneWay) {
  TaskModel model = privileged();
  ASSERT_EQ(model.prctl(0, uapi::pr_set_seccomp, 2, user(0x7fff0000)), KernelAnswer{});
  EXPECT_EQ(model.prctl(0, uapi::pr_get_seccomp, 0).value, 2);
  EXPECT_EQ(model.prctl(0, uapi::pr_set_seccomp, 1), failed(uapi::einval));
  EXPECT_EQ(model.prctl(0, uapi::pr_set_seccomp, 0), failed(uapi::einval));
  TaskModel strict = privileged();
  ASSERT_EQ(strict.prctl(0, uapi::pr_set_seccomp, 1, BadPointer{}), KernelAnswer{});
  EXPECT_EQ(strict.prctl(0, uapi::pr_set_seccomp, 1), KernelAnswer{});
  EXPECT_EQ(strict.prctl(0, uapi::pr_set_seccomp, 2, user(0x7fff0000)), failed(uapi::einval));
  TaskModel old = privileged({2, 6, 32});
  ASSERT_EQ(old.prctl(0, uapi::pr_set_seccomp, 1), KernelAnswer{});
  EXPECT_EQ(old.prctl(0, uapi::pr_set_seccomp, 1), failed(uapi::eperm));
}

TEST(ProcFile, From2612To2622) {
  TaskModel model = privileged({2, 6, 12});
  EXPECT_EQ(model.write_proc_file(0, 2), failed(uapi::einval));
  EXPECT_EQ(model.write_proc_file(0, 1), KernelAnswer{});
  EXPECT_EQ(model.thread(0).mode, SeccompMode::strict);
  EXPECT_EQ(model.write_proc_file(0, 1), failed(uapi::eperm));
  TaskModel later = privileged({2, 6, 23});
  EXPECT_EQ(later.write_proc_file(0, 1), failed(uapi::enoent));
}

TEST(Seccomp, OperationsByRelease) {
  struct Row {
    Release release;
    std::uint32_t operation;
    std::uint32_t flags;
    UserArgument argument;
    std::int64_t answer;
  };
  const Row rows[] = {
      {{3, 16}, 0, 0, NullPointer{}, -38},
      {newest, 0, 0, NullPointer{}, 0},
      {newest, 0, 1, NullPointer{}, -22},
      {newest, 0, 0, BadPointer{}, -22},
      {newest, 1, 0, NullPointer{}, -14},
      {newest, 4, 0, NullPointer{}, -22},
      {newest, 0xffffffff, 0, NullPointer{}, -22},
      {{4, 13}, 2, 0, UserBuffer{0x7fff0000}, -22},
      {{4, 14}, 2, 0, UserBuffer{0x80000000}, 0},
      {{4, 14}, 2, 0, UserBuffer{0x7fc00000}, -95},
      {{5, 0}, 2, 0, UserBuffer{0x7fc00000}, 0},
      {newest, 2, 0, UserBuffer{0x7fff0001}, -95},
      {newest, 2, 0, UserBuffer{0x00010000}, -95},
      {newest, 2, 1, UserBuffer{0x7fff0000}, -22},
      {newest, 2, 0, BadPointer{}, -14},
      {{4, 20}, 3, 0, UserBuffer{}, -22},
      {{5, 0}, 3, 0, UserBuffer{}, 0},
      {newest, 3, 0, NullPointer{}, -14},
      {newest, 3, 2, UserBuffer{}, -22},
  };
  for (const Row& row : rows) {
    TaskModel model = privileged(row.release);
    EXPECT_EQ(model.seccomp(0, row.operation, row.flags, row.argument).value, row.answer)
        << to_string(row.release) << " operation " << row.operation << " flags " << row.flags;
  }
}

TEST(Seccomp, FlagsByReleaseAndInCombination) {
  struct Row {
    Release release;
    std::uint32_t flags;
    std::int64_t answer;
  };
  const Row rows[] = {{{3, 17}, 1, 0},    {{3, 17}, 2, -22},      {{4, 14}, 2, 0},
                      {{4, 16}, 4, -22},  {{4, 17}, 4, 0},        {{4, 20}, 8, -22},
                      {{5, 0}, 9, 0},     {{5, 1}, 9, -22},       {{5, 6}, 16, -22},
                      {{5, 7}, 16, 0},    {{5, 7}, 25, 0},        {{5, 7}, 9, -22},
                      {{5, 18}, 40, -22}, {{5, 19}, 40, 0},       {{5, 19}, 32, -22},
                      {newest, 64, -22},  {newest, 1u << 31, -22}};
  for (const Row& row : rows) {
    TaskModel model = privileged(row.release);
    const KernelAnswer answer =
        model.seccomp(0, uapi::set_mode_filter, row.flags, user(0x7fff0000));
    EXPECT_EQ(answer.value, row.answer) << to_string(row.release) << " flags " << row.flags;
    EXPECT_EQ(answer.kind == Kind::listener, row.answer == 0 && (row.flags & 8) != 0);
  }
}

TEST(Seccomp, WhichErrorComesFirst) {
  const UserFilter good = user(0x7fff0000);
  UserFilter empty = good;
  empty.length = 0;
  UserFilter too_long = good;
  too_long.length = 4097;
  UserFilter null_code = good;
  null_code.pointer = UserFilter::Code::null;
  UserFilter bad_code = good;
  bad_code.pointer = UserFilter::Code::unreadable;
  UserFilter cut_off = good;
  cut_off.length = 2;
  const UserFilter refused{.length = 1, .code = {{0x28, 0, 0, 0}}};
  struct Row {
    const char* name;
    Release release;
    bool privileged;
    std::uint32_t flags;
    UserArgument argument;
    std::int64_t answer;
  };
  const Row rows[] = {
      {"flags before the pointer", newest, false, 64, BadPointer{}, -22},
      {"the pointer before the privilege", newest, false, 0, BadPointer{}, -14},
      {"the length before the privilege", newest, false, 0, empty, -22},
      {"the length before the privilege", newest, false, 0, too_long, -22},
      {"the privilege before the code", newest, false, 0, null_code, -13},
      {"the privilege before the code", newest, false, 0, bad_code, -13},
      {"the privilege before the check", newest, false, 0, refused, -13},
      {"null code", newest, true, 0, null_code, -22},
      {"null code before 4.2", {4, 1}, true, 0, null_code, -14},
      {"unreadable code", newest, true, 0, bad_code, -14},
      {"code that ends too early", newest, true, 0, cut_off, -14},
      {"a program that is refused", newest, true, 0, refused, -22},
      {"fine", newest, true, 0, good, 0},
  };
  for (const Row& row : rows) {
    TaskModel model(KernelRelease(row.release));
    model.start({.admin = row.privileged});
    EXPECT_EQ(model.seccomp(0, uapi::set_mode_filter, row.flags, row.argument).value, row.answer)
        << row.name;
  }
}

TEST(Seccomp, NoNewPrivsOrCapability) {
  TaskModel model(KernelRelease{newest});
  model.start();
  EXPECT_EQ(model.seccomp(0, 1, 0, user(0x7fff0000)), failed(uapi::eacces));
  model.prctl(0, uapi::pr_set_no_new_privs, 1);
  EXPECT_EQ(model.seccomp(0, 1, 0, user(0x7fff0000)), KernelAnswer{});
}

TEST(Seccomp, TheStackIsLimited) {
  TaskModel model = privileged();
  for (int i = 0; i < 3; ++i) ASSERT_EQ(model.seccomp(0, 1, 0, long_filter(4096)).value, 0) << i;
  EXPECT_EQ(model.seccomp(0, 1, 0, long_filter(4096)), failed(uapi::enomem));
  const std::size_t left = model.free_instructions(0);
  EXPECT_EQ(left, 32768 - 3 * (8195 + 4));
  EXPECT_EQ(model.seccomp(0, 1, 0, long_filter((left - 3) / 2 + 1)), failed(uapi::enomem));
  EXPECT_EQ(model.seccomp(0, 1, 0, long_filter((left - 3) / 2)).value, 0);
}

TEST(Seccomp, BeforeConversionTheStackCountsInstructionsAsWritten) {
  TaskModel model = privileged({3, 5});
  for (int i = 0; i < 7; ++i)
    ASSERT_EQ(model.prctl(0, uapi::pr_set_seccomp, 2, long_filter(4096)).value, 0) << i;
  EXPECT_EQ(model.free_instructions(0), 32768 - 7 * 4100);
  model.set_admin(0, false);
  EXPECT_EQ(model.prctl(0, uapi::pr_set_seccomp, 2, long_filter(4096)), failed(uapi::enomem))
      << "before 3.17 the stack is looked at before the privilege";
  EXPECT_EQ(model.prctl(0, uapi::pr_set_seccomp, 2, long_filter(4000)), failed(uapi::eacces));
}

TEST(Seccomp, OneListenerAStack) {
  TaskModel model = privileged();
  const KernelAnswer first = model.seccomp(0, 1, uapi::flag_new_listener, user(0x7fff0000));
  ASSERT_EQ(first.kind, Kind::listener);
  EXPECT_EQ(model.seccomp(0, 1, uapi::flag_new_listener, user(0x7fff0000)), failed(uapi::ebusy));
  const ThreadId child = model.clone(0, CloneKind::process);
  model.close_listener(0, static_cast<FilterId>(first.value));
  EXPECT_EQ(model.seccomp(0, 1, uapi::flag_new_listener, user(0x7fff0000)), failed(uapi::ebusy))
      << "the child has it open";
  model.execve(child);
  EXPECT_EQ(model.seccomp(0, 1, uapi::flag_new_listener, user(0x7fff0000)).kind, Kind::listener);
  model.set_descriptors_full(0, true);
  EXPECT_EQ(model.seccomp(0, 1, uapi::flag_new_listener, user(0x7fff0000)), failed(uapi::emfile));
}

TEST(Tsync, TakesAllThreadsOrNamesOne) {
  TaskModel model = privileged();
  model.prctl(0, uapi::pr_set_no_new_privs, 1);
  const ThreadId one = model.clone(0, CloneKind::thread);
  const ThreadId two = model.clone(0, CloneKind::thread);
  ASSERT_EQ(model.seccomp(0, 1, uapi::flag_tsync, user(0x7fff0000)), KernelAnswer{});
  EXPECT_EQ(model.stack(two), model.stack(0));
  ASSERT_EQ(model.seccomp(two, 1, 0, user(0x7fff0000)), KernelAnswer{});
  const KernelAnswer named{.value = two, .kind = Kind::thread};
  EXPECT_EQ(model.seccomp(one, 1, uapi::flag_tsync, user(0x7fff0000)), named);
  EXPECT_EQ(model.seccomp(one, 1, uapi::flag_tsync | uapi::flag_tsync_esrch, user(0x7fff0000)),
            failed(uapi::esrch));
  EXPECT_EQ(model.seccomp(two, 1, uapi::flag_tsync, user(0x7fff0000)), KernelAnswer{})
      << "the others' filters are older ones of its own";
}

TEST(Tsync, StrictThreadsAndOtherProcesses) {
  TaskModel model = privileged();
  const ThreadId thread = model.clone(0, CloneKind::thread);
  const ThreadId other = model.clone(0, CloneKind::process);
  model.prctl(other, uapi::pr_set_seccomp, 1);
  EXPECT_EQ(model.seccomp(0, 1, uapi::flag_tsync, user(0x7fff0000)), KernelAnswer{});
  EXPECT_EQ(model.thread(other).mode, SeccompMode::strict);
  EXPECT_EQ(model.thread(thread).mode, SeccompMode::filter);
  TaskModel strict = privileged();
  const ThreadId sibling = strict.clone(0, CloneKind::thread);
  strict.prctl(sibling, uapi::pr_set_seccomp, 1);
  EXPECT_EQ(strict.seccomp(0, 1, uapi::flag_tsync, user(0x7fff0000)).kind, Kind::thread);
}

TEST(Tsync, SpreadsNoNewPrivs) {
  TaskModel model = privileged();
  const ThreadId thread = model.clone(0, CloneKind::thread);
  model.prctl(0, uapi::pr_set_no_new_privs, 1);
  EXPECT_FALSE(model.thread(thread).no_new_privs);
  model.seccomp(0, 1, uapi::flag_tsync, user(0x7fff0000));
  EXPECT_TRUE(model.thread(thread).no_new_privs);
}

TEST(Tsync, ADeadLeaderCountsUntil611) {
  for (const Release release : {Release{6, 10}, Release{6, 11}}) {
    TaskModel model = privileged(release);
    const ThreadId thread = model.clone(0, CloneKind::thread);
    model.seccomp(0, 1, 0, user(0x7fff0000));
    model.exit(0, 0);
    const bool fails =
        model.seccomp(thread, 1, uapi::flag_tsync, user(0x7fff0000)).kind == Kind::thread;
    EXPECT_EQ(fails, release < Release({6, 11})) << to_string(release);
  }
}

TEST(Inheritance, CloneTakesEverythingAlong) {
  TaskModel model = privileged();
  model.prctl(0, uapi::pr_set_no_new_privs, 1);
  model.seccomp(0, 1, 0, user(0x7fff0000));
  for (const CloneKind kind : {CloneKind::thread, CloneKind::process}) {
    const ThreadId child = model.clone(0, kind);
    EXPECT_EQ(model.thread(child).mode, SeccompMode::filter);
    EXPECT_EQ(model.stack(child), model.stack(0));
    EXPECT_TRUE(model.thread(child).no_new_privs);
    EXPECT_TRUE(model.thread(child).admin);
    model.seccomp(child, 1, 0, user(0x7fff0000));
    EXPECT_EQ(model.stack(0).size(), 1u) << "what a child adds is its own";
  }
}

TEST(Inheritance, ExecveKeepsModeAndFilters) {
  TaskModel model(KernelRelease{newest});
  model.start({.admin = false, .is_root = true});
  model.prctl(0, uapi::pr_set_no_new_privs, 1);
  const ThreadId thread = model.clone(0, CloneKind::thread);
  model.seccomp(thread, 1, 0, user(0x7fff0000));
  model.set_sigsys(0, SigsysAction::handled);
  model.execve(thread);
  EXPECT_FALSE(model.thread(0).alive);
  EXPECT_EQ(model.thread(thread).mode, SeccompMode::filter);
  EXPECT_TRUE(model.thread(thread).no_new_privs);
  EXPECT_FALSE(model.thread(thread).admin) << "no_new_privs grants root nothing";
  EXPECT_EQ(model.process(0).sigsys, SigsysAction::fatal);
  TaskModel root(KernelRelease{newest});
  root.start({.admin = false, .is_root = true});
  root.execve(0);
  EXPECT_TRUE(root.thread(0).admin);
}

TEST(GetFilter, NeedsPrivilegeAndAnUnfilteredReader) {
  TaskModel model = privileged();
  const ThreadId target = model.start({.admin = true});
  EXPECT_EQ(model.get_filter(0, target, 0), failed(uapi::einval));
  model.seccomp(target, 1, 0, long_filter(7));
  model.seccomp(target, 1, 0, long_filter(9));
  EXPECT_EQ(model.get_filter(0, target, 0).value, 7);
  EXPECT_EQ(model.get_filter(0, target, 1).value, 9);
  EXPECT_EQ(model.get_filter(0, target, 2), failed(uapi::enoent));
  model.set_admin(0, false);
  EXPECT_EQ(model.get_filter(0, target, 0), failed(uapi::eacces));
  TaskModel old = privileged({4, 3});
  EXPECT_EQ(old.get_filter(0, old.start(), 0), failed(uapi::eio));
}

}  // namespace
}  // namespace callgate::test

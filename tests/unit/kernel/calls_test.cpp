// Verdicts: precedence, actions by release, strict mode, deaths, audit records, tracers.
#include <gtest/gtest.h>

#include <array>

#include "unit/kernel/fixtures.h"

namespace callgate::test {
namespace {

using enum CallResult;

TEST(Verdict, ActionsOfTheNewestRelease) {
  struct Row {
    std::uint32_t ret;
    CallResult result;
    CallReason reason;
    std::int64_t value;
  };
  const Row rows[] = {
      {0x7fff0000, runs, CallReason::filter, 0},
      {0x7fff1234, runs, CallReason::filter, 0},
      {0x7ffc0000, runs, CallReason::filter, 0},
      {0x00050001, returns, CallReason::filter, -1},
      {0x00050000, returns, CallReason::filter, 0},
      {0x00050fff, returns, CallReason::filter, -4095},
      {0x0005ffff, returns, CallReason::filter, -4095},
      {0x7ff00000, returns, CallReason::no_tracer, -38},
      {0x7fc00000, returns, CallReason::no_listener, -38},
      {0x00030000, process_dies, CallReason::filter, 0},
      {0x00000000, process_dies, CallReason::filter, 0},
      {0x80000000, process_dies, CallReason::filter, 0},
      {0x80050001, process_dies, CallReason::unknown_action, 0},
      {0x00010000, process_dies, CallReason::unknown_action, 0},
  };
  for (const Row& row : rows) {
    const KernelVerdict verdict = lone(newest, row.ret);
    EXPECT_EQ(verdict.result, row.result) << std::hex << row.ret;
    EXPECT_EQ(verdict.reason, row.reason) << std::hex << row.ret;
    if (row.result == returns) {
      EXPECT_EQ(verdict.value, row.value) << std::hex << row.ret;
    }
  }
  EXPECT_EQ(lone(newest, 0xffff0000).reason, CallReason::unknown_action);
}

TEST(Verdict, ActionsByRelease) {
  struct Row {
    Release release;
    std::uint32_t ret;
    CallResult result;  ///< of a thread among several
    std::int64_t value;
  };
  const Row rows[] = {
      {{3, 19}, 0x0005ffff, returns, -65535}, {{4, 0}, 0x0005ffff, returns, -4095},
      {{4, 13}, 0x80000000, thread_dies, 0},  {{4, 14}, 0x80000000, process_dies, 0},
      {{4, 13}, 0x80050001, returns, -1},     {{4, 14}, 0x80050001, thread_dies, 0},
      {{5, 9}, 0x80050001, thread_dies, 0},   {{5, 10}, 0x80050001, process_dies, 0},
      {{4, 13}, 0xffff0000, runs, 0},         {{5, 10}, 0xffff0000, process_dies, 0},
      {{4, 13}, 0x7ffc0000, thread_dies, 0},  {{4, 14}, 0x7ffc0000, runs, 0},
      {{4, 20}, 0x7fc00000, thread_dies, 0},  {{5, 0}, 0x7fc00000, returns, -38},
      {{3, 5}, 0x7ff00000, returns, -38},     {{3, 5}, 0x00010000, thread_dies, 0},
  };
  for (const Row& row : rows) {
    TaskModel model = privileged(row.release);
    model.clone(0, CloneKind::thread);
    model.prctl(0, uapi::pr_set_seccomp, 2, user(row.ret));
    const KernelVerdict verdict = model.verdict(0, call_of(39));
    EXPECT_EQ(verdict.result, row.result)
        << to_string(row.release) << " " << std::hex << row.ret << ": " << to_string(verdict);
    if (row.result == returns) {
      EXPECT_EQ(verdict.value, row.value);
    }
  }
}

TEST(Verdict, TheLowestActionWinsAndOfEqualsTheNewest) {
  // In the kernel's order, lowest first.
  constexpr std::array<std::uint32_t, 8> order = {0x80000000, 0x00000000, 0x00030000, 0x00050001,
                                                  0x7fc00000, 0x7ff00000, 0x7ffc0000, 0x7fff0000};
  for (std::size_t low = 0; low < order.size(); ++low) {
    for (std::size_t high = low; high < order.size(); ++high) {
      for (const bool low_is_newest : {false, true}) {
        TaskModel model = privileged();
        model.seccomp(0, 1, 0, user((low_is_newest ? order[high] : order[low]) | 5));
        model.seccomp(0, 1, 0, user((low_is_newest ? order[low] : order[high]) | 9));
        const KernelVerdict verdict = model.verdict(0, call_of(39));
        ASSERT_TRUE(verdict.ret);
        EXPECT_EQ(*verdict.ret & 0xffff0000, order[low] & 0xffff0000);
        if (low == high && order[low] != 0x7fff0000) {
          EXPECT_EQ(verdict.filter, FilterId{1});
        }
        if (order[low] == 0x7fff0000) {
          EXPECT_FALSE(verdict.filter);
        }
      }
    }
  }
  EXPECT_TRUE(wins(KernelRelease({4, 14}), 0x80000000, 0));
  EXPECT_FALSE(wins(KernelRelease({4, 13}), 0x80000000, 0)) << "bit 31 did not count";
}

TEST(Strict, FourCallsOfEachAbi) {
  struct Row {
    std::uint32_t arch;
    std::array<std::uint32_t, 4> calls;
  };
  const Row rows[] = {{audit_x86_64, {0, 1, 60, 15}},
                      {audit_i386, {3, 4, 1, 119}},
                      {audit_aarch64, {63, 64, 93, 139}},
                      {audit_arm, {3, 4, 1, 173}}};
  for (const Row& row : rows) {
    TaskModel model = privileged();
    model.prctl(0, uapi::pr_set_seccomp, 1);
    unsigned allowed = 0;
    for (std::uint32_t nr = 0; nr < 600; ++nr) {
      if (nr == 335 || nr == 336) continue;
      allowed += model.verdict(0, call_of(nr, row.arch)).result == runs ? 1 : 0;
    }
    EXPECT_EQ(allowed, 4u) << row.arch;
    for (const std::uint32_t nr : row.calls)
      EXPECT_EQ(model.verdict(0, call_of(nr, row.arch)).result, runs) << row.arch << " " << nr;
  }
  TaskModel model = privileged();
  model.prctl(0, uapi::pr_set_seccomp, 1);
  for (const std::uint32_t nr : {0x40000000u, 0x40000001u, 0x40000003u, 0xffffffffu, 231u}) {
    const KernelVerdict verdict = model.verdict(0, call_of(nr));
    EXPECT_EQ(verdict.result, process_dies) << nr;
    EXPECT_EQ(verdict.signal, uapi::sigkill);
    EXPECT_FALSE(verdict.core);
  }
}

TEST(Verdict, UprobesCannotBeFiltered) {
  struct Row {
    Release release;
    std::uint32_t nr;
    std::uint32_t arch;
    bool exempt;
  };
  const Row rows[] = {{{6, 13}, 335, audit_x86_64, false}, {{6, 14}, 335, audit_x86_64, true},
                      {{6, 17}, 336, audit_x86_64, false}, {{6, 18}, 336, audit_x86_64, true},
                      {{6, 18}, 335, audit_i386, false},   {{6, 18}, 337, audit_x86_64, false}};
  for (const Row& row : rows) {
    TaskModel filtered = privileged(row.release);
    filtered.seccomp(0, 1, 0, user(0x80000000));
    TaskModel strict = privileged(row.release);
    strict.prctl(0, uapi::pr_set_seccomp, 1);
    for (const TaskModel* model : {&filtered, &strict}) {
      const bool passes = model->verdict(0, call_of(row.nr, row.arch)).result == runs;
      EXPECT_EQ(passes, row.exempt) << to_string(row.release) << " " << row.nr;
    }
  }
}

TEST(Deaths, WhoDiesAndHow) {
  struct Row {
    Release release;
    std::uint32_t ret;
    bool dead_leader;
    bool sibling;
    CallResult result;
    bool core;
  };
  const Row rows[] = {
      {newest, 0x00000000, false, false, process_dies, true},
      {newest, 0x00000000, false, true, thread_dies, false},
      {newest, 0x80000000, false, true, process_dies, true},
      {newest, 0x00000000, true, false, process_dies, true},
      {{5, 15}, 0x00000000, true, false, process_dies, false},
      {{4, 10}, 0x00000000, false, false, process_dies, false},
      {{4, 11}, 0x00000000, false, false, process_dies, true},
  };
  for (const Row& row : rows) {
    TaskModel model = privileged(row.release);
    ThreadId caller = 0;
    if (row.dead_leader || row.sibling) caller = model.clone(0, CloneKind::thread);
    if (row.dead_leader) model.exit(0, 3);
    model.prctl(caller, uapi::pr_set_seccomp, 2, user(row.ret));
    const KernelVerdict verdict = model.enter(caller, call_of(39));
    EXPECT_EQ(verdict.result, row.result) << to_string(row.release) << " " << row.ret;
    EXPECT_EQ(verdict.core, row.core) << to_string(row.release) << " " << row.ret;
    EXPECT_FALSE(model.thread(caller).alive);
    EXPECT_EQ(model.process(0).end.has_value(), row.result == process_dies);
  }
}

TEST(Deaths, StatusOfAProcessThatEndsThreadByThread) {
  for (const Release release : {Release{5, 10}, Release{6, 1}}) {
    TaskModel model = privileged(release);
    const ThreadId thread = model.clone(0, CloneKind::thread);
    model.exit(0, 3);
    EXPECT_FALSE(model.process(0).end);
    model.exit(thread, 4);
    ASSERT_TRUE(model.process(0).end);
    EXPECT_EQ(model.process(0).end->code, release < Release({6, 1}) ? 3 : 4) << to_string(release);
  }
}

TEST(Trap, HandlerIgnoredAndBlocked) {
  struct Row {
    SigsysAction action;
    bool blocked;
    CallResult result;
  };
  const Row rows[] = {{SigsysAction::fatal, false, process_dies},
                      {SigsysAction::ignored, false, process_dies},
                      {SigsysAction::handled, false, CallResult::signal},
                      {SigsysAction::handled, true, process_dies}};
  for (const Row& row : rows) {
    TaskModel model = privileged();
    model.seccomp(0, 1, 0, user(0x0003abcd));
    model.set_sigsys(0, row.action);
    model.block_sigsys(0, row.blocked);
    const KernelVerdict verdict = model.enter(0, call_of(39));
    EXPECT_EQ(verdict.result, row.result);
    const SigsysInfo info{.errno_value = 0xabcd, .nr = 39, .arch = audit_x86_64};
    EXPECT_EQ(verdict.sigsys, info);
  }
}

TEST(Audit, WhatIsRecorded) {
  struct Row {
    Release release;
    std::uint32_t ret;
    std::uint32_t flags;
    bool audited;
    bool recorded;
  };
  const Row rows[] = {
      {newest, 0x00050001, 0, false, false},  {newest, 0x00050001, 2, false, true},
      {newest, 0x00050001, 0, true, false},   {{4, 17}, 0x00050001, 0, true, true},
      {{4, 17}, 0x00050001, 0, false, false}, {newest, 0x7ffc0000, 0, false, true},
      {newest, 0x7fff0000, 2, true, false},   {newest, 0x80000000, 0, false, true},
      {newest, 0x00000000, 0, false, true},   {newest, 0x00010000, 0, false, true},
      {newest, 0x00030000, 2, false, true},   {newest, 0x7ff00000, 2, false, true},
      {newest, 0x7fc00000, 2, false, true},   {newest, 0x7fc00000, 0, false, false},
      {{4, 4}, 0x00050001, 0, true, true},    {{4, 4}, 0x00050001, 0, false, false},
      {{4, 4}, 0x00000000, 0, false, true},   {{3, 5}, 0x00000000, 0, false, true},
  };
  for (const Row& row : rows) {
    TaskModel model = privileged(row.release);
    if (row.flags != 0) {
      model.seccomp(0, 1, row.flags, user(row.ret));
    } else {
      model.prctl(0, uapi::pr_set_seccomp, 2, user(row.ret));
    }
    model.set_audited(0, row.audited);
    const KernelVerdict verdict = model.verdict(0, call_of(39));
    EXPECT_EQ(verdict.audit.has_value(), row.recorded)
        << to_string(row.release) << " " << std::hex << row.ret << " flags " << row.flags;
    if (verdict.audit) {
      EXPECT_EQ(verdict.audit->code, row.ret & 0xffff0000);
    }
  }
}

TEST(Audit, TheSysctlAndStrictMode) {
  TaskModel model = privileged();
  model.seccomp(0, 1, 0, user(0x7ffc0000));
  EXPECT_TRUE(model.verdict(0, call_of(39)).audit);
  EXPECT_EQ(model.set_actions_logged({ActionKind::allow}).value, -uapi::einval);
  EXPECT_EQ(model.set_actions_logged({ActionKind::errno_}).value, 0);
  EXPECT_FALSE(model.verdict(0, call_of(39)).audit);
  EXPECT_EQ(privileged({4, 13}).set_actions_logged({}).value, -uapi::enoent);
  TaskModel strict = privileged();
  strict.prctl(0, uapi::pr_set_seccomp, 1);
  const AuditRecord record{.signal = 9, .arch = audit_x86_64, .nr = 39, .code = 0};
  EXPECT_EQ(strict.verdict(0, call_of(39)).audit, record);
  TaskModel silent = privileged(newest, {.audit = false});
  silent.seccomp(0, 1, 0, user(0x80000000));
  EXPECT_FALSE(silent.verdict(0, call_of(39)).audit);
}

TEST(Tracer, SkipsChangesAndRechecks) {
  const Program program = *Program::verify(
      {{0x20, 0, 0, 0}, {0x15, 0, 1, 39}, {0x06, 0, 0, 0x7ff00005}, {0x06, 0, 0, 0x0005000d}});
  for (const Release release : {Release{4, 7}, Release{4, 8}}) {
    TaskModel model = privileged(release);
    model.prctl(0, uapi::pr_set_seccomp, 2, UserFilter::of(program));
    EXPECT_EQ(model.enter(0, call_of(39)).value, -uapi::enosys);
    model.set_tracer(0, TracerState{.seccomp_events = true});
    ASSERT_EQ(model.enter(0, call_of(39)).result, traced);
    const KernelVerdict skipped = model.resume(0, call_of(0xffffffff), 77);
    EXPECT_EQ(skipped.result, returns);
    EXPECT_EQ(skipped.value, 77);
    model.enter(0, call_of(39));
    EXPECT_EQ(model.resume(0, call_of(39), 0).result, runs);
    model.enter(0, call_of(39));
    const bool runs_unfiltered = release < Release({4, 8});
    EXPECT_EQ(model.resume(0, call_of(41), 0).result, runs_unfiltered ? runs : returns);
  }
}

TEST(Tracer, SuspendsFrom43WithCheckpointRestore) {
  struct Row {
    Release release;
    bool checkpoint_restore;
    bool suspended;
  };
  const Row rows[] = {{{4, 2}, true, false}, {{4, 3}, true, true}, {{4, 3}, false, false}};
  for (const Row& row : rows) {
    TaskModel model = privileged(row.release, {.checkpoint_restore = row.checkpoint_restore});
    model.prctl(0, uapi::pr_set_seccomp, 1);
    model.set_tracer(0, TracerState{.suspends = true});
    EXPECT_EQ(model.verdict(0, call_of(39)).result == runs, row.suspended)
        << to_string(row.release);
  }
}

/// The example at the head of task_model.h.
TEST(TaskModel, TheExampleOfTheHeader) {
  const Program program = always(0x00050001);
  TaskModel model(KernelRelease({6, 12}));
  const ThreadId main = model.start({.admin = false});
  model.prctl(main, uapi::pr_set_no_new_privs, 1, std::uint64_t{0});
  model.seccomp(main, uapi::set_mode_filter, uapi::flag_log, UserFilter::of(program));
  const ThreadId child = model.clone(main, CloneKind::thread);
  const KernelVerdict verdict = model.enter(child, {.nr = 1, .arch = 0xc000003e});
  EXPECT_EQ(to_string(verdict), "returns -EPERM (filter 0), recorded");
}

TEST(Verdict, ReadsWell) {
  EXPECT_EQ(to_string(lone(newest, 0x00050001)), "returns -EPERM (filter 0)");
  EXPECT_EQ(to_string(lone(newest, 0x80000000)),
            "the process dies of SIGSYS, dumping core (filter 0), recorded");
  EXPECT_EQ(to_string(lone(newest, 0x7fff0000)), "runs (filter)");
}

}  // namespace
}  // namespace callgate::test

// A replay counts what running every call through the filters would count; where a trace does not
// show all of a call, what it really got is never excluded.
#include <gtest/gtest.h>

#include <map>

#include "callgate/meaning/proof.h"
#include "callgate/meaning/subject.h"
#include "callgate/trace/replay.h"
#include "random_program.h"
#include "scale.h"

namespace callgate {
namespace {

/// Calls over few numbers and words, so that they repeat.
SeccompData random_call(test::Rng& rng) {
  constexpr std::array<std::uint32_t, 6> numbers = {0, 39, 59, 1000, 0x40000001, 0xffffffff};
  constexpr std::array<std::uint32_t, 3> audits = {0xc000003e, 0x40000003, 7};
  SeccompData data{.nr = test::pick(rng, numbers), .arch = test::pick(rng, audits)};
  for (std::uint64_t& argument : data.args)
    argument = std::uint64_t{test::below(rng, 2)} << 32 | test::interesting(rng);
  return data;
}

std::vector<Program> random_stack(test::Rng& rng) {
  const Target target{test::below(rng, 2) == 0 ? ByteOrder::little : ByteOrder::big,
                      ShiftRule::low5};
  std::vector<Program> stack;
  for (std::uint32_t left = 1 + test::below(rng, 3); left > 0; --left) {
    stack.push_back(
        *Program::verify(test::random_valid_program(rng, 1 + test::below(rng, 20)), target));
  }
  return stack;
}

TEST(Replay, CountsWhatEveryCallWouldGet) {
  test::Rng rng(31);
  const std::size_t total = test::scaled(1'500, 30'000);
  for (std::size_t round = 0; round < total; ++round) {
    const std::vector<Program> stack = random_stack(rng);
    const Subject subject = StackSubject{stack};
    Replay replay(stack);
    std::map<CallFate, std::uint64_t> expected;
    for (int part = 0; part < 3; ++part) {
      std::vector<PartialCall> calls;
      for (std::uint32_t i = 1 + test::below(rng, 20); i > 0; --i)
        calls.push_back({.data = random_call(rng)});
      std::vector<std::uint32_t> ids;
      std::vector<std::uint64_t> counts;
      for (int i = 0; i < 60; ++i) {
        ids.push_back(1 + test::below(rng, static_cast<std::uint32_t>(calls.size())));
        counts.push_back(1 + test::below(rng, 5));
        expected[fate_of(subject.at(calls[ids.back() - 1].data))] += counts.back();
      }
      replay.take({.restart = true, .calls = calls, .ids = ids, .counts = counts});
    }
    std::map<CallFate, std::uint64_t> got;
    for (const ReplayRow& row : replay.rows()) {
      ASSERT_EQ(row.returns.size(), 1u);
      EXPECT_EQ(normalise(subject.at(row.first.data)), row.returns.front());
      got[row.fate] += row.times;
    }
    ASSERT_EQ(got, expected);
  }
}

TEST(Replay, WhatIsNotShownIsNeverDecidedWrongly) {
  test::Rng rng(32);
  const std::size_t total = test::scaled(10'000, 200'000);
  std::size_t clear = 0;
  for (std::size_t round = 0; round < total; ++round) {
    const std::vector<Program> stack = random_stack(rng);
    const SeccompData whole = random_call(rng);
    PartialCall call{.data = whole};
    for (std::size_t i = 0; i < 6; ++i) {
      if (test::below(rng, 2) == 0) continue;
      call.args[i] = test::below(rng, 2) == 0 ? Known::low32 : Known::nothing;
      call.data.args[i] &= call.args[i] == Known::low32 ? 0xffffffff : 0;
    }
    const std::vector<PartialCall> calls = {call};
    const std::vector<std::uint32_t> ids = {1};
    Replay replay(stack);
    replay.take({.calls = calls, .ids = ids});
    const std::vector<ReplayRow> rows = replay.rows();
    ASSERT_EQ(rows.size(), 1u);
    const std::uint32_t really = normalise(Subject(StackSubject{stack}).at(whole));
    if (rows[0].fate != CallFate::unclear) {
      ++clear;
      ASSERT_EQ(rows[0].fate, fate_of(really));
    }
    if (!rows[0].any) {
      ASSERT_EQ(std::count(rows[0].returns.begin(), rows[0].returns.end(), really), 1);
    }
  }
  EXPECT_GT(clear, total / 10);
}

TEST(Replay, RowsSayWhereTheirFirstCallWas) {
  const Program program = *Program::verify({{opcode::ld_word, 0, 0, 16},
                                            {opcode::jeq_k, 0, 1, 3},
                                            {opcode::ret_k, 0, 0, 0x50001},
                                            {opcode::ret_k, 0, 0, 0x7fff0000}});
  const std::vector<PartialCall> calls = {{.data = {.nr = 0, .arch = 0xc000003e, .args = {1}}},
                                          {.data = {.nr = 0, .arch = 0xc000003e, .args = {3}}}};
  const std::vector<std::uint32_t> ids = {1, 1, 2, 2, 1}, threads = {5, 6, 7, 8, 9};
  const std::vector<std::uint64_t> times = {10, 11, 12, 13, 14}, lines = {1, 3, 4, 8, 9};
  Replay replay({program});
  replay.take({.calls = calls, .ids = ids, .threads = threads, .times = times, .lines = lines});
  const std::vector<ReplayRow> rows = replay.rows();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].times, 3u);
  EXPECT_EQ(rows[1].times, 2u);
  EXPECT_EQ(rows[1].fate, CallFate::denied);
  EXPECT_EQ(rows[1].first_index, 2u);
  EXPECT_EQ(rows[1].first_line, 4u);
  EXPECT_EQ(rows[1].first_thread, 7u);
  EXPECT_EQ(rows[1].first_time, 12u);
  EXPECT_EQ(rows[1].first, calls[1]);
}

}  // namespace
}  // namespace callgate

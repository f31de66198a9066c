#include "callgate/bpf/emulate.h"

#include <gtest/gtest.h>

#include "bpf/opcode.h"

namespace callgate {
namespace {

namespace op = opcode;
using Code = std::vector<Instruction>;

/// Runs `code` with A and X loaded first and returns A at its end.
std::uint32_t run(std::uint32_t a, std::uint32_t x, Code code, Target target = {}) {
  Code all = {{op::ldx_constant, 0, 0, x}, {op::ld_constant, 0, 0, a}};
  all.insert(all.end(), code.begin(), code.end());
  all.push_back({op::ret_a, 0, 0, 0});
  return emulate(*Program::verify(all, target), {});
}

struct AluCase {
  std::uint16_t code;
  std::uint32_t a, operand, result;
};

constexpr AluCase alu_cases[] = {
    {op::add_k, 0xffffffff, 2, 1},          {op::sub_k, 1, 2, 0xffffffff},
    {op::mul_k, 0x10000, 0x10001, 0x10000}, {op::div_k, 0xffffffff, 2, 0x7fffffff},
    {op::or_k, 0xf0, 0x0f, 0xff},           {op::and_k, 0xf3, 0x35, 0x31},
    {op::xor_k, 0xff, 0x0f, 0xf0},          {op::lsh_k, 0x80000001, 1, 2},
    {op::rsh_k, 0x80000001, 31, 1},
};

TEST(Emulate, ArithmeticByConstantAndByX) {
  for (const AluCase& one : alu_cases) {
    EXPECT_EQ(run(one.a, 77, {{one.code, 0, 0, one.operand}}), one.result) << one.code;
    const auto by_x = static_cast<std::uint16_t>(one.code | 0x08);
    EXPECT_EQ(run(one.a, one.operand, {{by_x, 0, 0, 5}}), one.result) << by_x;
  }
  EXPECT_EQ(run(0x80000000, 0, {{op::neg, 0, 0, 0}}), 0x80000000u);
  EXPECT_EQ(run(1, 0, {{op::neg, 0, 0, 0}}), 0xffffffffu);
}

TEST(Emulate, DivisionByXOfZeroEndsTheProgram) {
  EXPECT_EQ(run(7, 0, {{op::div_x, 0, 0, 0}, {op::ret_k, 0, 0, 0x7fff0000}}), 0u);
}

TEST(Emulate, ShiftsByXFollowTheTarget) {
  const Target low6{ByteOrder::little, ShiftRule::low6};
  EXPECT_EQ(run(3, 33, {{op::lsh_x, 0, 0, 0}}), 6u);
  EXPECT_EQ(run(3, 33, {{op::lsh_x, 0, 0, 0}}, low6), 0u);
  EXPECT_EQ(run(6, 65, {{op::rsh_x, 0, 0, 0}}), 3u);
  EXPECT_EQ(run(6, 65, {{op::rsh_x, 0, 0, 0}}, low6), 3u);
  EXPECT_EQ(run(6, 32, {{op::rsh_x, 0, 0, 0}}), 6u);
  EXPECT_EQ(run(6, 32, {{op::rsh_x, 0, 0, 0}}, low6), 0u);
}

TEST(Emulate, MovesAndScratch) {
  EXPECT_EQ(run(1, 2, {{op::tax, 0, 0, 0}, {op::ld_constant, 0, 0, 9}, {op::txa, 0, 0, 0}}), 1u);
  EXPECT_EQ(run(1, 2, {{op::txa, 0, 0, 0}}), 2u);
  EXPECT_EQ(run(1, 2, {{op::ld_length, 0, 0, 0}}), 64u);
  EXPECT_EQ(run(1, 2, {{op::ldx_length, 0, 0, 0}, {op::txa, 0, 0, 0}}), 64u);
  const Code memory = {{op::st, 0, 0, 15},        {op::stx, 0, 0, 0},   {op::ldx_scratch, 0, 0, 15},
                       {op::ld_scratch, 0, 0, 0}, {op::lsh_k, 0, 0, 4}, {op::or_x, 0, 0, 0}};
  EXPECT_EQ(run(1, 2, memory), 0x21u);
}

struct JumpCase {
  std::uint16_t code;
  std::uint32_t a, operand;
  bool taken;
};

constexpr JumpCase jump_cases[] = {
    {op::jeq_k, 5, 5, true},
    {op::jeq_k, 5, 6, false},
    {op::jgt_k, 6, 5, true},
    {op::jgt_k, 5, 5, false},
    {op::jgt_k, 0xffffffff, 1, true},
    {op::jge_k, 5, 5, true},
    {op::jge_k, 4, 5, false},
    {op::jge_k, 0x80000000, 0x7fffffff, true},
    {op::jset_k, 0x12, 0x10, true},
    {op::jset_k, 0x12, 0x01, false},
    {op::jset_k, 0xffffffff, 0, false},
};

TEST(Emulate, JumpsAreUnsignedByConstantAndByX) {
  for (const JumpCase& one : jump_cases) {
    const std::uint32_t expected = one.taken ? 1 : 2;
    const auto arms = [](Instruction jump) {
      return Code{jump, {op::ret_k, 0, 0, 1}, {op::ret_k, 0, 0, 2}};
    };
    EXPECT_EQ(run(one.a, 0x55, arms({one.code, 0, 1, one.operand})), expected) << one.code;
    const auto by_x = static_cast<std::uint16_t>(one.code | 0x08);
    EXPECT_EQ(run(one.a, one.operand, arms({by_x, 0, 1, 3})), expected) << by_x;
  }
  EXPECT_EQ(run(0, 0, {{op::ja, 0, 0, 1}, {op::ret_k, 0, 0, 1}, {op::ret_k, 0, 0, 2}}), 2u);
}

SeccompData sample_data() {
  SeccompData data{1, 2, 0x4'0000'0003, {}};
  for (std::uint32_t i = 0; i < 6; ++i) data.args[i] = (6ull + 2 * i) << 32 | (5 + 2 * i);
  return data;
}

TEST(Emulate, LoadsEveryWordInBothByteOrders) {
  for (std::uint32_t word = 0; word < seccomp_data_words; ++word) {
    const Code code = {{op::ld_word, 0, 0, 4 * word}, {op::ret_a, 0, 0, 0}};
    EXPECT_EQ(emulate(*Program::verify(code), sample_data()), word + 1);
    const Target big{ByteOrder::big, ShiftRule::low5};
    const std::uint32_t swapped = word < 2 ? word : word ^ 1;
    EXPECT_EQ(emulate(*Program::verify(code, big), sample_data()), swapped + 1);
  }
}

TEST(Emulate, StartsWithZeroes) {
  EXPECT_EQ(emulate(*Program::verify({{op::or_x, 0, 0, 0}, {op::ret_a, 0, 0, 0}}), sample_data()),
            0u);
}

TEST(Trace, NamesEveryInstructionThatRan) {
  const Code code = {
      {op::ld_word, 0, 0, 0}, {op::jeq_k, 1, 0, 1}, {op::ret_k, 0, 0, 7}, {op::ret_k, 0, 0, 8}};
  const Trace result = trace(*Program::verify(code), sample_data());
  EXPECT_EQ(result.result, 8u);
  EXPECT_EQ(result.path, (std::vector<std::uint16_t>{0, 1, 3}));
}

struct CacheCase {
  const char* name;
  Code code;
  bool cached;
  std::size_t stopped_at;
};

TEST(CacheStatus, FollowsTheKernelsShortListOfInstructions) {
  const Instruction yes{op::ret_k, 0, 0, 0x7fff0000};
  const Instruction no{op::ret_k, 0, 0, 0x50001};
  const Instruction nr{op::ld_word, 0, 0, 0};
  const CacheCase cases[] = {
      {"allow", {yes}, true, 0},
      {"allow with data", {{op::ret_k, 0, 0, 0x7fff0001}}, false, 0},
      {"log", {{op::ret_k, 0, 0, 0x7ffc0000}}, false, 0},
      {"ret a", {{op::ret_a, 0, 0, 0}}, false, 0},
      {"nr", {nr, {op::jeq_k, 0, 1, 39}, yes, no}, true, 2},
      {"arch", {{op::ld_word, 0, 0, 4}, {op::jeq_k, 1, 0, 5}, no, yes}, true, 3},
      {"jge, jgt, jset",
       {nr, {op::jge_k, 0, 3, 39}, {op::jgt_k, 2, 0, 39}, {op::jset_k, 0, 1, 32}, yes, no},
       true,
       4},
      {"and", {nr, {op::and_k, 0, 0, 0xff}, {op::ja, 0, 0, 1}, no, yes}, true, 4},
      {"argument", {nr, {op::ld_word, 0, 0, 16}, yes}, false, 1},
      {"ip", {{op::ld_word, 0, 0, 8}, yes}, false, 0},
      {"len", {{op::ld_length, 0, 0, 0}, yes}, false, 0},
      {"immediate", {{op::ld_constant, 0, 0, 0}, yes}, false, 0},
      {"tax", {{op::tax, 0, 0, 0}, yes}, false, 0},
      {"jeq x", {{op::jeq_x, 0, 0, 0}, yes}, false, 0},
      {"sub", {{op::sub_k, 0, 0, 0}, yes}, false, 0},
      {"store", {{op::st, 0, 0, 0}, yes}, false, 0},
  };
  for (const CacheCase& one : cases) {
    const CacheStatus status = cache_status(*Program::verify(one.code), 5, 39);
    EXPECT_EQ(status.cached, one.cached) << one.name;
    EXPECT_EQ(status.stopped_at, one.stopped_at) << one.name;
  }
}

}  // namespace
}  // namespace callgate

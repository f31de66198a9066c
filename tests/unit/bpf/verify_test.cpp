#include <gtest/gtest.h>

#include "bpf/opcode.h"
#include "callgate/bpf/program.h"

namespace callgate {
namespace {

namespace op = opcode;
using Code = std::vector<Instruction>;

constexpr Instruction allow_insn{op::ret_k, 0, 0, 0x7fff0000};

struct RefusalCase {
  const char* name;
  Code code;
  Refusal reason;
  std::size_t index;
};

TEST(FindRefusal, EachReasonAtItsEdge) {
  const RefusalCase cases[] = {
      {"empty", {}, Refusal::empty, 0},
      {"too long", Code(4097, allow_insn), Refusal::too_long, 4096},
      {"opcode", {allow_insn, {0xff, 0, 0, 0}, allow_insn}, Refusal::unknown_opcode, 1},
      {"opcode past 8 bits", {{0x106, 0, 0, 0}}, Refusal::unknown_opcode, 0},
      {"ret x", {{0x0e, 0, 0, 0}}, Refusal::unknown_opcode, 0},
      {"half", {{op::ld_half, 0, 0, 0}, allow_insn}, Refusal::not_for_seccomp, 0},
      {"mod", {{op::mod_k, 0, 0, 3}, allow_insn}, Refusal::not_for_seccomp, 0},
      {"div 0", {{op::div_k, 0, 0, 0}, allow_insn}, Refusal::division_by_zero, 0},
      {"mod 0", {{op::mod_k, 0, 0, 0}, allow_insn}, Refusal::division_by_zero, 0},
      {"lsh 32", {{op::lsh_k, 0, 0, 32}, allow_insn}, Refusal::shift_too_wide, 0},
      {"rsh 32", {{op::rsh_k, 0, 0, 32}, allow_insn}, Refusal::shift_too_wide, 0},
      {"st 16", {{op::st, 0, 0, 16}, allow_insn}, Refusal::scratch_out_of_range, 0},
      {"ldx 16", {{op::ldx_scratch, 0, 0, 16}, allow_insn}, Refusal::scratch_out_of_range, 0},
      {"unstored", {{op::ld_scratch, 0, 0, 3}, allow_insn}, Refusal::scratch_uninitialised, 0},
      {"ja end", {{op::ja, 0, 0, 1}, allow_insn}, Refusal::jump_out_of_range, 0},
      {"ja wraps", {{op::ja, 0, 0, 0xffffffff}, allow_insn}, Refusal::jump_out_of_range, 0},
      {"jt", {{op::jeq_k, 1, 0, 0}, allow_insn}, Refusal::jump_out_of_range, 0},
      {"jf", {{op::jset_x, 0, 1, 0}, allow_insn}, Refusal::jump_out_of_range, 0},
      {"last", {allow_insn, {op::txa, 0, 0, 0}}, Refusal::last_not_return, 1},
      {"load 64", {{op::ld_word, 0, 0, 64}, allow_insn}, Refusal::load_out_of_range, 0},
      {"ancillary", {{op::ld_word, 0, 0, 0xfffff000}, allow_insn}, Refusal::load_out_of_range, 0},
      {"load 2", {{op::ld_word, 0, 0, 2}, allow_insn}, Refusal::load_unaligned, 0},
  };
  for (const RefusalCase& one : cases) {
    const auto refused = find_refusal(one.code);
    ASSERT_TRUE(refused) << one.name;
    EXPECT_EQ(refusal_name(refused->reason), refusal_name(one.reason)) << one.name;
    EXPECT_EQ(refused->index, one.index) << one.name;
    EXPECT_FALSE(Program::verify(one.code)) << one.name;
  }
}

TEST(FindRefusal, AcceptsTheOtherSideOfEachEdge) {
  const Code cases[] = {
      {allow_insn},
      Code(4096, allow_insn),
      {{op::ret_a, 9, 9, 9}},  // fields that the opcode ignores
      {{op::lsh_k, 0, 0, 31}, {op::rsh_k, 0, 0, 31}, {op::div_k, 0, 0, 1}, allow_insn},
      {{op::st, 0, 0, 15}, {op::ldx_scratch, 0, 0, 15}, allow_insn},
      {{op::ja, 0, 0, 0}, allow_insn},
      {{op::jeq_k, 1, 0, 0}, allow_insn, allow_insn},
      {{op::ld_word, 0, 0, 60}, allow_insn},
  };
  for (const Code& code : cases) EXPECT_FALSE(find_refusal(code));
}

TEST(FindRefusal, ScratchMustBeStoredOnEveryPath) {
  const Instruction load{op::ld_scratch, 0, 0, 2};
  const Instruction store{op::st, 0, 0, 2};
  const Code one_arm = {{op::jeq_k, 0, 1, 7}, store, load, allow_insn};
  const Code both_arms = {{op::jeq_k, 0, 2, 7}, store, {op::ja, 0, 0, 1}, store, load, allow_insn};
  EXPECT_EQ(find_refusal(one_arm)->reason, Refusal::scratch_uninitialised);
  EXPECT_FALSE(find_refusal(both_arms));
}

TEST(FindRefusal, TheScanDoesNotStartAfreshBehindAReturn) {
  // Instruction 3 is reached only from 0, by way of 2, where M[0] is stored; the linear scan also
  // comes from the RET at 1, where it is not.
  const Code refused = {{op::jeq_k, 1, 0, 0}, allow_insn, {op::ld_scratch, 0, 0, 0}, allow_insn};
  EXPECT_EQ(find_refusal(refused)->index, 2u);
  const Code after_jump = {{op::ja, 0, 0, 1}, {op::ld_scratch, 0, 0, 0}, allow_insn};
  EXPECT_FALSE(find_refusal(after_jump)) << "unreachable, and behind a jump: nothing is known";
}

TEST(FindRefusal, ClassicChecksComeBeforeSeccompsOwn) {
  const Code code = {{op::ld_half, 0, 0, 0}, {op::div_k, 0, 0, 0}, allow_insn};
  EXPECT_EQ(find_refusal(code)->reason, Refusal::division_by_zero);
}

TEST(Program, BytesInBothByteOrders) {
  const Code code = {{op::jeq_k, 1, 2, 0x11223344}, allow_insn, allow_insn, allow_insn};
  const Program little = *Program::verify(code);
  EXPECT_EQ(little.bytes().substr(0, 8), std::string("\x15\x00\x01\x02\x44\x33\x22\x11", 8));
  const Target big{ByteOrder::big, ShiftRule::low5};
  const Program other = *Program::verify(code, big);
  EXPECT_EQ(other.bytes().substr(0, 8), std::string("\x00\x15\x01\x02\x11\x22\x33\x44", 8));
  EXPECT_EQ(*Program::from_bytes(little.bytes()), little);
  EXPECT_EQ(*Program::from_bytes(other.bytes(), big), other);
}

TEST(Program, ErrorsNameInstructionAndReason) {
  const auto cut = Program::from_bytes("1234567");
  ASSERT_FALSE(cut);
  EXPECT_NE(cut.error().message().find("7 bytes"), std::string::npos);
  const auto refused = Program::verify({allow_insn, {op::lsh_k, 0, 0, 40}, allow_insn});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(),
            "the kernel would refuse this filter: instruction 1 (code 0x64, jt 0, jf 0, k 0x28): "
            "a shift by a constant is by 0 to 31");
}

TEST(ConvertedSize, ByInstruction) {
  const auto size = [](Code code) {
    code.insert(code.end(), 3, allow_insn);  // 3 for the prologue and 2 for each
    return converted_size(*Program::verify(code)) - 9;
  };
  EXPECT_EQ(size({}), 0u);
  EXPECT_EQ(size({{op::ld_word, 0, 0, 0}}), 1u);
  EXPECT_EQ(size({{op::ret_k, 0, 0, 0}}), 2u);
  EXPECT_EQ(size({{op::ret_a, 0, 0, 0}}), 1u);
  EXPECT_EQ(size({{op::div_x, 0, 0, 0}}), 5u);
  EXPECT_EQ(size({{op::jeq_k, 1, 0, 5}}), 1u);
  EXPECT_EQ(size({{op::jeq_k, 0, 1, 5}}), 1u);
  EXPECT_EQ(size({{op::jeq_k, 1, 2, 5}}), 2u);
  EXPECT_EQ(size({{op::jset_k, 0, 1, 5}}), 2u);
  EXPECT_EQ(size({{op::jset_k, 1, 0, 5}}), 1u);
  EXPECT_EQ(size({{op::jge_k, 1, 0, 0x80000000}}), 2u);
  EXPECT_EQ(size({{op::jge_x, 1, 0, 0x80000000}}), 1u) << "k is not used";
  EXPECT_EQ(size({{op::jgt_k, 1, 2, 0xffffffff}}), 3u);
}

}  // namespace
}  // namespace callgate

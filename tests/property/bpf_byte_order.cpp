// A program for a big-endian machine sees what one for a little-endian machine sees whose loads of
// the halves of 64-bit words are swapped.
#include <gtest/gtest.h>

#include "callgate/bpf/emulate.h"
#include "random_program.h"
#include "scale.h"

namespace callgate {
namespace {

std::vector<Instruction> mirrored(std::vector<Instruction> code) {
  for (Instruction& insn : code) {
    if (insn.code == opcode::ld_word && insn.k >= 8) insn.k ^= 4;
  }
  return code;
}

TEST(ByteOrder, BigIsLittleWithMirroredLoads) {
  test::Rng rng(11);
  const std::size_t total = test::scaled(20'000, 500'000);
  for (std::size_t i = 0; i < total; ++i) {
    const auto code = test::random_valid_program(rng, 1 + test::below(rng, 40));
    const ShiftRule rule = i % 2 == 0 ? ShiftRule::low5 : ShiftRule::low6;
    const Program little = *Program::verify(code, {ByteOrder::little, rule});
    const Program big = *Program::verify(mirrored(code), {ByteOrder::big, rule});
    SeccompData data{test::interesting(rng), test::interesting(rng), rng(), {}};
    for (std::uint64_t& argument : data.args)
      argument = std::uint64_t{test::interesting(rng)} << 32 | test::interesting(rng);
    ASSERT_EQ(emulate(little, data), emulate(big, data));
    ASSERT_EQ(Program::from_bytes(big.bytes(), big.target())->instructions().size(), code.size());
    ASSERT_EQ(trace(little, data).path, trace(big, data).path);
  }
}

/// The kernel's bitmap must agree with the filter: a cached number is allowed, whatever the rest.
TEST(CacheStatus, CachedMeansAllowedForAllData) {
  test::Rng rng(12);
  const std::size_t total = test::scaled(20'000, 300'000);
  std::size_t cached = 0;
  for (std::size_t i = 0; i < total; ++i) {
    std::vector<Instruction> code;
    for (std::uint32_t left = 6; left > 0; --left) {
      Instruction insn = test::random_instruction(rng, left + 2);
      if (test::below(rng, 3) != 0) insn = {opcode::ld_word, 0, 0, 4 * test::below(rng, 2)};
      if (insn.code == opcode::ld_scratch || insn.code == opcode::ldx_scratch)
        insn.code = opcode::tax;
      code.push_back(insn);
    }
    code.insert(code.end(), 3, {opcode::ret_k, 0, 0, 0x7fff0000});
    code[test::below(rng, 3) + 6].k = 0x50001;
    const Program program = *Program::verify(code);
    SeccompData data{39, 0xc000003e, rng(), {}};
    if (!cache_status(program, data.arch, data.nr).cached) continue;
    ++cached;
    for (int again = 0; again < 4; ++again) {
      for (std::uint64_t& argument : data.args) argument = rng();
      ASSERT_EQ(emulate(program, data), 0x7fff0000u);
    }
  }
  EXPECT_GT(cached, total / 50);
}

}  // namespace
}  // namespace callgate

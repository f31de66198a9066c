// What a program returns for a call is among what it can return for the part of it that is known;
// a program that is run from its prefix returns what it returns from the start.
#include <gtest/gtest.h>

#include "callgate/bpf/outcomes.h"
#include "random_program.h"
#include "scale.h"

namespace callgate {
namespace {

namespace op = opcode;

/// Loads, masks and jumps alone, as compilers of filters write them.
std::vector<Instruction> random_filter(test::Rng& rng, std::uint32_t length) {
  constexpr std::array<std::uint16_t, 4> tests = {op::jeq_k, op::jgt_k, op::jge_k, op::jset_k};
  std::vector<Instruction> code = {{op::ld_word, 0, 0, 4 * test::below(rng, 16)}};
  for (std::uint32_t left = length + 3; left > 3; --left) {
    const std::uint32_t kind = test::below(rng, 8);
    if (kind == 0) {
      code.push_back({op::ld_word, 0, 0, 4 * (4 + test::below(rng, 4))});
    } else if (kind == 1) {
      code.push_back({op::and_k, 0, 0, test::interesting(rng)});
    } else {
      code.push_back({test::pick(rng, tests), static_cast<std::uint8_t>(test::below(rng, 4)),
                      static_cast<std::uint8_t>(test::below(rng, 4)), test::interesting(rng)});
    }
  }
  for (std::uint32_t i = 0; i < 4; ++i) code.push_back({op::ret_k, 0, 0, 0x50000 + i});
  return code;
}

Program random_any(test::Rng& rng) {
  const std::uint32_t length = 1 + test::below(rng, 30);
  const Target target{test::below(rng, 2) == 0 ? ByteOrder::little : ByteOrder::big,
                      test::below(rng, 2) == 0 ? ShiftRule::low5 : ShiftRule::low6};
  return *Program::verify(test::below(rng, 2) == 0 ? random_filter(rng, length)
                                                   : test::random_valid_program(rng, length),
                          target);
}

std::uint64_t random_word(test::Rng& rng) {
  const std::uint64_t high = test::below(rng, 2) == 0 ? 0 : test::interesting(rng);
  return high << 32 | test::interesting(rng);
}

std::uint64_t known_part(std::uint64_t word, Known known) {
  switch (known) {
    case Known::all: return word;
    case Known::low32: return word & 0xffffffff;
    case Known::low16: return word & 0xffff;
    case Known::nothing:
    case Known::not_null: break;
  }
  return 0;
}

/// Some of a call's knowledge taken away.
PartialCall part_of(test::Rng& rng, const SeccompData& whole) {
  const bool is_narrow = whole.arch == arch_info(Arch::i386).audit;
  PartialCall call{.data = whole};
  for (std::size_t i = 0; i < 6; ++i) {
    Known known = static_cast<Known>(test::below(rng, known_count));
    const bool is_null = is_narrow ? (whole.args[i] & 0xffffffff) == 0 : whole.args[i] == 0;
    if (known == Known::not_null && is_null) known = Known::nothing;
    call.args[i] = known;
    call.data.args[i] = known_part(whole.args[i], known);
  }
  if (test::below(rng, 2) == 0) {
    call.instruction_pointer = Known::nothing;
    call.data.instruction_pointer = 0;
  }
  return call;
}

SeccompData random_call(test::Rng& rng) {
  SeccompData data{test::interesting(rng),
                   arch_info(test::below(rng, 2) == 0 ? Arch::x86_64 : Arch::i386).audit,
                   random_word(rng),
                   {}};
  for (std::uint64_t& argument : data.args) argument = random_word(rng);
  return data;
}

TEST(Outcomes, HoldWhatEveryCompletionReturns) {
  test::Rng rng(21);
  const std::size_t total = test::scaled(30'000, 600'000);
  std::size_t single = 0;
  for (std::size_t i = 0; i < total; ++i) {
    const Program program = random_any(rng);
    for (int again = 0; again < 4; ++again) {
      const SeccompData whole = random_call(rng);
      const Outcomes found = outcomes(program, part_of(rng, whole));
      if (found.any) continue;
      const std::uint32_t ret = emulate(program, whole);
      ASSERT_TRUE(std::count(found.returns.begin(), found.returns.end(), ret) == 1)
          << program.bytes();
      if (found.returns.size() == 1) ++single;
    }
  }
  EXPECT_GT(single, total / 2);
}

TEST(Outcomes, OfACompleteCallAreWhatItReturns) {
  test::Rng rng(22);
  const std::size_t total = test::scaled(20'000, 400'000);
  for (std::size_t i = 0; i < total; ++i) {
    const Program program = random_any(rng);
    const SeccompData data = random_call(rng);
    const Outcomes found = outcomes(program, {.data = data});
    ASSERT_FALSE(found.any);
    ASSERT_EQ(found.returns, std::vector<std::uint32_t>{emulate(program, data)});
    ASSERT_EQ(found.tested, 0u);
  }
}

TEST(Prefix, GoesOnToWhatTheWholeProgramReturns) {
  test::Rng rng(23);
  const std::size_t total = test::scaled(30'000, 600'000);
  for (std::size_t i = 0; i < total; ++i) {
    const Program program = random_any(rng);
    SeccompData data = random_call(rng);
    const Prefix prefix = prefix_of(program, data.arch, data.nr);
    for (int again = 0; again < 3; ++again) {
      const std::uint32_t ret =
          prefix.constant ? *prefix.constant : emulate_from(program, prefix.resume, data);
      ASSERT_EQ(ret, emulate(program, data));
      for (std::uint64_t& argument : data.args) argument = random_word(rng);
    }
  }
}

}  // namespace
}  // namespace callgate

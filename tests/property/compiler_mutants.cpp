// The emitter's mutants: every instruction of small programs is changed in every way that a slip of
// the emitter could (opcode, constant, jump distance), one at a time. A mutant is live if the
// emulator tells it from the original on many calls or z3 does on any; all others are equivalent by
// z3's proof. The prover must find every live one and clear every equivalent one. RET A is left
// out: of an argument word it has more results than a diagram holds, and the prover says
// "undecided".
#include <gtest/gtest.h>

#include <cstdio>

#include "callgate/bpf/assembly.h"
#include "callgate/bpf/emulate.h"
#include "callgate/meaning/proof.h"
#include "callgate/policy/evaluate.h"
#include "compiler/pipeline.h"
#include "random_policy.h"
#include "scale.h"
#include "z3_oracle.h"

namespace callgate::test {
namespace {

namespace op = opcode;

struct Tally {
  std::size_t mutants = 0;
  std::size_t refused = 0;  ///< by the verifier: never a program
  std::size_t live = 0;
  std::size_t equivalent = 0;
  std::size_t caught = 0;
  std::size_t cleared = 0;
  std::size_t unknown = 0;  ///< z3 gave up
};

/// The ways to change one instruction.
std::vector<Instruction> changes(const Instruction& step) {
  std::vector<Instruction> out;
  const auto change = [&](auto edit) {
    Instruction changed = step;
    edit(changed);
    if (changed != step) out.push_back(changed);
  };
  if (op::is_conditional(step.code)) {
    for (const std::uint16_t code : {op::jeq_k, op::jgt_k, op::jge_k, op::jset_k, op::jeq_x}) {
      change([&](Instruction& i) { i.code = code; });
    }
    change([](Instruction& i) { std::swap(i.jt, i.jf); });
    change([](Instruction& i) { ++i.jt; });
    change([](Instruction& i) { i.jt = static_cast<std::uint8_t>(i.jt == 0 ? 2 : i.jt - 1); });
    change([](Instruction& i) { ++i.jf; });
    change([](Instruction& i) { i.jf = static_cast<std::uint8_t>(i.jf == 0 ? 2 : i.jf - 1); });
  }
  if (step.code == op::ld_word) {
    change([](Instruction& i) { i.k = (i.k + 4) % 64; });
    change([](Instruction& i) { i.k ^= 4; });
    change([](Instruction& i) { i.code = op::ld_constant; });
    change([](Instruction& i) { i.code = op::ldx_constant; });  // A keeps what it held
  }
  if (step.code == op::and_k) {
    for (const std::uint16_t code : {op::or_k, op::xor_k, op::add_k, op::and_x}) {
      change([&](Instruction& i) { i.code = code; });
    }
  }
  for (const std::uint32_t flip : {1u, 0x10000u, 0x80000000u}) {
    if (step.code != op::ld_word && step.code != op::ja)
      change([&](Instruction& i) { i.k ^= flip; });
  }
  if (step.code == op::ja) change([](Instruction& i) { ++i.k; });
  if (step.code != op::ld_word) change([](Instruction& i) { ++i.k; });
  return out;
}

/// A small policy with its program, and calls that reach each of its corners.
struct Original {
  RandomPolicy sample;
  Built built;
  std::vector<SeccompData> calls;
};

/// Policies whose programs have no more instructions than `longest`.
std::optional<Original> small_original(Random& random, std::size_t longest, CallStyle style) {
  RandomPolicy sample = random_policy(random, {.max_rules = 4, .max_tests = 4, .max_calls = 2});
  LowerOptions options;
  options.style = style;
  auto built = build(sample.policy, sample.arches, options);
  const bool is_small = built && built->program->size() <= longest && built->program->size() > 12;
  if (!is_small) return std::nullopt;
  auto calls = interesting_calls(sample.policy, sample.arches, random, 400);
  return Original{std::move(sample), *std::move(built), std::move(calls)};
}

bool differs_somewhere(const Original& original, const Program& mutant) {
  return std::any_of(original.calls.begin(), original.calls.end(), [&](const SeccompData& call) {
    return normalise(emulate(mutant, call)) != normalise(emulate(*original.built.program, call));
  });
}

/// Is it told apart by the emulator or by z3?
Z3Oracle::Verdict judged(const Original& original, const Program& mutant, Z3Oracle& oracle) {
  if (differs_somewhere(original, mutant)) return Z3Oracle::Verdict::differs;
  return oracle.compare(*original.built.program, mutant).verdict;
}

void judge_mutant(const Original& original, const Program& mutant, Z3Oracle& oracle, Tally& tally) {
  const auto verdict = judged(original, mutant, oracle);
  const Answer answer =
      prove(original.sample.policy, original.sample.arches, mutant, original.built.chains);
  const bool is_caught = std::holds_alternative<Differs>(answer);
  const bool is_cleared = std::holds_alternative<Equal>(answer);
  switch (verdict) {
    case Z3Oracle::Verdict::unknown: ++tally.unknown; return;
    case Z3Oracle::Verdict::differs:
      ++tally.live;
      tally.caught += is_caught ? 1 : 0;
      break;
    case Z3Oracle::Verdict::equal:
      ++tally.equivalent;
      tally.cleared += is_cleared ? 1 : 0;
      break;
  }
  const bool is_right = verdict == Z3Oracle::Verdict::differs ? is_caught : is_cleared;
  EXPECT_TRUE(is_right) << print(original.built.dag)
                        << disassemble(mutant.instructions(), mutant.target())
                        << "the proof's answer is alternative " << answer.index();
  if (const auto* witness = std::get_if<Differs>(&answer)) {
    const SeccompData& call = witness->witness;
    EXPECT_EQ(normalise(returned(original.sample.policy, original.sample.arches, call)),
              witness->left);
    EXPECT_EQ(normalise(emulate(mutant, call)), witness->right);
    EXPECT_NE(witness->left, witness->right);
  }
}

void judge_all_mutants(const Original& original, Z3Oracle& oracle, Tally& tally) {
  const auto code = original.built.program->instructions();
  for (std::size_t at = 0; at < code.size(); ++at) {
    for (const Instruction& changed : changes(code[at])) {
      std::vector<Instruction> mutated(code.begin(), code.end());
      mutated[at] = changed;
      const auto mutant = Program::verify(std::move(mutated), original.built.program->target());
      ++tally.mutants;
      if (mutant)
        judge_mutant(original, *mutant, oracle, tally);
      else
        ++tally.refused;
    }
  }
}

TEST(Mutants, EveryLiveOneIsCaughtAndEveryEquivalentOneCleared) {
  const std::size_t count = scaled(12, 120);
  Random random(0xdead);
  Z3Oracle oracle(60'000);
  Tally tally;
  for (std::size_t i = 0; i < count && !testing::Test::HasFailure();) {
    constexpr CallStyle styles[] = {CallStyle::quick, CallStyle::small, CallStyle::chain};
    const auto original = small_original(random, 60, styles[i % 3]);
    if (!original) continue;
    judge_all_mutants(*original, oracle, tally);
    ++i;
  }
  std::printf(
      "%zu programs, %zu mutants: %zu refused, %zu live, %zu equivalent, %zu caught, "
      "%zu cleared, %zu unknown to z3\n",
      count, tally.mutants, tally.refused, tally.live, tally.equivalent, tally.caught,
      tally.cleared, tally.unknown);
  EXPECT_EQ(tally.caught, tally.live);
  EXPECT_EQ(tally.cleared, tally.equivalent);
  EXPECT_EQ(tally.unknown, 0u);
  EXPECT_GT(tally.live, tally.mutants / 2);
}

}  // namespace
}  // namespace callgate::test

// The small policies whose whole diagrams explode, lowered by a naive emitter: one block a rule.
#include <chrono>

#include "programs.h"

namespace callgate::test {
namespace {

const std::vector<Arch> native{Arch::x86_64};
constexpr std::uint32_t ioctl_number = 16;

/// A test of half an argument word, as one jump instruction decides it.
struct HalfTest {
  unsigned arg = 0;
  bool high = false;
  std::uint16_t jump = op::jset_k;
  std::uint32_t k = 0;
  bool wanted = true;        ///< which outcome lets the rule go on
  std::uint32_t mask = ~0u;  ///< and-ed first unless all ones
};

/// A first-match chain of rules, each the conjunction of tests.
struct Chain {
  Policy policy;
  std::vector<std::vector<HalfTest>> rules;

  Chain() : policy{.abi = Release{6, 12}} { policy.unknown = kill_process; }

  void add(std::vector<HalfTest> tests, Condition condition) {
    const auto errno_value = static_cast<std::uint16_t>(1 + rules.size() % 100);
    policy.rules.push_back({.action = deny(errno_value),
                            .calls = {Selector::named("ioctl")},
                            .condition = std::move(condition)});
    rules.push_back(std::move(tests));
  }

  struct Lowered {
    Program program;
    ChainHint hint;
  };
  [[nodiscard]] Lowered lower() const {
    Builder b;
    const auto kill = b.label();
    const auto start = b.label();
    b.load(offset_arch).jump(op::jeq_k, audit_x86_64, Builder::next, kill);
    b.load(offset_nr).jump(op::jeq_k, ioctl_number, start, kill);
    b.place(kill).ret(ret_kill).place(start);
    ChainHint hint{.number = ioctl_number};
    for (std::size_t i = 0; i < rules.size(); ++i) {
      hint.rules.push_back(i);
      hint.entries.push_back(b.here());
      const auto fail = b.label();
      for (const HalfTest& test : rules[i]) {
        b.load(test.high ? offset_high(test.arg) : offset_low(test.arg));
        if (test.mask != ~0u) b.add(op::and_k, test.mask);
        b.jump(test.jump, test.k, test.wanted ? Builder::next : fail,
               test.wanted ? fail : Builder::next);
      }
      b.ret(policy.rules[i].action.ret()).place(fail);
    }
    hint.entries.push_back(b.here());
    return {b.ret(ret_kill).build(), hint};
  }
};

/// 40 rules of three tests of one random bit each.
Chain bit_rules(std::uint32_t seed, std::size_t count = 40) {
  Random random(seed);
  Chain chain;
  for (std::size_t rule = 0; rule < count; ++rule) {
    std::vector<HalfTest> tests;
    std::vector<Condition> conditions;
    for (int i = 0; i < 3; ++i) {
      const unsigned arg = random() % 6;
      const bool high = random() % 2 != 0;
      const std::uint32_t bit = 1u << random() % 32;
      const bool wanted = random() % 2 != 0;
      tests.push_back({.arg = arg, .high = high, .k = bit, .wanted = wanted});
      conditions.push_back(test_of(
          word(static_cast<std::uint8_t>(arg), high ? Operand::Kind::high : Operand::Kind::low),
          wanted ? Relation::ne : Relation::eq, 0, bit));
    }
    chain.add(std::move(tests), all_of(std::move(conditions)));
  }
  return chain;
}

/// 200 masks on one argument.
Chain mask_rules(std::uint32_t seed, std::size_t count = 200) {
  Random random(seed);
  Chain chain;
  for (std::size_t rule = 0; rule < count; ++rule) {
    const std::uint64_t mask = random.wide();
    const std::uint64_t value = random.wide() & mask;
    std::vector<HalfTest> tests;
    for (const bool high : {false, true})
      tests.push_back({.arg = 1,
                       .high = high,
                       .jump = op::jeq_k,
                       .k = static_cast<std::uint32_t>(high ? value >> 32 : value),
                       .mask = static_cast<std::uint32_t>(high ? mask >> 32 : mask)});
    chain.add(std::move(tests), test_of(word(1), Relation::eq, value, mask));
  }
  return chain;
}

/// 300 rules, each a range of the low half of one or two of six arguments.
Chain range_rules(std::uint32_t seed, std::size_t count = 300) {
  Random random(seed);
  Chain chain;
  for (std::size_t rule = 0; rule < count; ++rule) {
    std::vector<HalfTest> tests;
    std::vector<Condition> conditions;
    for (int i = 0; i < 2; ++i) {
      const unsigned arg = random() % 6;
      std::uint32_t first = random();
      std::uint32_t last = random();
      if (first > last) std::swap(first, last);
      tests.push_back({.arg = arg, .jump = op::jge_k, .k = first});
      tests.push_back({.arg = arg, .jump = op::jgt_k, .k = last, .wanted = false});
      conditions.push_back(
          range_of(word(static_cast<std::uint8_t>(arg), Operand::Kind::low), first, last));
    }
    chain.add(std::move(tests), all_of(std::move(conditions)));
  }
  return chain;
}

class Named : public ::testing::TestWithParam<std::pair<const char*, Chain (*)(std::uint32_t)>> {};

TEST_P(Named, IsProvedBlockByBlock) {
  const Chain chain = GetParam().second(7);
  const auto lowered = chain.lower();
  EXPECT_TRUE(is_equal(prove(chain.policy, native, lowered.program, {&lowered.hint, 1})));
}

TEST_P(Named, IsProvedWithoutHints) {
  const Chain chain = GetParam().second(7);
  EXPECT_TRUE(is_equal(prove(chain.policy, native, chain.lower().program)));
}

/// The whole of a chain passes the budget, or block-wise proof would be no need.
TEST_P(Named, WholeDiagramsExplode) {
  const Program one = GetParam().second(7).lower().program;
  const Program other = GetParam().second(8).lower().program;
  EXPECT_TRUE(is_undecided(equal(one, other)));
}

/// What differs elsewhere is found although the chain itself passes the budget.
TEST_P(Named, EqualCodeIsEqual) {
  const Program program = GetParam().second(7).lower().program;
  std::vector<Instruction> code(program.instructions().begin(), program.instructions().end());
  code.insert(code.begin(), {op::ldx_constant, 0, 0, 5});
  const auto moved = Program::verify(code);
  ASSERT_TRUE(moved);
  EXPECT_TRUE(is_equal(equal(program, *moved)));
  code[5].k = ret_eperm;  // every other call
  const auto other = Program::verify(std::move(code));
  ASSERT_TRUE(other);
  const Answer answer = equal(program, *other);
  ASSERT_TRUE(is_different(answer));
  EXPECT_NE(std::get<Differs>(answer).witness.nr, ioctl_number);
}

TEST_P(Named, EqualPoliciesPastTheBudget) {
  const Chain chain = GetParam().second(7);
  Policy other = chain.policy;
  EXPECT_TRUE(is_equal(callgate::equal(chain.policy, other, native)));
  // A rule that stands again never decides.
  other.rules.push_back(other.rules.front());
  EXPECT_FALSE(std::holds_alternative<Differs>(callgate::equal(chain.policy, other, native)));
  other = chain.policy;
  other.rules.back().action = allow;
  EXPECT_FALSE(std::holds_alternative<Equal>(callgate::equal(chain.policy, other, native)));
}

/// All of a policy in the condition of one rule.
TEST_P(Named, IsProvedAsTheAlternativesOfOneRule) {
  const Chain chain = GetParam().second(7);
  Policy policy = chain.policy;
  std::vector<Condition> conditions;
  for (const Rule& rule : chain.policy.rules) conditions.push_back(rule.condition);
  policy.rules.resize(1);
  policy.rules[0].condition = any_of(std::move(conditions));
  auto lowered = chain.lower();
  std::vector<Instruction> code(lowered.program.instructions().begin(),
                                lowered.program.instructions().end());
  for (Instruction& instruction : code)
    if (instruction.code == op::ret_k && instruction.k != ret_kill)
      instruction.k = policy.rules[0].action.ret();
  const auto program = Program::verify(std::move(code));
  ASSERT_TRUE(program);
  EXPECT_TRUE(is_equal(prove(policy, native, *program)));
  lowered.hint.rules = {0};
  lowered.hint.entries = {lowered.hint.entries.front(), lowered.hint.entries.back()};
  EXPECT_TRUE(is_equal(prove(policy, native, *program, {&lowered.hint, 1})));
}

TEST_P(Named, WrongHintsNeverDecide) {
  const Chain chain = GetParam().second(7);
  const auto lowered = chain.lower();
  Random random(11);
  for (int i = 0; i < 8; ++i) {
    ChainHint hint = lowered.hint;
    switch (i % 4) {
      case 0: hint.entries[1 + random() % (hint.entries.size() - 1)] += 1; break;
      case 1: std::swap(hint.rules[0], hint.rules[1 + random() % (hint.rules.size() - 1)]); break;
      case 2: hint.entries.pop_back(); break;
      default: hint.entries.front() = lowered.program.size() + random() % 3; break;
    }
    const Answer answer = prove(chain.policy, native, lowered.program, {&hint, 1});
    EXPECT_FALSE(std::holds_alternative<Differs>(answer)) << describe(answer);
  }
}

/// One changed bit of one constant, in a block or in the return value.
TEST_P(Named, MutatedBlocksAreNeverEqual) {
  const Chain chain = GetParam().second(7);
  const auto lowered = chain.lower();
  Random random(13);
  for (int i = 0; i < 12; ++i) {
    std::vector<Instruction> code(lowered.program.instructions().begin(),
                                  lowered.program.instructions().end());
    const std::size_t at = 5 + random() % (code.size() - 5);
    if (code[at].code == op::ld_word) continue;
    code[at].k ^= code[at].code == op::ret_k ? 1u << 16 : 1u << random() % 32;
    const auto mutant = Program::verify(std::move(code));
    ASSERT_TRUE(mutant);
    const Answer answer = prove(chain.policy, native, *mutant, {&lowered.hint, 1});
    if (!std::holds_alternative<Equal>(answer)) continue;
    // JSET of another bit, or a mask's bit that no comparison wants, may really be the same.
    for (int j = 0; j < 2000; ++j) {
      SeccompData data{.nr = ioctl_number, .arch = audit_x86_64};
      for (auto& arg : data.args) arg = random.wide();
      ASSERT_EQ(normalise(emulate(*mutant, data)), normalise(emulate(lowered.program, data)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Chains, Named,
    ::testing::Values(std::pair{"FortyRulesOfThreeSingleBitTests",
                                +[](std::uint32_t seed) { return bit_rules(seed); }},
                      std::pair{"TwoHundredMasksOnOneArgument",
                                +[](std::uint32_t seed) { return mask_rules(seed); }},
                      std::pair{"ThreeHundredRangesOverSixArguments",
                                +[](std::uint32_t seed) { return range_rules(seed); }}),
    [](const auto& tested) { return tested.param.first; });

TEST(Chain, FirstEntryMustBeWhereTheCallComesTo) {
  // The chain is right, but the call is sent past its first block.
  const Chain chain = bit_rules(3);
  const auto lowered = chain.lower();
  std::vector<Instruction> code(lowered.program.instructions().begin(),
                                lowered.program.instructions().end());
  const std::size_t second = lowered.hint.entries[1];
  code[3].jt = static_cast<std::uint8_t>(second - 4);
  const auto mutant = Program::verify(std::move(code));
  ASSERT_TRUE(mutant);
  EXPECT_FALSE(
      std::holds_alternative<Equal>(prove(chain.policy, native, *mutant, {&lowered.hint, 1})));
}

TEST(Chain, BlocksMayNotReadWhatTheyDidNotWrite) {
  // The second block relies on A as the first left it.
  Policy policy{.abi = Release{6, 12}};
  policy.unknown = kill_process;
  for (std::uint16_t i = 0; i < 2; ++i)
    policy.rules.push_back({.action = deny(static_cast<std::uint16_t>(i + 1)),
                            .calls = {Selector::named("ioctl")},
                            .condition = test_of(word(0, Operand::Kind::low), Relation::eq, i)});
  Builder b;
  const auto kill = b.label();
  const auto second = b.label();
  const auto rest = b.label();
  b.load(offset_arch).jump(op::jeq_k, audit_x86_64, Builder::next, kill);
  b.load(offset_nr).jump(op::jeq_k, ioctl_number, Builder::next, kill);
  ChainHint hint{.number = ioctl_number, .rules = {0, 1}, .entries = {b.here()}};
  b.load(offset_low(0)).jump(op::jeq_k, 0, Builder::next, second).ret(deny(1).ret());
  b.place(second);
  hint.entries.push_back(b.here());
  b.jump(op::jeq_k, 1, Builder::next, rest).ret(deny(2).ret()).place(rest).place(kill);
  hint.entries.push_back(b.here());
  const Program program = b.ret(ret_kill).build();
  EXPECT_TRUE(is_equal(prove(policy, native, program)));
  EXPECT_TRUE(is_undecided(prove(policy, native, program, {&hint, 1}, {.nodes_per_call = 60})));
}

TEST(Chain, RegistersAreNotZeroAtALaterEntry) {
  // The second block would be right if A were 0 where it begins; A is what the first block loaded.
  Policy policy{.abi = Release{6, 12}};
  policy.unknown = kill_process;
  policy.rules = {{.action = deny(1),
                   .calls = {Selector::named("ioctl")},
                   .condition = test_of(word(0, Operand::Kind::low), Relation::eq, 7)},
                  {.action = deny(2),
                   .calls = {Selector::named("ioctl")},
                   .condition = test_of(word(0, Operand::Kind::low), Relation::ge, 0)}};
  Builder b;
  const auto kill = b.label();
  const auto second = b.label();
  b.load(offset_arch).jump(op::jeq_k, audit_x86_64, Builder::next, kill);
  b.load(offset_nr).jump(op::jeq_k, ioctl_number, Builder::next, kill);
  ChainHint hint{.number = ioctl_number, .rules = {0, 1}, .entries = {b.here()}};
  b.load(offset_low(0)).jump(op::jeq_k, 7, Builder::next, second).ret(deny(1).ret());
  b.place(second);
  hint.entries.push_back(b.here());
  b.jump(op::jeq_k, 0, Builder::next, kill).ret(deny(2).ret()).place(kill);
  hint.entries.push_back(b.here());
  EXPECT_TRUE(is_different(prove(policy, native, b.ret(ret_kill).build(), {&hint, 1})));
}

}  // namespace
}  // namespace callgate::test

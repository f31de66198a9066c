// Several filters of one thread against one policy.
#include "callgate/meaning/proof.h"
#include "meaning/combined_side.h"
#include "programs.h"

namespace callgate::test {
namespace {

const std::vector<Arch> native{Arch::x86_64};

/// `ret` for that call of x86-64 (if its argument 0 is `wanted`, when one is given), else allow.
Program answer(std::uint32_t number, std::uint32_t ret,
               std::optional<std::uint32_t> wanted = std::nullopt) {
  Builder b;
  const auto others = b.label();
  b.load(offset_arch).jump(op::jeq_k, audit_x86_64, Builder::next, others);
  b.load(offset_nr).jump(op::jeq_k, number, Builder::next, others);
  if (wanted) b.load(offset_low(0)).jump(op::jeq_k, *wanted, Builder::next, others);
  return b.ret(ret).place(others).ret(ret_allow).build();
}

Policy policy(std::vector<Rule> rules) {
  Policy result{.abi = Release{6, 12}, .otherwise = allow};
  result.unknown = allow;
  result.unlisted = allow;
  result.rules = std::move(rules);
  return result;
}

Rule rule(Action action, const char* name, std::optional<std::uint64_t> low = std::nullopt) {
  Rule made{.action = action, .calls = {Selector::named(name)}};
  if (low) {
    Test test;
    test.operand.kind = Operand::Kind::low;
    test.values = {{.first = Value::of(*low), .last = std::nullopt}};
    made.condition = Condition::of(std::move(test));
  }
  return made;
}

Answer compare(const std::vector<Program>& stack, const Policy& right) {
  return equal(StackSubject{stack}, PolicySubject{right, native});
}

std::uint32_t strictest(std::span<const std::uint32_t> answers) {
  return meaning::combined(Subject::Combine::strictest, answers);
}

TEST(Stack, NoFilterAllows) { EXPECT_TRUE(is_equal(compare({}, policy({})))); }

TEST(Stack, TheStrictestAnswerCounts) {
  const std::vector<Program> stack = {answer(39, ret_kill), answer(39, ret_eperm),
                                      answer(57, ret_eperm)};
  EXPECT_TRUE(
      is_equal(compare(stack, policy({rule(kill_process, "getpid"), rule(deny(1), "fork")}))));
  EXPECT_TRUE(
      is_different(compare(stack, policy({rule(deny(1), "getpid"), rule(deny(1), "fork")}))));
}

TEST(Stack, OfEquallyStrictOnesTheYoungest) {
  const std::vector<Program> stack = {answer(39, ret_eperm), answer(39, 0x00050026)};
  EXPECT_TRUE(is_equal(compare(stack, policy({rule(deny(38), "getpid")}))));
  const Answer other = compare(stack, policy({rule(deny(1), "getpid")}));
  ASSERT_TRUE(is_different(other));
  EXPECT_EQ(std::get<Differs>(other).left, 0x00050026u);
  EXPECT_EQ(std::get<Differs>(other).witness.nr, 39u);
}

TEST(Stack, ArgumentsOfSeveralFiltersMeet) {
  const std::vector<Program> stack = {answer(39, ret_eperm, 7), answer(39, 0x00050026, 8),
                                      answer(39, ret_kill, 7)};
  const Policy right = policy({rule(kill_process, "getpid", 7), rule(deny(38), "getpid", 8)});
  EXPECT_TRUE(is_equal(compare(stack, right)));
  const Answer wrong = compare(stack, policy({rule(deny(38), "getpid", 8)}));
  ASSERT_TRUE(is_different(wrong));
  EXPECT_EQ(std::get<Differs>(wrong).witness.args[0] & 0xffffffff, 7u);
}

TEST(Stack, UnknownActionsKeepTheirRank) {
  // 0x00010000 is no action; it ranks below trap and above kill_thread, and kills the process.
  const std::uint32_t values[] = {0x00030005, 0x00010000, 0x7fff0000};
  EXPECT_EQ(strictest(values), 0x00010000u);
  const std::uint32_t kills[] = {0x00000000, 0x80000000};
  EXPECT_EQ(strictest(kills), 0x80000000u);
  EXPECT_EQ(strictest({}), 0x7fff0000u);
}

}  // namespace
}  // namespace callgate::test

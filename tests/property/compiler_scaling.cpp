// Work grows no faster than n log n with the rules of a policy. The proof's is also counted, in the
// nodes that it needs.
#include <gtest/gtest.h>

#include "compiler/pipeline.h"
#include "distinct_rules.h"
#include "growth.h"

namespace callgate::test {
namespace {

constexpr std::size_t few = 250;
constexpr std::size_t many = 4 * few;
constexpr std::size_t too_many = 10'000;
constexpr Arch arches[] = {Arch::x86_64};

/// The least budget with which the proof comes to an end, to within a hundredth.
std::size_t nodes_needed(const Policy& policy) {
  const Result<Built> built = build(policy, arches, {});
  EXPECT_TRUE(built) << built.error().text();
  if (!built) return 0;
  const auto is_enough = [&](std::size_t nodes) {
    const ProofBudget budget{.nodes_per_call = nodes, .nodes_in_all = nodes};
    return std::holds_alternative<Equal>(
        prove(policy, arches, *built->program, built->chains, budget));
  };
  std::size_t high = 1024;
  while (!is_enough(high)) high *= 2;
  std::size_t low = high / 2;
  while (high - low > high / 100) {
    const std::size_t middle = low + (high - low) / 2;
    (is_enough(middle) ? high : low) = middle;
  }
  return high;
}

TEST(Scaling, NodesOfTheProof) {
  for (const auto& [shape, name] : shapes) {
    const std::size_t one = nodes_needed(distinct_rules(shape, few));
    const std::size_t four = nodes_needed(distinct_rules(shape, many));
    EXPECT_LT(four, one * 5) << name << ": " << one << " and " << four;
  }
}

TEST(Scaling, EachStage) {
  for (const auto& [shape, name] : shapes) {
    SCOPED_TRACE(name);
    const Policy less = distinct_rules(shape, few);
    const Policy more = distinct_rules(shape, many);
    const auto of = [&](std::size_t count) -> const Policy& { return count == few ? less : more; };
    expect_n_log_n("check", few, many, [&](std::size_t n) { (void)check(of(n), arches); });
    expect_n_log_n("build", few, many, [&](std::size_t n) { (void)build(of(n), arches, {}); });
    const Built built[] = {*build(less, arches, {}), *build(more, arches, {})};
    expect_n_log_n("prove", few, many, [&](std::size_t n) {
      const Built& made = built[n == few ? 0 : 1];
      (void)prove(of(n), arches, *made.program, made.chains);
    });
  }
}

TEST(Scaling, TheErrorOfWhatDoesNotFit) {
  for (const auto& [shape, name] : shapes) {
    SCOPED_TRACE(name);
    const Policy less = distinct_rules(shape, too_many / 4);
    const Policy more = distinct_rules(shape, too_many);
    EXPECT_FALSE(compile(more));
    const auto of = [&](std::size_t n) -> const Policy& { return n == too_many ? more : less; };
    expect_n_log_n("the error", too_many / 4, too_many,
                   [&](std::size_t n) { (void)build(of(n), arches, {}); });
  }
}

}  // namespace
}  // namespace callgate::test

// The Meaning of random policies against evaluate(), call by call and as a whole.
#include <gtest/gtest.h>

#include <cstdio>

#include "callgate/meaning/provenance.h"
#include "random_policy.h"
#include "scale.h"

namespace callgate::test {
namespace {

std::string show(const SeccompData& data) {
  std::string text = "arch " + std::to_string(data.arch) + " nr " + std::to_string(data.nr) +
                     " ip " + std::to_string(data.instruction_pointer);
  for (const std::uint64_t arg : data.args) text += " " + std::to_string(arg);
  return text;
}

std::uint32_t normal_return(const Policy& policy, std::span<const Arch> arches,
                            const SeccompData& data) {
  return normalise(returned(policy, arches, data));
}

TEST(MeaningOfPolicies, AtEveryPointWhatEvaluateSays) {
  Random random(5);
  const std::size_t policies = scaled(150, 4000);
  for (std::size_t i = 0; i < policies && !::testing::Test::HasFailure(); ++i) {
    const RandomPolicy sample = random_policy(random);
    for (const SeccompData& call : interesting_calls(sample.policy, sample.arches, random, 24)) {
      const auto meant = decided_by(sample.policy, sample.arches, call);
      ASSERT_TRUE(meant) << "policy " << i << ": " << show(call);
      const Verdict verdict = evaluate(sample.policy, sample.arches, call);
      EXPECT_EQ(*meant, verdict) << "policy " << i << ": " << show(call) << ": "
                                 << to_string(meant->action) << " and "
                                 << to_string(verdict.action);
    }
    if (i % 500 == 499) std::printf("%zu of %zu policies\n", i + 1, policies);
  }
}

/// Another policy that may or may not mean the same.
Policy changed(const Policy& policy, Random& random) {
  Policy other = policy;
  if (other.rules.empty()) return other;
  const std::size_t at = pick(random, other.rules.size());
  switch (pick(random, 5)) {
    case 0: other.rules.erase(other.rules.begin() + static_cast<std::ptrdiff_t>(at)); break;
    case 1: other.rules.push_back(other.rules[at]); break;  // means the same
    case 2: other.rules[at].action = deny(77); break;
    case 3: std::swap(other.rules[at], other.rules.front()); break;
    default: {
      Condition inner = other.rules[at].condition;
      Condition outer{.kind = Condition::Kind::negation, .children = {std::move(inner)}};
      other.rules[at].condition = {.kind = Condition::Kind::negation,
                                   .children = {std::move(outer)}};
    }
  }
  return other;
}

TEST(MeaningOfPolicies, EqualityAndWitnesses) {
  Random random(6);
  const std::size_t policies = scaled(150, 4000);
  std::size_t equal_ones = 0;
  std::size_t different_ones = 0;
  std::size_t undecided = 0;
  for (std::size_t i = 0; i < policies && !::testing::Test::HasFailure(); ++i) {
    const RandomPolicy sample = random_policy(random);
    const Policy other = changed(sample.policy, random);
    if (has_errors(check(other, sample.arches))) continue;
    const Answer answer = callgate::equal(sample.policy, other, sample.arches);
    if (const auto* differs = std::get_if<Differs>(&answer)) {
      ++different_ones;
      EXPECT_EQ(normal_return(sample.policy, sample.arches, differs->witness), differs->left);
      EXPECT_EQ(normal_return(other, sample.arches, differs->witness), differs->right);
      EXPECT_NE(differs->left, differs->right);
      continue;
    }
    undecided += std::holds_alternative<Undecided>(answer);
    if (!std::holds_alternative<Equal>(answer)) continue;
    ++equal_ones;
    for (const Policy* source : {&sample.policy, &other})
      for (const SeccompData& call : interesting_calls(*source, sample.arches, random, 40))
        EXPECT_EQ(normal_return(sample.policy, sample.arches, call),
                  normal_return(other, sample.arches, call))
            << "policy " << i << ": " << show(call);
  }
  std::printf("equal %zu, differing %zu, undecided %zu\n", equal_ones, different_ones, undecided);
  EXPECT_GT(equal_ones, policies / 5);
  EXPECT_GT(different_ones, policies / 10);
  EXPECT_LE(undecided, policies / 100);
}

}  // namespace
}  // namespace callgate::test

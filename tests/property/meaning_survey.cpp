// Surveys and differences of random policies, random programs and combinations of them, read by
// evaluate() and held against what the interpreters say.
#include <gtest/gtest.h>

#include <cstdio>

#include "callgate/bpf/emulate.h"
#include "callgate/meaning/difference.h"
#include "callgate/meaning/survey.h"
#include "random_policy.h"
#include "random_program.h"
#include "scale.h"
#include "survey_reading.h"

namespace callgate::test {
namespace {

/// Diagrams past it are no use here: what is tested is what is said.
constexpr ProofBudget small_budget{.nodes_per_call = 30'000, .nodes_in_all = 3'000'000};

/// Calls like a witness, one bit or one word away from it.
std::vector<SeccompData> around(const SeccompData& witness, Random& random, std::size_t count) {
  std::vector<SeccompData> calls{witness};
  for (std::size_t i = 0; i < count; ++i) {
    SeccompData near = witness;
    std::uint64_t& word =
        chance(random, 10) ? near.instruction_pointer : near.args[pick(random, 6)];
    word = chance(random, 70) ? word ^ std::uint64_t{1} << pick(random, 64)
                              : random_number(random, 64);
    calls.push_back(near);
  }
  return calls;
}

struct Counts {
  std::size_t decisions = 0;
  std::size_t undecided = 0;
  std::size_t compared = 0;
};

/// The first case that holds for a call gives what the subject returns.
void expect_said(const Subject& subject, const Survey& survey, const SeccompData& data,
                 Counts& counts) {
  const CallDecision* call = decision_for(survey, data);
  if (call == nullptr || call->undecided) return;
  const Case* one = first_case(*call, data);
  ASSERT_NE(one, nullptr) << show(data);
  EXPECT_EQ(one->ret, subject.at(data)) << show(data);
  ++counts.compared;
}

void expect_witnesses(const Subject& subject, const Survey& survey, Random& random,
                      Counts& counts) {
  for (const CallDecision& call : survey.calls) {
    ++counts.decisions;
    counts.undecided += call.undecided;
    EXPECT_EQ(call.undecided, call.cases.empty());
    EXPECT_EQ(call.undecided, !call.why_undecided.empty());
    if (call.cases.empty()) continue;
    EXPECT_EQ(call.cases.back().when.kind, Condition::Kind::always);
    for (const Case& one : call.cases) {
      EXPECT_EQ(subject.at(one.witness), one.ret) << show(one.witness);
      if (call.cases.size() == 1) continue;
      EXPECT_EQ(first_case(call, one.witness), &one) << show(one.witness);
      for (const SeccompData& near : around(one.witness, random, 6))
        expect_said(subject, survey, near, counts);
    }
  }
}

/// Every number of every ABI is in exactly one decision.
void expect_all_numbers(const Survey& survey) {
  for (const Arch arch : survey.arches) {
    std::uint64_t numbers = 0;
    for (const CallDecision& call : survey.calls)
      if (call.arch == arch) numbers += std::uint64_t{call.numbers.last} - call.numbers.first + 1;
    const std::uint64_t own = arch == Arch::x32      ? 0xbfffffff
                              : arch == Arch::x86_64 ? 0x40000001
                                                     : 0x100000000;
    EXPECT_EQ(numbers, own) << arch_info(arch).name;
  }
}

TEST(SurveyOfPolicies, TheFirstCaseIsWhatEvaluateSays) {
  Random random(11);
  Counts counts;
  const std::size_t policies = scaled(60, 1200);
  for (std::size_t i = 0; i < policies && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("policy " + std::to_string(i));
    const RandomPolicy sample = random_policy(random);
    const Subject subject = PolicySubject{sample.policy, sample.arches};
    const auto survey = survey_of(subject, {.budget = small_budget});
    ASSERT_TRUE(survey) << survey.error().text();
    expect_all_numbers(*survey);
    expect_witnesses(subject, *survey, random, counts);
    for (const SeccompData& call : interesting_calls(sample.policy, sample.arches, random, 40))
      expect_said(subject, *survey, call, counts);
  }
  std::printf("%zu decisions, %zu undecided, %zu calls compared\n", counts.decisions,
              counts.undecided, counts.compared);
  EXPECT_LT(counts.undecided * 20, counts.decisions);
  EXPECT_GT(counts.compared, policies * 30);
}

Program random_filter(Rng& rng) {
  for (;;) {
    auto program = Program::verify(random_valid_program(rng, 2 + below(rng, 24)));
    if (program) return *program;
  }
}

TEST(SurveyOfPrograms, TheFirstCaseIsWhatTheEmulatorSays) {
  Rng rng(12);
  Counts counts;
  std::size_t refused = 0;
  const std::size_t programs = scaled(60, 1200);
  for (std::size_t i = 0; i < programs && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("program " + std::to_string(i));
    const Subject subject{random_filter(rng)};
    const auto survey = survey_of(subject, {.arches = {Arch::x86_64}, .budget = small_budget});
    if (!survey) {
      ++refused;
      continue;
    }
    expect_all_numbers(*survey);
    expect_witnesses(subject, *survey, rng, counts);
  }
  std::printf("%zu refused, %zu decisions, %zu undecided, %zu calls compared\n", refused,
              counts.decisions, counts.undecided, counts.compared);
  EXPECT_LT(refused, programs / 4);
}

TEST(SurveyOfCombinations, ThePointwiseStrictestAndLoosest) {
  Random random(13);
  Counts counts;
  const std::size_t pairs = scaled(40, 800);
  for (std::size_t i = 0; i < pairs && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("pair " + std::to_string(i));
    const RandomPolicy one = random_policy(random);
    RandomPolicy other = random_policy(random, {.arches = one.arches});
    if (chance(random, 30)) other.arches.pop_back();
    if (other.arches.empty() || has_errors(check(other.policy, other.arches))) other = one;
    const Subject left = PolicySubject{one.policy, one.arches};
    const Subject right = PolicySubject{other.policy, other.arches};
    const auto how = chance(random, 50) ? Subject::Combine::strictest : Subject::Combine::loosest;
    const Subject both = Subject::Combined{how, {left, right}};
    const auto survey = survey_of(both, {.budget = small_budget});
    ASSERT_TRUE(survey) << survey.error().text();
    for (const Policy* source : std::array<const Policy*, 2>{&one.policy, &other.policy}) {
      for (const SeccompData& call : interesting_calls(*source, one.arches, random, 25)) {
        const auto ranks = std::pair(precedence(left.at(call)), precedence(right.at(call)));
        const auto expected = how == Subject::Combine::strictest
                                  ? std::min(ranks.first, ranks.second)
                                  : std::max(ranks.first, ranks.second);
        EXPECT_EQ(precedence(both.at(call)), expected) << show(call);
        expect_said(both, *survey, call, counts);
      }
    }
    expect_witnesses(both, *survey, random, counts);
  }
  std::printf("%zu decisions, %zu undecided, %zu calls compared\n", counts.decisions,
              counts.undecided, counts.compared);
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
    default:
      other.rules[at].condition = {.kind = Condition::Kind::negation,
                                   .children = {other.rules[at].condition}};
  }
  return other;
}

/// The changes that hold for a call are one if the sides differ there, and that one.
void expect_change(const Subject& left, const Subject& right, const Difference& found,
                   const SeccompData& data) {
  const std::uint32_t from = left.at(data);
  const std::uint32_t to = right.at(data);
  const std::optional<Arch> arch = classify(data.arch, data.nr);
  const bool is_listed =
      arch && std::find(found.arches.begin(), found.arches.end(), *arch) != found.arches.end();
  std::size_t holding = 0;
  for (const Change& change : found.changes) {
    const bool is_about = change.arch == (is_listed ? arch : std::nullopt) &&
                          change.numbers.first <= data.nr && data.nr <= change.numbers.last;
    if (!is_about || !holds(change.when, change.arch, change.call, data)) continue;
    if (!change.arch && (change.from != from || change.to != to)) continue;  // another architecture
    ++holding;
    EXPECT_EQ(change.from, from) << show(data);
    EXPECT_EQ(change.to, to) << show(data);
  }
  EXPECT_EQ(holding, from != to ? 1u : 0u) << show(data);
}

TEST(DifferenceOfPolicies, ExactlyWhereTheyDiffer) {
  Random random(14);
  std::size_t equal_ones = 0;
  std::size_t different_ones = 0;
  std::size_t undecided = 0;
  const std::size_t policies = scaled(80, 1600);
  for (std::size_t i = 0; i < policies && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("policy " + std::to_string(i));
    const RandomPolicy sample = random_policy(random);
    const Policy other = changed(sample.policy, random);
    if (has_errors(check(other, sample.arches))) continue;
    const Subject left = PolicySubject{sample.policy, sample.arches};
    const Subject right = PolicySubject{other, sample.arches};
    const auto found = difference(left, right, {.budget = small_budget});
    ASSERT_TRUE(found) << found.error().text();
    undecided += !found->undecided.empty();
    if (!found->undecided.empty()) continue;
    const Answer answer = equal(left, right, small_budget);
    EXPECT_EQ(found->is_equal(), std::holds_alternative<Equal>(answer));
    (found->is_equal() ? equal_ones : different_ones) += 1;
    for (const Change& change : found->changes) {
      EXPECT_TRUE(change.is_complete);
      EXPECT_EQ(left.at(change.witness), change.from);
      EXPECT_EQ(right.at(change.witness), change.to);
      for (const SeccompData& near : around(change.witness, random, 8))
        expect_change(left, right, *found, near);
    }
    for (const Policy* source : {&sample.policy, &other})
      for (const SeccompData& call : interesting_calls(*source, sample.arches, random, 20))
        expect_change(left, right, *found, call);
  }
  std::printf("equal %zu, different %zu, undecided %zu\n", equal_ones, different_ones, undecided);
  EXPECT_GT(equal_ones, policies / 6);
  EXPECT_GT(different_ones, policies / 8);
  EXPECT_LE(undecided, policies / 50);
}

}  // namespace
}  // namespace callgate::test

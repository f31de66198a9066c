// What holds for every policy: the rule that check reads for a decision is evaluate's, a witness
// gets what is said of it, and a mended policy is nowhere looser.
#include <gtest/gtest.h>

#include "callgate/findings/harden.h"
#include "callgate/formats/text.h"
#include "callgate/policy/evaluate.h"
#include "findings/marked.h"
#include "random_policy.h"
#include "scale.h"

namespace callgate {
namespace {

using test::Random;

TEST(Findings, MarksAreTheRulesThatDecide) {
  const std::size_t count = test::scaled(300, 5'000);
  std::size_t by_rule = 0;
  for (std::uint64_t seed = 0; seed < count && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed ^ 71);
    const test::RandomPolicy sample = test::random_policy(random);
    const auto marked = findings::marked_policy(sample.policy, sample.arches);
    ASSERT_TRUE(marked);
    for (const SeccompData& call :
         test::interesting_calls(sample.policy, sample.arches, random, 30)) {
      const Verdict verdict = evaluate(sample.policy, sample.arches, call);
      const auto arch = classify(call.arch, call.nr);
      const bool listed = verdict.source != Verdict::Source::unlisted && arch;
      const findings::Mark mark =
          findings::mark_of(sample.policy, listed ? *arch : sample.arches.front(),
                            returned(*marked, sample.arches, call));
      EXPECT_EQ(mark.rule, verdict.rule);
      by_rule += verdict.rule ? 1 : 0;
    }
  }
  EXPECT_GT(by_rule, count * 5);
}

TEST(Findings, WitnessesAndMendedPolicies) {
  const std::size_t count = test::scaled(40, 600);
  std::size_t mended = 0;
  for (std::uint64_t seed = 0; seed < count && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed ^ 72);
    const test::RandomPolicy sample = test::random_policy(random);
    const Subject subject = PolicySubject{sample.policy, sample.arches};
    const auto found = find_all({.subject = subject,
                                 .policy = &sample.policy,
                                 .arches = sample.arches,
                                 .diagnostics = check(sample.policy, sample.arches)});
    ASSERT_TRUE(found) << found.error().text();
    for (const Finding& one : *found) {
      EXPECT_NE(find_finding_kind(one.id), nullptr) << one.id;
      if (one.witness) {
        EXPECT_EQ(one.witness->ret, subject.at(one.witness->call)) << one.id;
      }
      const bool permits_it = one.witness && permits(action_of(one.witness->ret)->kind);
      if (one.severity == Severity::error) {
        EXPECT_TRUE(permits_it) << one.id << ": " << one.message;
      }
    }
    const auto made = harden(subject, &sample.policy, sample.arches, *found);
    if (!made) {
      EXPECT_NE(made.error().message().find("could not be held"), std::string::npos)
          << made.error().text();
      continue;
    }
    mended += made->mendings.empty() ? 0 : 1;
    const auto read = parse_policy(made->text, "mended");
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->policy, made->policy);
    for (const SeccompData& call :
         test::interesting_calls(sample.policy, sample.arches, random, 60))
      EXPECT_LE(precedence(returned(made->policy, made->policy.arches, call)),
                precedence(returned(sample.policy, sample.arches, call)));
  }
  EXPECT_GT(mended, count / 4);
}

}  // namespace
}  // namespace callgate

// Lifting what compile() makes of random policies: the lifted policy decides as the program does,
// by evaluate(), by the proof and by z3.
#include <gtest/gtest.h>

#include <cstdio>

#include "callgate/bpf/emulate.h"
#include "callgate/compiler/compile.h"
#include "callgate/meaning/lift.h"
#include "callgate/policy/evaluate.h"
#include "random_policy.h"
#include "scale.h"
#include "survey_reading.h"
#include "z3_oracle.h"

namespace callgate::test {
namespace {

void expect_same_decisions(const Policy& lifted, const Program& program,
                           std::span<const SeccompData> calls) {
  for (const SeccompData& call : calls)
    EXPECT_EQ(normalise(returned(lifted, lifted.arches, call)), normalise(emulate(program, call)))
        << show(call);
}

TEST(LiftOfPrograms, DecidesAsTheProgram) {
  Random random(21);
  std::size_t lifted = 0;
  std::size_t compared = 0;
  std::size_t rules_before = 0;
  std::size_t rules_after = 0;
  std::map<std::string, std::size_t> failures;
  const std::size_t policies = scaled(40, 700);
  for (std::size_t i = 0; i < policies && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("policy " + std::to_string(i));
    const RandomPolicy sample = random_policy(random);
    const auto compiled = compile(sample.policy, {.arches = sample.arches});
    if (!compiled) continue;
    ++compared;
    const auto policy = lift(Subject{compiled->program});
    if (!policy) {
      ++failures[policy.error().message()];
      continue;
    }
    ++lifted;
    rules_before += sample.policy.rules.size();
    rules_after += policy->rules.size();
    expect_same_decisions(*policy, compiled->program,
                          interesting_calls(sample.policy, sample.arches, random, 60));
    expect_same_decisions(*policy, compiled->program,
                          interesting_calls(*policy, policy->arches, random, 60));
    if (i % 10 != 0) continue;
    const auto again = compile(*policy, {.arches = policy->arches});
    if (!again) continue;
    EXPECT_NE(Z3Oracle(10'000).compare(compiled->program, again->program).verdict,
              Z3Oracle::Verdict::differs);
  }
  for (const auto& [message, count] : failures) std::printf("%zu: %s\n", count, message.c_str());
  std::printf("%zu of %zu lifted; %zu rules became %zu\n", lifted, compared, rules_before,
              rules_after);
  EXPECT_GE(lifted * 100, compared * 90);
  for (const auto& [message, count] : failures)
    EXPECT_EQ(message.find("bug in callgate"), std::string::npos) << message;
}

}  // namespace
}  // namespace callgate::test

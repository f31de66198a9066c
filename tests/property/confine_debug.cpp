// Random policies: what a TRAP of the debug mode's program stands for is what the policy says, and
// every other result is the policy's own.
#include <gtest/gtest.h>

#include "callgate/bpf/emulate.h"
#include "callgate/policy/evaluate.h"
#include "confine/debug_program.h"
#include "random_policy.h"
#include "scale.h"

namespace callgate::test {
namespace {

/// The result with the TRAP's meaning put in.
std::uint32_t meant(std::uint32_t ret, const confine_detail::DebugProgram& built,
                    std::size_t first) {
  const std::size_t row = (ret & 0xffff) - first;
  const bool is_trap = (ret & 0xffff0000) == static_cast<std::uint32_t>(ActionKind::trap);
  return is_trap && row < built.rows.size() ? built.rows[row].action.ret() : ret;
}

TEST(RandomPolicies, TheDebugProgramDecidesAlike) {
  constexpr std::size_t first = 4000;  // no data of the random policies' own traps
  const std::size_t count = scaled(400, 4000);
  Random random(0xdeb6);
  std::size_t compared = 0;
  for (std::size_t i = 0; i < count; ++i) {
    SCOPED_TRACE("policy " + std::to_string(i));
    RandomPolicyOptions options;
    options.arches = {native_arch()};
    RandomPolicy sample = random_policy(random, options);
    sample.policy.arches = sample.arches;
    // What the handler needs, in front.
    const Rule needed{.action = allow,
                      .calls = {Selector::named("write"), Selector::named("rt_sigreturn")}};
    sample.policy.rules.insert(sample.policy.rules.begin(), needed);
    if (sample.policy.unlisted.kind == ActionKind::trap) sample.policy.unlisted = kill_process;
    const auto built = confine_detail::debug_program(sample.policy, first, 2);
    ASSERT_TRUE(built) << built.error().text();
    for (const SeccompData& call : interesting_calls(sample.policy, sample.arches, random, 48)) {
      if (call.nr == runtime::kill_process_number || call.nr == runtime::kill_thread_number)
        continue;
      ASSERT_EQ(meant(emulate(built->program, call), *built, first),
                returned(sample.policy, sample.arches, call));
      ++compared;
    }
  }
  EXPECT_GT(compared, count * 40);
}

}  // namespace
}  // namespace callgate::test

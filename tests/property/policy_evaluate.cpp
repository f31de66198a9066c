// What holds for every policy, whatever its rules say.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "callgate/policy/evaluate.h"
#include "random_policy.h"
#include "scale.h"

namespace callgate {
namespace {

using test::Random;

constexpr std::size_t calls_each = 40;

/// Calls `property(sample, call, verdict)` for many policies and calls at their boundaries.
template <class Property>
void for_samples(std::uint64_t salt, const test::RandomPolicyOptions& options,
                 const Property& property) {
  const std::size_t count = test::scaled(2'000, 60'000);
  for (std::uint64_t seed = 0; seed < count && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed ^ salt);
    const test::RandomPolicy sample = test::random_policy(random, options);
    for (const SeccompData& call :
         test::interesting_calls(sample.policy, sample.arches, random, calls_each))
      property(sample, call, evaluate(sample.policy, sample.arches, call), random);
  }
}

TEST(EvaluateProperty, EachSourceAndMostRulesDecideSomething) {
  std::size_t by_source[4] = {};
  std::size_t calls = 0;
  for_samples(1, {}, [&](const auto&, const SeccompData&, const Verdict& verdict, Random&) {
    ++by_source[static_cast<std::size_t>(verdict.source)];
    ++calls;
  });
  EXPECT_GT(by_source[static_cast<std::size_t>(Verdict::Source::rule)], calls / 4);
  EXPECT_GT(by_source[static_cast<std::size_t>(Verdict::Source::otherwise)], calls / 10);
  EXPECT_GT(by_source[static_cast<std::size_t>(Verdict::Source::unknown)], calls / 200);
  EXPECT_GT(by_source[static_cast<std::size_t>(Verdict::Source::unlisted)], calls / 200);
}

/// Rules before the one that decided can go, and so can all after it.
TEST(EvaluateProperty, TheFirstMatchDecides) {
  test::RandomPolicyOptions options;
  options.groups = false;  // what a group reaches depends on the other rules
  for_samples(
      2, options, [](const auto& sample, const SeccompData& call, const Verdict& verdict, Random&) {
        if (verdict.source != Verdict::Source::rule) return;
        Policy alone = sample.policy;
        alone.rules = {sample.policy.rules[*verdict.rule]};
        const Verdict again = evaluate(alone, sample.arches, call);
        EXPECT_EQ(again.action, verdict.action);
        EXPECT_EQ(again.source, Verdict::Source::rule);
        Policy without = sample.policy;
        without.rules.erase(without.rules.begin() + static_cast<std::ptrdiff_t>(*verdict.rule));
        const Verdict next = evaluate(without, sample.arches, call);
        EXPECT_GE(next.rule.value_or(*verdict.rule), *verdict.rule);
      });
}

/// Policies of named parameters do not see the bits that the kernel drops.
TEST(EvaluateProperty, BitsThatTheKernelDropsDoNotCount) {
  test::RandomPolicyOptions options;
  options.raw_words = false;
  std::size_t changed = 0;
  for_samples(
      3, options,
      [&](const auto& sample, SeccompData call, const Verdict& verdict, Random& random) {
        const auto arch = classify(call.arch, call.nr);
        const Syscall* named = arch ? find_syscall(*arch, call.nr) : nullptr;
        if (named == nullptr) return;
        std::uint64_t kept[6] = {};
        for (const Parameter& parameter : named->parameters) {
          if (parameter.placement != Placement::word && parameter.placement != Placement::word_pair)
            continue;
          const bool is_pair = parameter.placement == Placement::word_pair;
          const unsigned bits = is_pair ? 32 : parameter.bits;
          kept[parameter.low] |= bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
          if (is_pair) kept[parameter.high] |= 0xffffffff;
        }
        for (std::size_t i = 0; i < 6; ++i) call.args[i] ^= random() & ~kept[i];
        call.instruction_pointer = random();
        ++changed;
        EXPECT_EQ(evaluate(sample.policy, sample.arches, call), verdict);
      });
  EXPECT_GT(changed, calls_each * 100);
}

/// What check calls dead decides nothing.
TEST(EvaluateProperty, RulesThatCheckCallsDeadNeverDecide) {
  const std::size_t count = test::scaled(2'000, 60'000);
  std::size_t dead_rules = 0;
  for (std::uint64_t seed = 0; seed < count; ++seed) {
    Random random(seed ^ 4);
    test::RandomPolicyOptions options;
    options.condition_percent = 30;
    options.max_calls = 3;
    test::RandomPolicy sample = test::random_policy(random, options);
    for (std::size_t i = 0; i < sample.policy.rules.size(); ++i)
      sample.policy.rules[i].place.line = static_cast<std::uint32_t>(i + 1);
    std::set<std::size_t> dead;
    for (const Diagnostic& each : check(sample.policy, sample.arches))
      if (each.message.find("can never match") != std::string::npos ||
          each.message.find("decides nothing") != std::string::npos)
        dead.insert(each.place.line - 1);
    dead_rules += dead.size();
    for (const SeccompData& call :
         test::interesting_calls(sample.policy, sample.arches, random, calls_each)) {
      const Verdict verdict = evaluate(sample.policy, sample.arches, call);
      ASSERT_FALSE(verdict.rule && dead.contains(*verdict.rule)) << "seed " << seed;
    }
  }
  EXPECT_GT(dead_rules, count / 10);
}

/// Numbers come out in order and within the ABI; Selection and the plain function agree.
TEST(EvaluateProperty, SelectedNumbersAreInOrderAndTheAbisOwn) {
  const std::size_t count = test::scaled(3'000, 60'000);
  for (std::uint64_t seed = 0; seed < count; ++seed) {
    Random random(seed ^ 5);
    const test::RandomPolicy sample = test::random_policy(random);
    Selection selection(sample.policy);
    for (const Rule& rule : sample.policy.rules)
      for (const Arch arch : all_arches) {
        const std::vector<NumberRange> all = selected_numbers(sample.policy, rule, arch);
        ASSERT_EQ(all, selection.numbers(rule, arch)) << "seed " << seed;
        std::uint64_t next = 0;
        for (const NumberRange& range : all) {
          ASSERT_LE(next, range.first) << "seed " << seed;
          ASSERT_LE(range.first, range.last) << "seed " << seed;
          ASSERT_EQ(classify(arch_info(arch).audit, range.first), arch) << "seed " << seed;
          ASSERT_EQ(classify(arch_info(arch).audit, range.last), arch) << "seed " << seed;
          next = std::uint64_t{range.last} + 2;
        }
      }
  }
}

/// What the tests of a policy's rules touch, by name.
class Touched {
 public:
  void add(const test::RandomPolicy& sample) {
    for (const Rule& rule : sample.policy.rules)
      for (const Arch arch : sample.arches)
        for (const NumberRange& range : selected_numbers(sample.policy, rule, arch))
          add(rule, arch, find_syscall(arch, range.first));
  }
  [[nodiscard]] std::size_t of(const std::string& what) const {
    const auto found = counts_.find(what);
    return found == counts_.end() ? 0 : found->second;
  }

 private:
  void add(const Rule& rule, Arch arch, const Syscall* call) {
    if (!rule.arches.empty()) ++counts_["section"];
    for (const Selector& selector : rule.calls)
      ++counts_["selector " + std::to_string(static_cast<int>(selector.kind))];
    if (call != nullptr && !call->multiplexes.empty()) ++counts_["multiplexed"];
    if (is_untestable(rule.condition, arch, call))
      ++counts_["untestable"];
    else
      add(rule.condition, arch, call, 0);
  }

  void add(const Condition& condition, Arch arch, const Syscall* call, int depth) {
    ++counts_["condition " + std::to_string(static_cast<int>(condition.kind))];
    if (depth > 2) ++counts_["nested"];
    for (const Condition& child : condition.children) add(child, arch, call, depth + 1);
    if (condition.kind != Condition::Kind::test) return;
    const auto operand = resolve_operand(condition.test.operand, arch, call);
    if (!operand) return;
    const callgate::Test& test = condition.test;
    ++counts_["relation " + std::to_string(static_cast<int>(test.relation))];
    ++counts_["operand " + std::to_string(static_cast<int>(test.operand.kind))];
    ++counts_["bits " + std::to_string(operand->bits)];
    if (operand->is_pair) ++counts_["pair"];
    if (operand->is_signed) ++counts_["signed"];
    if (test.mask) ++counts_["mask"];
    for (const Interval& interval : test.values) {
      if (interval.last) ++counts_["range"];
      if (!interval.first.names.empty()) ++counts_["constant"];
      if (interval.first.negative) ++counts_["negative"];
      if (interval.first.complement) ++counts_["complement"];
    }
  }

  std::map<std::string, std::size_t> counts_;
};

TEST(EvaluateProperty, RandomPoliciesTouchTheWholeLanguage) {
  Touched touched;
  for (std::uint64_t seed = 0; seed < 3'000; ++seed) {
    Random random(seed);
    touched.add(test::random_policy(random));
  }
  for (const char* what :
       {"section",    "selector 0",  "selector 1",  "selector 2",  "selector 3",  "multiplexed",
        "untestable", "condition 0", "condition 1", "condition 2", "condition 3", "condition 4",
        "nested",     "relation 0",  "relation 1",  "relation 2",  "relation 3",  "relation 4",
        "relation 5", "relation 6",  "relation 7",  "relation 8",  "operand 0",   "operand 1",
        "operand 2",  "operand 3",   "operand 4",   "operand 5",   "operand 6",   "bits 16",
        "bits 32",    "bits 64",     "pair",        "signed",      "mask",        "range",
        "constant",   "negative",    "complement"})
    EXPECT_GE(touched.of(what), 100u) << what;
}

}  // namespace
}  // namespace callgate

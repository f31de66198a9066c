// evaluate, held against tables of verdicts (tests/golden/verdicts): NAME.cases for NAME.policy.
// What a case leaves open is 0 here; tests/integration/test_test.py leaves it open.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "callgate/base/file.h"
#include "callgate/formats/cases.h"
#include "callgate/formats/text.h"

namespace callgate {
namespace {

class Verdicts : public testing::TestWithParam<std::string> {};

TEST_P(Verdicts, AreThoseOfTheTable) {
  const std::string table = GetParam();
  const std::string file = std::filesystem::path(table).replace_extension(".policy").string();
  const auto parsed = parse_policy(*read_file(file), file);
  ASSERT_TRUE(parsed) << parsed.error().text();
  const Policy& policy = parsed->policy;
  const std::vector<Diagnostic> findings = check(policy, policy.arches);
  ASSERT_FALSE(has_errors(findings)) << render(findings);
  const auto cases = parse_cases(*read_file(table), table, policy.arches.front());
  ASSERT_TRUE(cases) << cases.error().text();
  for (const VerdictCase& one : *cases) {
    const Verdict verdict = evaluate(policy, policy.arches, one.call.data);
    EXPECT_EQ(verdict.action, one.expected.action) << one.source_line;
    EXPECT_EQ(verdict.source, one.expected.by) << one.source_line;
    if (verdict.rule) {
      EXPECT_EQ(policy.rules[*verdict.rule].place.line, one.expected.line) << one.source_line;
    }
  }
}

std::vector<std::string> tables() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(CALLGATE_SOURCE_DIR) / "tests/golden/verdicts"))
    if (entry.path().extension() == ".cases") paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

INSTANTIATE_TEST_SUITE_P(Files, Verdicts, testing::ValuesIn(tables()), [](const auto& param) {
  return std::filesystem::path(param.param).stem().string();
});

}  // namespace
}  // namespace callgate

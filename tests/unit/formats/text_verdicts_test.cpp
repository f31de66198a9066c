// evaluate, held against rows of verdicts that are data (tests/golden/verdicts).
#include <gtest/gtest.h>

#include "callgate/formats/text.h"
#include "callgate/policy/evaluate.h"
#include "verdict_rows.h"

namespace callgate {
namespace {

std::string source_text(const Policy& policy, const Verdict& verdict) {
  switch (verdict.source) {
    case Verdict::Source::rule:
      return "line " + std::to_string(policy.rules[*verdict.rule].place.line);
    case Verdict::Source::otherwise: return "otherwise";
    case Verdict::Source::unknown: return "unknown";
    case Verdict::Source::unlisted: return "unlisted";
  }
  return {};
}

class Verdicts : public testing::TestWithParam<std::string> {};

TEST_P(Verdicts, AreThoseOfTheFile) {
  const test::VerdictFile file = test::read_verdict_file(GetParam());
  ASSERT_FALSE(file.rows.empty());
  for (const std::string& row : file.bad_rows) ADD_FAILURE() << "not a row: " << row;
  const auto parsed = parse_policy(file.policy, GetParam());
  ASSERT_TRUE(parsed) << parsed.error().text();
  const Policy& policy = parsed->policy;
  const std::vector<Diagnostic> findings = check(policy, policy.arches);
  ASSERT_FALSE(has_errors(findings)) << render(findings);
  for (const test::VerdictRow& row : file.rows) {
    const Verdict verdict = evaluate(policy, policy.arches, row.call);
    EXPECT_EQ(to_string(verdict.action), row.action) << row.text;
    EXPECT_EQ(source_text(policy, verdict), row.source) << row.text;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, Verdicts, testing::ValuesIn(test::verdict_files()),
                         [](const auto& param) {
                           return std::filesystem::path(param.param).stem().string();
                         });

}  // namespace
}  // namespace callgate

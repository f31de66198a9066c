// What docs/policy.md, the examples and the built-in profiles say is what the parser reads.
#include <gtest/gtest.h>

#include <filesystem>

#include "callgate/abi/groups.h"
#include "callgate/base/file.h"
#include "callgate/formats/text.h"
#include "unit/formats/folder.h"

namespace callgate {
namespace {

const std::filesystem::path root = CALLGATE_SOURCE_DIR;

std::string page() {
  const auto text = read_file((root / "docs/policy.md").string());
  return text ? *text : std::string();
}

/// The blocks of a page between ```LANGUAGE and ```.
std::vector<std::string> blocks(const std::string& text, const std::string& language) {
  std::vector<std::string> out;
  const std::string fence = "\n```" + language + "\n";
  for (std::size_t at = text.find(fence); at != std::string::npos; at = text.find(fence, at)) {
    at += fence.size();
    const std::size_t end = text.find("\n```", at);
    out.push_back(text.substr(at, end + 1 - at));
  }
  return out;
}

void expect_reads(const std::string& text, const std::string& name,
                  const std::vector<Arch>& usual = {Arch::x86_64, Arch::i386}) {
  const auto parsed = parse_policy(text, name, IncludeRoot{});
  ASSERT_TRUE(parsed) << parsed.error().text();
  const Policy& policy = parsed->policy;
  const std::vector<Arch> arches = policy.arches.empty() ? usual : policy.arches;
  const std::vector<Diagnostic> findings = check(policy, arches);
  EXPECT_FALSE(has_errors(findings)) << render(findings);
  const auto again = parse_policy(print_policy(policy), "printed");
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_TRUE(again->policy == policy) << print_policy(policy);
}

TEST(PolicyPage, EveryBlockIsReadAndHasNoError) {
  const std::vector<std::string> all = blocks(page(), "policy");
  EXPECT_GE(all.size(), 7u);
  const test::Folder folder;
  for (const std::string& block : all) {
    const std::string name = block.substr(0, block.find('\n'));
    if (name.starts_with("# ") && name.ends_with(".policy")) folder.write(name.substr(2), block);
    expect_reads(block, folder.write("page.policy", block));
  }
}

TEST(PolicyPage, EveryBlockIsLaidOutAsItIsWritten) {
  for (const std::string& block : blocks(page(), "policy")) {
    const auto formatted = format_policy(block, "docs/policy.md");
    ASSERT_TRUE(formatted) << formatted.error().text();
    const auto squeezed = [](std::string text) {  // comments stand in one column in a whole block
      for (std::size_t at; (at = text.find("  #")) != std::string::npos;) text.erase(at, 1);
      return text;
    };
    EXPECT_EQ(squeezed(*formatted), squeezed(block));
  }
}

TEST(PolicyPage, TableOfGroupsIsTheTableInUse) {
  const std::string text = page();
  std::size_t rows = 0;
  for (std::size_t at = text.find("\n| @"); at != std::string::npos;
       at = text.find("\n| @", at + 1))
    ++rows;
  EXPECT_EQ(rows, groups().size()) << "run scripts/print_groups.py";
  for (const Group& group : groups()) {
    std::string row = "\n| @" + std::string(group.name) + " | " + std::string(group.summary) + " |";
    if (group.kind == GroupKind::systemd)
      row += " " + std::to_string(group.calls.size() + group.unnumbered.size());
    else
      for (const std::string_view call : group.calls)
        row += (call == group.calls.front() ? " " : ", ") + std::string(call);
    EXPECT_NE(text.find(row + " |\n"), std::string::npos) << row << "\nrun scripts/print_groups.py";
  }
}

TEST(Examples, AreReadAndHaveNoError) {
  std::size_t count = 0;
  for (const char* folder : {"examples/policies", "profiles"})
    for (const auto& entry : std::filesystem::directory_iterator(root / folder)) {
      if (entry.path().extension() != ".policy") continue;
      const auto text = read_file(entry.path().string());
      ASSERT_TRUE(text);
      expect_reads(*text, entry.path().filename().string(), {Arch::x86_64});
      ++count;
    }
  EXPECT_GE(count, 4u);
}

}  // namespace
}  // namespace callgate

// How large and how long programs are, on the policies of bench/ and as bench/ measures them: each
// target of the optimiser is held here, and the table of docs/compiler.md is what is measured.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "callgate/abi/syscalls.h"
#include "callgate/base/file.h"
#include "callgate/bpf/emulate.h"
#include "callgate/compiler/compile.h"
#include "callgate/policy/evaluate.h"
#include "filters/corpus.h"
#include "filters/executed.h"

namespace callgate::test {
namespace {

constexpr std::uint32_t allow_exactly = 0x7fff0000;

std::string shared_folder() {
  const char* given = std::getenv("CALLGATE_SHARED");
  return given != nullptr ? std::string(given) + "/data" : CALLGATE_SOURCE_DIR "/../shared/data";
}

/// A policy of the corpus, compiled and measured.
struct Measured {
  Policy policy;
  Program program;
  bench::ExecutedByOutcome executed;
  bench::Emulated load;

  [[nodiscard]] const bench::Executed& of(bench::Outcome outcome) const {
    return executed.by_outcome[static_cast<std::size_t>(outcome)];
  }
};

std::optional<Measured> measure(const std::string& name) {
  const std::string policies = CALLGATE_SOURCE_DIR "/bench/policies";
  for (const bench::CorpusEntry& entry :
       bench::make_corpus({.policies = policies, .shared = shared_folder()})) {
    if (entry.name != name || !entry.policy) continue;
    auto made = compile(*entry.policy);
    const auto flat = bench::flatten(*entry.policy);
    if (!made || !flat) {
      ADD_FAILURE() << (made ? flat.error().text() : made.error().text());
      return std::nullopt;
    }
    const auto inputs = bench::make_inputs(*entry.policy, *flat);
    return Measured{*entry.policy, made->program, bench::count_executed(made->program, inputs),
                    bench::emulate_load(made->program)};
  }
  return std::nullopt;
}

#define MEASURE_OR_SKIP(variable, name)                   \
  const std::optional<Measured> variable = measure(name); \
  if (!variable) GTEST_SKIP() << name << ": its profile is not on this machine"

/// Every call that the policy allows whatever its arguments is in the kernel's cache, where there
/// is one.
void expect_cached(const Measured& measured) {
  const std::vector<Arch>& arches = measured.policy.arches;
  for (const Arch arch : arches) {
    if (!arch_info(arch).action_cache || arch_info(arch).number_flag != 0) continue;
    for (std::uint32_t number = 0; number <= syscalls(arch).back().number; ++number) {
      const std::uint32_t audit = arch_info(arch).audit;
      const Prefix prefix = prefix_of(measured.program, audit, number);
      const bool allows = prefix.constant == allow_exactly;
      EXPECT_EQ(cache_status(measured.program, audit, number).cached, allows) << number;
      const SeccompData call{.nr = number, .arch = audit};
      EXPECT_TRUE(!allows || returned(measured.policy, arches, call) == allow_exactly) << number;
    }
  }
}

TEST(Sizes, DockersDefaultOnX86) {
  MEASURE_OR_SKIP(docker, "docker-default");
  EXPECT_LE(docker->program.size(), 78u);
  EXPECT_LE(docker->load.steps, 5800u);
  EXPECT_LE(docker->executed.first_load_fewest, 5u);  // clone, which runs most
  EXPECT_LE(docker->of(bench::Outcome::denied).worst, 12u);
  EXPECT_EQ(docker->load.cached, 297u);
  expect_cached(*docker);
}

TEST(Sizes, DockersDefaultOnThreeAbis) {
  MEASURE_OR_SKIP(docker, "docker-3-abis");
  EXPECT_LT(docker->program.size(), 260u);
  EXPECT_LE(docker->load.steps, 10'200u);
  EXPECT_LT(docker->executed.all.mean, 11.2);
  EXPECT_LE(docker->executed.all.worst, 19u);
  expect_cached(*docker);
}

TEST(Sizes, AnAllowlistOfThirtyCalls) {
  MEASURE_OR_SKIP(list, "allowlist30");
  EXPECT_LT(list->program.size(), 75u);
  EXPECT_LT(list->of(bench::Outcome::allowed).mean, 9.4);
  EXPECT_LT(list->of(bench::Outcome::checked_allowed).mean, 12.2);
  EXPECT_LE(list->of(bench::Outcome::denied).worst, 12u);
  EXPECT_EQ(list->load.cached, 20u);
  expect_cached(*list);
}

TEST(Sizes, ContainersDefaultAndADenylist) {
  MEASURE_OR_SKIP(containers, "containers-common");
  EXPECT_LE(containers->program.size(), 68u);
  EXPECT_LE(containers->load.steps, 5400u);
  expect_cached(*containers);
  MEASURE_OR_SKIP(denylist, "systemd-denylist");
  EXPECT_LE(denylist->program.size(), 50u);
  EXPECT_LE(denylist->load.steps, 5400u);
  expect_cached(*denylist);
}

/// What a tree over the numbers of one ABI must take at least, and what it takes.
struct Bounds {
  std::size_t ranges = 0;
  double entropy = 0;  ///< of the ranges, each number as likely as any other
  double mean = 0;     ///< instructions up to the RET or the first load of an argument
  std::size_t worst = 0;
};

Bounds bounds_of(const Program& program, Arch arch) {
  const std::uint32_t first = arch_info(arch).number_flag;
  const std::uint32_t last = syscalls(arch).back().number;
  const double all = static_cast<double>(last - first) + 1;
  Bounds bounds;
  std::size_t length = 0;
  const auto close = [&] {
    const double part = static_cast<double>(length) / all;
    if (length > 0) bounds.entropy -= part * std::log2(part);
    length = 0;
  };
  std::optional<std::uint64_t> before;
  for (std::uint32_t number = first; number <= last; ++number, ++length) {
    const Prefix prefix = prefix_of(program, arch_info(arch).audit, number);
    const std::uint64_t decision =
        prefix.constant ? *prefix.constant : std::uint64_t{1} << 32 | prefix.resume.pc;
    if (before != decision) {
      close();
      ++bounds.ranges;
    }
    before = decision;
    const std::size_t steps = cache_status(program, arch_info(arch).audit, number).steps;
    bounds.mean += static_cast<double>(steps) / all;
    bounds.worst = std::max(bounds.worst, steps);
  }
  close();
  return bounds;
}

/// Instructions that every path needs: the loads of arch and nr, the test of arch, the RET; a
/// second test of arch for the second machine; the test that tells x32 from x86-64.
std::size_t fixed_part(const Policy& policy, Arch arch) {
  const bool has_x32 = std::ranges::find(policy.arches, Arch::x32) != policy.arches.end();
  const bool is_x86 = arch == Arch::x86_64 || arch == Arch::x32;
  return 4 + (is_x86 ? (has_x32 ? 1 : 0) : 1);
}

std::string bounds_table() {
  std::string table =
      "| policy, ABI | ranges | entropy | mean by entropy | mean | longest by halving | longest |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const char* name : {"docker-default", "docker-3-abis", "containers-common", "allowlist30"}) {
    const std::optional<Measured> measured = measure(name);
    if (!measured) return {};
    for (const Arch arch : measured->policy.arches) {
      const Bounds bounds = bounds_of(measured->program, arch);
      const std::size_t fixed = fixed_part(measured->policy, arch);
      const double halvings = std::ceil(std::log2(static_cast<double>(bounds.ranges)));
      table += fmt::format("| {}, {} | {} | {:.2f} | {:.2f} | {:.2f} | {} | {} |\n", name,
                           arch_info(arch).name, bounds.ranges, bounds.entropy,
                           static_cast<double>(fixed) + bounds.entropy, bounds.mean,
                           fixed + static_cast<std::size_t>(halvings), bounds.worst);
    }
  }
  return table;
}

TEST(Sizes, TheDocsSayHowFarFromTheBounds) {
  const std::string table = bounds_table();
  if (table.empty()) GTEST_SKIP() << "the container engines' profiles are not on this machine";
  const auto page = read_file(CALLGATE_SOURCE_DIR "/docs/compiler.md");
  ASSERT_TRUE(page) << page.error().text();
  EXPECT_NE(page->find(table), std::string::npos) << "docs/compiler.md should have\n" << table;
}

}  // namespace
}  // namespace callgate::test

// Lifting real filters: Docker's default and containers/common's as libseccomp builds them and as
// our compiler does, and every profile of ours. The lifted text reads back, has about as many rules
// as its source, and the whole takes milliseconds.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "callgate/base/file.h"
#include "callgate/compiler/compile.h"
#include "callgate/formats/oci.h"
#include "callgate/formats/text.h"
#include "callgate/meaning/difference.h"
#include "callgate/meaning/lift.h"
#include "runc_peer.h"

namespace callgate::test {
namespace {

std::string shared_profile(const std::string& name) {
  const char* shared = std::getenv("CALLGATE_SHARED");
  const std::string folder =
      shared != nullptr ? shared : std::string(CALLGATE_SOURCE_DIR "/../shared/data");
  const auto text = read_file(folder + "/" + name);
  return text ? *text : std::string();
}

Policy profile_policy(const std::string& json) {
  OciContext context;
  context.reader = likely_reader(json);
  context.arch = Arch::x86_64;
  context.capabilities.assign(docker_capabilities().begin(), docker_capabilities().end());
  const auto import = read_oci(json, "profile.json", context);
  EXPECT_TRUE(import) << import.error().text();
  return import->policy;
}

Program compiled(const Policy& policy, std::span<const Arch> arches) {
  const auto built = compile(policy, {.arches = {arches.begin(), arches.end()}});
  EXPECT_TRUE(built) << built.error().text();
  return built->program;
}

/// The lifted policy, printed and read again.
Policy lifted(const Subject& subject) {
  const auto start = std::chrono::steady_clock::now();
  const auto policy = lift(subject);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  if (!policy) {
    ADD_FAILURE() << policy.error().text();
    return {};
  }
  const auto again = parse_policy(print_policy(*policy), "lifted.policy");
  if (!again) {
    ADD_FAILURE() << again.error().text();
    return {};
  }
  EXPECT_EQ(again->policy, *policy);
  std::printf("%zu rules in %.1f ms\n", policy->rules.size(), took.count());
  return again->policy;
}

void expect_equal(const Subject& subject, const Policy& policy) {
  EXPECT_TRUE(std::holds_alternative<Equal>(equal(subject, PolicySubject{policy, policy.arches})));
  const auto found = difference(subject, PolicySubject{policy, policy.arches});
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->is_equal());
}

/// Rules that begin so, as text.
std::size_t count_rules(const Policy& policy, const std::string& wanted) {
  const std::string text = print_policy(policy);
  std::size_t count = 0;
  for (std::size_t at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1))
    ++count;
  return count;
}

TEST(LiftOfDockersDefault, LibseccompsFilters) {
  const Libseccomp* library = Libseccomp::get();
  if (library == nullptr) GTEST_SKIP() << "libseccomp.so.2 is not installed";
  const std::string json = shared_profile("moby-default.json");
  if (json.empty()) GTEST_SKIP() << "moby-default.json is not there";
  for (const std::uint32_t level : {1u, 2u}) {
    const PeerContext context{.stub = false, .optimise = level};
    const auto program = RuncPeer(*library, context).build(json);
    ASSERT_TRUE(program) << program.error().text();
    const Subject subject{*program};
    const Policy policy = lifted(subject);
    expect_equal(subject, policy);
    EXPECT_EQ(policy.arches, (std::vector{Arch::x86_64, Arch::i386, Arch::x32}));
    EXPECT_LE(policy.rules.size(), 40u);
    EXPECT_EQ(count_rules(policy, "socket if args[0] not in {38, 40}") +
                  count_rules(policy, "socket if args[0] != 40"),
              1u)
        << print_policy(policy);
  }
}

TEST(LiftOfProfiles, SharedOnes) {
  std::size_t profiles = 0;
  for (const char* name : {"moby-default.json", "containers-common.json"}) {
    const std::string json = shared_profile(name);
    if (json.empty()) continue;
    ++profiles;
    const Policy source = profile_policy(json);
    for (const std::vector<Arch>& arches : {std::vector{Arch::x86_64}, source.arches}) {
      std::printf("%s, %zu ABIs: %zu rules became ", name, arches.size(), source.rules.size());
      const Subject subject{compiled(source, arches)};
      const Policy policy = lifted(subject);
      expect_equal(subject, policy);
      expect_equal(PolicySubject{source, arches}, policy);
      EXPECT_LE(policy.rules.size(), 3 * source.rules.size() + 20);
    }
  }
  if (profiles == 0) GTEST_SKIP() << "no profile is there";
}

TEST(LiftOfProfiles, Ours) {
  std::size_t profiles = 0;
  for (const auto& entry : std::filesystem::directory_iterator(CALLGATE_SOURCE_DIR "/profiles")) {
    if (entry.path().extension() != ".policy") continue;
    SCOPED_TRACE(entry.path().string());
    const auto text = read_file(entry.path().string());
    ASSERT_TRUE(text);
    const auto parsed = parse_policy(*text, entry.path().string(), IncludeRoot{});
    ASSERT_TRUE(parsed) << parsed.error().text();
    const std::vector<Arch> arches{Arch::x86_64};
    const Subject subject{compiled(parsed->policy, arches)};
    std::printf("%s: %zu rules became ", entry.path().filename().c_str(),
                parsed->policy.rules.size());
    const Policy policy = lifted(subject);
    expect_equal(subject, policy);
    EXPECT_LE(policy.rules.size(), 2 * parsed->policy.rules.size() + 5);
    ++profiles;
  }
  EXPECT_GE(profiles, 5u);
}

TEST(SurveyOfDockersDefault, TakesMilliseconds) {
  const std::string json = shared_profile("moby-default.json");
  if (json.empty()) GTEST_SKIP() << "moby-default.json is not there";
  const Policy source = profile_policy(json);
  const Subject subject{compiled(source, source.arches)};
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const auto survey = survey_of(subject);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    ASSERT_TRUE(survey);
    best = std::min(best, took.count());
  }
  std::printf("%.1f ms for %zu ABIs\n", best, source.arches.size());
  EXPECT_LT(best, 1000) << "hundreds of times what it should take";
}

}  // namespace
}  // namespace callgate::test

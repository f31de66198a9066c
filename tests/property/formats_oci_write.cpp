// Profiles that we write, and imported policies as text: both must come back with the same meaning.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "callgate/base/file.h"
#include "callgate/formats/builtin.h"
#include "callgate/formats/oci_write.h"
#include "callgate/meaning/proof.h"
#include "callgate/policy/evaluate.h"
#include "random_policy.h"
#include "runc_peer.h"
#include "scale.h"

namespace callgate {
namespace {

const std::vector<Arch> x86 = {Arch::x86_64, Arch::i386, Arch::x32};

std::string shared_data(const std::string& name) {
  const char* shared = std::getenv("CALLGATE_SHARED");
  return std::string(shared != nullptr ? shared : CALLGATE_SOURCE_DIR "/../shared/data") + "/" +
         name;
}

OciContext reader_of(const OciWriteOptions& options) {
  OciContext context;
  context.reader = options.reader;
  context.arch = options.arches.front();
  context.libseccomp = options.libseccomp;
  return context;
}

/// Only EQ and MASKED_EQ (where no 32-bit ABI shares a rule), no argument twice in a rule.
void expect_plain(const std::string& json, bool one_abi) {
  rapidjson::Document profile;
  profile.Parse(json.c_str());
  ASSERT_FALSE(profile.HasParseError());
  for (const auto& rule : profile["syscalls"].GetArray()) {
    if (!rule.HasMember("args")) continue;
    std::set<unsigned> indices;
    for (const auto& arg : rule["args"].GetArray()) {
      EXPECT_TRUE(indices.insert(arg["index"].GetUint()).second);
      const std::string op = arg["op"].GetString();
      EXPECT_TRUE(!one_abi || op == "SCMP_CMP_EQ" || op == "SCMP_CMP_MASKED_EQ") << op;
    }
  }
}

TEST(OciWrite, DockerDefaultForEachRuntime) {
  for (const char* reader : {"runc@1.1.5", "runc@1.1.15", "crun", "containerd"}) {
    for (const char* caps : {"none", "all"}) {
      SCOPED_TRACE(std::string(reader) + " " + caps);
      const auto profile = find_builtin_profile("docker-default", parse_capabilities(caps).value());
      OciWriteOptions options{.reader = *parse_oci_reader(reader), .arches = x86};
      // crun has no stub, so it cannot say ENOSYS past the last call.
      options.approximate_stricter = std::string_view(reader) == "crun";
      const auto written = write_oci(profile->policy, options);
      ASSERT_TRUE(written.has_value()) << written.error().text();
      expect_plain(written->json, options.arches.size() == 1);
      const auto back = read_oci(written->json, "written", reader_of(options));
      ASSERT_TRUE(back.has_value()) << back.error().text();
      const Answer answer = callgate::equal(profile->policy, back->policy, x86);
      EXPECT_EQ(std::holds_alternative<Equal>(answer), !options.approximate_stricter);
    }
  }
}

/// The written profile denies what the policy denies; without a diagnostic it decides everything as
/// the policy does.
void expect_no_looser(const test::RandomPolicy& sample, const OciWriteOptions& options,
                      const OciExport& written, test::Random& random) {
  const auto back = read_oci(written.json, "written", reader_of(options));
  ASSERT_TRUE(back.has_value()) << back.error().text();
  for (const SeccompData& call :
       test::interesting_calls(sample.policy, sample.arches, random, 32)) {
    const Action wanted = evaluate(sample.policy, sample.arches, call).action;
    const Action got = evaluate(back->policy, sample.arches, call).action;
    const bool both_deny = denies(wanted.kind) && denies(got.kind);
    ASSERT_TRUE(wanted == got || both_deny || (!written.diagnostics.empty() && denies(got.kind)))
        << print_policy(sample.policy) << "\nnr " << call.nr << ": " << to_string(wanted)
        << " became " << to_string(got) << "\n"
        << written.json;
    if (written.diagnostics.empty()) {
      ASSERT_EQ(normalise(wanted.ret()), normalise(got.ret())) << print_policy(sample.policy);
    }
  }
}

TEST(OciWrite, RandomPolicies) {
  const std::size_t wanted = test::scaled(40, 600);
  std::size_t exact = 0;
  std::size_t narrowed = 0;
  std::size_t refused = 0;
  const char* const readers[] = {"runc@1.1.5", "runc@1.1.15", "crun"};
  for (std::uint64_t seed = 0; seed < wanted; ++seed) {
    test::Random random(seed);
    test::RandomPolicyOptions shape{.max_rules = 6, .max_tests = 3};
    shape.arches = seed % 2 == 0 ? std::vector{Arch::x86_64} : x86;
    test::RandomPolicy sample = test::random_policy(random, shape);
    if (seed % 4 != 0 || sample.policy.unlisted == kill_process) {
      sample.policy.unlisted = kill_thread;
    }
    OciWriteOptions options{.reader = *parse_oci_reader(readers[seed % 3]),
                            .arches = sample.arches};
    auto written = write_oci(sample.policy, options);
    exact += written ? 1 : 0;
    if (!written) {
      options.approximate_stricter = true;
      written = write_oci(sample.policy, options);
      ++(written ? narrowed : refused);
    }
    if (!written) continue;
    expect_plain(written->json, options.arches.size() == 1);
    expect_no_looser(sample, options, *written, random);
    if (HasFatalFailure()) return;
  }
  std::printf("%zu exact, %zu narrowed, %zu inexpressible\n", exact, narrowed, refused);
  EXPECT_GT(exact, wanted / 20);
  EXPECT_GT(exact + narrowed, wanted / 3);
}

TEST(OciText, ImportedPoliciesPrintAndParseBack) {
  for (const char* name : {"moby-default.json", "containers-common.json"}) {
    const auto json = read_file(shared_data(name));
    if (!json) GTEST_SKIP() << name << " is not there";
    for (const char* reader : {"docker", "podman", "containerd", "crun", "runc@1.2.0"}) {
      OciContext context;
      context.reader = *parse_oci_reader(reader);
      context.arch = Arch::x86_64;
      context.capabilities = parse_capabilities("docker").value();
      const auto import = read_oci(*json, name, context);
      ASSERT_TRUE(import.has_value()) << import.error().text();
      const auto parsed = parse_policy(print_policy(import->policy), "printed");
      ASSERT_TRUE(parsed.has_value()) << parsed.error().text();
      EXPECT_EQ(parsed->policy, import->policy);
      EXPECT_TRUE(std::holds_alternative<Equal>(
          callgate::equal(parsed->policy, import->policy, import->policy.arches)));
    }
  }
}

}  // namespace
}  // namespace callgate

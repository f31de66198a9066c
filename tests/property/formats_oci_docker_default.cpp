// profiles/docker-default.policy against Docker's own profile, as dockerd and runc read it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "callgate/abi/syscalls.h"
#include "callgate/base/file.h"
#include "callgate/formats/builtin.h"
#include "callgate/formats/oci.h"
#include "callgate/meaning/proof.h"
#include "scale.h"

namespace callgate {
namespace {

std::string moby_path() {
  const char* shared = std::getenv("CALLGATE_SHARED");
  return std::string(shared != nullptr ? shared : CALLGATE_SOURCE_DIR "/../shared/data") +
         "/moby-default.json";
}

class DockerDefault : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto text = read_file(moby_path());
    if (!text) GTEST_SKIP() << "moby-default.json is not there";
    json_ = *text;
  }

  void expect_equal(const std::vector<std::string>& caps, Arch machine,
                    const std::vector<Arch>& arches) {
    OciContext context;
    context.reader = *parse_oci_reader("docker+runc@1.1.15");
    context.capabilities = caps;
    context.arch = machine;
    const OciImport docker = read_oci(json_, "moby-default.json", context).value();
    const auto ours = find_builtin_profile("docker-default", caps);
    ASSERT_TRUE(ours.has_value()) << ours.error().text();
    const Answer answer = callgate::equal(ours->policy, docker.policy, arches);
    if (const auto* differs = std::get_if<Differs>(&answer)) {
      const SeccompData& call = differs->witness;
      const std::optional<Arch> arch = classify(call.arch, call.nr);
      const Syscall* named = arch ? find_syscall(*arch, call.nr) : nullptr;
      FAIL() << (arch ? arch_info(*arch).name : "?") << " " << std::hex << call.nr << " ("
             << (named != nullptr ? named->name : "?") << ") args[0] " << call.args[0] << ": ours "
             << differs->left << ", Docker's " << differs->right;
    }
    ASSERT_TRUE(std::holds_alternative<Equal>(answer)) << "undecided";
  }

  std::string json_;
};

const std::vector<Arch> x86 = {Arch::x86_64, Arch::i386, Arch::x32};
const std::vector<Arch> arm = {Arch::aarch64, Arch::arm};

TEST_F(DockerDefault, NamedCapabilitySets) {
  for (const char* list : {"none", "docker", "CAP_SYS_ADMIN", "all"}) {
    const auto caps = parse_capabilities(list).value();
    SCOPED_TRACE(list);
    expect_equal(caps, Arch::x86_64, {Arch::x86_64});
    expect_equal(caps, Arch::x86_64, x86);
    expect_equal(caps, Arch::aarch64, {Arch::aarch64});
    expect_equal(caps, Arch::aarch64, arm);
  }
}

TEST_F(DockerDefault, EachCapabilityAloneAndRandomSets) {
  for (const std::string_view name : capability_names()) {
    SCOPED_TRACE(name);
    expect_equal({std::string(name)}, Arch::x86_64, x86);
  }
  std::mt19937 random(1);
  for (std::size_t i = 0; i < test::scaled(20, 1000) && !HasFatalFailure(); ++i) {
    std::vector<std::string> caps;
    for (const std::string_view name : capability_names()) {
      if (random() % 3 == 0) caps.emplace_back(name);
    }
    expect_equal(caps, i % 2 == 0 ? Arch::x86_64 : Arch::aarch64, i % 2 == 0 ? x86 : arm);
  }
}

}  // namespace
}  // namespace callgate

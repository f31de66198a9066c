// Our reading of profiles against the filters that libseccomp builds from the same JSON, by proof.
#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "callgate/base/file.h"
#include "callgate/formats/oci.h"
#include "callgate/meaning/proof.h"
#include "callgate/policy/evaluate.h"
#include "formats/oci_names.h"
#include "runc_peer.h"
#include "scale.h"

namespace callgate {
namespace {

std::string shared_data(const std::string& name) {
  const char* shared = std::getenv("CALLGATE_SHARED");
  return (shared != nullptr ? std::string(shared)
                            : std::string(CALLGATE_SOURCE_DIR "/../shared/data")) +
         "/" + name;
}

std::string show(const SeccompData& data) {
  char text[256];
  std::snprintf(
      text, sizeof text, "arch %x nr %x args %llx %llx %llx %llx %llx %llx", data.arch, data.nr,
      static_cast<unsigned long long>(data.args[0]), static_cast<unsigned long long>(data.args[1]),
      static_cast<unsigned long long>(data.args[2]), static_cast<unsigned long long>(data.args[3]),
      static_cast<unsigned long long>(data.args[4]), static_cast<unsigned long long>(data.args[5]));
  return text;
}

OciContext context_of(const test::Libseccomp& library, const test::PeerContext& peer) {
  OciContext context;
  context.reader = *parse_oci_reader(peer.docker ? "docker+runc" : "runc");
  if (!peer.stub) context.reader = *parse_oci_reader(peer.docker ? "docker+crun" : "crun");
  if (peer.stub_for_native) context.reader.version = {1, 1, 15};
  context.arch = Arch::x86_64;
  context.capabilities.assign(peer.capabilities.begin(), peer.capabilities.end());
  context.libseccomp = library.level();
  return context;
}

/// Fails the test unless both readings are proved equal.
void expect_equal(const std::string& json, const test::Libseccomp& library,
                  const test::PeerContext& peer, const std::string& what) {
  const Result<Program> theirs = test::RuncPeer(library, peer).build(json);
  ASSERT_TRUE(theirs.has_value()) << what << ": " << theirs.error().text();
  const Result<OciImport> ours = read_oci(json, what, context_of(library, peer));
  ASSERT_TRUE(ours.has_value()) << what << ": " << ours.error().text();
  const Answer answer = prove(ours->policy, ours->policy.arches, *theirs);
  if (const auto* differs = std::get_if<Differs>(&answer)) {
    FAIL() << what << ": differs at " << show(differs->witness) << ": ours " << std::hex
           << differs->left << ", theirs " << differs->right;
  }
  ASSERT_TRUE(std::holds_alternative<Equal>(answer)) << what << ": undecided";
}

std::set<std::string> capability_set(std::string_view list) {
  const auto names = parse_capabilities(list).value();
  return {names.begin(), names.end()};
}

class OciLibseccomp : public ::testing::Test {
 protected:
  void SetUp() override {
    library_ = test::Libseccomp::get();
    if (library_ == nullptr) GTEST_SKIP() << "libseccomp.so.2 is not installed";
    if (native_arch() != Arch::x86_64) GTEST_SKIP() << "the peer is written for x86-64";
  }
  const test::Libseccomp* library_ = nullptr;
};

/// The profile for one architecture: Docker's archMap replaced by a list.
std::string with_only_x86_64(std::string json) {
  const std::size_t begin = json.find("\"archMap\"");
  const std::size_t end = json.find("\"syscalls\"");
  return json.replace(begin, end - begin, R"("architectures": ["SCMP_ARCH_X86_64"], )");
}

TEST_F(OciLibseccomp, RealProfilesForEveryCapabilitySet) {
  for (const char* name : {"moby-default.json", "containers-common.json"}) {
    const auto json = read_file(shared_data(name));
    if (!json) GTEST_SKIP() << name << " is not there";
    for (const char* caps : {"none", "docker", "CAP_SYS_ADMIN", "CAP_SYS_NICE,CAP_BPF", "all"}) {
      for (const bool three : {false, true}) {
        for (const char* reader : {"runc", "runc 1.1.15", "crun"}) {
          test::PeerContext peer{.capabilities = capability_set(caps)};
          peer.stub = std::string_view(reader) != "crun";
          peer.stub_for_native = std::string_view(reader) == "runc 1.1.15";
          expect_equal(three ? *json : with_only_x86_64(*json), *library_, peer,
                       std::string(name) + " " + caps + (three ? " 3" : " 1") + " " + reader);
        }
      }
    }
  }
}

TEST_F(OciLibseccomp, TheReaderKnowsTheSameNames) {
  const Release level = library_->level();
  for (const Arch arch : {Arch::x86_64, Arch::i386, Arch::x32, Arch::aarch64, Arch::arm}) {
    for (const std::string_view name : syscall_names()) {
      const int theirs =
          library_->resolve_name_arch(test::Libseccomp::token(arch), std::string(name).c_str());
      const Syscall* ours = oci::libseccomp_call(arch, name, level);
      // It hides the direct numbers of i386's multiplexed calls behind negative ones.
      const bool hidden = arch == Arch::i386 && theirs <= -100 && theirs > -10000;
      if (hidden) continue;
      EXPECT_EQ(theirs >= 0, ours != nullptr) << arch_info(arch).name << " " << name;
      EXPECT_TRUE(ours == nullptr || static_cast<std::uint32_t>(theirs) == ours->number) << name;
    }
  }
}

/// Localhost under containerd: the extensions are dropped, the native architecture alone is left.
TEST_F(OciLibseccomp, DockersProfileAsContainerdReadsIt) {
  const auto json = read_file(shared_data("moby-default.json"));
  if (!json) GTEST_SKIP() << "moby-default.json is not there";
  test::PeerContext peer{.docker = false};
  expect_equal(*json, *library_, peer, "containerd");
  OciContext context = context_of(*library_, peer);
  context.reader = *parse_oci_reader("containerd");
  const OciImport import = read_oci(*json, "default.json", context).value();
  for (const char* name : {"bpf", "mount", "clone3"}) {
    const SeccompData data{.nr = find_syscall(Arch::x86_64, name)->number,
                           .arch = arch_info(Arch::x86_64).audit};
    EXPECT_EQ(evaluate(import.policy, import.policy.arches, data).action, allow) << name;
  }
}

/// Random profiles from a small world, so that rules meet. Operators besides EQ and MASKED_EQ go to
/// calls that only one rule speaks of: for several rules the union is the specification, and
/// libseccomp is known to deviate from it.
class RandomProfile {
 public:
  explicit RandomProfile(std::uint64_t seed) : random_(seed) {}

  std::string make() {
    default_ = pick({"SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW", "SCMP_ACT_KILL", "SCMP_ACT_LOG",
                     "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP", "SCMP_ACT_TRACE"});
    std::string json = R"({"defaultAction": ")" + default_ + "\"";
    if (below(3) == 0) json += R"(, "architectures": [)" + arches() + "]";
    json += R"(, "syscalls": [)";
    const std::size_t rules = 1 + below(8);
    for (std::size_t i = 0; i < rules; ++i) json += (i == 0 ? "" : ",\n") + rule();
    return json + "]}";
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  template <class T>
  T pick(std::initializer_list<T> all) {
    return *(all.begin() + below(all.size()));
  }
  std::string pick(std::initializer_list<const char*> all) {
    return *(all.begin() + below(all.size()));
  }
  std::string arches() {
    std::string list;
    for (const char* arch : {"SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_X86_64"}) {
      if (below(2) == 0) list += std::string(list.empty() ? "" : ",") + "\"" + arch + "\"";
    }
    return list;
  }
  std::string rule() {
    const bool solo = below(3) == 0 && !solo_.empty();
    std::string json = R"({"names": [)";
    if (solo) {
      json += "\"" + solo_.back() + "\"";
      solo_.pop_back();
    } else {
      const std::size_t names = 1 + below(3);
      for (std::size_t i = 0; i < names; ++i) json += (i == 0 ? "\"" : ", \"") + name() + "\"";
    }
    json += R"(], "action": ")" + std::string(below(4) != 0 ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
    json += "\"";
    if (solo || below(3) != 0) json += R"(, "args": [)" + args(solo) + "]";
    return json + "}";
  }
  std::string name() {
    return pick({"read", "socket", "socketcall", "ipc", "shmat", "personality", "accept", "mseal",
                 "send", "waitpid", "no_such_call", "semctl", "set_mempolicy_home_node"});
  }
  std::string args(bool solo) {
    std::string list;
    const std::size_t count = 1 + below(3);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t index = !solo && below(8) == 0 ? below(2) : i;
      list += (i == 0 ? "" : ", ") + arg(index, solo);
    }
    return list;
  }
  std::string arg(std::size_t index, bool solo) {
    const std::string op = solo ? pick({"EQ", "NE", "MASKED_EQ", "LT", "LE", "GE", "GT"})
                                : pick({"EQ", "MASKED_EQ", "MASKED_EQ"});
    const auto value = values();
    std::string json = R"({"index": )" + std::to_string(index) + R"(, "op": "SCMP_CMP_)" + op +
                       R"(", "value": )" + std::to_string(value);
    if (op == "MASKED_EQ") json += R"(, "valueTwo": )" + std::to_string(value & values());
    return json + "}";
  }
  std::uint64_t values() {
    return pick({std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{0x80000000},
                 std::uint64_t{0xffffffff}, std::uint64_t{0x100000001}, ~std::uint64_t{0},
                 std::uint64_t{0xffffffff00000000}});
  }

  std::mt19937_64 random_;
  std::string default_;
  std::vector<std::string> solo_ = {"ioctl", "clone", "execve", "waitid", "sendto"};
};

/// What the manual says a filter does with one call: the first unconditional rule, else any
/// conditional one that holds, else the default.
std::uint32_t by_the_manual(const std::string& json, const SeccompData& data) {
  rapidjson::Document profile;
  profile.Parse(json.c_str());
  const Arch arch = *classify(data.arch, data.nr);
  const Syscall& call = *find_syscall(arch, data.nr);
  const auto carried =
      std::find_if(call.multiplexes.begin(), call.multiplexes.end(), [&](const Multiplexed& each) {
        return each.selector == static_cast<std::uint32_t>(data.args[0]);
      });
  const std::string inner(carried == call.multiplexes.end() ? "" : carried->name);
  const std::uint32_t fallback = test::RuncPeer::action(profile["defaultAction"], -1);
  std::uint32_t conditional = fallback;
  for (const auto& rule : profile["syscalls"].GetArray()) {
    const std::uint32_t action = test::RuncPeer::action(rule["action"], -1);
    const auto names = test::RuncPeer::strings(rule, "names");
    const bool named = std::find(names.begin(), names.end(), call.name) != names.end();
    const bool inside =
        !inner.empty() && std::find(names.begin(), names.end(), inner) != names.end();
    if (action == fallback || !(named || inside)) continue;
    const bool conditioned = rule.HasMember("args");
    if (named && !conditioned) return action;
    const bool low = arch != Arch::x86_64;
    if (named && test::RuncPeer::holds(rule["args"], data, low)) conditional = action;
    if (inside && (!conditioned || test::RuncPeer::holds(rule["args"], data, low, true))) {
      conditional = action;
    }
  }
  return conditional;
}

TEST_F(OciLibseccomp, RandomProfiles) {
  const std::size_t wanted = test::scaled(400, 10'000);
  std::size_t equal = 0;
  std::size_t refused = 0;
  std::size_t deviations = 0;
  std::size_t stuck = 0;
  for (std::uint64_t seed = 0; equal + deviations < wanted; ++seed) {
    const std::string json = RandomProfile(seed).make();
    test::PeerContext peer{
        .docker = false, .stub = seed % 3 != 0, .stub_for_native = seed % 3 == 1};
    const Result<OciImport> ours = read_oci(json, "random", context_of(*library_, peer));
    const auto theirs = test::build_guarded(*library_, peer, json);
    if (!ours || !theirs) {
      ++(ours ? stuck : refused);
      continue;
    }
    const Answer answer = prove(ours->policy, ours->policy.arches, *theirs);
    equal += std::holds_alternative<Equal>(answer) ? 1 : 0;
    const auto* differs = std::get_if<Differs>(&answer);
    if (differs == nullptr) continue;
    ++deviations;
    const std::optional<Arch> arch = classify(differs->witness.arch, differs->witness.nr);
    ASSERT_TRUE(arch && find_syscall(*arch, differs->witness.nr) != nullptr)
        << "seed " << seed << " at " << show(differs->witness) << std::hex << ": ours "
        << differs->left << ", theirs " << differs->right << "\n"
        << json;
    ASSERT_EQ(differs->left, normalise(by_the_manual(json, differs->witness)))
        << "seed " << seed << " at " << show(differs->witness) << "\n"
        << json;
  }
  std::printf(
      "%zu equal to libseccomp's filter, %zu where it departs from its own manual, %zu "
      "refused as ambiguous, %zu that libseccomp did not finish\n",
      equal, deviations, refused, stuck);
  EXPECT_LT(stuck * 20, equal);
  EXPECT_LT(deviations * 10, equal);
  EXPECT_LT(refused, wanted);
}

}  // namespace
}  // namespace callgate

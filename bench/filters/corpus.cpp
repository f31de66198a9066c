#include "filters/corpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "callgate/abi/syscalls.h"
#include "callgate/base/file.h"
#include "callgate/formats/builtin.h"
#include "callgate/formats/oci.h"
#include "callgate/formats/systemd.h"
#include "callgate/formats/text.h"

namespace callgate::bench {
namespace {

/// How a profile of a container engine is read: as crun reads it, which adds no instructions of its
/// own to libseccomp's.
struct Profile {
  std::string file;
  OciFrontend frontend;
  std::vector<std::string> capabilities;
  std::vector<Arch> arches;  ///< empty: those that the profile names
};

Result<Policy> read_profile(const CorpusOptions& options, const Profile& profile) {
  if (options.shared.empty()) return fail(profile.file + " is not on this machine");
  CALLGATE_TRY(const std::string json, read_file(options.shared + "/" + profile.file));
  OciContext context;
  context.reader = {profile.frontend, OciRuntime::crun, {1, 8, 1}};
  context.arch = Arch::x86_64;
  context.capabilities = profile.capabilities;
  context.libseccomp = {6, 7};
  CALLGATE_TRY(OciImport import, read_oci(json, profile.file, context));
  if (!profile.arches.empty()) import.policy.arches = profile.arches;
  return std::move(import.policy);
}

std::vector<std::string> docker_capability_list() {
  const auto all = docker_capabilities();
  return {all.begin(), all.end()};
}

Result<Policy> read_text_policy(const CorpusOptions& options, const std::string& file) {
  CALLGATE_TRY(const std::string text, read_file(options.policies + "/" + file));
  CALLGATE_TRY(ParsedPolicy parsed, parse_policy(text, file));
  return std::move(parsed.policy);
}

Result<Policy> read_denylist(const CorpusOptions& options) {
  CALLGATE_TRY(const std::string text, read_file(options.policies + "/denylist.service"));
  const UnitFile file{.path = "denylist.service", .text = text};
  CALLGATE_TRY(UnitImport import,
               read_unit({&file, 1}, {.arch = Arch::x86_64, .libseccomp = {6, 7}}));
  import.policy.arches = {Arch::x86_64};
  return std::move(import.policy);
}

Result<Policy> builtin_docker() {
  CALLGATE_TRY(ParsedPolicy parsed, find_builtin_profile("docker-default", {}));
  parsed.policy.arches = {Arch::x86_64};
  return std::move(parsed.policy);
}

/// A policy of 5 to 124 calls of x86-64, a third of them under comparisons that libseccomp,
/// seccompiler and gVisor can all express: conjunctions over different arguments, alternatives of
/// one action. `otherwise` is an errno, what matches is allowed.
class RandomFlat {
 public:
  explicit RandomFlat(unsigned seed) : random_(seed), has_masked_values_(pick(2) == 1) {}

  Policy make() {
    Policy policy{.abi = Release{6, 12}, .arches = {Arch::x86_64}};
    policy.otherwise = policy.unknown = deny(1);
    const std::size_t count = 5 + pick(120);
    for (const Syscall* call : choose(count)) {
      const std::size_t alternatives = pick(3) == 0 ? 1 + pick(3) : 0;
      add(policy, *call, {});
      if (alternatives == 0) continue;
      policy.rules.back().condition = condition();
      for (std::size_t i = 1; i < alternatives; ++i) add(policy, *call, condition());
    }
    return policy;
  }

 private:
  std::size_t pick(std::size_t count) { return static_cast<std::size_t>(random_() % count); }

  std::vector<const Syscall*> choose(std::size_t count) {
    std::vector<const Syscall*> all;
    for (const Syscall& call : syscalls(Arch::x86_64))
      if (call.since <= Release{6, 1}) all.push_back(&call);
    for (std::size_t i = 0; i < count; ++i) std::swap(all[i], all[i + pick(all.size() - i)]);
    all.resize(count);
    return all;
  }

  static void add(Policy& policy, const Syscall& call, Condition condition) {
    policy.rules.push_back({.action = allow,
                            .calls = {Selector::named(std::string(call.name))},
                            .condition = std::move(condition)});
  }

  Condition condition() {
    std::vector<std::uint8_t> arguments = {0, 1, 2, 3, 4, 5};
    Condition all{.kind = Condition::Kind::all};
    for (std::size_t left = 1 + pick(3); left > 0; --left) {
      const std::size_t at = pick(arguments.size());
      all.children.push_back(Condition::of(test(arguments[at])));
      arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return all.children.size() == 1 ? all.children.front() : all;
  }

  /// Half of the tests are for one value, a quarter for flags, the others for an order.
  Test test(std::uint8_t argument) {
    Test out{.operand = {.kind = Operand::Kind::word, .index = argument}};
    const std::uint64_t bits = 1 + pick(pick(4) == 0 ? 63 : 31);
    std::uint64_t value = random_() & ((std::uint64_t{1} << bits) - 1);
    static constexpr Relation orders[] = {Relation::lt, Relation::le, Relation::gt, Relation::ge};
    const std::size_t kind = pick(8);
    if (kind >= 6) out.relation = orders[pick(4)];
    if (kind == 3) out.relation = Relation::ne;
    if (kind == 4 || kind == 5) {
      out.mask = Value::of(value | 1);
      value = kind == 4 || !has_masked_values_ ? 0 : value;
    }
    if (kind >= 6) value |= 1;
    out.values = {{Value::of(value), {}}};
    return out;
  }

  std::mt19937_64 random_;
  bool has_masked_values_;  ///< (x & mask) == value in half of the policies, else == 0 only
};

}  // namespace

std::vector<CorpusEntry> make_corpus(const CorpusOptions& options) {
  const std::vector<Arch> native = {Arch::x86_64};
  const std::string moby = "moby-default.json";
  const std::string containers = "containers-common.json";
  std::vector<CorpusEntry> all;
  const auto add = [&](std::string name, Result<Policy> policy) {
    all.push_back({std::move(name), std::move(policy)});
  };
  add("docker-default", read_profile(options, {moby, OciFrontend::docker, {}, native}));
  add("docker-3-abis",
      read_profile(options, {moby, OciFrontend::docker, docker_capability_list(), {}}));
  add("docker-builtin", builtin_docker());
  add("containers-common",
      read_profile(options, {containers, OciFrontend::podman, docker_capability_list(), native}));
  add("systemd-denylist", read_denylist(options));
  add("allowlist30", read_text_policy(options, "allowlist30.policy"));
  for (unsigned i = 0; i < options.random; ++i)
    add(fmt::format("random-{:03}", i), RandomFlat(options.seed + i).make());
  return all;
}

}  // namespace callgate::bench

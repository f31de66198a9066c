// What dockerd and runc make of a profile, done a second time for tests: with rapidjson's DOM
// instead of our reader, with libseccomp instead of our rules, with instructions instead of raw
// numbers.
#pragma once

#include <rapidjson/document.h>
#include <sys/wait.h>

#include <algorithm>
#include <optional>
#include <set>

#include "callgate/abi/seccomp_data.h"
#include "libseccomp_peer.h"

namespace callgate::test {

struct PeerContext {
  std::set<std::string> capabilities;
  bool docker = true;            ///< dockerd in front; else the section as it is
  bool stub = true;              ///< runc; else crun
  bool stub_for_native = false;  ///< runc 1.1.15 and later
  std::uint32_t optimise = 0;    ///< SCMP_FLTATR_CTL_OPTIMIZE; 0: libseccomp's own default
};

class RuncPeer {
 public:
  RuncPeer(const Libseccomp& library, const PeerContext& context)
      : library_(library), context_(context) {}

  /// The program that runc would install on an x86-64 machine with a kernel of 4.8 or later.
  Result<Program> build(const std::string& json) {
    rapidjson::Document profile;
    profile.Parse(json.c_str());
    if (profile.HasParseError() || !profile.IsObject()) return fail("not a JSON object");
    default_ = action(profile["defaultAction"], number(profile, "defaultErrnoRet"));
    filter_ = library_.init(default_);
    if (filter_ == nullptr) return fail("seccomp_init failed");
    constexpr int attribute_optimise = 8;
    if (context_.optimise != 0) library_.attr_set(filter_, attribute_optimise, context_.optimise);
    Result<Program> result = fill(profile);
    library_.release(filter_);
    return result;
  }

  using Value = rapidjson::Value;

  /// A rule as it was handed to libseccomp.
  struct Call {
    std::string name;
    std::uint32_t action = 0;
    int number = 0;
    std::vector<ScmpCompare> tests;
  };
  /// Every rule of the profile that was built, in order.
  [[nodiscard]] const std::vector<Call>& calls() const noexcept { return calls_; }
  [[nodiscard]] const std::set<Arch>& arches() const noexcept { return listed_; }
  [[nodiscard]] std::uint32_t default_action() const noexcept { return default_; }

  /// True if the conditions of a rule hold: all of them, or any where one argument is tested twice.
  /// For a call inside a multiplexer the selector stands in place of conditions on argument 0.
  static bool holds(const Value& args, const SeccompData& data, bool low_halves,
                    bool multiplexed = false) {
    std::set<unsigned> indices;
    std::size_t held = 0;
    for (const Value& arg : args.GetArray()) {
      const ScmpCompare test = compare(arg);
      indices.insert(test.arg);
      const std::uint64_t width = low_halves ? 0xffffffff : ~std::uint64_t{0};
      const std::uint64_t word = data.args[test.arg] & width;
      const std::uint64_t a = test.a & width;
      const bool results[] = {word != a, word<a, word <= a, word == a, word >= a, word> a,
                              (word & a) == (test.b & width)};
      held += results[test.op - 1] || (multiplexed && test.arg == 0) ? 1 : 0;
    }
    return indices.size() == args.Size() ? held == args.Size() : held > 0;
  }

  static bool has(const Value& object, const char* key) {
    return object.HasMember(key) && !object[key].IsNull();
  }
  static int number(const Value& object, const char* key) {
    return has(object, key) ? static_cast<int>(object[key].GetUint()) : -1;
  }
  static std::uint32_t action(const Value& word, int errno_value) {
    const std::string name = word.GetString();
    const auto data = static_cast<std::uint32_t>(errno_value < 0 ? 1 : errno_value);
    if (name == "SCMP_ACT_ALLOW") return 0x7fff0000;
    if (name == "SCMP_ACT_LOG") return 0x7ffc0000;
    if (name == "SCMP_ACT_TRACE") return 0x7ff00000 | data;
    if (name == "SCMP_ACT_NOTIFY") return 0x7fc00000;
    if (name == "SCMP_ACT_ERRNO") return 0x00050000 | data;
    if (name == "SCMP_ACT_TRAP") return 0x00030000;
    if (name == "SCMP_ACT_KILL_PROCESS") return 0x80000000;
    return 0;
  }
  static std::vector<std::string> strings(const Value& object, const char* key) {
    std::vector<std::string> all;
    if (!has(object, key)) return all;
    for (const Value& each : object[key].GetArray()) all.emplace_back(each.GetString());
    return all;
  }

 private:
  bool applies(const Value& rule) const {
    if (!context_.docker) return true;
    const auto any_cap = [&](const std::vector<std::string>& caps) {
      return std::any_of(caps.begin(), caps.end(), [&](const std::string& cap) {
        return context_.capabilities.contains(cap);
      });
    };
    if (has(rule, "excludes")) {
      if (any_cap(strings(rule["excludes"], "caps"))) return false;
      const auto arches = strings(rule["excludes"], "arches");
      if (std::find(arches.begin(), arches.end(), "amd64") != arches.end()) return false;
    }
    if (has(rule, "includes")) {
      for (const std::string& cap : strings(rule["includes"], "caps")) {
        if (!context_.capabilities.contains(cap)) return false;
      }
      const auto arches = strings(rule["includes"], "arches");
      if (!arches.empty() && std::find(arches.begin(), arches.end(), "amd64") == arches.end()) {
        return false;
      }
    }
    return true;
  }

  Result<Program> fill(const Value& profile) {
    std::vector<std::string> arches = strings(profile, "architectures");
    if (context_.docker && has(profile, "archMap")) {
      for (const Value& entry : profile["archMap"].GetArray()) {
        if (std::string(entry["architecture"].GetString()) != "SCMP_ARCH_X86_64") continue;
        arches.emplace_back("SCMP_ARCH_X86_64");
        for (auto& sub : strings(entry, "subArchitectures")) arches.push_back(sub);
      }
    }
    if (context_.stub_for_native) arches.emplace_back("SCMP_ARCH_X86_64");
    for (const std::string& name : arches) {
      listed_.insert(*find_arch(name));
      library_.arch_add(filter_, Libseccomp::token(*find_arch(name)));
    }
    for (const Value& rule : profile["syscalls"].GetArray()) {
      if (!applies(rule)) continue;
      for (const std::string& name : strings(rule, "names")) {
        if (const int code = add(rule, name); code != 0) {
          return fail("rule for " + name + ": error " + std::to_string(-code));
        }
      }
    }
    return library_.program(filter_, stub());
  }

  int add(const Value& rule, const std::string& name) {
    for (const Arch arch : listed_) {
      const int there = library_.resolve_name_arch(Libseccomp::token(arch), name.c_str());
      largest_[arch] = std::max(largest_[arch], there);
    }
    const std::uint32_t act = action(rule["action"], number(rule, "errnoRet"));
    const int nr = library_.resolve_name(name.c_str());
    if (act == default_ || nr == -1) return 0;
    std::vector<ScmpCompare> tests;
    std::set<unsigned> indices;
    if (has(rule, "args")) {
      for (const Value& arg : rule["args"].GetArray()) {
        tests.push_back(compare(arg));
        indices.insert(tests.back().arg);
      }
    }
    if (indices.size() == tests.size()) return hand_over({name, act, nr, std::move(tests)});
    for (const ScmpCompare& test : tests) {
      if (const int code = hand_over({name, act, nr, {test}}); code != 0) return code;
    }
    return 0;
  }

  int hand_over(Call call) {
    const Call& made = calls_.emplace_back(std::move(call));
    return library_.rule_add_array(filter_, made.action, made.number,
                                   static_cast<unsigned>(made.tests.size()), made.tests.data());
  }

  static ScmpCompare compare(const Value& arg) {
    static const std::map<std::string, int> operators = {
        {"SCMP_CMP_NE", 1}, {"SCMP_CMP_LT", 2}, {"SCMP_CMP_LE", 3},       {"SCMP_CMP_EQ", 4},
        {"SCMP_CMP_GE", 5}, {"SCMP_CMP_GT", 6}, {"SCMP_CMP_MASKED_EQ", 7}};
    return {arg["index"].GetUint(), operators.at(arg["op"].GetString()), arg["value"].GetUint64(),
            has(arg, "valueTwo") ? arg["valueTwo"].GetUint64() : 0};
  }

  /// The instructions before the filter: for each audit number a section that ends in RET ENOSYS or
  /// runs on into the filter.
  std::vector<Instruction> stub() {
    constexpr std::uint16_t load = 0x20, jump = 0x05, jeq = 0x15, jgt = 0x25, jset = 0x45,
                            ret = 0x06;
    constexpr std::uint32_t enosys = 0x50026;
    const std::uint32_t kind = default_ & 0x7fff0000;
    if (!context_.stub || kind == 0x7fff0000 || kind == 0x7ffc0000 || kind == 0x7ff00000) return {};
    std::vector<Instruction> code;
    for (const Arch arch : listed_) {
      const int largest = largest_[arch];
      if (largest == 0) continue;
      const std::uint32_t audit = arch_info(arch).audit;
      // Each section: skip it unless arch and the x32 bit are its own, then compare.
      const bool is_x86 = audit == 0xc000003e;
      const bool is_x32 = arch == Arch::x32;
      code.push_back({load, 0, 0, 4});
      code.push_back({jeq, 0, static_cast<std::uint8_t>(is_x86 ? 4 : 3), audit});
      code.push_back({load, 0, 0, 0});
      if (is_x86) {
        const std::uint8_t taken = is_x32 ? 0 : 2;
        code.push_back({jset, taken, static_cast<std::uint8_t>(2 - taken), 0x40000000});
      }
      code.push_back({jgt, 0, 1, static_cast<std::uint32_t>(largest)});
      code.push_back({ret, 0, 0, enosys});
    }
    code.push_back({jump, 0, 0, 0});
    return code;
  }

  const Libseccomp& library_;
  const PeerContext& context_;
  Libseccomp::Filter filter_ = nullptr;
  std::uint32_t default_ = 0;
  std::set<Arch> listed_;
  std::map<Arch, int> largest_;
  std::vector<Call> calls_;
};

/// The peer's program, built in a process of its own: libseccomp does not come back from every set
/// of rules. None if it took longer than a second or failed.
inline std::optional<Program> build_guarded(const Libseccomp& library, const PeerContext& context,
                                            const std::string& json) {
  int ends[2];
  if (pipe(ends) != 0) return std::nullopt;
  const pid_t child = fork();
  if (child == 0) {
    alarm(1);
    const Result<Program> program = RuncPeer(library, context).build(json);
    const std::string bytes = program ? program->bytes() : std::string();
    const bool written =
        write(ends[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  std::string bytes(max_instructions * sizeof(Instruction), '\0');
  std::size_t size = 0;
  for (ssize_t got = 1; got > 0; size += static_cast<std::size_t>(got)) {
    got = read(ends[0], bytes.data() + size, bytes.size() - size);
    if (got < 0) got = 0;
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  Result<Program> program = Program::from_bytes(std::string_view(bytes).substr(0, size));
  return program ? std::optional(*std::move(program)) : std::nullopt;
}

}  // namespace callgate::test

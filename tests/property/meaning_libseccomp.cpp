// What libseccomp emits is never undecided: random rule sets on three architectures, at both of its
// optimisation levels, against each other and against a policy that says the same.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "callgate/base/unique_fd.h"
#include "callgate/bpf/emulate.h"
#include "callgate/meaning/proof.h"
#include "callgate/policy/evaluate.h"
#include "libseccomp_peer.h"
#include "scale.h"

namespace callgate::test {
namespace {

const std::vector<Arch> arches{Arch::x86_64, Arch::i386, Arch::x32};

constexpr int op_not_equal = 1;
constexpr int op_less = 2;
constexpr int op_less_equal = 3;
constexpr int op_equal = 4;
constexpr int op_greater_equal = 5;
constexpr int op_greater = 6;
constexpr int op_masked = 7;
constexpr int attribute_optimise = 8;
constexpr std::uint32_t ret_allow = 0x7fff0000;
constexpr std::uint32_t ret_eperm = 0x00050001;

struct PeerRule {
  std::string call;
  std::vector<ScmpCompare> tests;
};

class RuleSets {
 public:
  RuleSets(const Libseccomp& library, std::uint32_t seed) : library_(library), random_(seed) {
    for (const Syscall& call : syscalls(Arch::x86_64))
      if (!is_carried(call.name) && is_agreed(std::string(call.name))) calls_.push_back(call.name);
  }

  std::vector<PeerRule> make(bool with_ranges) {
    std::vector<PeerRule> rules;
    for (std::size_t call = 1 + below(30); call-- > 0;) {
      const std::string name(calls_[below(calls_.size())]);
      if (below(3) != 0) {
        rules.push_back({name, {}});
        continue;
      }
      for (std::size_t count = 1 + below(4); count-- > 0;)
        rules.push_back({name, tests(with_ranges)});
    }
    return rules;
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }

  /// Both tables give the call the same number on each ABI.
  [[nodiscard]] bool is_agreed(const std::string& name) const {
    return std::all_of(arches.begin(), arches.end(), [&](Arch arch) {
      const Syscall* ours = find_syscall(arch, name);
      const int theirs = library_.resolve_name_arch(Libseccomp::token(arch), name.c_str());
      return ours == nullptr ? theirs < 0 : theirs == static_cast<int>(ours->number);
    });
  }

  /// Calls that socketcall and ipc carry get rules of their own from libseccomp.
  static bool is_carried(std::string_view name) {
    for (const Syscall& call : syscalls(Arch::i386)) {
      if (!call.multiplexes.empty() && call.name == name) return true;
      for (const Multiplexed& carried : call.multiplexes)
        if (carried.name == name) return true;
    }
    return name == "recv" || name == "send" || name == "accept" || name == "semop" ||
           name == "semtimedop";
  }

  std::uint64_t value() {
    switch (below(4)) {
      case 0: return below(8);
      case 1: return std::uint64_t{1} << below(64);
      case 2: return random_() & 0xffffffff;
      default: return random_();
    }
  }

  std::vector<ScmpCompare> tests(bool with_ranges) {
    std::vector<ScmpCompare> all;
    for (unsigned arg = 0; arg < 6; ++arg) {
      if (below(3) != 0) continue;
      const int op =
          with_ranges ? static_cast<int>(1 + below(7)) : (below(2) == 0 ? op_equal : op_masked);
      const std::uint64_t first = value();
      all.push_back({arg, op, first, op == op_masked ? value() & first : 0});
    }
    if (all.empty()) all.push_back({0, op_equal, value(), 0});
    return all;
  }

  const Libseccomp& library_;
  std::mt19937_64 random_;
  std::vector<std::string_view> calls_;
};

std::optional<Program> build_here(const Libseccomp& library, const std::vector<PeerRule>& rules,
                                  std::uint32_t level) {
  const auto filter = library.init(ret_eperm);
  for (const Arch arch : arches)
    if (arch != Arch::x86_64) library.arch_add(filter, Libseccomp::token(arch));
  library.attr_set(filter, attribute_optimise, level);
  for (const PeerRule& rule : rules)
    (void)library.rule_add_array(filter, ret_allow, library.resolve_name(rule.call.c_str()),
                                 static_cast<unsigned>(rule.tests.size()), rule.tests.data());
  const auto program = library.program(filter);
  library.release(filter);
  return program ? std::optional(*program) : std::nullopt;
}

/// In a child that is ended after two seconds: seccomp_rule_add of 2.5.4 never returns for some
/// sets of overlapping ranges.
std::optional<Program> build(const Libseccomp& library, const std::vector<PeerRule>& rules,
                             std::uint32_t level) {
  const UniqueFd file(memfd_create("program", MFD_CLOEXEC));
  const pid_t child = fork();
  if (child == 0) {
    alarm(2);
    const auto program = build_here(library, rules, level);
    const std::string bytes = program ? program->bytes() : "";
    const auto written = write(file.get(), bytes.data(), bytes.size());
    _exit(written == static_cast<ssize_t>(bytes.size()) ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  std::string bytes(max_instructions * sizeof(Instruction), '\0');
  const ssize_t size = pread(file.get(), bytes.data(), bytes.size(), 0);
  bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  const auto program = Program::from_bytes(bytes);
  return program ? std::optional(*program) : std::nullopt;
}

Condition condition_of(const ScmpCompare& compare, bool narrow) {
  const std::uint64_t kept = narrow ? 0xffffffff : ~std::uint64_t{0};
  Test test{.operand = {.kind = narrow ? Operand::Kind::low : Operand::Kind::word,
                        .index = static_cast<std::uint8_t>(compare.arg)}};
  std::uint64_t value = compare.a & kept;
  switch (compare.op) {
    case op_not_equal: test.relation = Relation::ne; break;
    case op_less: test.relation = Relation::lt; break;
    case op_less_equal: test.relation = Relation::le; break;
    case op_greater_equal: test.relation = Relation::ge; break;
    case op_greater: test.relation = Relation::gt; break;
    case op_masked:
      test.mask = Value::of(value);
      value = compare.b & kept;
      break;
    default: break;
  }
  test.values = {{Value::of(value), {}}};
  return Condition::of(std::move(test));
}

/// The union of the rules: libseccomp compares 64 bits on x86-64 and the low half elsewhere.
Policy policy_of(const std::vector<PeerRule>& rules) {
  Policy policy{.abi = newest_release(), .otherwise = deny(1)};
  policy.unknown = deny(1);
  policy.unlisted = kill_thread;
  for (const PeerRule& source : rules) {
    for (const bool narrow : {false, true}) {
      Rule rule{.action = allow, .calls = {Selector::named(source.call)}};
      rule.arches = narrow ? std::vector{Arch::i386, Arch::x32} : std::vector{Arch::x86_64};
      if (!source.tests.empty()) rule.condition.kind = Condition::Kind::all;
      for (const ScmpCompare& compare : source.tests)
        rule.condition.children.push_back(condition_of(compare, narrow));
      policy.rules.push_back(std::move(rule));
    }
  }
  return policy;
}

std::string describe(const Answer& answer) {
  if (std::holds_alternative<Equal>(answer)) return "equal";
  if (const auto* undecided = std::get_if<Undecided>(&answer))
    return "undecided: " + undecided->call;
  const auto& [witness, left, right] = std::get<Differs>(answer);
  char text[200];
  std::snprintf(text, sizeof text, "differs: arch %x nr %x args %llx %llx %llx %llx: %x and %x",
                witness.arch, witness.nr, static_cast<unsigned long long>(witness.args[0]),
                static_cast<unsigned long long>(witness.args[1]),
                static_cast<unsigned long long>(witness.args[2]),
                static_cast<unsigned long long>(witness.args[3]), left, right);
  return text;
}

class Libseccomps : public ::testing::TestWithParam<bool> {};

TEST_P(Libseccomps, FiltersAreNeverUndecided) {
  const bool with_ranges = GetParam();
  const Libseccomp* library = Libseccomp::get();
  if (library == nullptr) GTEST_SKIP() << "libseccomp.so.2 is not installed";
  RuleSets sets(*library, 3);
  const std::size_t count = scaled(40, 2000);
  std::size_t deviations = 0;
  std::size_t built = 0;
  for (std::size_t i = 0; i < count && !::testing::Test::HasFailure(); ++i) {
    const std::vector<PeerRule> rules = sets.make(with_ranges);
    const auto chain = build(*library, rules, 1);
    const auto tree = build(*library, rules, 2);
    if (!chain || !tree) continue;
    ++built;
    SCOPED_TRACE("rule set " + std::to_string(i));
    const Answer levels = callgate::equal(*chain, *tree);
    EXPECT_FALSE(std::holds_alternative<Undecided>(levels)) << describe(levels);
    for (const Program* program : {&*chain, &*tree}) {
      const Answer answer = prove(policy_of(rules), arches, *program);
      EXPECT_FALSE(std::holds_alternative<Undecided>(answer)) << describe(answer);
      deviations += std::holds_alternative<Differs>(answer);
    }
    if (i % 200 == 199) std::printf("%zu of %zu rule sets\n", i + 1, count);
  }
  std::printf("%zu rule sets, %zu filters deviate from the union of their rules\n", built,
              deviations);
  EXPECT_GT(built, count * 3 / 4);
  // Its own mistakes are rare without ranges; each has a witness that the emulator confirms.
  if (!with_ranges) {
    EXPECT_LE(deviations, 1 + built / 200);
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, Libseccomps, ::testing::Bool(), [](const auto& tested) {
  return tested.param ? "AllOperators" : "EqualAndMasked";
});

}  // namespace
}  // namespace callgate::test

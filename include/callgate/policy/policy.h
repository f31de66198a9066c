// A policy: what a person wrote, as plain comparable data.
//
//   Policy policy;
//   policy.abi = {6, 12};
//   policy.otherwise = deny(EPERM);
//   policy.rules.push_back({.action = allow, .calls = {Selector::named("read")}});
//
// builder.h has a shorter way to write the rules: policy.on("read", allow).
// What a policy means is stated once, in docs/policy.md; evaluate.h is its reading in code.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "callgate/abi/action.h"
#include "callgate/abi/arch.h"
#include "callgate/base/diagnostic.h"

namespace callgate {

/// A value as written: names and a number or-ed together, perhaps complemented. It is resolved for
/// each ABI and parameter, since O_DIRECTORY is not the same number everywhere.
struct Value {
  std::vector<std::string> names{};  ///< constants, or-ed
  std::uint64_t number = 0;          ///< or-ed to them; a negative number is its two's complement
  bool negative = false;             ///< written with a minus: prints as one, and checks as one
  bool complement = false;           ///< ~(...), within the width of what it is compared to
  bool operator==(const Value&) const = default;

  [[nodiscard]] static Value of(std::uint64_t number) { return {.number = number}; }
};

/// What a test looks at.
struct Operand {
  enum class Kind : std::uint8_t {
    parameter,  ///< by name, at the width and sign that the kernel's entry code keeps
    word,       ///< args[i], all 64 bits of seccomp_data, unsigned
    low,        ///< args[i].lo, the low 32 bits, unsigned
    high,       ///< args[i].hi, the high 32 bits, unsigned
    ip,         ///< instruction_pointer, 64 bits
    ip_low,
    ip_high,
  };
  Kind kind = Kind::parameter;
  std::string name{};      ///< of a parameter
  std::uint8_t index = 0;  ///< of an argument word, 0..5
  bool operator==(const Operand&) const = default;
};

/// How a test compares. With a mask, what is compared is (operand & mask), unsigned.
enum class Relation : std::uint8_t { eq, ne, lt, le, gt, ge, in, not_in, subset };

/// A value or an inclusive range of values.
struct Interval {
  Value first{};
  std::optional<Value> last{};  ///< none: the single value `first`
  bool operator==(const Interval&) const = default;
};

/// One comparison. eq..ge and subset have exactly one value and no range.
/// `x subset V` means: no bit outside V is set in x. A pointer parameter allows only eq/ne 0
/// ("null").
struct Test {
  Operand operand{};
  std::optional<Value> mask{};
  Relation relation = Relation::eq;
  std::vector<Interval> values{};
  Place place{};  ///< where it was written; not part of equality

  bool operator==(const Test& other) const {
    return operand == other.operand && mask == other.mask && relation == other.relation &&
           values == other.values;
  }
};

/// When a rule matches: a tree of tests. `all` of nothing is true, `any` of nothing is false.
struct Condition {
  enum class Kind : std::uint8_t { always, test, all, any, negation };
  Kind kind = Kind::always;
  Test test{};                        ///< for `test`
  std::vector<Condition> children{};  ///< for all, any; exactly one for negation
  bool operator==(const Condition&) const = default;

  [[nodiscard]] static Condition of(Test test) {
    return {.kind = Kind::test, .test = std::move(test)};
  }
};

/// Which calls a rule speaks of.
struct Selector {
  enum class Kind : std::uint8_t {
    name,     ///< exactly that call on each ABI that has it
    group,    ///< an operation in all its forms, "@mmap" (abi/groups.h)
    numbers,  ///< raw numbers first..last as in seccomp_data.nr, assigned or not
    any,      ///< `*`: every number of the ABI but -1
  };
  Kind kind = Kind::name;
  std::string name{};       ///< of a call, or of a group without its @
  std::uint32_t first = 0;  ///< for numbers
  std::uint32_t last = 0;   ///< for numbers, inclusive; 0xffffffff also covers -1
  Place place{};            ///< not part of equality

  bool operator==(const Selector& other) const {
    return kind == other.kind && name == other.name && first == other.first && last == other.last;
  }
  [[nodiscard]] static Selector named(std::string name) {
    return {.kind = Kind::name, .name = std::move(name)};
  }
  [[nodiscard]] static Selector group(std::string name) {
    return {.kind = Kind::group, .name = std::move(name)};
  }
  [[nodiscard]] static Selector numbers(std::uint32_t first, std::uint32_t last) {
    return {.kind = Kind::numbers, .first = first, .last = last};
  }
  [[nodiscard]] static Selector any() { return {.kind = Kind::any}; }
};

/// What becomes of a rule whose condition names a parameter that an ABI does not hold in a
/// register. The whole condition is replaced by the constant that makes the verdict stricter (deny)
/// or looser (allow): under `deny` a rule that denies then matches, every other rule does not.
enum class OnUntestable : std::uint8_t { error, deny, allow_ };

/// "For these calls, if the condition holds, take this action."
struct Rule {
  Action action{};
  std::vector<Selector> calls{};
  Condition condition{};
  std::vector<Arch> arches{};                   ///< the section it stands in; empty: every ABI
  std::optional<OnUntestable> on_untestable{};  ///< of this rule; else the policy's
  Place place{};                                ///< where it was written; not part of equality
  std::string promise{};  ///< the promise it is of, or empty; not part of it either

  bool operator==(const Rule& other) const {
    return action == other.action && calls == other.calls && condition == other.condition &&
           arches == other.arches && on_untestable == other.on_untestable;
  }
};

struct CallName;

/// Where in a C++ source a rule was written. By default the line that calls `here`.
struct SourceLine {
  const char* file = "";
  unsigned line = 0;
  [[nodiscard]] static constexpr SourceLine here(const char* file = __builtin_FILE(),
                                                 unsigned line = __builtin_LINE()) noexcept {
    return {file, line};
  }
};

/// An ordered list of rules; the first that matches decides.
struct Policy {
  std::string name{};
  std::optional<Release> abi{};  ///< none: newest_release() of this callgate, with a diagnostic
  std::vector<Arch> arches{};    ///< the ABIs it is for; empty: left to who compiles it
  Action otherwise{ActionKind::kill_process};  ///< no rule matches
  Action unknown{ActionKind::errno_, 38};      ///< no rule matches an unassigned number (ENOSYS)
  Action unlisted{ActionKind::kill_process};   ///< a call of an ABI that is not among `arches`
  OnUntestable on_untestable = OnUntestable::error;
  std::vector<Rule> rules{};

  bool operator==(const Policy&) const = default;

  /// Adds a rule; its place is the line of the call. Include builder.h, where the names are
  /// checked.
  Policy& on(CallName call, Action action, SourceLine where = SourceLine::here());
  Policy& on(CallName call, Condition condition, Action action,
             SourceLine where = SourceLine::here());
  Policy& on(std::initializer_list<CallName> calls, Action action,
             SourceLine where = SourceLine::here());
  Policy& on(std::initializer_list<CallName> calls, Condition condition, Action action,
             SourceLine where = SourceLine::here());
  /// The same for calls that a literal cannot name: numbers, all, names known at run time only.
  Policy& on(Selector calls, Action action, SourceLine where = SourceLine::here());
  Policy& on(Selector calls, Condition condition, Action action,
             SourceLine where = SourceLine::here());
};

/// The level at which unassigned numbers are told: policy.abi, or newest_release().
[[nodiscard]] Release abi_level(const Policy& policy) noexcept;

/// Everything that is wrong with a policy for these ABIs, in the order of its text: unknown names,
/// values out of range, untestable parameters, constants that an ABI lacks, rules that match no
/// ABI. A policy without errors can be evaluated and compiled for them. Warnings and notes are
/// included (no `abi`, calls newer than it, `unknown` without effect).
[[nodiscard]] std::vector<Diagnostic> check(const Policy& policy, std::span<const Arch> arches);

}  // namespace callgate

// Policies written in C++:
//
//   namespace cg = callgate;
//   cg::Policy policy{.name = "worker", .abi = cg::linux_6_12, .otherwise = cg::deny(EPERM)};
//   policy.on({"read", "write"}, cg::allow)
//       .on("socket", cg::arg("domain").in({AF_UNIX, AF_INET}), cg::allow)
//       .on("@mmap", (cg::arg("prot") & PROT_EXEC) == 0, cg::allow);
//
// A misspelt call, group, parameter or constant in a literal does not compile. That a call has the
// parameter, and that a value can be its, is found by check(), which compile() begins with; its
// diagnostics name the line of the C++ source. Numbers are those of the machine that compiles
// (PROT_EXEC): where they differ between the ABIs of a policy, cg::constant("O_DIRECTORY") is each
// ABI's own.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include "callgate/abi/names.h"
#include "callgate/policy/policy.h"

namespace callgate {

/// Releases for Policy::abi: those with long support. Any other is Release{major, minor}.
inline constexpr Release linux_5_10{5, 10};
inline constexpr Release linux_5_15{5, 15};
inline constexpr Release linux_6_1{6, 1};
inline constexpr Release linux_6_6{6, 6};
inline constexpr Release linux_6_12{6, 12};

/// A group, "@mmap".
[[nodiscard]] constexpr CallName group(CallName name) noexcept { return name; }

/// A call, or a group behind an @, whose name is known at run time only; check() looks it up.
[[nodiscard]] Selector call_named(std::string_view name);
/// Raw numbers first..last as in seccomp_data.nr.
[[nodiscard]] inline Selector call_numbers(std::uint32_t first, std::uint32_t last) {
  return Selector::numbers(first, last);
}
/// Every number but -1.
[[nodiscard]] inline Selector any_call() { return Selector::any(); }

/// A named value, each ABI's own. They join by `|`: constant("O_RDONLY") | constant("O_CLOEXEC").
[[nodiscard]] Value constant(ConstantName name);
/// The same for a name known at run time only.
[[nodiscard]] Value constant_named(std::string_view name);
[[nodiscard]] Value operator|(Value left, const Value& right);
/// The complement within the width of what it is compared to.
[[nodiscard]] Value operator~(Value value);

/// What an operand is compared to: a number, an enumerator, null, a named value, or a range.
struct AnyValue {
  Interval interval;

  // NOLINTBEGIN(google-explicit-constructor): values are written as themselves.
  template <class Number>
  requires std::integral<Number> || std::is_enum_v<Number> AnyValue(Number number) {
    interval.first.number = static_cast<std::uint64_t>(number);
    interval.first.negative = number < Number{};
  }
  AnyValue(std::nullptr_t) {}
  AnyValue(Value value) : interval{.first = std::move(value), .last = {}} {}
  AnyValue(Interval range) : interval(std::move(range)) {}
  // NOLINTEND(google-explicit-constructor)
};

/// first..last, both included, for in() and not_in().
[[nodiscard]] Interval range(const AnyValue& first, const AnyValue& last);

/// An operand, perhaps under a mask. Comparing it makes a Condition.
class Argument {
 public:
  explicit Argument(Operand operand) : operand_(std::move(operand)) {}

  [[nodiscard]] Condition in(std::initializer_list<AnyValue> values) const;
  [[nodiscard]] Condition not_in(std::initializer_list<AnyValue> values) const;
  /// No bit outside of `bits` is set.
  [[nodiscard]] Condition subset_of(const AnyValue& bits) const;
  [[nodiscard]] Condition compare(Relation relation, const AnyValue& value) const;

  /// `(arg("prot") & PROT_EXEC) == 0`; the parentheses are C++'s.
  [[nodiscard]] friend Argument operator&(Argument argument, const AnyValue& mask) {
    argument.mask_ = mask.interval.first;
    return argument;
  }
  [[nodiscard]] friend Condition operator==(const Argument& left, const AnyValue& right) {
    return left.compare(Relation::eq, right);
  }
  [[nodiscard]] friend Condition operator!=(const Argument& left, const AnyValue& right) {
    return left.compare(Relation::ne, right);
  }
  [[nodiscard]] friend Condition operator<(const Argument& left, const AnyValue& right) {
    return left.compare(Relation::lt, right);
  }
  [[nodiscard]] friend Condition operator<=(const Argument& left, const AnyValue& right) {
    return left.compare(Relation::le, right);
  }
  [[nodiscard]] friend Condition operator>(const Argument& left, const AnyValue& right) {
    return left.compare(Relation::gt, right);
  }
  [[nodiscard]] friend Condition operator>=(const Argument& left, const AnyValue& right) {
    return left.compare(Relation::ge, right);
  }

 private:
  [[nodiscard]] Condition test(Relation relation, std::vector<Interval> values) const;
  Operand operand_;
  std::optional<Value> mask_;
};

/// A parameter, at the width and sign that the kernel keeps.
[[nodiscard]] Argument arg(ParameterName name);
/// The same for a name known at run time only.
[[nodiscard]] Argument arg_named(std::string_view name);

/// Index of an argument word, 0 to 5; another one in a literal does not compile.
struct WordIndex {
  std::uint8_t index;
  // NOLINTNEXTLINE(google-explicit-constructor)
  consteval WordIndex(int literal) : index(static_cast<std::uint8_t>(literal)) {
    if (literal < 0 || literal > 5) there_is_no_such_parameter();
  }
};
/// Raw words, unsigned, whatever the ABI: args[i], its halves, and where the call was made.
[[nodiscard]] Argument word(WordIndex index);
[[nodiscard]] Argument low_word(WordIndex index);
[[nodiscard]] Argument high_word(WordIndex index);
[[nodiscard]] Argument instruction_pointer();

[[nodiscard]] Condition operator&&(Condition left, Condition right);
[[nodiscard]] Condition operator||(Condition left, Condition right);
[[nodiscard]] Condition operator!(Condition condition);

}  // namespace callgate

// Conditions become unions of cubes (oci_cubes.h): tests by binary prefixes, `all` by products,
// `any` by union, negation by subtraction from everything. Known weakness: products of many ranges
// grow fast and meet the limit, though a decision diagram would hold them.
#include "formats/oci_regions.h"

#include <fmt/format.h>

#include <algorithm>

#include "callgate/policy/resolve.h"

namespace callgate::oci {
namespace {

struct Bounds {
  std::uint64_t first;
  std::uint64_t last;
};

/// Turns conditions into cubes for one call.
class Cutter {
 public:
  Cutter(Arch arch, const Syscall& call) : arch_(arch), call_(call) {}

  Result<Cubes> cubes(const Condition& condition) const;

 private:
  Result<Cubes> all(const Condition& condition) const;
  Result<Cubes> any(const Condition& condition) const;
  Result<Cubes> test(const Test& test) const;
  Result<std::vector<Bounds>> bounds(const Test& test, const ResolvedOperand& operand) const;
  static Cube place(const Masked& set, const ResolvedOperand& operand);

  Arch arch_;
  const Syscall& call_;
};

tl::unexpected<Error> too_many() {
  return fail(fmt::format("needs more than {} masked comparisons", cube_limit));
}

std::uint64_t width_of(const ResolvedOperand& operand) {
  return operand.bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << operand.bits) - 1;
}

/// first..last in the operand's order as ranges of unsigned numbers.
void add_range(std::uint64_t first, std::uint64_t last, const ResolvedOperand& operand,
               bool is_signed, std::vector<Bounds>& into) {
  const std::uint64_t sign = std::uint64_t{1} << (operand.bits - 1);
  const bool crosses_zero = is_signed && (first & sign) != 0 && (last & sign) == 0;
  if (!crosses_zero) {
    into.push_back({first, last});
    return;
  }
  into.push_back({0, last});
  into.push_back({first, width_of(operand)});
}

Result<std::vector<Bounds>> Cutter::bounds(const Test& test, const ResolvedOperand& operand) const {
  const std::uint64_t width = width_of(operand);
  const bool is_signed = operand.is_signed && !test.mask;
  const std::uint64_t lowest = is_signed ? std::uint64_t{1} << (operand.bits - 1) : 0;
  const std::uint64_t highest = is_signed ? lowest - 1 : width;
  std::vector<Bounds> all;
  for (const Interval& interval : test.values) {
    CALLGATE_TRY(const std::uint64_t first, resolve_value(interval.first, arch_, operand));
    std::uint64_t last = first;
    if (interval.last) {
      CALLGATE_TRY(last, resolve_value(*interval.last, arch_, operand));
    }
    switch (test.relation) {
      case Relation::eq:
      case Relation::ne:
      case Relation::in:
      case Relation::not_in: add_range(first, last, operand, is_signed, all); break;
      case Relation::lt:
        if (first != lowest) add_range(lowest, (first - 1) & width, operand, is_signed, all);
        break;
      case Relation::le: add_range(lowest, first, operand, is_signed, all); break;
      case Relation::gt:
        if (first != highest) add_range((first + 1) & width, highest, operand, is_signed, all);
        break;
      case Relation::ge: add_range(first, highest, operand, is_signed, all); break;
      case Relation::subset: break;
    }
  }
  return all;
}

Cube Cutter::place(const Masked& set, const ResolvedOperand& operand) {
  Cube cube;
  constexpr std::uint64_t half = 0xffffffff;
  if (operand.is_pair) {
    cube.words[operand.low] = {set.mask & half, set.value & half};
    cube.words[operand.high] = {set.mask >> 32, set.value >> 32};
  } else if (operand.kind == Operand::Kind::high) {
    cube.words[operand.low] = {set.mask << 32, set.value << 32};
  } else {
    cube.words[operand.low] = set;
  }
  return cube;
}

Result<Cubes> Cutter::test(const Test& test) const {
  CALLGATE_TRY(const ResolvedOperand operand, resolve_operand(test.operand, arch_, &call_));
  if (operand.kind == Operand::Kind::ip || operand.kind == Operand::Kind::ip_low ||
      operand.kind == Operand::Kind::ip_high) {
    return fail("tests the instruction pointer, which OCI profiles cannot");
  }
  std::uint64_t mask = width_of(operand);
  if (test.mask) {
    CALLGATE_TRY(mask, resolve_value(*test.mask, arch_, operand));
  }
  Cubes cubes;
  if (test.relation == Relation::subset) {
    CALLGATE_TRY(const std::uint64_t value,
                 resolve_value(test.values.front().first, arch_, operand));
    cubes.push_back(place({mask & ~value, 0}, operand));
    return cubes;
  }
  CALLGATE_TRY(const std::vector<Bounds> ranges, bounds(test, operand));
  for (const Bounds& range : ranges) {
    for (const Masked& prefix : prefixes(range.first, range.last, operand.bits)) {
      if ((prefix.value & ~mask) != 0) continue;
      cubes.push_back(place({prefix.mask & mask, prefix.value}, operand));
    }
  }
  if (test.relation != Relation::ne && test.relation != Relation::not_in) return cubes;
  const auto rest = subtract({Cube{}}, cubes, cube_limit);
  if (!rest) return too_many();
  return *rest;
}

Result<Cubes> Cutter::all(const Condition& condition) const {
  Cubes result = {Cube{}};
  for (const Condition& child : condition.children) {
    CALLGATE_TRY(const Cubes part, cubes(child));
    Cubes next;
    for (const Cube& left : result) {
      for (const Cube& right : part) {
        if (const auto both = intersection(left, right)) next.push_back(*both);
        if (next.size() > cube_limit) return too_many();
      }
    }
    result = std::move(next);
  }
  return result;
}

Result<Cubes> Cutter::any(const Condition& condition) const {
  Cubes result;
  for (const Condition& child : condition.children) {
    CALLGATE_TRY(const Cubes part, cubes(child));
    result.insert(result.end(), part.begin(), part.end());
    if (result.size() > cube_limit) return too_many();
  }
  return result;
}

Result<Cubes> Cutter::cubes(const Condition& condition) const {
  switch (condition.kind) {
    case Condition::Kind::always: return Cubes{Cube{}};
    case Condition::Kind::test: return test(condition.test);
    case Condition::Kind::all: return all(condition);
    case Condition::Kind::any: return any(condition);
    case Condition::Kind::negation: {
      CALLGATE_TRY(const Cubes inner, cubes(condition.children.front()));
      const auto rest = subtract({Cube{}}, inner, cube_limit);
      if (!rest) return too_many();
      return *rest;
    }
  }
  return Cubes{};
}

/// An untestable condition is replaced by a constant, as docs/policy.md says.
Result<Cubes> rule_cubes(const Policy& policy, const callgate::Rule& rule, Arch arch,
                         const Syscall& call) {
  if (!is_untestable(rule.condition, arch, &call)) return Cutter(arch, call).cubes(rule.condition);
  const bool strict = untestable_rule(policy, rule) == OnUntestable::deny;
  const bool holds = denies(rule.action.kind) == strict;
  return holds ? Cubes{Cube{}} : Cubes{};
}

bool contains(const std::vector<NumberRange>& ranges, std::uint32_t number) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const NumberRange& range) {
    return range.first <= number && number <= range.last;
  });
}

/// Moves what lies in `matched` from `left` to the result, disjoint; none past the limit.
std::optional<Cubes> take(Cubes& left, const Cubes& matched) {
  Cubes taken;
  for (const Cube& cube : matched) {
    for (const Cube& piece : left) {
      if (const auto both = intersection(piece, cube)) taken.push_back(*both);
    }
    auto rest = subtract(left, {cube}, cube_limit);
    if (!rest || taken.size() > cube_limit) return std::nullopt;
    left = *std::move(rest);
  }
  return taken;
}

Error about_rule(Error error, const callgate::Rule& rule, const Syscall& call) {
  for (Diagnostic& diagnostic : error.diagnostics) {
    diagnostic.message = fmt::format("the rule for {}: {}", call.name, diagnostic.message);
    if (diagnostic.place.line == 0) diagnostic.place = rule.place;
  }
  return error;
}

}  // namespace

Regions::Regions(const Policy& policy, Arch arch) : policy_(policy), arch_(arch) {
  callgate::Selection selection(policy);
  for (const callgate::Rule& rule : policy.rules) {
    numbers_.push_back(selection.numbers(rule, arch));
  }
}

Result<std::vector<Region>> Regions::of(const Syscall& call) const {
  std::vector<Region> result;
  Cubes left = {Cube{}};
  for (std::size_t i = 0; i < policy_.rules.size() && !left.empty(); ++i) {
    const callgate::Rule& rule = policy_.rules[i];
    if (!contains(numbers_[i], call.number)) continue;
    auto matched = rule_cubes(policy_, rule, arch_, call);
    if (!matched) return fail(about_rule(std::move(matched).error(), rule, call));
    auto taken = take(left, *matched);
    if (!taken) return fail(about_rule(too_many().value(), rule, call));
    if (!taken->empty()) result.push_back({rule.action, *std::move(taken), i});
  }
  const bool assigned = call.since <= abi_level(policy_);
  const bool falls_back = !assigned && denies(policy_.otherwise.kind);
  if (!left.empty()) {
    result.push_back({falls_back ? policy_.unknown : policy_.otherwise, left, std::nullopt});
  }
  return result;
}

}  // namespace callgate::oci

#include "meaning/say_set.h"

#include <algorithm>
#include <bit>

#include "meaning/conditions.h"

namespace callgate::meaning {
namespace {

constexpr std::size_t most_cubes = 12;
constexpr std::uint64_t most_named_values = 8;  ///< of a range that is written out
constexpr std::size_t most_segments = 4096;
constexpr int long_cost = 40;  ///< from here on bits that are the same for all are set apart

// How long tests are to read.
constexpr int plain_cost = 20;
constexpr int ordered_plain_cost = 2;
constexpr int ordered_flags_cost = 15;
constexpr int opposite_cost = 1;
constexpr int value_cost = 5;
constexpr int range_cost = 6;
constexpr int mask_cost = 8;
constexpr int flags_mask_cost = 6;
constexpr int junction_cost = 5;

/// Spreads the low bits of `index` to the bits named, the most significant first.
std::uint64_t deposited(std::uint64_t index, std::span<const unsigned> bits) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = bits.size(); i-- > 0; index >>= 1) value |= (index & 1) << bits[i];
  return value;
}

std::uint64_t compressed_top(std::size_t bits) noexcept {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

/// The bits of a mask, the most significant first.
std::vector<unsigned> bits_of(std::uint64_t mask) {
  std::vector<unsigned> bits;
  for (unsigned bit = 64; bit-- > 0;)
    if ((mask >> bit & 1) != 0) bits.push_back(bit);
  return bits;
}

}  // namespace

void SetSayer::offer(Choice& best, Choice other) const {
  if (other && (!best || other->cost < best->cost)) best = std::move(other);
}

std::optional<Said> SetSayer::say(Diagram must, Diagram may) {
  const std::uint64_t bits = support(must, may);
  const auto positive = cubes(must, may, false);
  const auto negative = cubes(must, may, true);
  Choice best;
  for (const TestPlace& place : places_of(scope_, low_)) {
    if ((bits & ~place.mask()) != 0) continue;
    offer(best, checked(by_ranges(place, place.mask(), must, may), must, may));
    if (place.is_pointer()) continue;
    if (bits != place.mask()) offer(best, checked(by_ranges(place, bits, must, may), must, may));
    for (const auto* sum : {&positive, &negative})
      if (*sum) offer(best, checked(by_cubes(place, **sum), must, may));
  }
  if (!best || best->cost >= long_cost) {
    offer(best, checked(by_forced_bits(must, may), must, may));
    Choice opposite = by_forced_bits(store_.negation(may), store_.negation(must));
    if (opposite) offer(best, checked(negated(store_, std::move(*opposite)), must, may));
  }
  return best;
}

SetSayer::Choice SetSayer::checked(Choice choice, Diagram must, Diagram may) {
  if (!choice) return choice;
  ConditionTable table;
  const ConditionId id = table.add(choice->condition, scope_.arch, scope_.call);
  choice->diagram = ConditionDiagrams(table, store_, order_).of(id);
  const bool is_exact = store_.both(must, store_.negation(choice->diagram)) == no &&
                        store_.both(choice->diagram, store_.negation(may)) == no;
  return is_exact ? choice : std::nullopt;
}

std::uint64_t SetSayer::support(Diagram must, Diagram may) const {
  std::uint64_t bits = 0;
  std::map<Diagram, bool> seen;
  std::vector<Diagram> open{must, may};
  while (!open.empty()) {
    const Diagram diagram = open.back();
    open.pop_back();
    if (is_terminal(diagram) || !seen.try_emplace(diagram).second) continue;
    const std::uint32_t top = store_.level(diagram);
    bits |= std::uint64_t{1} << bit_at(top);
    for (const bool value : {false, true}) open.push_back(store_.cofactor(diagram, top, value));
  }
  return bits;
}

/// How many segments a walk from there on finds, and of which kinds the first and the last are:
/// counted node by node, so that a hopeless walk is not begun.
SetSayer::Outline SetSayer::outline(const Walk& walk, Diagram must, Diagram may, std::size_t at,
                                    Outlines& known) const {
  if (is_terminal(must) && is_terminal(may)) {
    const int kind = (must == yes ? 2 : 0) + (may == yes ? 1 : 0);
    return {1, kind, kind};
  }
  if (const auto found = known.find({must, may, at}); found != known.end()) return found->second;
  const std::uint32_t top = level(walk.bits[at]);
  const bool first = walk.is_signed && at == 0;
  const auto half = [&](bool value) {
    return outline(walk, store_.cofactor(must, top, value), store_.cofactor(may, top, value),
                   at + 1, known);
  };
  const Outline low = half(first);
  const Outline high = half(!first);
  const std::size_t joined = low.last == high.first ? 1 : 0;
  const Outline result{std::min(low.segments + high.segments - joined, most_segments + 2),
                       low.first, high.last};
  known.emplace(std::tuple(must, may, at), result);
  return result;
}

void SetSayer::walk(Walk& walk, Diagram must, Diagram may, std::size_t at,
                    std::uint64_t base) const {
  const std::size_t left = walk.bits.size() - at;
  if (is_terminal(must) && is_terminal(may)) {
    const Segment segment{{base, base + compressed_top(left)}, must == yes, may == yes};
    const bool joins = !walk.segments.empty() && walk.segments.back().must == segment.must &&
                       walk.segments.back().may == segment.may;
    if (joins)
      walk.segments.back().range.last = segment.range.last;
    else
      walk.segments.push_back(segment);
    return;
  }
  const std::uint32_t top = level(walk.bits[at]);
  for (const bool second : {false, true}) {
    const bool value = second != (walk.is_signed && at == 0);
    const std::uint64_t next = base | (second ? std::uint64_t{1} << (left - 1) : 0);
    this->walk(walk, store_.cofactor(must, top, value), store_.cofactor(may, top, value), at + 1,
               next);
  }
}

SetSayer::Choice SetSayer::by_ranges(const TestPlace& place, std::uint64_t mask, Diagram must,
                                     Diagram may) {
  Walk found{.bits = bits_of(mask), .is_signed = place.is_signed() && mask == place.mask()};
  Outlines known;
  if (outline(found, must, may, 0, known).segments > most_segments) return std::nullopt;
  walk(found, must, may, 0, 0);
  Choice best = ranges_test(place, found, false);
  offer(best, ranges_test(place, found, true));
  return best;
}

/// The fewest ranges that hold what must be held and nothing that may not be.
std::vector<SetSayer::Range> SetSayer::ranges_of(const Walk& walk, bool is_opposite) {
  std::vector<Range> ranges;
  bool is_open = false;
  for (const Segment& segment : walk.segments) {
    const bool must = is_opposite ? !segment.may : segment.must;
    const bool may = is_opposite ? !segment.must : segment.may;
    if (must && is_open)
      ranges.back().last = segment.range.last;
    else if (must)
      ranges.push_back(segment.range);
    is_open = may && (must || is_open);
  }
  return ranges;
}

/// A range value by value: where it is one value, or a few that all have names. Else none.
std::vector<Interval> SetSayer::named_values(const TestPlace& place, std::uint64_t mask,
                                             const NumberOf& number, const Range& range) const {
  if (range.last - range.first >= most_named_values) return {};
  std::vector<Interval> values;
  for (std::uint64_t index = range.first;; ++index) {
    values.push_back({value_for(scope_, place, number(index), mask), {}});
    const Value& value = values.back().first;
    const bool is_named = !value.names.empty() && value.number == 0;
    if (!is_named && range.first != range.last) return {};
    if (index == range.last) return values;
  }
}

/// Adds a range to a list of values; how long it is to read.
int SetSayer::add_range(const TestPlace& place, std::uint64_t mask, const NumberOf& number,
                        const Range& range, std::vector<Interval>& values) const {
  const std::vector<Interval> named = named_values(place, mask, number, range);
  values.insert(values.end(), named.begin(), named.end());
  // Names read as fast as a range does.
  if (!named.empty()) return range.first == range.last ? value_cost : range_cost;
  values.push_back({number_for(place, number(range.first)), number_for(place, number(range.last))});
  return range_cost + (place.holds_flags() ? ordered_flags_cost : ordered_plain_cost);
}

SetSayer::Choice SetSayer::ranges_test(const TestPlace& place, const Walk& walk, bool is_opposite) {
  const std::vector<Range> ranges = ranges_of(walk, is_opposite);
  if (place.is_pointer() && (ranges.size() != 1 || ranges[0].last != 0)) return std::nullopt;
  const bool is_single = ranges.size() == 1 && ranges[0].first == ranges[0].last;
  const bool is_masked = walk.bits.size() != place.bits;
  if (is_masked && is_single) return std::nullopt;  // a cube
  const std::uint64_t mask = deposited(~std::uint64_t{0}, walk.bits) >> place.shift;
  const std::uint64_t sign =
      walk.is_signed ? std::uint64_t{1} << (place.bits - 1) : std::uint64_t{0};
  const NumberOf number = [&](std::uint64_t index) {
    return deposited(index ^ sign, walk.bits) >> place.shift;
  };
  Test test{.operand = place.operand, .relation = is_opposite ? Relation::not_in : Relation::in};
  Said said{.cost = plain_cost + place.cost + (is_opposite ? opposite_cost : 0)};
  if (is_masked) {
    test.mask = mask_for(scope_, place, mask);
    said.cost += place.holds_flags() ? flags_mask_cost : mask_cost;
  }
  const auto compare = [&](Relation relation, Relation opposite, Value bound) {
    test.relation = is_opposite ? opposite : relation;
    test.values = {{std::move(bound), {}}};
  };
  const std::uint64_t top = compressed_top(walk.bits.size());
  const int ordered_cost = place.holds_flags() ? ordered_flags_cost : ordered_plain_cost;
  const bool is_one = ranges.size() == 1;
  if (is_single) {
    compare(Relation::eq, Relation::ne, value_for(scope_, place, number(ranges[0].first), mask));
  } else if (is_one && ranges[0].first == 0) {
    compare(Relation::le, Relation::gt, number_for(place, number(ranges[0].last)));
    said.cost += ordered_cost;
  } else if (is_one && ranges[0].last == top) {
    compare(Relation::ge, Relation::lt, number_for(place, number(ranges[0].first)));
    said.cost += ordered_cost;
  } else {
    for (const Range& range : ranges)
      said.cost += add_range(place, mask, number, range, test.values);
  }
  said.condition = Condition::of(std::move(test));
  return said;
}

/// An irredundant sum of cubes between `must` and `may`; it stops past the limit.
Diagram SetSayer::product(Diagram must, Diagram may, Cube cube, std::vector<Cube>& out) {
  if (must == no || out.size() > most_cubes) return no;
  if (may == yes) {
    out.push_back(cube);
    return yes;
  }
  const std::uint32_t top = std::min(store_.level(must), store_.level(may));
  const std::uint64_t bit = std::uint64_t{1} << bit_at(top);
  Diagram musts[2];
  Diagram mays[2];
  Diagram parts[2];
  for (const bool value : {false, true}) {
    musts[value] = store_.cofactor(must, top, value);
    mays[value] = store_.cofactor(may, top, value);
  }
  Diagram rest = no;
  for (const bool value : {false, true}) {
    const Cube narrower{cube.mask | bit, cube.value | (value ? bit : 0)};
    const Diagram only = store_.both(musts[value], store_.negation(mays[!value]));
    parts[value] = product(only, mays[value], narrower, out);
    rest = store_.either(rest, store_.both(musts[value], store_.negation(parts[value])));
  }
  const Diagram common = product(rest, store_.both(mays[0], mays[1]), cube, out);
  return store_.node(top, store_.either(parts[0], common), store_.either(parts[1], common));
}

std::optional<SetSayer::Cubes> SetSayer::cubes(Diagram must, Diagram may, bool is_opposite) {
  Cubes result{.is_opposite = is_opposite};
  if (is_opposite) {
    std::swap(must, may);
    must = store_.negation(must);
    may = store_.negation(may);
  }
  static_cast<void>(product(must, may, {}, result.cubes));
  if (result.cubes.size() > most_cubes) return std::nullopt;
  return result;
}

Said SetSayer::cube_test(const TestPlace& place, std::uint64_t mask,
                         const std::vector<std::uint64_t>& values) const {
  Test test{.operand = place.operand, .relation = values.size() == 1 ? Relation::eq : Relation::in};
  Said said{.cost = place.cost + plain_cost};
  if (values.size() > 1) said.cost += static_cast<int>(values.size()) * value_cost;
  for (const std::uint64_t value : values)
    test.values.push_back(
        {value_for(scope_, place, value >> place.shift, mask >> place.shift), {}});
  const std::uint64_t rest = place.mask() & ~mask;
  if (rest != 0) {
    said.cost += place.holds_flags() ? flags_mask_cost : mask_cost;
    const bool is_subset =
        values.size() == 1 && values[0] == 0 && std::popcount(rest) < std::popcount(mask);
    if (is_subset) {
      test.relation = Relation::subset;
      test.values = {{value_for(scope_, place, rest >> place.shift), {}}};
    } else {
      test.mask = mask_for(scope_, place, mask >> place.shift);
      const bool is_one_bit = std::has_single_bit(mask) && values.size() == 1 && values[0] == mask;
      if (is_one_bit) {
        test.relation = Relation::ne;
        test.values = {{Value::of(0), {}}};
      }
    }
  }
  said.condition = Condition::of(std::move(test));
  return said;
}

/// The cubes of one mask in one test.
SetSayer::Choice SetSayer::by_cubes(const TestPlace& place, const Cubes& cubes) {
  std::map<std::uint64_t, std::vector<std::uint64_t>> by_mask;
  std::vector<std::uint64_t> masks;
  for (const Cube& cube : cubes.cubes) {
    auto& values = by_mask[cube.mask];
    if (values.empty()) masks.push_back(cube.mask);
    values.push_back(cube.value);
  }
  Said said{.condition = {.kind = Condition::Kind::any}, .cost = -junction_cost};
  for (const std::uint64_t mask : masks) {
    std::vector<std::uint64_t>& values = by_mask[mask];
    std::sort(values.begin(), values.end());
    Said one = cube_test(place, mask, values);
    said.cost += one.cost + junction_cost;
    said.condition.children.push_back(std::move(one.condition));
  }
  if (said.condition.children.size() == 1)
    said.condition = Condition(std::move(said.condition.children.front()));
  if (cubes.is_opposite) said.condition = negated(std::move(said.condition));
  return said;
}

SetSayer::Choice SetSayer::cube_anywhere(const Cube& cube) {
  Choice best;
  for (const TestPlace& place : places_of(scope_, low_))
    if ((cube.mask & ~place.mask()) == 0 && !place.is_pointer())
      offer(best, cube_test(place, cube.mask, {cube.value}));
  return best;
}

/// The bits that have one value wherever a function holds.
SetSayer::Cube SetSayer::forced(Diagram diagram, std::uint64_t bits) {
  Cube cube;
  for (const unsigned bit : bits_of(bits)) {
    const Diagram variable = store_.variable(level(bit));
    const bool never_set = store_.both(diagram, variable) == no;
    const bool always_set = store_.both(diagram, store_.negation(variable)) == no;
    if (never_set || always_set) cube.mask |= std::uint64_t{1} << bit;
    if (always_set) cube.value |= std::uint64_t{1} << bit;
  }
  return cube;
}

/// What is left of a function where the bits of a cube have its values.
Diagram SetSayer::restricted(Diagram diagram, const Cube& cube) {
  std::map<Diagram, Diagram> known;
  const auto visit = [&](const auto& self, Diagram at) -> Diagram {
    if (is_terminal(at)) return at;
    if (const auto found = known.find(at); found != known.end()) return found->second;
    const std::uint32_t top = store_.level(at);
    const unsigned bit = bit_at(top);
    Diagram result = no;
    if ((cube.mask >> bit & 1) != 0) {
      result = self(self, store_.cofactor(at, top, (cube.value >> bit & 1) != 0));
    } else {
      const Diagram low = self(self, store_.cofactor(at, top, false));
      result = store_.node(top, low, self(self, store_.cofactor(at, top, true)));
    }
    known.emplace(at, result);
    return result;
  };
  return visit(visit, diagram);
}

SetSayer::Choice SetSayer::by_forced_bits(Diagram must, Diagram may) {
  const Cube cube = forced(must, support(must, may));
  if (cube.mask == 0) return std::nullopt;
  const Diagram rest_must = restricted(must, cube);
  const Diagram rest_may = restricted(may, cube);
  if (rest_may == yes) return std::nullopt;
  Choice first = cube_anywhere(cube);
  Choice rest = say(rest_must, rest_may);
  if (!first || !rest) return std::nullopt;
  first = checked(std::move(first), no, yes);
  return joined(store_, Condition::Kind::all, std::move(*first), std::move(*rest));
}

}  // namespace callgate::meaning

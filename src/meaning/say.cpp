#include "meaning/say.h"

#include <algorithm>

#include "meaning/say_set.h"

namespace callgate::meaning {
namespace {

constexpr int junction_cost = 5;
constexpr int long_cost = 45;  ///< from here on the negation is tried as well
constexpr std::size_t most_work = 500'000;
constexpr std::size_t most_classes = 600;

Relation opposite(Relation relation) {
  switch (relation) {
    case Relation::eq: return Relation::ne;
    case Relation::ne: return Relation::eq;
    case Relation::lt: return Relation::ge;
    case Relation::ge: return Relation::lt;
    case Relation::le: return Relation::gt;
    case Relation::gt: return Relation::le;
    case Relation::in: return Relation::not_in;
    case Relation::not_in: return Relation::in;
    case Relation::subset: break;
  }
  return Relation::subset;
}

/// `x subset v` is `x & ~v == 0`.
Test without_subset(Test test) {
  if (test.relation != Relation::subset) return test;
  Value mask = std::move(test.values.front().first);
  mask.complement = !mask.complement;
  test.mask = std::move(mask);
  test.relation = Relation::eq;
  test.values = {{Value::of(0), {}}};
  return test;
}

}  // namespace

Said said_constant(bool value) {
  if (value) return {{}, yes, 0};
  return {{.kind = Condition::Kind::any}, no, 0};
}

Condition negated(Condition condition) {
  switch (condition.kind) {
    case Condition::Kind::always: return {.kind = Condition::Kind::any};
    case Condition::Kind::negation: return condition.children.front();
    case Condition::Kind::test:
      condition.test = without_subset(std::move(condition.test));
      condition.test.relation = opposite(condition.test.relation);
      return condition;
    case Condition::Kind::all: condition.kind = Condition::Kind::any; break;
    case Condition::Kind::any: condition.kind = Condition::Kind::all; break;
  }
  if (condition.children.empty() && condition.kind == Condition::Kind::all) return {};
  for (Condition& child : condition.children) child = negated(std::move(child));
  return condition;
}

Said negated(MeaningStore& store, Said said) {
  return {negated(std::move(said.condition)), store.negation(said.diagram), said.cost};
}

Said joined(MeaningStore& store, Condition::Kind kind, Said left, Said right) {
  const bool is_all = kind == Condition::Kind::all;
  const Diagram neutral = constant(is_all);
  if (left.diagram == neutral) return right;
  if (right.diagram == neutral) return left;
  Said result{.condition = {.kind = kind}, .cost = left.cost + right.cost + junction_cost};
  result.diagram =
      is_all ? store.both(left.diagram, right.diagram) : store.either(left.diagram, right.diagram);
  for (Said* part : {&left, &right}) {
    if (part->condition.kind != kind) {
      result.condition.children.push_back(std::move(part->condition));
      continue;
    }
    for (Condition& child : part->condition.children)
      result.condition.children.push_back(std::move(child));
  }
  return result;
}

void Sayer::work(std::size_t amount) {
  worked_ += amount;
  if (worked_ > most_work) throw TooMuchToSay{};
}

Said Sayer::say(Diagram must, Diagram may) {
  if (must == no) return said_constant(false);
  if (may == yes) return said_constant(true);
  if (const auto known = known_.find({must, may}); known != known_.end()) return known->second;
  work(10);
  const Unit unit = unit_of(must, may);
  Said said = by_terms(must, may, unit);
  if (said.cost >= long_cost) {
    Said other = negated(store_, by_terms(store_.negation(may), store_.negation(must), unit));
    if (other.cost < said.cost) said = std::move(other);
  }
  known_.emplace(Pair{must, may}, said);
  return said;
}

Sayer::Unit Sayer::unit_of(Diagram must, Diagram may) const {
  const std::uint32_t top = std::min(store_.level(must), store_.level(may));
  const InputWord word = order_.word_of(top);
  if (word < ip_high) throw TooMuchToSay{};
  const auto low = static_cast<InputWord>(word | 1);
  return {static_cast<InputWord>(low - 1), low, order_.level(low, 0)};
}

void Sayer::collect(Pair at, const Unit& unit, std::map<Pair, bool>& seen,
                    std::vector<Class>& out) {
  if (!seen.try_emplace(at).second) return;
  work(1);
  const std::uint32_t top = std::min(store_.level(at.first), store_.level(at.second));
  if (top > unit.last_level) {
    if (out.size() == most_classes) throw TooMuchToSay{};
    out.push_back({.must = at.first, .may = at.second});
    return;
  }
  for (const bool value : {false, true})
    collect({store_.cofactor(at.first, top, value), store_.cofactor(at.second, top, value)}, unit,
            seen, out);
}

Diagram Sayer::values_of(Pair at, const Class& wanted, const Unit& unit,
                         std::map<Pair, Diagram>& known) {
  const std::uint32_t top = std::min(store_.level(at.first), store_.level(at.second));
  if (top > unit.last_level) return constant(at == Pair{wanted.must, wanted.may});
  if (const auto found = known.find(at); found != known.end()) return found->second;
  Diagram halves[2];
  for (const bool value : {false, true})
    halves[value] =
        values_of({store_.cofactor(at.first, top, value), store_.cofactor(at.second, top, value)},
                  wanted, unit, known);
  const Diagram result = store_.node(top, halves[0], halves[1]);
  known.emplace(at, result);
  return result;
}

std::vector<Sayer::Class> Sayer::classes(Diagram must, Diagram may, const Unit& unit) {
  std::vector<Class> result;
  std::map<Pair, bool> seen;
  collect({must, may}, unit, seen, result);
  for (Class& one : result) {
    std::map<Pair, Diagram> known;
    one.values = values_of({must, may}, one, unit, known);
    work(known.size());
  }
  return result;
}

/// A set of values: by all 64 bits, or else by its halves.
Said Sayer::set(Diagram must, Diagram may, const Unit& unit) {
  if (must == no) return said_constant(false);
  if (may == yes) return said_constant(true);
  SetSayer sets(store_, order_, scope_, unit.low);
  if (std::optional<Said> said = sets.say(must, may)) return *said;
  if (unit.high == unit.low ||
      order_.word_of(std::min(store_.level(must), store_.level(may))) != unit.high)
    throw TooMuchToSay{};
  return by_terms(must, may, {unit.high, unit.high, order_.level(unit.high, 0)});
}

/// One term: what is still to be said of class `first`, and of others with it.
Said Sayer::term(std::vector<Class>& classes, std::size_t first, Diagram common, const Unit& unit) {
  const auto open = [&](const Class& one) { return minus(minus(one.must, one.covered), common); };
  Diagram must = open(classes[first]);
  Diagram may = classes[first].may;
  Diagram values = classes[first].values;
  for (std::size_t i = first + 1; i < classes.size(); ++i) {
    const Diagram more = open(classes[i]);
    if (more == no) continue;
    const Diagram both_must = store_.either(must, more);
    const Diagram both_may = store_.both(may, classes[i].may);
    if (!implies(both_must, both_may)) continue;
    must = both_must;
    may = both_may;
    values = store_.either(values, classes[i].values);
  }
  Said rest = say(must, may);
  Diagram allowed = no;
  for (const Class& one : classes)
    if (implies(rest.diagram, one.may)) allowed = store_.either(allowed, one.values);
  Said where = set(values, allowed, unit);
  for (Class& one : classes)
    if (implies(one.values, where.diagram)) one.covered = store_.either(one.covered, rest.diagram);
  return joined(store_, Condition::Kind::all, std::move(where), std::move(rest));
}

Said Sayer::by_terms(Diagram must, Diagram may, const Unit& unit) {
  std::vector<Class> all = classes(must, may, unit);
  work(all.size() * all.size());
  const bool is_set = std::all_of(all.begin(), all.end(), [](const Class& one) {
    return is_terminal(one.must) && is_terminal(one.may);
  });
  if (is_set) return set(must, may, unit);
  Diagram common = yes;
  for (const Class& one : all) common = store_.both(common, one.may);
  Said result = said_constant(false);
  for (std::size_t i = 0; i < all.size(); ++i) {
    while (minus(minus(all[i].must, all[i].covered), common) != no)
      result = joined(store_, Condition::Kind::any, std::move(result), term(all, i, common, unit));
  }
  Diagram rest = no;
  for (const Class& one : all) rest = store_.either(rest, minus(one.must, one.covered));
  if (rest == no) return result;
  return joined(store_, Condition::Kind::any, std::move(result), say(rest, common));
}

}  // namespace callgate::meaning

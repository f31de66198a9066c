// From diagrams back to conditions that a person would write.
//
// A word of seccomp_data is taken as a whole. At the first word of the order, its values are sorted
// by what they leave to the words after it, and each such class becomes "this word is in these
// values, and the rest holds": what one term covers, the next ones need not say (the irredundant
// sums of products of Minato 1992, with words in place of bits). Sets of values of one word are
// say_set.h's. The negation is said instead where that is shorter. Weakness: what ties two words
// together bit by bit (args[0] == args[1]) has as many classes as there are values.
#pragma once

#include <map>

#include "meaning/test_place.h"

namespace callgate::meaning {

/// What was to be said takes more words than a person would read. Internal to src/meaning.
struct TooMuchToSay {};

/// A condition and what it means.
struct Said {
  Condition condition;
  Diagram diagram = no;
  int cost = 0;  ///< how long it is to read, in tenths of a word
};

/// `always` is a condition, `any` of nothing is false.
[[nodiscard]] Said said_constant(bool value);
/// The opposite, with the negation in the tests and not around them.
[[nodiscard]] Condition negated(Condition condition);
[[nodiscard]] Said negated(MeaningStore& store, Said said);
/// `all` or `any` of two, without nesting one in another of its kind.
[[nodiscard]] Said joined(MeaningStore& store, Condition::Kind kind, Said left, Said right);

/// Says functions of one store, in whose order no words are interleaved.
class Sayer {
 public:
  Sayer(MeaningStore& store, const WordOrder& order, Scope scope)
      : store_(store), order_(order), scope_(scope) {}

  /// A condition that holds wherever `must` does and nowhere outside `may`.
  [[nodiscard]] Said say(Diagram must, Diagram may);

 private:
  /// Levels of one word of seccomp_data, or of a half of one.
  struct Unit {
    InputWord high = 0;
    InputWord low = 0;
    std::uint32_t last_level = 0;
  };
  /// Values of a unit after which the same is left to be said.
  struct Class {
    Diagram must = no;
    Diagram may = no;
    Diagram values = no;
    Diagram covered = no;
  };
  using Pair = std::pair<Diagram, Diagram>;

  [[nodiscard]] Unit unit_of(Diagram must, Diagram may) const;
  [[nodiscard]] Said by_terms(Diagram must, Diagram may, const Unit& unit);
  [[nodiscard]] std::vector<Class> classes(Diagram must, Diagram may, const Unit& unit);
  void collect(Pair at, const Unit& unit, std::map<Pair, bool>& seen, std::vector<Class>& out);
  [[nodiscard]] Diagram values_of(Pair at, const Class& wanted, const Unit& unit,
                                  std::map<Pair, Diagram>& known);
  [[nodiscard]] Said term(std::vector<Class>& classes, std::size_t first, Diagram common,
                          const Unit& unit);
  [[nodiscard]] Said set(Diagram must, Diagram may, const Unit& unit);
  [[nodiscard]] bool implies(Diagram a, Diagram b) {
    return store_.both(a, store_.negation(b)) == no;
  }
  [[nodiscard]] Diagram minus(Diagram a, Diagram b) { return store_.both(a, store_.negation(b)); }
  void work(std::size_t amount);

  MeaningStore& store_;
  const WordOrder& order_;
  Scope scope_;
  std::size_t worked_ = 0;
  std::map<Pair, Said> known_;
};

}  // namespace callgate::meaning

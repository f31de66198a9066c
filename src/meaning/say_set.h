// Sets of values of one word, as a person would write them: single values, ranges, masked values,
// or the opposite of these; the shortest of what is exact.
//
// Candidates: the values' ranges in the order of the place that is tested, under the mask of the
// bits that matter; the cubes of an irredundant sum of products (Minato 1992), those of one mask
// together; bits that are the same for all values, and the rest. Each candidate is read as any
// condition of a policy is, and counts only if that gives what was to be said. Weakness: sets that
// are none of these (the values with an odd number of bits) take too much.
#pragma once

#include <functional>
#include <optional>
#include <tuple>

#include "meaning/say.h"

namespace callgate::meaning {

class SetSayer {
 public:
  /// For the word whose low half is `low`.
  SetSayer(MeaningStore& store, const WordOrder& order, const Scope& scope, InputWord low)
      : store_(store), order_(order), scope_(scope), low_(low) {}

  /// As Sayer::say, for functions of that word alone. None if it takes too much.
  [[nodiscard]] std::optional<Said> say(Diagram must, Diagram may);

 private:
  /// Bits of the word that have fixed values.
  struct Cube {
    std::uint64_t mask = 0;
    std::uint64_t value = 0;
  };
  /// A sum of cubes, `is_opposite` of what is to be said.
  struct Cubes {
    std::vector<Cube> cubes;
    bool is_opposite = false;
  };
  struct Range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  /// Numbers first..last that must be, may be, or are not in a set.
  struct Segment {
    Range range;
    bool must = false;
    bool may = false;
  };
  /// What a walk over the values of some bits is to find.
  struct Walk {
    std::vector<unsigned> bits;  ///< most significant first
    bool is_signed = false;
    std::vector<Segment> segments{};
  };
  using Choice = std::optional<Said>;

  void offer(Choice& best, Choice other) const;
  [[nodiscard]] Choice by_ranges(const TestPlace& place, std::uint64_t mask, Diagram must,
                                 Diagram may);
  [[nodiscard]] static std::vector<Range> ranges_of(const Walk& walk, bool is_opposite);
  /// The number that an index into the values of a walk's bits stands for.
  using NumberOf = std::function<std::uint64_t(std::uint64_t)>;
  [[nodiscard]] std::vector<Interval> named_values(const TestPlace& place, std::uint64_t mask,
                                                   const NumberOf& number,
                                                   const Range& range) const;
  [[nodiscard]] int add_range(const TestPlace& place, std::uint64_t mask, const NumberOf& number,
                              const Range& range, std::vector<Interval>& values) const;
  [[nodiscard]] Choice ranges_test(const TestPlace& place, const Walk& walk, bool is_opposite);
  [[nodiscard]] Choice by_cubes(const TestPlace& place, const Cubes& cubes);
  [[nodiscard]] Choice by_forced_bits(Diagram must, Diagram may);
  [[nodiscard]] Said cube_test(const TestPlace& place, std::uint64_t mask,
                               const std::vector<std::uint64_t>& values) const;
  [[nodiscard]] Choice cube_anywhere(const Cube& cube);

  struct Outline {
    std::size_t segments = 0;
    int first = 0;
    int last = 0;
  };
  using Outlines = std::map<std::tuple<Diagram, Diagram, std::size_t>, Outline>;
  [[nodiscard]] Outline outline(const Walk& walk, Diagram must, Diagram may, std::size_t at,
                                Outlines& known) const;
  void walk(Walk& walk, Diagram must, Diagram may, std::size_t at, std::uint64_t base) const;
  [[nodiscard]] Diagram product(Diagram must, Diagram may, Cube cube, std::vector<Cube>& out);
  [[nodiscard]] std::optional<Cubes> cubes(Diagram must, Diagram may, bool is_opposite);
  [[nodiscard]] std::uint64_t support(Diagram must, Diagram may) const;
  [[nodiscard]] Cube forced(Diagram diagram, std::uint64_t bits);
  [[nodiscard]] Diagram restricted(Diagram diagram, const Cube& cube);
  /// The condition as it will be read; none if that is not between `must` and `may`.
  [[nodiscard]] Choice checked(Choice choice, Diagram must, Diagram may);

  [[nodiscard]] std::uint32_t level(unsigned bit) const noexcept {
    return order_.level(static_cast<InputWord>(bit < 32 ? low_ : low_ - 1), bit % 32);
  }
  [[nodiscard]] unsigned bit_at(std::uint32_t level) const noexcept {
    return order_.bit_of(level) + (order_.word_of(level) == low_ ? 0 : 32);
  }

  MeaningStore& store_;
  const WordOrder& order_;
  const Scope& scope_;
  InputWord low_;
};

}  // namespace callgate::meaning

// Symbolic execution of a program: A, X and M[] are vectors of Boolean functions, and what the
// program returns is a diagram.
//
// Every point (instruction, values of the registers still to be read) is run once, so rejoining
// paths cost what one path costs. Weakness: paths that leave different values in registers are not
// merged, so 2^n of them are 2^n points.
#pragma once

#include <array>
#include <span>
#include <unordered_map>
#include <vector>

#include "meaning/program_facts.h"
#include "meaning/returns.h"

namespace callgate::meaning {

/// A vector of Boolean functions, numbered by a Runner: 0 is the constant 0, 1 + w is input word w.
using WordId = std::uint32_t;

/// Values of the registers; those that are not read again are 0.
struct State {
  std::array<WordId, 18> registers{};  ///< A, X, M[]
  bool operator==(const State&) const = default;
};

/// A place in a program with the values that its registers have there.
struct Point {
  std::uint32_t pc = 0;
  State state;
  bool operator==(const Point&) const = default;
};

/// Runs one program in one store. The store, the order, the table and the facts must outlive it.
class Runner {
 public:
  Runner(MeaningStore& store, const WordOrder& order, Results results, const ProgramFacts& facts);

  /// Stop where the program first computes with a word other than arch and nr, or returns what it
  /// computed: the terminal
  /// suspension_base + i stands for `points()[i]`.
  void suspend_at_arguments() noexcept { suspends_ = true; }
  /// Stop on arriving at an instruction: stop_base + i stands for the i-th of them.
  void stop_at(std::span<const std::size_t> stops);

  /// What the program returns from there, as terminals of the table (or stops and suspensions).
  [[nodiscard]] Diagram run(const Point& start);
  [[nodiscard]] const Point& suspension(Diagram terminal) const noexcept {
    return points_[terminal_value(terminal) - suspension_base].point;
  }
  /// True if the registers hold the same in both runners, which share a store and an order.
  [[nodiscard]] bool holds_same(const State& state, const Runner& other,
                                const State& others) const noexcept;
  /// A state of another runner of the same program, in the words of this one.
  [[nodiscard]] State adopt(const Runner& other, const State& state);

 private:
  struct Entry {
    Point point;
    Diagram result = 0;
    bool is_known = false;
  };
  struct Frame {
    std::uint32_t entry = 0;
    std::uint8_t phase = 0;
    std::optional<WordCompare> compare;  ///< the test, if it is of that kind; `test` else
    Diagram test = no;
    std::uint32_t otherwise = 0;
    Diagram then = no;
  };
  /// Where straight-line execution ended: in a result, or at a branch.
  struct Step {
    std::optional<WordCompare> compare;  ///< the test, if it is of that kind; `test` else
    Diagram test = no;                   ///< where it holds, `then`, or `result` if `ends`
    bool branches = false;
    bool ends = false;
    Diagram result = no;
    std::uint32_t then = 0;
    std::uint32_t otherwise = 0;
  };

  [[nodiscard]] std::uint32_t entry_of(std::uint32_t pc, const State& state);
  [[nodiscard]] Step advance(Point point);
  [[nodiscard]] Step branch(const Point& point);
  [[nodiscard]] bool computes_with_arguments(const Point& point) const noexcept;
  [[nodiscard]] Diagram returned(WordId a);
  [[nodiscard]] static std::optional<WordCompare> compare_of(const Instruction& instruction,
                                                             const State& state) noexcept;
  [[nodiscard]] Diagram test_of(const Instruction& instruction, const Bits& a, const Bits& b);
  [[nodiscard]] Step divide_by_x(const Point& point);
  void execute(const Instruction& instruction, State& state);
  [[nodiscard]] WordId compute(const Instruction& instruction, const State& state);
  [[nodiscard]] Bits operand(const Instruction& instruction, const State& state);
  [[nodiscard]] const Bits& bits_of(WordId id);
  [[nodiscard]] WordId intern(const Bits& bits);
  [[nodiscard]] std::uint32_t find_slot(const Bits& bits) const noexcept;
  void add_to_index(WordId id);
  [[nodiscard]] Diagram spread(const Bits& ret);

  MeaningStore& store_;
  const WordOrder& order_;
  Results results_;
  const ProgramFacts& facts_;
  bool suspends_ = false;
  std::uint32_t floor_ = 0;           ///< where the run began; stops lie past it
  std::vector<std::uint32_t> stops_;  ///< by instruction: stop + 1, 0 for none
  std::vector<Entry> points_;
  std::vector<std::uint32_t> point_index_;  ///< open addressing; point + 1
  std::vector<Bits> words_;
  std::vector<std::uint32_t> word_index_;       ///< open addressing; word + 1
  WordSet materialised_ = 0;                    ///< input words whose bits are in words_
  std::unordered_map<WordId, Diagram> spread_;  ///< never iterated
};

/// The function of another store and order, rebuilt in this one.
class Translator {
 public:
  Translator(const MeaningStore& from, const WordOrder& from_order, MeaningStore& to,
             const WordOrder& to_order)
      : from_(from), from_order_(from_order), to_(to), to_order_(to_order) {}
  [[nodiscard]] Diagram translate(Diagram diagram);

 private:
  const MeaningStore& from_;
  const WordOrder& from_order_;
  MeaningStore& to_;
  const WordOrder& to_order_;
  std::unordered_map<Diagram, Diagram> memo_;  ///< never iterated
};

}  // namespace callgate::meaning

// Comparing two sides over every call: the product of the first layers gives the pairs of terminals
// that meet, and each pair is compared once.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_set>

#include "meaning/sides.h"

namespace callgate::meaning {

/// What must not happen anywhere.
enum class Violation : std::uint8_t {
  differing,  ///< other return values
  looser,     ///< the left one ranks above the right one
};
[[nodiscard]] bool violates(Violation violation, std::uint32_t left, std::uint32_t right) noexcept;

/// Searches for a point of `care` at which two diagrams violate.
class WitnessSearch {
 public:
  WitnessSearch(MeaningStore& store, const WordOrder& order, const ReturnTable& returns,
                Violation violation)
      : store_(store), order_(order), returns_(returns), violation_(violation) {}
  /// `seed` decides which branch is tried first and what free bits are; 0: zeros.
  [[nodiscard]] std::optional<Assignment> find(Diagram care, Diagram left, Diagram right,
                                               std::uint32_t seed = 0);

 private:
  [[nodiscard]] bool search(Diagram care, Diagram left, Diagram right);
  [[nodiscard]] bool is_new(Diagram care, Diagram left, Diagram right);

  MeaningStore& store_;
  const WordOrder& order_;
  const ReturnTable& returns_;
  Violation violation_;
  std::uint32_t seed_ = 0;
  Assignment path_;
  std::vector<std::array<Diagram, 3>> visited_;  ///< open addressing
  std::size_t visits_ = 0;
};

/// A pair of terminals that meet, and a call at which they do.
struct Meeting {
  Diagram left = no;
  Diagram right = no;
  Assignment example;
};

/// The calls for which that is said, for messages: "x86_64 ioctl", "i386 500".
[[nodiscard]] std::string call_name(std::uint32_t audit, std::uint32_t number);

/// The answer that names a meeting's call.
[[nodiscard]] Undecided undecided(const Meeting& meeting);

/// Sets of words merged until they are disjoint.
[[nodiscard]] std::vector<WordSet> merged_groups(const std::vector<WordSet>& a,
                                                 const std::vector<WordSet>& b);
/// The orders in which a question is asked: with related words interleaved if there are any, then
/// one word after the other.
[[nodiscard]] std::vector<std::vector<WordSet>> orders_of(std::vector<WordSet> groups);

class Comparison {
 public:
  Comparison(FirstLayer& layer, Side& left, Side& right, Violation violation,
             const ProofBudget& budget)
      : layer_(layer), left_(left), right_(right), violation_(violation), budget_(budget) {}

  using Way = std::function<Answer(const Meeting&)>;
  /// Asked before a pair's diagrams are compared; unless it says Equal, they are.
  void set_shortcut(Way way) { shortcut_ = std::move(way); }
  /// Asked where a pair's diagrams do not fit the budget.
  void set_fallback(Way way) { fallback_ = std::move(way); }

  [[nodiscard]] Answer run();
  /// One meeting alone; its terminals are those of both sides' layer 1.
  [[nodiscard]] Answer run(const Meeting& meeting);
  /// True if the two terminals of a meeting are those of that call. Within run() only.
  [[nodiscard]] bool is_at(const Meeting& meeting, std::uint32_t audit,
                           std::uint32_t number) const noexcept;
  /// Differs if the interpreters of both sides confirm it.
  [[nodiscard]] Answer confirmed(const SeccompData& data) const;
  /// Nodes that the next question may take.
  [[nodiscard]] std::size_t allowance() const noexcept;
  void spend(std::size_t nodes) noexcept { spent_ += nodes; }

 private:
  void read_roots();
  void collect(Diagram left, Diagram right);
  [[nodiscard]] Diagram where(Diagram left, Diagram right, const Meeting& meeting);
  [[nodiscard]] Answer decide(const Meeting& meeting);
  [[nodiscard]] Diagram calls_of(const Meeting& meeting, Question& question);
  [[nodiscard]] Diagram violating(MeaningStore& store, Diagram care, Bits left, Bits right) const;
  [[nodiscard]] std::optional<Answer> ask(const Meeting& meeting,
                                          const std::vector<WordSet>& groups);
  [[nodiscard]] std::optional<Answer> ask_bits(const Meeting& meeting,
                                               const std::vector<WordSet>& groups);

  FirstLayer& layer_;
  Side& left_;
  Side& right_;
  Violation violation_;
  ProofBudget budget_;
  Way shortcut_;
  Way fallback_;
  std::size_t spent_ = 0;
  Diagram left_root_ = no;
  Diagram right_root_ = no;
  Assignment path_;
  std::vector<Meeting> meetings_;
  std::unordered_set<std::uint64_t> seen_;           ///< pairs of nodes; never iterated
  std::unordered_map<std::uint64_t, Diagram> care_;  ///< of one meeting; never iterated
};

}  // namespace callgate::meaning

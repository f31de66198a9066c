// A trace held against a filter: what it would have made of each call.
//
//   Replay replay({program});
//   for (...each TraceBlock of a reader...) replay.take(block);
//   for (const ReplayRow& row : replay.rows()) ...
#pragma once

#include <map>
#include <unordered_map>
#include <vector>

#include "callgate/bpf/outcomes.h"
#include "callgate/trace/trace.h"

namespace callgate {

/// What becomes of a call.
enum class CallFate : std::uint8_t {
  allowed,    ///< allow, log
  denied,     ///< errno, trap, a kill
  delegated,  ///< to a tracer or supervisor
  unclear,    ///< what the trace does not say of the call decides
};
inline constexpr std::size_t call_fate_count = 4;
[[nodiscard]] std::string_view call_fate_name(CallFate fate) noexcept;
/// Of a return value, as the newest kernel acts on it (unknown actions kill).
[[nodiscard]] CallFate fate_of(std::uint32_t ret) noexcept;

/// Calls of one number and ABI that get the same; numbers without a name are one kind of call on
/// each ABI.
struct ReplayRow {
  PartialCall first;                   ///< the first that the trace tells
  std::vector<std::uint32_t> returns;  ///< normalised, ascending; one where it is clear
  bool any = false;                    ///< unclear, and not even those are known
  std::uint32_t tested = 0;            ///< Outcomes::tested of the first
  CallFate fate = CallFate::unclear;
  std::uint64_t times = 0;
  std::uint64_t first_index = 0;   ///< event, from 0
  std::uint64_t first_line = 0;    ///< of a text; else 0
  std::uint32_t first_thread = 0;  ///< 0: not known
  std::uint64_t first_time = 0;    ///< nanoseconds since the epoch; 0: not known
};

/// Counts what a filter makes of a trace's calls. Each different call is decided once, by the
/// program itself: what follows of number and ABI alone is computed once for each number. Memory
/// grows with the different calls between two restarts of the trace. Not thread-safe.
class Replay {
 public:
  /// The filters of one thread, the oldest first, of one target; at least one.
  explicit Replay(std::vector<Program> stack);
  void take(const TraceBlock& block);

  /// The rows with at least one event, in the order of their first.
  [[nodiscard]] std::vector<ReplayRow> rows() const;
  [[nodiscard]] std::uint64_t events() const noexcept { return events_; }  ///< entries of the trace

 private:
  /// Everything that is known of one number of one ABI.
  struct Number {
    std::uint64_t key = 0;
    std::vector<Prefix> prefixes;           ///< of each filter
    std::optional<std::uint32_t> constant;  ///< what all calls of the number get
    std::uint32_t kind = 0;                 ///< which call its rows are of
    std::uint32_t last_ret = 0;             ///< of the last complete call
    std::uint32_t last_row = 0;             ///< 0: there was none
  };
  static constexpr std::size_t cached_numbers = 4096;

  Number& number(const SeccompData& data);
  std::uint32_t row_of(const PartialCall& call);
  [[nodiscard]] std::uint32_t decide(const Number& number, const SeccompData& data) const;
  [[nodiscard]] Outcomes possible(const Number& number, const PartialCall& call) const;
  std::uint32_t complete_row(Number& number, std::uint32_t ret, const PartialCall& call);
  std::uint32_t partial_row(const Number& number, const PartialCall& call);
  std::uint32_t new_row(const PartialCall& call);
  template <class CountOf>
  void count(const TraceBlock& block, CountOf&& count_of);
  void meet(const TraceBlock& block, std::size_t index, std::uint32_t row);

  std::vector<Program> stack_;
  std::vector<Number> numbers_;                                ///< a cache, by a hash of the key
  std::unordered_map<std::uint64_t, std::uint32_t> complete_;  ///< kind and ret to row
  std::map<std::pair<std::uint32_t, std::vector<std::uint32_t>>, std::uint32_t> partial_;
  std::unordered_map<std::uint64_t, std::uint32_t> kinds_;
  std::vector<ReplayRow> rows_;             ///< the first is none
  std::vector<std::uint64_t> times_;        ///< of each row
  std::vector<std::uint32_t> row_of_call_;  ///< by the trace's number of a call
  std::uint64_t events_ = 0;
};

}  // namespace callgate

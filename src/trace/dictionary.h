// Calls that are alike, under one number.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "callgate/trace/trace.h"
#include "trace/layout.h"

namespace callgate::tracing {

struct CallHash {
  std::size_t operator()(const PartialCall& call) const noexcept {
    std::uint64_t hash = std::uint64_t{call.data.arch} << 32 | call.data.nr;
    const auto add = [&](std::uint64_t word) {
      hash = (hash ^ word) * 0x9e3779b97f4a7c15;
      hash ^= hash >> 32;
    };
    add(call.data.instruction_pointer);
    for (const std::uint64_t argument : call.data.args) add(argument);
    add(known_bits(call));
    return static_cast<std::size_t>(hash);
  }
};

/// Numbers from 1 on, in the order in which calls come. Forgets them all once there are too many.
class Dictionary {
 public:
  static constexpr std::size_t most_calls = std::size_t{1} << 19;

  [[nodiscard]] bool is_full() const noexcept { return numbers_.size() >= most_calls; }
  void clear() { numbers_.clear(); }
  /// The call's number, and whether it is new.
  std::pair<std::uint32_t, bool> number(const PartialCall& call) {
    const auto [at, is_new] =
        numbers_.try_emplace(call, static_cast<std::uint32_t>(numbers_.size() + 1));
    return {at->second, is_new};
  }
  [[nodiscard]] std::size_t size() const noexcept { return numbers_.size(); }

 private:
  std::unordered_map<PartialCall, std::uint32_t, CallHash> numbers_;  ///< never iterated
};

/// A block in the making, for readers of texts.
class BlockBuilder {
 public:
  static constexpr std::size_t most_events = 4096;

  void add(const PartialCall& call, std::uint32_t thread, std::uint64_t time, std::uint64_t count,
           std::uint64_t line) {
    const auto [id, is_new] = dictionary_.number(call);
    if (is_new) calls_.push_back(call);
    ids_.push_back(id);
    threads_.push_back(thread);
    times_.push_back(time);
    counts_.push_back(count);
    lines_.push_back(line);
  }
  [[nodiscard]] bool is_full() const noexcept { return ids_.size() >= most_events; }
  [[nodiscard]] bool is_empty() const noexcept { return ids_.empty(); }
  [[nodiscard]] TraceBlock block() const {
    return {.restart = restart_,
            .calls = calls_,
            .ids = ids_,
            .threads = threads_,
            .times = times_,
            .counts = counts_,
            .lines = lines_};
  }
  /// Leaves the block that was told behind.
  void begin() {
    restart_ = dictionary_.is_full();
    if (restart_) dictionary_.clear();
    calls_.clear();
    ids_.clear();
    threads_.clear();
    times_.clear();
    counts_.clear();
    lines_.clear();
  }

 private:
  Dictionary dictionary_;
  bool restart_ = false;
  std::vector<PartialCall> calls_;
  std::vector<std::uint32_t> ids_;
  std::vector<std::uint32_t> threads_;
  std::vector<std::uint64_t> times_;
  std::vector<std::uint64_t> counts_;
  std::vector<std::uint64_t> lines_;
};

}  // namespace callgate::tracing

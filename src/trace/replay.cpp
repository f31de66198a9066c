// Each different call gets the number of a row; each event adds to a counter. What a filter returns
// is computed by the filter itself, from where its tests of number and ABI end.
//
// Known weakness: `times` of one row is a chain of additions to one counter, which bounds events of
// one kind to about one in five cycles.
#include "callgate/trace/replay.h"

#include <algorithm>

#include "callgate/abi/action.h"
#include "callgate/abi/syscalls.h"
#include "callgate/meaning/proof.h"

namespace callgate {
namespace {

std::uint64_t key_of(const SeccompData& data) noexcept {
  return std::uint64_t{data.arch} << 32 | data.nr;
}

/// The key of the call that a row is of: all numbers without a name are one.
std::uint64_t kind_key(const SeccompData& data) {
  const auto arch = classify(data.arch, data.nr);
  const bool is_named = arch && find_syscall(*arch, data.nr) != nullptr;
  constexpr std::uint64_t nameless = 0xfffffffe;  // a number that no ABI has a call for
  return is_named ? key_of(data) : std::uint64_t{data.arch} << 32 | nameless;
}

/// The normalised return values, each once, ascending.
std::vector<std::uint32_t> normalised(std::vector<std::uint32_t> returns) {
  for (std::uint32_t& ret : returns) ret = normalise(ret);
  std::sort(returns.begin(), returns.end());
  returns.erase(std::unique(returns.begin(), returns.end()), returns.end());
  return returns;
}

/// What the kernel makes of two filters' answers: the stricter; of equally strict ones that of the
/// younger filter (seccomp_run_filters of kernel/seccomp.c, 6.12).
std::uint32_t stricter(std::uint32_t old, std::uint32_t young) {
  return precedence(young) <= precedence(old) ? young : old;
}

/// The fate of a call that may get any of these.
CallFate common_fate(std::span<const std::uint32_t> returns) {
  if (returns.empty()) return CallFate::unclear;
  const CallFate first = fate_of(returns.front());
  const bool is_common = std::all_of(returns.begin(), returns.end(),
                                     [&](std::uint32_t ret) { return fate_of(ret) == first; });
  return is_common ? first : CallFate::unclear;
}

}  // namespace

std::string_view call_fate_name(CallFate fate) noexcept {
  switch (fate) {
    case CallFate::allowed: return "allowed";
    case CallFate::denied: return "denied";
    case CallFate::delegated: return "delegated";
    case CallFate::unclear: return "cannot tell";
  }
  return "unknown";
}

CallFate fate_of(std::uint32_t ret) noexcept {
  const auto action = action_of(ret);
  if (!action || denies(action->kind)) return CallFate::denied;
  return permits(action->kind) ? CallFate::allowed : CallFate::delegated;
}

Replay::Replay(std::vector<Program> stack)
    : stack_(std::move(stack)), numbers_(cached_numbers), rows_(1), times_(1), row_of_call_(1) {
  for (Number& number : numbers_) number.key = ~std::uint64_t{0};
}

Replay::Number& Replay::number(const SeccompData& data) {
  const std::uint64_t key = key_of(data);
  const std::uint64_t hash = (key ^ key >> 32) * 0x9e3779b97f4a7c15;
  Number& number = numbers_[hash >> 52];
  static_assert(cached_numbers == std::size_t{1} << 12);
  if (number.key == key && number.kind != 0) return number;
  number = {.key = key};
  bool is_constant = true;
  for (const Program& program : stack_) {
    number.prefixes.push_back(prefix_of(program, data.arch, data.nr));
    is_constant = is_constant && number.prefixes.back().constant;
  }
  if (is_constant) number.constant = decide(number, data);
  number.kind = kinds_.try_emplace(kind_key(data), static_cast<std::uint32_t>(kinds_.size() + 1))
                    .first->second;
  return number;
}

std::uint32_t Replay::decide(const Number& number, const SeccompData& data) const {
  const auto answer = [&](std::size_t i) {
    const Prefix& prefix = number.prefixes[i];
    return prefix.constant ? *prefix.constant : emulate_from(stack_[i], prefix.resume, data);
  };
  std::uint32_t ret = answer(0);
  for (std::size_t i = 1; i < stack_.size(); ++i) ret = stricter(ret, answer(i));
  return ret;
}

/// Every combination of what each filter may return.
Outcomes Replay::possible(const Number& number, const PartialCall& call) const {
  Outcomes all;
  for (std::size_t i = 0; i < stack_.size(); ++i) {
    const Prefix& prefix = number.prefixes[i];
    Outcomes found = prefix.constant ? Outcomes{.returns = {*prefix.constant}}
                                     : outcomes_from(stack_[i], prefix.resume, call);
    all.any = all.any || found.any;
    all.tested |= found.tested;
    std::vector<std::uint32_t> combined;
    if (i == 0) combined = found.returns;
    for (const std::uint32_t old : all.returns) {
      for (const std::uint32_t young : found.returns) combined.push_back(stricter(old, young));
    }
    all.returns = normalised(std::move(combined));
  }
  if (all.any) all.returns.clear();
  return all;
}

std::uint32_t Replay::new_row(const PartialCall& call) {
  rows_.push_back({.first = call});
  times_.push_back(0);
  return static_cast<std::uint32_t>(rows_.size() - 1);
}

std::uint32_t Replay::complete_row(Number& number, std::uint32_t ret, const PartialCall& call) {
  if (number.last_row != 0 && number.last_ret == ret) return number.last_row;
  const std::uint64_t key = std::uint64_t{number.kind} << 32 | normalise(ret);
  const auto [at, is_new] = complete_.try_emplace(key, 0);
  if (is_new) {
    at->second = new_row(call);
    rows_.back().returns = {normalise(ret)};
    rows_.back().fate = fate_of(ret);
  }
  number.last_ret = ret;
  number.last_row = at->second;
  return at->second;
}

std::uint32_t Replay::partial_row(const Number& number, const PartialCall& call) {
  Outcomes found = possible(number, call);
  std::vector<std::uint32_t> returns = std::move(found.returns);
  const auto [at, is_new] = partial_.try_emplace({number.kind, returns}, 0);
  if (!is_new) return at->second;
  at->second = new_row(call);
  rows_.back().fate = common_fate(returns);
  rows_.back().returns = std::move(returns);
  rows_.back().any = found.any;
  rows_.back().tested = found.tested;
  return at->second;
}

std::uint32_t Replay::row_of(const PartialCall& call) {
  Number& its = number(call.data);
  if (its.constant) return complete_row(its, *its.constant, call);
  if (call.is_complete()) return complete_row(its, decide(its, call.data), call);
  return partial_row(its, call);
}

void Replay::meet(const TraceBlock& block, std::size_t index, std::uint32_t row) {
  ReplayRow& met = rows_[row];
  met.first_index = events_ + index;
  if (!block.lines.empty()) met.first_line = block.lines[index];
  if (!block.threads.empty()) met.first_thread = block.threads[index];
  if (!block.times.empty()) met.first_time = block.times[index];
}

template <class CountOf>
void Replay::count(const TraceBlock& block, CountOf&& count_of) {
  const std::uint32_t* const rows = row_of_call_.data();
  std::uint64_t* const times = times_.data();
  for (std::size_t i = 0; i < block.ids.size(); ++i) {
    const std::uint32_t row = rows[block.ids[i]];
    if (times[row] == 0) meet(block, i, row);
    times[row] += count_of(i);
  }
}

void Replay::take(const TraceBlock& block) {
  if (block.restart) row_of_call_.resize(1);
  for (const PartialCall& call : block.calls) row_of_call_.push_back(row_of(call));
  if (block.counts.empty()) {
    count(block, [](std::size_t) { return std::uint64_t{1}; });
  } else {
    count(block, [&](std::size_t i) { return block.counts[i]; });
  }
  events_ += block.ids.size();
}

std::vector<ReplayRow> Replay::rows() const {
  std::vector<ReplayRow> met;
  for (std::size_t i = 1; i < rows_.size(); ++i) {
    if (times_[i] == 0) continue;
    met.push_back(rows_[i]);
    met.back().times = times_[i];
  }
  std::stable_sort(met.begin(), met.end(), [](const ReplayRow& left, const ReplayRow& right) {
    return left.first_index < right.first_index;
  });
  return met;
}

}  // namespace callgate

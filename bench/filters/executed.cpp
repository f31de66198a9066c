#include "filters/executed.h"

#include <algorithm>

#include "callgate/abi/syscalls.h"
#include "callgate/bpf/emulate.h"
#include "callgate/policy/evaluate.h"

namespace callgate::bench {
namespace {

bool is_permitted(std::uint32_t ret) {
  const std::optional<Action> action = action_of(ret);
  return action && permits(action->kind);
}

/// The inputs of one call, at most one for each conjunction and side.
class CallInputs {
 public:
  CallInputs(const Policy& policy, std::vector<Input>& out) : policy_(policy), out_(out) {}

  void add(Arch arch, std::uint32_t number, std::span<const FlatRule> rules) {
    const std::size_t first = out_.size();
    const bool is_checked = std::any_of(
        rules.begin(), rules.end(), [](const FlatRule& rule) { return !rule.comparisons.empty(); });
    if (!is_checked) {
      try_arguments(arch, number, {}, false);
      return;
    }
    for (const FlatRule& rule : rules) {
      try_arguments(arch, number, matching_arguments(rule), true);
      try_arguments(arch, number, failing_arguments(rule), true);
    }
    share_weight(first);
  }

 private:
  void try_arguments(Arch arch, std::uint32_t number, const std::array<std::uint64_t, 6>& args,
                     bool is_checked) {
    Input input{.data = {.nr = number, .arch = arch_info(arch).audit, .args = args}};
    const bool permitted = is_permitted(returned(policy_, policy_.arches, input.data));
    input.outcome = permitted ? (is_checked ? Outcome::checked_allowed : Outcome::allowed)
                              : (is_checked ? Outcome::checked_denied : Outcome::denied);
    out_.push_back(input);
  }

  void share_weight(std::size_t first) {
    std::array<std::size_t, outcome_count> count{};
    for (std::size_t i = first; i < out_.size(); ++i)
      ++count[static_cast<std::size_t>(out_[i].outcome)];
    for (std::size_t i = first; i < out_.size(); ++i)
      out_[i].weight = 1.0 / static_cast<double>(count[static_cast<std::size_t>(out_[i].outcome)]);
  }

  const Policy& policy_;
  std::vector<Input>& out_;
};

/// Sums of one outcome, or of all.
struct Sum {
  double executed = 0;
  double weight = 0;
  std::size_t worst = 0;

  void add(std::size_t steps, double by) {
    executed += static_cast<double>(steps) * by;
    weight += by;
    worst = std::max(worst, steps);
  }
  [[nodiscard]] Executed result() const {
    return {.mean = weight > 0 ? executed / weight : 0, .worst = worst};
  }
};

constexpr std::uint16_t load_word = 0x20;        // BPF_LD | BPF_W | BPF_ABS
constexpr std::uint32_t first_argument_at = 16;  // offset of args in struct seccomp_data

/// How many instructions run before the first load of an argument; none if there is none.
std::optional<std::size_t> before_arguments(const Program& program, const Trace& run) {
  for (std::size_t i = 0; i < run.path.size(); ++i) {
    const Instruction& insn = program.instructions()[run.path[i]];
    if (insn.code == load_word && insn.k >= first_argument_at) return i;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Input> make_inputs(const Policy& policy, const FlatPolicy& flat) {
  std::vector<Input> out;
  CallInputs inputs(policy, out);
  for (const FlatArch& lines : flat.arches) {
    auto rule = lines.rules.begin();
    for (const Syscall& call : syscalls(lines.arch)) {
      const auto first = rule;
      while (rule != lines.rules.end() && rule->number == call.number) ++rule;
      inputs.add(lines.arch, call.number, {first, rule});
    }
  }
  return out;
}

ExecutedByOutcome count_executed(const Program& program, std::span<const Input> inputs) {
  std::array<Sum, outcome_count> sums;
  Sum all;
  ExecutedByOutcome out;
  for (const Input& input : inputs) {
    const Trace run = trace(program, input.data);
    sums[static_cast<std::size_t>(input.outcome)].add(run.path.size(), input.weight);
    all.add(run.path.size(), input.weight);
    if (const auto before = before_arguments(program, run)) {
      const bool is_first = out.first_load_most == 0;
      out.first_load_fewest = is_first ? *before : std::min(out.first_load_fewest, *before);
      out.first_load_most = std::max(out.first_load_most, *before);
    }
  }
  for (std::size_t i = 0; i < outcome_count; ++i) out.by_outcome[i] = sums[i].result();
  out.all = all.result();
  return out;
}

Emulated emulate_load(const Program& program) {
  Emulated out;
  for (const Arch arch : {Arch::x86_64, Arch::i386}) {
    const std::uint32_t last = syscalls(arch).back().number;
    for (std::uint32_t number = 0; number <= last; ++number) {
      const CacheStatus status = cache_status(program, arch_info(arch).audit, number);
      out.steps += status.steps;
      if (arch != Arch::x86_64) continue;
      out.native_steps += status.steps;
      if (status.cached) ++out.cached;
    }
  }
  return out;
}

}  // namespace callgate::bench

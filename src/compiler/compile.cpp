// check -> lower -> passes -> emit -> verify -> prove. A call that the proof cannot decide is
// lowered again as a chain, one call at a time and then all of them; what is still undecided then
// is an error. Nothing else makes a Compilation.
#include "callgate/compiler/compile.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/emit.h"
#include "compiler/passes/passes.h"
#include "compiler/pipeline.h"

namespace callgate {
namespace {

constexpr std::size_t calls_named = 5;
/// How many times longer the quick style may be than what fits before the small one is not tried:
/// it halves chains (a load and a jump a rule against a jump), everything else it shortens less.
constexpr std::size_t most_gain = 3;
/// How often a single call is made a chain before all are.
constexpr int single_retries = 8;

Error too_long(std::size_t size, std::vector<CallCost> costs) {
  std::stable_sort(costs.begin(), costs.end(), [](const CallCost& a, const CallCost& b) {
    return a.instructions > b.instructions;
  });
  std::string list;
  for (std::size_t i = 0; i < std::min(calls_named, costs.size()); ++i) {
    if (i > 0) list += ", ";
    list += fmt::format("{} {}", call_text(costs[i].arch, costs[i].numbers), costs[i].instructions);
  }
  return Error(fmt::format("the filter takes {} instructions, and the kernel loads at most {}",
                           size, max_instructions),
               list.empty() ? "use fewer raw number ranges"
                            : "the calls that cost most, in instructions: " + list);
}

/// Which call an undecided proof names, if lowering knows it.
std::optional<CallKey> find_call(const std::string& name, const std::vector<CallCost>& costs) {
  for (const CallCost& cost : costs) {
    const std::string_view abi = arch_info(cost.arch).name;
    const bool is_it = name == call_text(cost.arch, cost.numbers) ||
                       name == fmt::format("{} {}", abi, cost.numbers.first);
    if (is_it) return CallKey{cost.arch, cost.numbers.first};
  }
  return std::nullopt;
}

std::vector<ChainHint> hints_of(const DecisionDag& dag, const Emission& emission) {
  std::vector<ChainHint> hints;
  for (const Chain& chain : dag.chains) {
    ChainHint hint{.arch = chain.arch, .number = chain.number, .rules = chain.rules};
    for (const NodeId entry : chain.entries) hint.entries.push_back(emission.starts[entry]);
    for (const std::vector<NodeId>& steps : chain.steps) {
      std::vector<std::size_t>& places = hint.steps.emplace_back();
      for (const NodeId step : steps) places.push_back(emission.starts[step]);
    }
    hints.push_back(std::move(hint));
  }
  return hints;
}

std::string words_text(const SeccompData& data) {
  return fmt::format("arch {:#x} nr {} ip {:#x} args {:#x} {:#x} {:#x} {:#x} {:#x} {:#x}",
                     data.arch, data.nr, data.instruction_pointer, data.args[0], data.args[1],
                     data.args[2], data.args[3], data.args[4], data.args[5]);
}

Error internal_error(const Differs& differs) {
  return Error(fmt::format("internal error: the program made differs from the policy: for {} the "
                           "policy says {:#x}, the program {:#x}",
                           words_text(differs.witness), differs.left, differs.right),
               "please report this with the policy; no program was made");
}

/// Prove, and where that is undecided make chains and prove again.
Result<Built> build_proved(const Policy& policy, std::span<const Arch> arches,
                           const CompileOptions& wanted) {
  LowerOptions options{.frequencies = frequencies_of(wanted)};
  for (int attempt = 0;; ++attempt) {
    CALLGATE_TRY(Built built, build(policy, arches, options));
    const Answer answer = prove(policy, arches, *built.program, built.chains, wanted.budget);
    if (std::holds_alternative<Equal>(answer)) return built;
    if (const auto* differs = std::get_if<Differs>(&answer)) return fail(internal_error(*differs));
    const std::string& name = std::get<Undecided>(answer).call;
    if (options.style == CallStyle::chain) {
      return fail(fmt::format("the proof of {} is too large for its budget", name),
                  "split its rules' conditions into several rules, or give a larger budget");
    }
    const auto call = find_call(name, built.costs);
    const bool is_new = call && options.chain_calls.insert(*call).second;
    if (!is_new || attempt >= single_retries) options.style = CallStyle::chain;
  }
}

}  // namespace

std::string call_text(Arch arch, const NumberRange& numbers) {
  const Syscall* call = find_syscall(arch, numbers.first);
  const std::string_view abi = arch_info(arch).name;
  if (numbers.first != numbers.last) {
    return fmt::format("{} {}..{}", abi, numbers.first, numbers.last);
  }
  if (call == nullptr) return fmt::format("{} {}", abi, numbers.first);
  return fmt::format("{} {}", abi, call->name);
}

const Frequencies* frequencies_of(const CompileOptions& options) {
  return options.frequencies ? &*options.frequencies : nullptr;
}

Result<Built> build(const Policy& policy, std::span<const Arch> arches,
                    const LowerOptions& options) {
  CALLGATE_TRY(Lowered lowered, lower(policy, arches, options));
  Built built{.dag = passes::optimise(std::move(lowered.dag)), .costs = std::move(lowered.costs)};
  Emission emission = emit(built.dag);
  if (emission.code.size() > max_instructions) {
    const bool is_hopeless = emission.code.size() > most_gain * max_instructions;
    if (options.style != CallStyle::quick || is_hopeless) {
      return fail(too_long(emission.code.size(), std::move(built.costs)));
    }
    LowerOptions small = options;
    small.style = CallStyle::small;
    return build(policy, arches, small);
  }
  built.chains = hints_of(built.dag, emission);
  CALLGATE_TRY(built.program, Program::verify(std::move(emission.code), built.dag.target));
  return built;
}

Result<Checked> check_for(const Policy& policy, const CompileOptions& options) {
  Checked checked{.arches = options.arches.empty() ? policy.arches : options.arches};
  if (checked.arches.empty()) {
    return fail("neither the policy nor the options name an architecture to compile for",
                "name one: `arch x86_64` in the policy, or --arch x86_64");
  }
  checked.diagnostics = check(policy, checked.arches);
  if (has_errors(checked.diagnostics)) return fail(Error(std::move(checked.diagnostics)));
  return checked;
}

Result<Compilation> compile(const Policy& policy, const CompileOptions& options) {
  CALLGATE_TRY(Checked checked, check_for(policy, options));
  CALLGATE_TRY(Built built, build_proved(policy, checked.arches, options));
  return Compilation{.program = *std::move(built.program),
                     .arches = std::move(checked.arches),
                     .chains = std::move(built.chains),
                     .diagnostics = std::move(checked.diagnostics)};
}

}  // namespace callgate

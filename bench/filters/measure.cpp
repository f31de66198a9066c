#include "filters/measure.h"

#include <fmt/format.h>
#include <sys/syscall.h>

#include <algorithm>

#include "callgate/abi/syscalls.h"
#include "callgate/bpf/emulate.h"
#include "callgate/meaning/proof.h"
#include "callgate/policy/evaluate.h"
#include "filters/executed.h"
#include "filters/kernel_cost.h"

namespace callgate::bench {
namespace {

constexpr std::string_view outcome_names[] = {"allowed", "checked_allowed", "denied",
                                              "checked_denied"};

std::string line(const std::string& peer, std::string_view key, const std::string& values) {
  return fmt::format("{}\t{}\t{}\n", peer, key, values);
}

/// The program for x86-64's own numbers; every other call is killed.
Program own_numbers_only(const Program& program) {
  std::vector<Instruction> code = {
      {0x20, 0, 0, 4},                              // ld arch
      {0x15, 1, 0, arch_info(Arch::x86_64).audit},  // jeq
      {0x06, 0, 0, 0},                              // ret KILL
      {0x20, 0, 0, 0},                              // ld nr
      {0x35, 0, 1, x32_bit},                        // jge
      {0x06, 0, 0, 0},                              // ret KILL
  };
  code.insert(code.end(), program.instructions().begin(), program.instructions().end());
  Result<Program> out = Program::verify(std::move(code), program.target());
  return out ? std::move(*out) : program;
}

std::string witness_text(const Differs& differs) {
  const SeccompData& data = differs.witness;
  const std::optional<Arch> arch = classify(data.arch, data.nr);
  const Syscall* call = arch ? find_syscall(*arch, data.nr) : nullptr;
  std::string text =
      arch ? fmt::format("{} ", arch_info(*arch).name) : fmt::format("arch {:#x} ", data.arch);
  text += call != nullptr ? std::string(call->name) : fmt::format("{:#x}", data.nr);
  text += '(';
  std::size_t last = 0;
  for (std::size_t i = 0; i < data.args.size(); ++i)
    if (data.args[i] != 0) last = i + 1;
  for (std::size_t i = 0; i < last; ++i)
    text += fmt::format("{}{:#x}", i == 0 ? "" : ", ", data.args[i]);
  const auto action = [](std::uint32_t ret) {
    const std::optional<Action> known = action_of(ret);
    return known ? to_string(*known) : fmt::format("{:#x}", ret);
  };
  return text + fmt::format("): {}, not {}", action(differs.right), action(differs.left));
}

/// How `program` relates to `ours`.
std::string meaning_text(const Program& ours, const Program& program) {
  const Answer whole = equal(ours, program);
  if (std::holds_alternative<Equal>(whole)) return "equal\t";
  const Answer own = equal(own_numbers_only(ours), own_numbers_only(program));
  if (const auto* undecided = std::get_if<Undecided>(&own)) return "undecided\t" + undecided->call;
  if (const auto* differs = std::get_if<Differs>(&own)) return "differs\t" + witness_text(*differs);
  const auto* outside = std::get_if<Differs>(&whole);
  return "abi\t" + (outside != nullptr ? witness_text(*outside) : "undecided");
}

std::string executed_lines(const std::string& peer, const ExecutedByOutcome& executed) {
  std::string text;
  const auto add = [&](std::string_view outcome, const Executed& one) {
    if (one.worst != 0)
      text += line(peer, "executed", fmt::format("{}\t{:.2f}\t{}", outcome, one.mean, one.worst));
  };
  for (std::size_t i = 0; i < outcome_count; ++i) add(outcome_names[i], executed.by_outcome[i]);
  add("all", executed.all);
  if (executed.first_load_most != 0)
    text += line(peer, "before-argument",
                 fmt::format("{}\t{}", executed.first_load_fewest, executed.first_load_most));
  return text;
}

bool is_allowed(const Policy& policy, const TimedCall& call) {
  SeccompData data{.nr = static_cast<std::uint32_t>(call.number),
                   .arch = arch_info(Arch::x86_64).audit};
  for (std::size_t i = 0; i < call.args.size(); ++i)
    data.args[i] = static_cast<std::uint64_t>(call.args[i]);
  return returned(policy, policy.arches, data) == allow.ret();
}

/// Harmless calls: none changes anything with these arguments, whether it is let through or not.
constexpr TimedCall cached_calls[] = {{SYS_getppid, {}}, {SYS_getpid, {}}};
constexpr TimedCall checked_calls[] = {{SYS_personality, {0xffffffff}}, {SYS_fcntl, {-1, 1}}};
constexpr TimedCall denied_calls[] = {
    {SYS_keyctl, {-1}}, {SYS_getuid, {}}, {SYS_getpgrp, {}}, {SYS_nfsservctl, {}}};

/// Of the list, the first that the policy allows or denies and whose filter the kernel can, or
/// cannot, leave out.
std::optional<TimedCall> choose_call(const Policy& policy, const Program& ours,
                                     std::span<const TimedCall> list, bool allowed, bool cached) {
  for (const TimedCall& call : list) {
    const CacheStatus status =
        cache_status(ours, arch_info(Arch::x86_64).audit, static_cast<std::uint32_t>(call.number));
    if (is_allowed(policy, call) == allowed && status.cached == cached) return call;
  }
  return std::nullopt;
}

struct Rounds {
  std::string load, cached, checked, denied;
};

void append(std::string& text, std::optional<double> value, std::optional<double> bare = 1.0) {
  if (value && bare && *bare > 0)
    text += fmt::format("{}{:.4f}", text.empty() ? "" : "\t", *value / *bare);
}

/// Of the fastest of some loads: another process that gets the processor lengthens some, not all.
std::optional<double> least_load(const Program& program) {
  constexpr int loads = 5;
  std::optional<double> least = time_load(program);
  for (int i = 1; i < loads && least; ++i)
    least = std::min(*least, time_load(program).value_or(*least));
  return least;
}

}  // namespace

std::string static_figures(const Policy& policy, const std::vector<PeerProgram>& programs) {
  const Result<FlatPolicy> flat = flatten_calls(policy);
  const std::vector<Input> inputs = flat ? make_inputs(policy, *flat) : std::vector<Input>{};
  std::string text;
  for (const PeerProgram& one : programs) {
    const Emulated emulated = emulate_load(one.program);
    text += line(one.peer, "size", std::to_string(one.program.size()));
    text += line(one.peer, "steps", std::to_string(emulated.steps));
    text += line(one.peer, "native-steps", std::to_string(emulated.native_steps));
    text += line(one.peer, "cached", std::to_string(emulated.cached));
    text += executed_lines(one.peer, count_executed(one.program, inputs));
    text += line(one.peer, "meaning", meaning_text(programs.front().program, one.program));
  }
  return text;
}

std::string kernel_figures(const Policy& policy, const std::vector<PeerProgram>& programs,
                           unsigned rounds, bool with_calls) {
  const Program& ours = programs.front().program;
  TimedCalls calls;
  if (with_calls) {
    calls.cached = choose_call(policy, ours, cached_calls, true, true);
    calls.checked = choose_call(policy, ours, checked_calls, true, false);
    calls.denied = choose_call(policy, ours, denied_calls, false, false);
  }
  std::vector<Rounds> all(programs.size());
  for (unsigned round = 0; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < programs.size(); ++turn) {
      const std::size_t i = (turn + round) % programs.size();
      append(all[i].load, least_load(programs[i].program));
      if (!with_calls) continue;
      const CallTimes times = time_calls(programs[i].program, calls).value_or(CallTimes{});
      append(all[i].cached, times.cached, times.cached_bare);
      append(all[i].checked, times.checked, times.checked_bare);
      append(all[i].denied, times.denied, times.denied_bare);
    }
  }
  std::string text;
  for (std::size_t i = 0; i < programs.size(); ++i) {
    const std::string& peer = programs[i].peer;
    text += line(peer, "load", all[i].load) + line(peer, "run-cached", all[i].cached) +
            line(peer, "run-checked", all[i].checked) + line(peer, "run-denied", all[i].denied);
  }
  return text;
}

}  // namespace callgate::bench

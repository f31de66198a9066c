// The policy is compiled with trap(first + n) as the action of its n-th denying part. A trap denies
// like what it stands for, so the rules select the same calls (docs/policy.md, Meaning 4 and 6).
// That the program then decides as the policy does is proved once more: its TRAPs are renamed back,
// and the result is held against the policy as it was.
#include "confine/debug_program.h"

#include <fmt/format.h>

#include <array>
#include <variant>

#include "callgate/abi/syscalls.h"
#include "callgate/bpf/emulate.h"
#include "callgate/compiler/compile.h"

namespace callgate::confine_detail {
namespace {

using runtime::DebugRow;

constexpr std::size_t most_rows = 0x10000;  // SECCOMP_RET_DATA has 16 bits
constexpr std::uint16_t ret_constant = 6;   // BPF_RET | BPF_K

std::string rule_name(const Policy& policy, std::size_t index) {
  const Place& place = policy.rules[index].place;
  if (place.line == 0) return fmt::format("rule {}", index + 1);
  const std::string column = place.column == 0 ? "" : fmt::format(":{}", place.column);
  return fmt::format("{}:{}{}", place.file, place.line, column);
}

/// Replaces every denying action by a TRAP; what each of them was.
std::vector<DebugRow> number_denials(Policy& policy, std::size_t first) {
  std::vector<DebugRow> rows;
  const auto number = [&](Action& action, std::string rule) {
    if (!denies(action.kind)) return;
    rows.push_back({action, std::move(rule)});
    action = trap(static_cast<std::uint16_t>(first + rows.size() - 1));
  };
  for (std::size_t i = 0; i < policy.rules.size(); ++i)
    number(policy.rules[i].action, rule_name(policy, i));
  number(policy.otherwise, "otherwise");
  number(policy.unknown, "unknown number");
  return rows;
}

/// The program with what the TRAPs stand for.
Result<Program> renamed_back(const Program& program, std::size_t first,
                             const std::vector<DebugRow>& rows) {
  std::vector<Instruction> code(program.instructions().begin(), program.instructions().end());
  for (Instruction& step : code) {
    const std::size_t row = (step.k & 0xffff) - first;
    const bool is_trap = (step.k & 0xffff0000) == static_cast<std::uint32_t>(ActionKind::trap);
    if (step.code == ret_constant && is_trap && row < rows.size()) step.k = rows[row].action.ret();
  }
  return Program::verify(std::move(code), program.target());
}

bool lets_through(const Program& program, std::string_view name, std::uint64_t first_argument) {
  const Syscall* call = find_syscall(native_arch(), name);
  if (call == nullptr) return false;
  // A buffer's address and length: what a policy can say of them is told only when it happens.
  const SeccompData data{.nr = call->number,
                         .arch = arch_info(native_arch()).audit,
                         .args = {first_argument, 0x7fffffffe000, 1}};
  const auto action = action_of(emulate(program, data));
  return action && permits(action->kind);
}

Result<void> check_handler_can_live(const Program& program, int fd) {
  if (!lets_through(program, "rt_sigreturn", 0)) {
    return fail("the debug mode cannot work: the policy refuses rt_sigreturn(2)",
                "a signal handler could not return; `allow @sigreturn`");
  }
  if (!lets_through(program, "write", static_cast<std::uint64_t>(fd))) {
    return fail(fmt::format("the debug mode cannot report: the policy refuses write(2) to "
                            "descriptor {}",
                            fd),
                "nothing is let through for its sake: allow it, or do without the debug mode");
  }
  return {};
}

}  // namespace

Result<DebugProgram> debug_program(const Policy& policy, std::size_t first, int fd) {
  if (first + policy.rules.size() + 2 > most_rows)
    return fail("the debug mode cannot tell more than 65536 denying rules apart");
  if (policy.unlisted.kind == ActionKind::trap)
    return fail(
        "the debug mode cannot work with `unlisted trap`: it reports this ABI's calls only");
  Policy traps = policy;
  std::vector<DebugRow> rows = number_denials(traps, first);
  CALLGATE_TRY(const Compilation built, compile(traps));
  CALLGATE_TRY(const Program renamed, renamed_back(built.program, first, rows));
  const Answer answer = prove(policy, policy.arches, renamed, built.chains);
  if (!std::holds_alternative<Equal>(answer))
    return fail("the debug mode's program could not be proved to decide as the policy does");
  CALLGATE_CHECK(check_handler_can_live(built.program, fd));
  CALLGATE_TRY(Program program, runtime::with_kill_calls(built.program));
  return DebugProgram{std::move(program), std::move(rows)};
}

}  // namespace callgate::confine_detail

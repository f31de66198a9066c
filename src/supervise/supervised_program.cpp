// The supervised program is the proved one with renamed terminals. The policy is not rewritten
// instead: whether a rule "denies" decides about multiplexed and untestable forms (docs/policy.md),
// so a policy with other actions could select other calls.
#include <linux/filter.h>

#include "callgate/abi/action.h"
#include "callgate/supervise/run.h"

namespace callgate {
namespace {

constexpr std::uint16_t ret_constant = BPF_RET | BPF_K;
constexpr std::uint16_t ret_accumulator = BPF_RET | BPF_A;

bool is_return(const Instruction& instruction) {
  return instruction.code == ret_constant || instruction.code == ret_accumulator;
}

/// A value of unknown kind kills the process, so it denies.
bool value_denies(std::uint32_t ret) {
  const auto action = action_of(ret);
  return !action || denies(action->kind);
}

bool value_kills(std::uint32_t ret) {
  const auto action = action_of(ret);
  return value_denies(ret) && !(action && action->kind == ActionKind::errno_);
}

std::uint32_t renamed(std::uint32_t ret, ReportLevel report, bool log_only) {
  const auto action = action_of(ret);
  const bool is_errno = action && action->kind == ActionKind::errno_;
  if (log_only && value_denies(ret)) return report == ReportLevel::full ? notify.ret() : log_.ret();
  if (report == ReportLevel::full && is_errno) return notify.ret();
  return ret;
}

bool policy_kills(const Policy& policy, std::span<const Arch> arches) {
  const auto kills = [](const Action& action) {
    return denies(action.kind) && action.kind != ActionKind::errno_;
  };
  for (const Rule& rule : policy.rules) {
    if (kills(rule.action)) return true;
  }
  if (kills(policy.otherwise) || kills(policy.unknown)) return true;
  for (const Arch arch : all_arches) {
    const bool is_listed = std::find(arches.begin(), arches.end(), arch) != arches.end();
    if (!is_listed && arch_info(arch).native == native_arch()) return kills(policy.unlisted);
  }
  return false;
}

}  // namespace

Result<Program> supervised_program(const Program& program, ReportLevel report, bool log_only) {
  std::vector<Instruction> code(program.instructions().begin(), program.instructions().end());
  for (Instruction& instruction : code) {
    if (instruction.code == ret_accumulator && (log_only || report == ReportLevel::full)) {
      return fail("the program returns a computed value (RET A), so its denials cannot be reported",
                  "use --report=audit or --report=none");
    }
    if (is_return(instruction)) instruction.k = renamed(instruction.k, report, log_only);
  }
  return Program::verify(std::move(code), program.target());
}

bool can_kill(const Confinement& confinement) {
  if (confinement.policy) return policy_kills(*confinement.policy, confinement.arches);
  for (const Instruction& instruction : confinement.program.instructions()) {
    if (is_return(instruction) && value_kills(instruction.k)) return true;
  }
  return false;
}

}  // namespace callgate

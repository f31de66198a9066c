// The supervised program is the proved one with renamed terminals. The policy is not rewritten
// instead: whether a rule "denies" decides about multiplexed and untestable forms (docs/policy.md),
// so a policy with other actions could select other calls.
//
// Of two filters that return USER_NOTIF the newest counts (seccomp(2); kernel/seccomp.c, 6.12). So
// a program that ends its supervisor could put a listener of its own in the place and let its
// denied calls go on. As long as the supervisor lives the kernel answers EBUSY to that; a tail that
// every permitting RET becomes a jump to answers the same for ever.
#include <linux/filter.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "callgate/abi/action.h"
#include "callgate/abi/syscalls.h"
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

constexpr std::uint32_t flag_new_listener = 8;  // SECCOMP_FILTER_FLAG_NEW_LISTENER
constexpr std::uint32_t arch_offset = 4;
constexpr std::uint32_t flags_offset = 24;  // the low half of args[1], little endian

/// A tail: EBUSY for seccomp(2) with a listener, else `ret`.
std::vector<Instruction> closing_tail(std::uint32_t ret) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> calls;  // audit, number
  for (const Arch arch : all_arches) {
    const Syscall* call = find_syscall(arch, "seccomp");
    if (arch_info(arch).native == native_arch() && call != nullptr)
      calls.emplace_back(arch_info(arch).audit, call->number);
  }
  std::vector<Instruction> code;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto to_flags = static_cast<std::uint8_t>((calls.size() - 1 - i) * 4 + 1);
    code.push_back({BPF_LD | BPF_W | BPF_ABS, 0, 0, arch_offset});
    code.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 2, calls[i].first});
    code.push_back({BPF_LD | BPF_W | BPF_ABS, 0, 0, 0});
    code.push_back({BPF_JMP | BPF_JEQ | BPF_K, to_flags, 0, calls[i].second});
  }
  code.push_back({ret_constant, 0, 0, ret});
  code.push_back({BPF_LD | BPF_W | BPF_ABS, 0, 0, flags_offset});
  code.push_back({BPF_JMP | BPF_JSET | BPF_K, 0, 1, flag_new_listener});
  code.push_back({ret_constant, 0, 0, deny(EBUSY).ret()});
  code.push_back({ret_constant, 0, 0, ret});
  return code;
}

/// Lets every RET that permits, or leaves a call to a tracer, jump to a tail.
void close_to_listeners(std::vector<Instruction>& code) {
  const std::size_t size = code.size();
  std::map<std::uint32_t, std::size_t> tails;  // by the value returned
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint32_t ret = code[i].k;
    const auto action = action_of(ret);
    if (code[i].code != ret_constant || !action || denies(action->kind) ||
        action->kind == ActionKind::user_notif)
      continue;
    const auto [tail, is_new] = tails.try_emplace(ret, code.size());
    if (is_new) {
      const std::vector<Instruction> added = closing_tail(ret);
      code.insert(code.end(), added.begin(), added.end());
    }
    code[i] = {BPF_JMP | BPF_JA, 0, 0, static_cast<std::uint32_t>(tail->second - i - 1)};
  }
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
  if (report == ReportLevel::full && !log_only) {
    const bool notifies = std::any_of(code.begin(), code.end(), [](const Instruction& step) {
      return step.code == ret_constant && step.k == notify.ret();
    });
    if (notifies) close_to_listeners(code);
    if (code.size() > max_instructions) {
      return fail("the program is too long for one whose denials are reported",
                  "use --report=audit or --report=none");
    }
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

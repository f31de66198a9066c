#include "callgate/kernel/verdict.h"

#include <algorithm>

#include "callgate/abi/constants.h"
#include "callgate/kernel/constants.h"

namespace callgate {
namespace {

/// The bits of a return value that are the action: 15 before 4.14 (SECCOMP_RET_ACTION), then 16.
std::uint32_t action_mask(const KernelRelease& release) {
  return release.has(KernelFeature::ret_kill_process) ? 0xffff0000 : 0x7fff0000;
}

bool is_known(const KernelRelease& release, ActionKind kind) {
  switch (kind) {
    case ActionKind::kill_process: return release.has(KernelFeature::ret_kill_process);
    case ActionKind::log: return release.has(KernelFeature::ret_log);
    case ActionKind::user_notif: return release.has(KernelFeature::ret_user_notif);
    case ActionKind::kill_thread:
    case ActionKind::trap:
    case ActionKind::errno_:
    case ActionKind::trace:
    case ActionKind::allow: return true;
  }
  return false;
}

std::string errno_text(std::int64_t value) {
  if (value < 0 && value >= -uapi::max_errno) {
    const std::string_view name = errno_name(static_cast<std::uint16_t>(-value));
    if (!name.empty()) return "-" + std::string(name);
  }
  return std::to_string(value);
}

std::string death_text(const KernelVerdict& verdict) {
  std::string text =
      verdict.result == CallResult::thread_dies ? "the thread dies" : "the process dies";
  text += verdict.signal == uapi::sigsys ? " of SIGSYS" : " of SIGKILL";
  if (verdict.core) text += ", dumping core";
  return text;
}

std::string result_text(const KernelVerdict& verdict) {
  switch (verdict.result) {
    case CallResult::runs: return "runs";
    case CallResult::returns: return "returns " + errno_text(verdict.value);
    case CallResult::signal:
      return "does not run; SIGSYS reaches the handler with si_errno " +
             std::to_string(verdict.sigsys ? verdict.sigsys->errno_value : 0);
    case CallResult::thread_dies:
    case CallResult::process_dies: return death_text(verdict);
    case CallResult::traced:
      return "stops for the tracer with message " +
             std::to_string(verdict.ret.value_or(0) & 0xffff);
    case CallResult::waits: return "waits for the supervisor";
  }
  return {};
}

}  // namespace

std::string_view call_result_name(CallResult result) noexcept {
  switch (result) {
    case CallResult::runs: return "runs";
    case CallResult::returns: return "returns";
    case CallResult::signal: return "signal";
    case CallResult::thread_dies: return "thread_dies";
    case CallResult::process_dies: return "process_dies";
    case CallResult::traced: return "traced";
    case CallResult::waits: return "waits";
  }
  return {};
}

std::string_view call_reason_name(CallReason reason) noexcept {
  switch (reason) {
    case CallReason::no_seccomp: return "no seccomp";
    case CallReason::suspended: return "suspended by the tracer";
    case CallReason::strict: return "strict mode";
    case CallReason::filter: return "filter";
    case CallReason::unknown_action: return "unknown action";
    case CallReason::no_tracer: return "no tracer";
    case CallReason::no_listener: return "no supervisor";
    case CallReason::exempt: return "exempt from filters";
    case CallReason::tracer: return "tracer";
    case CallReason::supervisor: return "supervisor";
    case CallReason::interrupted: return "interrupted";
  }
  return {};
}

std::string to_string(const KernelVerdict& verdict) {
  std::string text = result_text(verdict) + " (" + std::string(call_reason_name(verdict.reason));
  if (verdict.filter) text += " " + std::to_string(*verdict.filter);
  text += ")";
  if (verdict.audit) text += ", recorded";
  return text;
}

ActionReading read_action(const KernelRelease& release, std::uint32_t ret) noexcept {
  ActionReading reading{.data = static_cast<std::uint16_t>(ret & 0xffff),
                        .action = ret & action_mask(release)};
  if (const auto action = action_of(reading.action); action && is_known(release, action->kind))
    reading.kind = action->kind;
  if (reading.kind == ActionKind::errno_ && release.has(KernelFeature::errno_capped))
    reading.data = std::min<std::uint16_t>(reading.data, uapi::max_errno);
  return reading;
}

bool wins(const KernelRelease& release, std::uint32_t left, std::uint32_t right) noexcept {
  const std::uint32_t mask = action_mask(release);
  return static_cast<std::int32_t>(left & mask) < static_cast<std::int32_t>(right & mask);
}

}  // namespace callgate

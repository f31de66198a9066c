// SECCOMP_RET_* values and their names.
#include "callgate/abi/action.h"

#include "callgate/abi/constants.h"

namespace callgate {
namespace {

std::string_view kind_name(ActionKind kind) noexcept {
  switch (kind) {
    case ActionKind::kill_process: return "kill_process";
    case ActionKind::kill_thread: return "kill_thread";
    case ActionKind::trap: return "trap";
    case ActionKind::errno_: return "errno";
    case ActionKind::user_notif: return "notify";
    case ActionKind::trace: return "trace";
    case ActionKind::log: return "log";
    case ActionKind::allow: return "allow";
  }
  return {};
}

}  // namespace

std::optional<Action> action_of(std::uint32_t ret) noexcept {
  const Action action{static_cast<ActionKind>(ret & 0xffff0000), static_cast<std::uint16_t>(ret)};
  return kind_name(action.kind).empty() ? std::nullopt : std::optional(action);
}

std::string to_string(Action action) {
  std::string text(kind_name(action.kind));
  if (text.empty()) text = "unknown_action";
  const bool takes_data = action.kind == ActionKind::errno_ || action.kind == ActionKind::trace;
  if (!takes_data && action.data == 0) return text;
  const std::string_view name =
      action.kind == ActionKind::errno_ ? errno_name(action.data) : std::string_view();
  return text + "(" + (name.empty() ? std::to_string(action.data) : std::string(name)) + ")";
}

}  // namespace callgate

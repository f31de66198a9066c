// What a filter tells the kernel to do with a call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callgate {

/// SECCOMP_RET_* of <linux/seccomp.h>, the high half of a filter's return value.
enum class ActionKind : std::uint32_t {
  kill_process = 0x80000000,
  kill_thread = 0x00000000,
  trap = 0x00030000,
  errno_ = 0x00050000,
  user_notif = 0x7fc00000,
  trace = 0x7ff00000,
  log = 0x7ffc0000,
  allow = 0x7fff0000,
};

/// An action with its data (SECCOMP_RET_DATA): the errno, or what a tracer or SIGSYS handler sees.
struct Action {
  ActionKind kind = ActionKind::kill_process;
  std::uint16_t data = 0;

  [[nodiscard]] constexpr std::uint32_t ret() const noexcept {
    return static_cast<std::uint32_t>(kind) | data;
  }
  bool operator==(const Action&) const = default;
};

inline constexpr Action allow{ActionKind::allow};
inline constexpr Action log_{ActionKind::log};
inline constexpr Action kill_process{ActionKind::kill_process};
inline constexpr Action kill_thread{ActionKind::kill_thread};
/// The call fails with that errno (1..4095).
[[nodiscard]] constexpr Action deny(std::uint16_t errno_value) noexcept {
  return {ActionKind::errno_, errno_value};
}
[[nodiscard]] constexpr Action trap(std::uint16_t data = 0) noexcept {
  return {ActionKind::trap, data};
}
[[nodiscard]] constexpr Action trace_(std::uint16_t data = 0) noexcept {
  return {ActionKind::trace, data};
}
inline constexpr Action notify{ActionKind::user_notif};

/// The action of a return value; none if its kind is unknown (the kernel then kills the process).
[[nodiscard]] std::optional<Action> action_of(std::uint32_t ret) noexcept;
/// "allow", "errno(EPERM)", "trace(3)", "kill_process": the form of the policy language.
[[nodiscard]] std::string to_string(Action action);
/// ALLOW and LOG let a call through; TRACE and USER_NOTIF delegate; the others deny.
[[nodiscard]] constexpr bool permits(ActionKind kind) noexcept {
  return kind == ActionKind::allow || kind == ActionKind::log;
}
[[nodiscard]] constexpr bool denies(ActionKind kind) noexcept {
  return !permits(kind) && kind != ActionKind::trace && kind != ActionKind::user_notif;
}
/// Position in the kernel's order of precedence: the lower of two stacked actions wins
/// (the high half as a signed number; kernel/seccomp.c seccomp_run_filters).
[[nodiscard]] constexpr std::int32_t precedence(std::uint32_t ret) noexcept {
  return static_cast<std::int32_t>(ret & 0xffff0000);
}

}  // namespace callgate

// A line of strace's output, taken apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace callgate::tracing {

/// What stands before a call: what -f, -n, -i and the options of time add.
struct LinePrefix {
  std::uint32_t thread = 0;             ///< 0: none
  std::uint64_t time = 0;               ///< nanoseconds since the epoch (-ttt); 0: none
  std::optional<std::uint32_t> number;  ///< of the call (-n)
  std::optional<std::uint64_t> ip;      ///< (-i)
};
/// Cuts the prefix off.
[[nodiscard]] LinePrefix take_prefix(std::string_view& line);

enum class LineKind : std::uint8_t {
  call,        ///< "read(3, "abc", 3) = 3"
  unfinished,  ///< "read(3,  <unfinished ...>"
  resumed,     ///< "<... read resumed>"abc", 3) = 3"
  ended,       ///< "+++ exited with 0 +++"
  mode,        ///< "[ Process PID=7 runs in 32 bit mode. ]"
  nothing,     ///< a signal, a note of strace's own, a line of a call stack
  unknown,
};
[[nodiscard]] LineKind kind_of_line(std::string_view line);

/// The name before the parenthesis and the arguments as they stand.
struct CallLine {
  std::string_view name;
  std::vector<std::string_view> arguments;
  bool is_closed = false;  ///< the closing parenthesis and a result follow
};
/// Nothing where it cannot be such a line.
[[nodiscard]] std::optional<CallLine> parse_call_line(std::string_view line);

/// An argument without what strace says beside it: "3</etc/passwd>" is 3, "0x3 /* PROT_READ */"
/// 0x3.
[[nodiscard]] std::string_view bare_argument(std::string_view argument);

}  // namespace callgate::tracing

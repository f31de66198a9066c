// Text that came from a program, made safe to print.
#pragma once

#include <string>
#include <string_view>

namespace callgate::supervise {

/// Control characters, quotes, backslashes and bytes past ASCII as C escapes; no quotes around.
[[nodiscard]] std::string escape(std::string_view text);
/// The same in quotes, cut after 256 bytes.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace callgate::supervise

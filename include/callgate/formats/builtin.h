// The profiles that come with callgate, under a name: "docker-default", "none".
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "callgate/formats/text.h"

namespace callgate {

/// The names, sorted.
[[nodiscard]] std::span<const std::string_view> builtin_profile_names() noexcept;

/// The text of a built-in profile as it stands in profiles/NAME.policy, or an empty view.
[[nodiscard]] std::string_view builtin_profile_text(std::string_view name) noexcept;

/// The text that counts for a process with these capabilities in its bounding set ("CAP_KILL").
/// Lines that do not count become comments, so that every place stays where it is. Errors: a
/// `#:` line that is malformed or has no partner, or names no capability.
[[nodiscard]] Result<std::string> select_capabilities(std::string_view text,
                                                      std::span<const std::string> capabilities);

/// A built-in profile for a process with these capabilities. Places say "docker-default.policy".
/// Error: no such profile.
[[nodiscard]] Result<ParsedPolicy> find_builtin_profile(std::string_view name,
                                                        std::span<const std::string> capabilities);

}  // namespace callgate

// Whole files in and out, bounded and atomic.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "callgate/base/result.h"

namespace callgate {

/// The most that any input of callgate may hold unless a reader says otherwise.
inline constexpr std::size_t max_input_bytes = 16u << 20;

/// Reads a regular file, or standard input if `path` is "-". Errors: not found, unreadable, a
/// directory, a fifo or device, more than `limit` bytes (nothing past the limit is read).
[[nodiscard]] Result<std::string> read_file(const std::string& path,
                                            std::size_t limit = max_input_bytes);

/// Writes `content` to `path` in one step: a reader sees the old file or the whole new one, and a
/// failure (a full disk, say) leaves the old one as it was. Links are followed. What is no regular
/// file, and an open file by its name in procfs (/dev/stdout), is written to in place. "-" writes
/// to standard output.
[[nodiscard]] Result<void> replace_file(const std::string& path, std::string_view content);

}  // namespace callgate

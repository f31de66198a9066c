// Another process's memory and /proc files.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callgate::supervise {

/// An address in another process, or a number that ptrace(2) takes in a pointer's place.
[[nodiscard]] inline void* as_pointer(std::uint64_t value) noexcept {
  return reinterpret_cast<void*>(value);  // NOLINT(performance-no-int-to-ptr)
}

/// `size` bytes at `address`; fewer if the end is not mapped; none (errno is set) if nothing could
/// be read.
[[nodiscard]] std::optional<std::string> read_memory(pid_t thread, std::uint64_t address,
                                                     std::size_t size);
/// The bytes up to a NUL, at most `limit` of them.
[[nodiscard]] std::optional<std::string> read_text(pid_t thread, std::uint64_t address,
                                                   std::size_t limit);
/// Writes into writable memory; false (errno is set) unless all of it was written.
bool write_memory(pid_t thread, std::uint64_t address, std::string_view bytes);

/// A file of /proc, whose size is not known beforehand; empty if it cannot be read.
[[nodiscard]] std::string read_proc_file(const std::string& path, std::size_t limit);
/// A numeric field of /proc/THREAD/status ("Tgid"), -1 if it is not there.
[[nodiscard]] long status_field(pid_t thread, std::string_view field);
/// /proc/THREAD/comm without its newline.
[[nodiscard]] std::string command_of(pid_t thread);

}  // namespace callgate::supervise

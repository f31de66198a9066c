// The bytes of a trace, read front to back in pieces: a file, a pipe, or memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/base/result.h"
#include "callgate/base/unique_fd.h"

namespace callgate::tracing {

class Input {
 public:
  /// Errors: not found, unreadable.
  [[nodiscard]] static Result<Input> open(const std::string& path);
  [[nodiscard]] static Input of_memory(std::string_view bytes, std::string name);

  /// The next `size` bytes, fewer at the end of the input only. They hold until the next call.
  [[nodiscard]] Result<std::string_view> peek(std::size_t size);
  /// Leaves bytes behind that have been peeked at.
  void skip(std::size_t size) noexcept {
    begin_ += size;
    offset_ += size;
  }
  /// The next line without its newline, left behind; none at the end of the input. Errors: longer
  /// than longest_trace_line.
  [[nodiscard]] Result<std::optional<std::string_view>> line();
  /// True if the last line had a newline.
  [[nodiscard]] bool line_was_whole() const noexcept { return line_was_whole_; }
  [[nodiscard]] std::uint64_t line_number() const noexcept { return line_; }

  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// An error at a byte, or at the line that was read last.
  [[nodiscard]] Error error_at(std::uint64_t offset, const std::string& message,
                               std::string hint = {}) const;
  [[nodiscard]] Error error_in_line(const std::string& message, std::string hint = {},
                                    std::size_t column = 0) const;

 private:
  Result<bool> fill();

  std::string name_;
  UniqueFd fd_;
  std::string_view memory_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;  ///< of begin_
  std::uint64_t line_ = 0;
  bool line_was_whole_ = true;
};

}  // namespace callgate::tracing

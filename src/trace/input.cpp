// read(2) into one buffer that grows to the largest piece a parser asks for. Faster than a mapping
// where a file is read once, and no SIGBUS where it is cut meanwhile (docs/adr/0003).
#include "trace/input.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "callgate/trace/trace.h"

namespace callgate::tracing {
namespace {

constexpr std::size_t read_size = std::size_t{256} << 10;

}  // namespace

Result<Input> Input::open(const std::string& path) {
  Input input;
  input.name_ = path;
  const int fd = path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                             : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(system_error(path, errno));
  input.fd_.reset(fd);
  return input;
}

Input Input::of_memory(std::string_view bytes, std::string name) {
  Input input;
  input.name_ = std::move(name);
  input.memory_ = bytes;
  return input;
}

/// Reads some more; false at the end of the input.
Result<bool> Input::fill() {
  if (begin_ > 0 && (begin_ == end_ || buffer_.size() - end_ < read_size / 2)) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < read_size / 2) {
    buffer_.resize(std::max(read_size, buffer_.size() * 2));
  }
  if (!fd_.valid()) {
    const std::size_t size = std::min(memory_.size(), buffer_.size() - end_);
    if (size > 0) std::memcpy(buffer_.data() + end_, memory_.data(), size);
    memory_.remove_prefix(size);
    end_ += size;
    return size > 0;
  }
  ssize_t got = 0;
  do {
    got = ::read(fd_.get(), buffer_.data() + end_, buffer_.size() - end_);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return fail(system_error(name_, errno));
  end_ += static_cast<std::size_t>(got);
  return got > 0;
}

Result<std::string_view> Input::peek(std::size_t size) {
  while (end_ - begin_ < size) {
    CALLGATE_TRY(const bool more, fill());
    if (!more) break;
  }
  return std::string_view(buffer_.data() + begin_, std::min(size, end_ - begin_));
}

Result<std::optional<std::string_view>> Input::line() {
  std::size_t searched = 0;
  for (;;) {
    const std::string_view left(buffer_.data() + begin_, end_ - begin_);
    const std::size_t newline = left.find('\n', searched);
    if (std::min(newline, left.size()) > longest_trace_line) {
      ++line_;
      return fail(error_in_line("a line of more than 1 MiB"));
    }
    if (newline != std::string_view::npos) {
      ++line_;
      line_was_whole_ = true;
      skip(newline + 1);
      return left.substr(0, newline);
    }
    searched = left.size();
    CALLGATE_TRY(const bool more, fill());
    if (more) continue;
    if (left.empty()) return std::nullopt;
    ++line_;
    line_was_whole_ = false;
    const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
    skip(rest.size());
    return rest;
  }
}

Error Input::error_at(std::uint64_t offset, const std::string& message, std::string hint) const {
  return Error(name_ + ": at byte " + std::to_string(offset) + ": " + message, std::move(hint));
}

Error Input::error_in_line(const std::string& message, std::string hint, std::size_t column) const {
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  return Error(Diagnostic{.message = message,
                          .place = {.file = name_,
                                    .line = static_cast<std::uint32_t>(std::min(line_, most)),
                                    .column = static_cast<std::uint32_t>(column)},
                          .hint = std::move(hint)});
}

}  // namespace callgate::tracing

// The descriptor through which the kernel hands over calls that a filter answers with USER_NOTIF.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "callgate/abi/seccomp_data.h"
#include "callgate/base/unique_fd.h"

namespace callgate::supervise {

/// One call that waits for an answer.
struct Notification {
  std::uint64_t id = 0;
  int thread = 0;  ///< 0: not visible in our PID namespace
  SeccompData data;
};

/// What the call gets: a return value of -errno, or "go on".
struct Reply {
  int error = 0;  ///< errno, 0 for success with value 0
  bool go_on = false;
};

/// Wraps seccomp_unotify(2). One thread.
class Listener {
 public:
  Listener() = default;
  explicit Listener(UniqueFd descriptor);

  [[nodiscard]] int fd() const noexcept { return descriptor_.get(); }
  [[nodiscard]] bool open() const noexcept { return descriptor_.valid(); }
  void close() noexcept { descriptor_.reset(); }

  /// The next notification; none if its caller was interrupted meanwhile.
  [[nodiscard]] std::optional<Notification> receive();
  /// False if the caller is no longer waiting.
  bool reply(std::uint64_t id, const Reply& reply) noexcept;
  /// True while the call still waits: what was read from the caller's memory is the caller's.
  [[nodiscard]] bool waits(std::uint64_t id) noexcept;

 private:
  UniqueFd descriptor_;
  std::vector<char> request_;
  std::vector<char> response_;
};

}  // namespace callgate::supervise

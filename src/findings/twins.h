// Calls that do the same. Sources: the manual pages of section 2 and the kernel's own code, where
// both end in one function (fs/open.c, kernel/fork.c, net/socket.c, ... of Linux 6.12).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "callgate/abi/arch.h"

namespace callgate::findings {

/// A parameter's value that makes one call of a twin do what the other does.
struct Fixed {
  std::string_view parameter;
  std::string_view constants;  ///< or-ed
};

/// What `call` is refused for, `other` does as well.
struct Twin {
  std::string_view call;
  std::string_view other;
  /// True if `other` takes the parameters of the same names in the same sense, or hides them in
  /// memory: then it does what `call` does for any arguments, else only something of the kind.
  bool same = true;
  std::vector<Fixed> fixed{};  ///< parameters of `other` that `call` does not have
  Fixed needs{};               ///< flags of `call` with which alone the two are alike
};
[[nodiscard]] const std::vector<Twin>& twins();

/// Where the C library went from one call to another.
struct Successor {
  std::string_view old_call;
  std::string_view new_call;
  bool falls_back = true;  ///< it takes the old one where the new one gives ENOSYS
  std::string_view user;   ///< who uses the new one
};
[[nodiscard]] std::span<const Successor> successors() noexcept;

/// Calls whose work io_uring does without making them, by the release that brought its operation
/// (enum io_uring_op of include/uapi/linux/io_uring.h).
struct RingCall {
  std::string_view call;
  Release since;
};
[[nodiscard]] std::span<const RingCall> ring_calls() noexcept;

}  // namespace callgate::findings

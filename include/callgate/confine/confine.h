// A program confines itself:
//
//   int main() {
//     load_config();
//     callgate::confine("stdio inet dns").or_die();  // everything after runs confined
//     serve();
//   }
//
// The policy is compiled and proved in the process, then put into force on all of its threads. It
// can only be narrowed afterwards, by another confine(): what both let through is let through. The
// second needs seccomp(2) and prctl(PR_SET_NO_NEW_PRIVS), which the promise stdio holds. No
// environment variable has a say in any of this.
#pragma once

#include <optional>

#include "callgate/base/result.h"
#include "callgate/confine/promise_list.h"
#include "callgate/policy/policy.h"

namespace callgate {

struct ConfineOptions {
  /// Every thread of the process. A thread that stays outside can do for the others whatever they
  /// may not do, so false is for a process whose threads are confined one by one.
  bool all_threads = true;
  /// Have the kernel log denials that end in an errno as well (SECCOMP_FILTER_FLAG_LOG, 4.14).
  bool log = false;
  /// Set no_new_privs first. False needs CAP_SYS_ADMIN.
  bool no_new_privs = true;
  /// Instead of Policy::otherwise.
  std::optional<Action> otherwise{};
  /// Report each denial from inside the process: call, arguments, rule, and a stack of modules and
  /// offsets. Then the policy's action is carried out. Meant for development, not for production:
  /// denials become SIGSYS for a handler of the library's, with what that entails (docs/api.md).
  /// The handler uses write(2) to `debug_fd` and rt_sigreturn(2); under a policy that refuses them
  /// this is an error, since nothing is let through for its sake. x86-64 and aarch64 only.
  bool debug = false;
  int debug_fd = 2;
};

/// Whether the process is confined, and if it is not, why. On failure nothing has changed but
/// no_new_privs, which may be set.
class [[nodiscard]] Confined {
 public:
  Confined() = default;
  explicit Confined(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool ok() const noexcept { return !error_.has_value(); }
  [[nodiscard]] explicit operator bool() const noexcept { return ok(); }
  /// Only where !ok().
  [[nodiscard]] const Error& error() const& { return *error_; }
  [[nodiscard]] Error error() && { return *std::move(error_); }
  /// Where the process is not confined: says why on standard error and ends it by _exit(125). The
  /// one place in the library that prints.
  void or_die() const noexcept;

 private:
  std::optional<Error> error_;
};

/// Compiles, proves and installs. The program is for this process's own ABI: calls of another one
/// get Policy::unlisted. Errors: those of compile(); a policy whose `arches` leave this ABI out; a
/// kernel that refuses the filter; a thread that has filters of its own and cannot follow (the
/// error names it, and no thread is confined). Thread-safe; not async-signal-safe.
Confined confine(const Policy& policy, const ConfineOptions& options = {});
/// The same for promised_policy(): what is not promised fails with EPERM (or options.otherwise).
Confined confine(PromiseList promises, const ConfineOptions& options = {});

}  // namespace callgate

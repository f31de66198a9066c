// What a failed installation means, for people.
#include <cerrno>
#include <string>

#include "callgate/runtime/install.h"

namespace callgate {
namespace {

std::string hint_for_filter(int errno_value) {
  switch (errno_value) {
    case EACCES: return "a filter needs no_new_privs or CAP_SYS_ADMIN";
    case EBUSY: return "a task's filters have at most one listener, and there is one already";
    case EFAULT: return "an outer filter or a debugger interferes with seccomp(2)";
    case EINVAL:
      return "this kernel does not know a flag that was asked for; see `callgate doctor`";
    case ENOEXEC: return "the program was compiled for another architecture";
    case ENOMEM: return "the filters of a task have at most 32768 converted instructions in all";
    case ENOSYS: return "this kernel has no seccomp(2), or an outer filter hides it";
    case EPERM: return "an outer filter refuses seccomp(2)";
    default: return {};
  }
}

Error with_hint(Error error, std::string hint) {
  if (!error.diagnostics.empty()) error.diagnostics.front().hint = std::move(hint);
  return error;
}

}  // namespace

Result<UniqueFd> to_result(InstallStatus status) {
  switch (status.step) {
    case InstallStep::none: return std::move(status.listener);
    case InstallStep::no_new_privs:
      return fail(with_hint(system_error("cannot set no_new_privs", status.errno_value),
                            "prctl(PR_SET_NO_NEW_PRIVS) needs Linux 3.5, and no outer filter that "
                            "refuses it"));
    case InstallStep::thread:
      return fail(status.thread == 0 ? std::string("some thread could not be put under the filter")
                                     : "thread " + std::to_string(status.thread) +
                                           " could not be put under the filter",
                  "it has filters of its own that this thread lacks");
    case InstallStep::filter: break;
  }
  return fail(with_hint(system_error("cannot install the filter", status.errno_value),
                        hint_for_filter(status.errno_value)));
}

InstallStatus::operator Result<UniqueFd>() && { return to_result(std::move(*this)); }

}  // namespace callgate

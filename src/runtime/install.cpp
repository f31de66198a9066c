// Installing a filter: prctl(PR_SET_NO_NEW_PRIVS) and seccomp(2), by plain system calls. Nothing
// here allocates, throws or takes a lock, so that it may run between fork and exec.
#include "callgate/runtime/install.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cerrno>

namespace callgate {
namespace {

// Flags of seccomp(2) that older <linux/seccomp.h> lack.
constexpr unsigned long flag_tsync = 1;
constexpr unsigned long flag_log = 2;
constexpr unsigned long flag_spec_allow = 4;
constexpr unsigned long flag_new_listener = 8;
constexpr unsigned long flag_tsync_esrch = 16;
constexpr unsigned long flag_wait_killable_recv = 32;

constexpr Target host_target() noexcept {
  Target target;
  target.byte_order =
      std::endian::native == std::endian::little ? ByteOrder::little : ByteOrder::big;
#if defined(__powerpc__) || defined(__s390__)
  target.shift_rule = ShiftRule::low6;
#endif
  return target;
}

unsigned long flags_of(const InstallOptions& options) noexcept {
  unsigned long flags = 0;
  if (options.all_threads) flags |= flag_tsync;
  if (options.log) flags |= flag_log;
  if (options.spec_allow) flags |= flag_spec_allow;
  if (options.listener) flags |= flag_new_listener;
  if (options.wait_killable) flags |= flag_wait_killable_recv;
  // A descriptor and a thread id cannot both be the result: then a thread that cannot follow is
  // told by ESRCH (5.7), unnamed.
  if (options.all_threads && options.listener) flags |= flag_tsync_esrch;
  return flags;
}

InstallStatus failed(InstallStep step, int errno_value) noexcept {
  InstallStatus status;
  status.step = step;
  status.errno_value = errno_value;
  return status;
}

InstallStatus install_by_prctl(const sock_fprog& filter) noexcept {
  InstallStatus status;
  status.by_prctl = true;
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0) {
    status.step = InstallStep::filter;
    status.errno_value = errno;
  }
  return status;
}

/// What seccomp(2)'s result says; `flags` are those it was called with.
InstallStatus status_of(long result, int errno_value, unsigned long flags) noexcept {
  if (result < 0) {
    const bool is_thread = errno_value == ESRCH && (flags & flag_tsync_esrch) != 0;
    return failed(is_thread ? InstallStep::thread : InstallStep::filter, errno_value);
  }
  InstallStatus status;
  if ((flags & flag_new_listener) != 0) {
    status.listener.reset(static_cast<int>(result));
  } else if (result > 0) {
    status = failed(InstallStep::thread, ESRCH);
    status.thread = static_cast<int>(result);
  }
  return status;
}

}  // namespace

InstallStatus install(const Program& program, const InstallOptions& options) noexcept {
  if (program.target() != host_target()) return failed(InstallStep::filter, ENOEXEC);
  if (options.no_new_privs && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return failed(InstallStep::no_new_privs, errno);
  const std::span<const Instruction> code = program.instructions();
  sock_fprog filter{};
  filter.len = static_cast<unsigned short>(code.size());
  // The kernel only reads it; sock_filter and Instruction are laid out alike.
  filter.filter = reinterpret_cast<sock_filter*>(const_cast<Instruction*>(code.data()));
  const unsigned long flags = flags_of(options);
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
  const int errno_value = result < 0 ? errno : 0;
  if (result < 0 && errno_value == ENOSYS && flags == 0) return install_by_prctl(filter);
  return status_of(result, errno_value, flags);
}

}  // namespace callgate

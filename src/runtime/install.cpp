// A Program by way of the small C runtime (embedded.c), after a look at the machine it is for.
#include "callgate/runtime/install.h"

#include <bit>
#include <cerrno>

#include "callgate/runtime/embedded.h"

namespace callgate {
namespace {

constexpr Target host_target() noexcept {
  Target target;
  target.byte_order =
      std::endian::native == std::endian::little ? ByteOrder::little : ByteOrder::big;
#if defined(__powerpc__) || defined(__s390__)
  target.shift_rule = ShiftRule::low6;
#endif
  return target;
}

static_assert(sizeof(Instruction) == sizeof(callgate_instruction));
static_assert(static_cast<int>(InstallStep::no_new_privs) == CALLGATE_STEP_NO_NEW_PRIVS);
static_assert(static_cast<int>(InstallStep::filter) == CALLGATE_STEP_FILTER);
static_assert(static_cast<int>(InstallStep::thread) == CALLGATE_STEP_THREAD);

}  // namespace

InstallStatus install(const Program& program, const InstallOptions& options) noexcept {
  if (program.target() != host_target()) {
    InstallStatus status;
    status.step = InstallStep::filter;
    status.errno_value = ENOEXEC;
    return status;
  }
  const std::span<const Instruction> code = program.instructions();
  // The two structures are laid out alike, and -fno-strict-aliasing is on for the library.
  const auto* first = reinterpret_cast<const callgate_instruction*>(code.data());
  return to_status(callgate_install_instructions(first, static_cast<std::uint16_t>(code.size()),
                                                 embedded_flags(options)));
}

}  // namespace callgate

// libseccomp's tables name what the kernel's did when they were made, with exceptions. Held against
// Debian 12's library, name by name, by tests/property/formats_oci_libseccomp.cpp.
#include "formats/oci_names.h"

namespace callgate::oci {
namespace {

/// A call that libseccomp's table lacks on one ABI though others have it.
struct Missing {
  Arch arch;
  std::string_view name;
  Release until;  ///< absent from tables up to this level
};

constexpr std::array<Missing, 1> missing_calls = {{
    {Arch::x32, "map_shadow_stack", {6, 7, 0}},
}};

}  // namespace

const Syscall* libseccomp_call(Arch arch, std::string_view name, Release level) noexcept {
  const Syscall* call = find_syscall(arch, name);
  if (call == nullptr || call->since > level) return nullptr;
  for (const Missing& missing : missing_calls) {
    if (missing.arch == arch && missing.name == name && level <= missing.until) return nullptr;
  }
  return call;
}

}  // namespace callgate::oci

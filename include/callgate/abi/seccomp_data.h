// What a filter sees of a system call.
#pragma once

#include <array>
#include <cstdint>

namespace callgate {

/// struct seccomp_data of <linux/seccomp.h>.
struct SeccompData {
  std::uint32_t nr = 0;    ///< int in the header; compared unsigned by BPF
  std::uint32_t arch = 0;  ///< AUDIT_ARCH_*
  std::uint64_t instruction_pointer = 0;
  std::array<std::uint64_t, 6> args{};
  bool operator==(const SeccompData&) const = default;
};

}  // namespace callgate

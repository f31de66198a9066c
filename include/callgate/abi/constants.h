// Named values of parameters: O_RDONLY, AF_INET, PROT_EXEC, and the errno names.
#pragma once

#include <vector>

#include "callgate/abi/syscalls.h"

namespace callgate {

struct Constant {
  std::string_view name;
  std::uint64_t value = 0;
};

/// The values that one kind of parameter takes. Values that differ between ABIs are listed per ABI.
struct ConstantSet {
  std::string_view name;         ///< "open flags"
  bool is_flags = false;         ///< values are or-ed together
  std::uint64_t field_mask = 0;  ///< for flags: bits that form an enumeration (O_ACCMODE), else 0
  std::span<const Constant> common;                                  ///< same on every ABI
  std::array<std::span<const Constant>, all_arches.size()> of_arch;  ///< indexed by Arch
};

/// A constant of one set on one ABI.
[[nodiscard]] std::optional<std::uint64_t> find_constant(Arch arch, const ConstantSet& set,
                                                         std::string_view name) noexcept;
/// A constant of that name in any set of that ABI; none if unknown, or if two sets give it
/// different values.
[[nodiscard]] std::optional<std::uint64_t> find_constant(Arch arch, std::string_view name) noexcept;
/// Every constant name of a set on an ABI (all sets if null), for suggestions. Allocates.
[[nodiscard]] std::vector<std::string_view> constant_names(Arch arch, const ConstantSet* set);
/// A value as a person writes it: "O_RDWR|O_CLOEXEC", "AF_INET", "0x1000|PROT_READ", "-100".
/// Unknown bits are shown as a number, permissions in octal. `bits` is the width that counts.
[[nodiscard]] std::string format_value(Arch arch, const ConstantSet* set, std::uint64_t value,
                                       unsigned bits, bool is_signed);

/// errno by name ("EPERM", also "ENOTSUP") as asm-generic numbers them: all ABIs in the tables
/// agree.
[[nodiscard]] std::optional<std::uint16_t> find_errno(std::string_view name) noexcept;
/// "EPERM", or an empty view.
[[nodiscard]] std::string_view errno_name(std::uint16_t value) noexcept;
[[nodiscard]] std::span<const Constant> errno_constants() noexcept;

}  // namespace callgate

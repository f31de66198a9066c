// Named values of parameters: O_RDONLY, AF_INET, PROT_EXEC, and the errno names.
#pragma once

#include <vector>

#include "callgate/abi/action.h"
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

/// errno by name ("EPERM", also "ENOTSUP") as asm-generic numbers them: what an Action's data
/// holds.
[[nodiscard]] std::optional<std::uint16_t> find_errno(std::string_view name) noexcept;
/// "EPERM", or an empty view, of an asm-generic number.
[[nodiscard]] std::string_view errno_name(std::uint16_t value) noexcept;
/// The name of the error to which an ABI gives that number ("ENOSYS" for 89 on mips), or empty.
[[nodiscard]] std::string_view errno_name(Arch arch, std::uint16_t value) noexcept;
[[nodiscard]] std::span<const Constant> errno_constants() noexcept;

/// The number that an ABI has for the error of an asm-generic number: mips, parisc and powerpc have
/// others (asm/errno.h). A number that names no error there stays as it is.
[[nodiscard]] std::uint16_t errno_on(Arch arch, std::uint16_t generic) noexcept;
/// "EPERM" where all these ABIs have asm-generic's number for it: what a filter that serves them
/// may be written with. Else an empty view.
[[nodiscard]] std::string_view errno_name(std::span<const Arch> arches,
                                          std::uint16_t value) noexcept;
/// The asm-generic number of the error to which an ABI gives that number, such that errno_on()
/// gives it back; none if there is no such number.
[[nodiscard]] std::optional<std::uint16_t> generic_errno(Arch arch, std::uint16_t value) noexcept;
/// An action as a filter returns it on that ABI: an errno under the ABI's number.
[[nodiscard]] Action action_on(Arch arch, Action action) noexcept;

}  // namespace callgate

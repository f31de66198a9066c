// System calls of each ABI: numbers, releases, parameters as the kernel's entry code keeps them.
// The tables are constant data: a look-up allocates nothing and nothing runs at start-up.
// Sources: data/README.md names one for every row.
#pragma once

#include "callgate/abi/arch.h"

namespace callgate {

/// What a parameter is.
enum class ParameterKind : std::uint8_t {
  integer,  ///< compared as a number
  pointer,  ///< only null or not null has a meaning
  unknown,  ///< the tables do not know; no rule may depend on it
};

/// Where a parameter is when the call enters.
enum class Placement : std::uint8_t {
  word,       ///< in the argument word `low`
  word_pair,  ///< its low half in argument word `low`, its high half in word `high` (32-bit ABIs)
  memory,     ///< behind a pointer: not testable (clone3's cl_args, old mmap of i386)
  unknown,    ///< the tables do not know
};

struct ConstantSet;

/// One parameter of one call on one ABI.
struct Parameter {
  std::string_view name;  ///< as in the manual page ("flags")
  ParameterKind kind = ParameterKind::unknown;
  Placement placement = Placement::unknown;
  std::uint8_t low = 0;                    ///< index of the argument word, 0..5
  std::uint8_t high = 0;                   ///< for word_pair: index of the word with the high half
  std::uint8_t bits = 0;                   ///< what the entry code keeps: 16, 32 or 64
  bool is_signed = false;                  ///< compared as two's complement of `bits` bits
  const ConstantSet* constants = nullptr;  ///< names of its values, if it takes any
};

/// A call that carries other calls, told apart by its first argument (socketcall, ipc).
struct Multiplexed {
  std::string_view name;   ///< the call it carries, "connect"; may have no number of its own
  std::uint32_t selector;  ///< value of the first argument
};

/// One call of one ABI.
struct Syscall {
  std::string_view name;
  std::uint32_t number = 0;  ///< as in seccomp_data.nr, x32's flag included
  Release since;             ///< first release in which this ABI had it
  bool signature_known = false;
  std::span<const Parameter> parameters;     ///< in the order of the manual page
  std::span<const Multiplexed> multiplexes;  ///< empty for all but socketcall and ipc
};

/// All calls of an ABI, by ascending number.
[[nodiscard]] std::span<const Syscall> syscalls(Arch arch) noexcept;
/// The call of that name on that ABI, or null.
[[nodiscard]] const Syscall* find_syscall(Arch arch, std::string_view name) noexcept;
/// The call of that number (x32 numbers with their flag), or null.
[[nodiscard]] const Syscall* find_syscall(Arch arch, std::uint32_t number) noexcept;
/// True if any ABI in the tables has a call of that name.
[[nodiscard]] bool is_syscall_name(std::string_view name) noexcept;
/// Every name that any ABI has, sorted.
[[nodiscard]] std::span<const std::string_view> syscall_names() noexcept;
/// The parameter of that name, or null.
[[nodiscard]] const Parameter* find_parameter(const Syscall& call, std::string_view name) noexcept;

}  // namespace callgate

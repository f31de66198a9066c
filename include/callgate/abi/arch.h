// The ABIs through which a task can enter the kernel, as seccomp sees them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace callgate {

/// An ABI. x32 shares x86-64's audit number; bit 30 of the call number tells it apart.
enum class Arch : std::uint8_t { x86_64, i386, x32, aarch64, arm };

inline constexpr std::array all_arches = {Arch::x86_64, Arch::i386, Arch::x32, Arch::aarch64,
                                          Arch::arm};

/// Which half of a 64-bit word of seccomp_data comes first in memory.
enum class ByteOrder : std::uint8_t { little, big };

/// What a shift by X >= 32 does: the machine looks at the low 5 bits (x86, arm, the interpreter) or
/// at the low 6 (powerpc, s390). net/core/filter.c leaves it to the JIT.
enum class ShiftRule : std::uint8_t { low5, low6 };

/// What a program means depends on these two facts about the machine it runs on.
struct Target {
  ByteOrder byte_order = ByteOrder::little;
  ShiftRule shift_rule = ShiftRule::low5;
  bool operator==(const Target&) const = default;
};

/// Facts about one ABI.
struct ArchInfo {
  Arch arch;
  std::string_view name;      ///< "x86_64"; the name in policies, as in libseccomp's arch tokens
  std::string_view oci_name;  ///< "SCMP_ARCH_X86_64", as in the OCI runtime specification
  std::string_view go_name;   ///< "amd64", as in Docker's includes.arches; empty if it has none
  std::uint32_t audit;        ///< AUDIT_ARCH_* of <linux/audit.h>, seccomp_data.arch
  std::uint8_t word_bits;     ///< width of a register that carries an argument: 32 or 64
  std::uint32_t number_flag;  ///< bit set in every call number (x32: 0x40000000), else 0
  Target target;              ///< of the kernel that serves this ABI
  Arch native;                ///< the 64-bit ABI beside which it runs; itself if native
};

[[nodiscard]] const ArchInfo& arch_info(Arch arch) noexcept;
/// By canonical, OCI or uname -m name ("x86_64", "SCMP_ARCH_X86", "i686", "arm64", "armv7l",
/// "amd64").
[[nodiscard]] std::optional<Arch> find_arch(std::string_view name) noexcept;
/// The ABI of the running program's kernel entry, as compiled.
[[nodiscard]] Arch native_arch() noexcept;

/// What number -1 is: no call of any ABI. A tracer sets it to skip a call.
inline constexpr std::uint32_t skipped_call = 0xffffffff;
inline constexpr std::uint32_t x32_bit = 0x40000000;

/// The ABI that a call's (audit architecture, number) belongs to; none if callgate knows no such
/// audit number. On x86-64 every number from 0x40000000 up is x32's, except -1, which is x86-64's.
[[nodiscard]] std::optional<Arch> classify(std::uint32_t audit, std::uint32_t number) noexcept;

/// A kernel release; `patch` only matters before 3.0 (2.6.12).
struct Release {
  std::uint16_t major = 0;
  std::uint16_t minor = 0;
  std::uint16_t patch = 0;
  // clang-tidy 14 takes the 0 of the generated comparisons for a pointer.
  auto operator<=>(const Release&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// "6.12", "2.6.39"; a suffix such as "-rc1" or "-cloud-amd64" is cut off. None if malformed.
[[nodiscard]] std::optional<Release> parse_release(std::string_view text) noexcept;
[[nodiscard]] std::string to_string(Release release);

/// The newest release whose system calls are all in the tables.
[[nodiscard]] Release newest_release() noexcept;

}  // namespace callgate

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

/// An ABI. x32 shares x86-64's audit number; bit 30 of the call number tells it apart. mips is the
/// o32 ABI, mips64n32 and x32 have 32-bit addresses in 64-bit registers; sh is little-endian, sheb
/// big-endian.
enum class Arch : std::uint8_t {
  x86_64,
  i386,
  x32,
  aarch64,
  arm,
  loongarch64,
  m68k,
  mips,
  mips64,
  mips64n32,
  mipsel,
  mipsel64,
  mipsel64n32,
  parisc,
  parisc64,
  ppc,
  ppc64,
  ppc64le,
  s390,
  s390x,
  riscv64,
  sheb,
  sh,
};

/// Every ABI: docs/architectures.md says what is known of each and by which test.
inline constexpr std::array all_arches = {
    Arch::x86_64,      Arch::i386,     Arch::x32,         Arch::aarch64, Arch::arm,
    Arch::loongarch64, Arch::m68k,     Arch::mips,        Arch::mips64,  Arch::mips64n32,
    Arch::mipsel,      Arch::mipsel64, Arch::mipsel64n32, Arch::parisc,  Arch::parisc64,
    Arch::ppc,         Arch::ppc64,    Arch::ppc64le,     Arch::s390,    Arch::s390x,
    Arch::riscv64,     Arch::sheb,     Arch::sh};

/// Which half of a 64-bit word of seccomp_data comes first in memory.
enum class ByteOrder : std::uint8_t { little, big };

/// What a shift by X >= 32 does: the machine looks at the low 5 bits (x86, arm64, mips, riscv,
/// loongarch, and the interpreter of kernel/bpf/core.c, which is all that m68k and sh have) or at
/// the low 6 (powerpc, s390). arch/*/net/bpf_jit* of Linux 6.12. Two JITs do otherwise and are not
/// modelled: a 32-bit arm kernel's looks at the low 8 bits, and a 32-bit parisc kernel's shifts
/// right by the value that it shifts. callgate emits no such shift; only foreign programs have
/// them.
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
  bool action_cache;          ///< the kernel remembers which of its calls are always allowed
};

[[nodiscard]] const ArchInfo& arch_info(Arch arch) noexcept;
/// By canonical, OCI, Go or uname -m name ("x86_64", "SCMP_ARCH_X86", "i686", "arm64", "armv7l",
/// "amd64"). A name that both byte orders share ("mips64") is the big-endian ABI's, as in
/// libseccomp.
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

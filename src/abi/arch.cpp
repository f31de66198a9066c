// Facts about ABIs, from include/uapi/linux/audit.h and arch/*/include of Linux 6.12.
#include "callgate/abi/arch.h"

#include <charconv>

namespace callgate {
namespace {

constexpr std::uint32_t audit_x86_64 = 0xc000003e;
constexpr Target little_low5{ByteOrder::little, ShiftRule::low5};

constexpr std::array<ArchInfo, all_arches.size()> infos = {{
    {Arch::x86_64, "x86_64", "SCMP_ARCH_X86_64", "amd64", audit_x86_64, 64, 0, little_low5,
     Arch::x86_64},
    {Arch::i386, "i386", "SCMP_ARCH_X86", "386", 0x40000003, 32, 0, little_low5, Arch::x86_64},
    {Arch::x32, "x32", "SCMP_ARCH_X32", "", audit_x86_64, 64, x32_bit, little_low5, Arch::x86_64},
    {Arch::aarch64, "aarch64", "SCMP_ARCH_AARCH64", "arm64", 0xc00000b7, 64, 0, little_low5,
     Arch::aarch64},
    {Arch::arm, "arm", "SCMP_ARCH_ARM", "arm", 0x40000028, 32, 0, little_low5, Arch::aarch64},
}};

struct Alias {
  std::string_view name;
  Arch arch;
};

/// uname -m and common spellings beside the names of ArchInfo.
constexpr Alias aliases[] = {
    {"x86-64", Arch::x86_64}, {"x86", Arch::i386},     {"i486", Arch::i386},  {"i586", Arch::i386},
    {"i686", Arch::i386},     {"armv5tel", Arch::arm}, {"armv6l", Arch::arm}, {"armv7l", Arch::arm},
    {"armv8l", Arch::arm},    {"armhf", Arch::arm},    {"armel", Arch::arm},
};

/// Reads a decimal number from the front of `text`; false if there is none that fits.
bool take_number(std::string_view& text, std::uint16_t& number) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

const ArchInfo& arch_info(Arch arch) noexcept { return infos[static_cast<std::size_t>(arch)]; }

std::optional<Arch> find_arch(std::string_view name) noexcept {
  for (const ArchInfo& info : infos)
    if (name == info.name || name == info.oci_name || (!name.empty() && name == info.go_name))
      return info.arch;
  for (const Alias& alias : aliases)
    if (name == alias.name) return alias.arch;
  return std::nullopt;
}

Arch native_arch() noexcept {
#if defined(__x86_64__) && defined(__ILP32__)
  return Arch::x32;
#elif defined(__x86_64__)
  return Arch::x86_64;
#elif defined(__i386__)
  return Arch::i386;
#elif defined(__aarch64__)
  return Arch::aarch64;
#elif defined(__arm__)
  return Arch::arm;
#else
#error "callgate has no tables for this architecture"
#endif
}

std::optional<Arch> classify(std::uint32_t audit, std::uint32_t number) noexcept {
  if (audit == audit_x86_64)
    return number >= x32_bit && number != skipped_call ? Arch::x32 : Arch::x86_64;
  for (const ArchInfo& info : infos)
    if (audit == info.audit) return info.arch;
  return std::nullopt;
}

std::optional<Release> parse_release(std::string_view text) noexcept {
  Release release;
  if (!take_number(text, release.major) || !text.starts_with('.')) return std::nullopt;
  text.remove_prefix(1);
  if (!take_number(text, release.minor)) return std::nullopt;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!take_number(text, release.patch)) return std::nullopt;
  }
  const bool suffix_is_apart = text.empty() || text.front() == '-' || text.front() == '+' ||
                               text.front() == '.' || text.front() == '_' || text.front() == '~';
  return suffix_is_apart ? std::optional(release) : std::nullopt;
}

std::string to_string(Release release) {
  std::string text = std::to_string(release.major) + "." + std::to_string(release.minor);
  if (release.patch != 0) text += "." + std::to_string(release.patch);
  return text;
}

Release newest_release() noexcept { return {6, 18, 0}; }

}  // namespace callgate

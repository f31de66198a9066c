// Facts about ABIs: data/arches.tsv, which names its sources.
#include "callgate/abi/arch.h"

#include <bit>
#include <charconv>

namespace callgate {
namespace {

using namespace std::string_view_literals;
#include "abi/tables/arches.inc"

constexpr std::uint32_t audit_x86_64 = infos[static_cast<std::size_t>(Arch::x86_64)].audit;

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < infos.size(); ++i)
    if (infos[i].arch != all_arches[i] || static_cast<std::size_t>(infos[i].arch) != i)
      return false;
  return true;
}
static_assert(is_in_order(), "data/arches.tsv, Arch and all_arches have one order");

struct Alias {
  std::string_view name;
  Arch arch;
};

/// uname -m, Debian's names and common spellings beside the names of ArchInfo.
constexpr Alias aliases[] = {
    {"x86-64", Arch::x86_64},
    {"x86", Arch::i386},
    {"i486", Arch::i386},
    {"i586", Arch::i386},
    {"i686", Arch::i386},
    {"armv5tel", Arch::arm},
    {"armv6l", Arch::arm},
    {"armv7l", Arch::arm},
    {"armv8l", Arch::arm},
    {"armhf", Arch::arm},
    {"armel", Arch::arm},
    {"mips64el", Arch::mipsel64},
    {"mips64eln32", Arch::mipsel64n32},
    {"hppa", Arch::parisc},
    {"hppa64", Arch::parisc64},
    {"powerpc", Arch::ppc},
    {"powerpc64", Arch::ppc64},
    {"powerpc64le", Arch::ppc64le},
    {"ppc64el", Arch::ppc64le},
    {"sh4", Arch::sh},
    {"sh4a", Arch::sh},
    {"sh4eb", Arch::sheb},
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
#elif defined(__loongarch64)
  return Arch::loongarch64;
#elif defined(__m68k__)
  return Arch::m68k;
#elif defined(__mips__)
  constexpr bool is_big = std::endian::native == std::endian::big;
  if (sizeof(void*) == 8) return is_big ? Arch::mips64 : Arch::mipsel64;
#if defined(_ABIN32) && _MIPS_SIM == _ABIN32
  return is_big ? Arch::mips64n32 : Arch::mipsel64n32;
#else
  return is_big ? Arch::mips : Arch::mipsel;
#endif
#elif defined(__hppa__)
  return sizeof(void*) == 8 ? Arch::parisc64 : Arch::parisc;
#elif defined(__powerpc64__)
  return std::endian::native == std::endian::big ? Arch::ppc64 : Arch::ppc64le;
#elif defined(__powerpc__)
  return Arch::ppc;
#elif defined(__s390x__)
  return Arch::s390x;
#elif defined(__s390__)
  return Arch::s390;
#elif defined(__riscv) && __riscv_xlen == 64
  return Arch::riscv64;
#elif defined(__sh__)
  return std::endian::native == std::endian::big ? Arch::sheb : Arch::sh;
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

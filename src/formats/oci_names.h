// Which calls a runtime's libseccomp knows by name.
#pragma once

#include <array>
#include <span>
#include <unordered_map>
#include <vector>

#include "callgate/abi/syscalls.h"
#include "formats/oci_profile.h"

namespace callgate::oci {

/// The call of that name on that ABI, or null if a libseccomp whose tables reach `level` has none.
[[nodiscard]] const Syscall* libseccomp_call(Arch arch, std::string_view name,
                                             Release level) noexcept;

/// True if such a libseccomp knows this call of that ABI.
[[nodiscard]] bool libseccomp_knows(Arch arch, const Syscall& call, Release level) noexcept;

/// A set of a section's ABIs, by their places in it.
using ArchSet = std::uint32_t;
static_assert(all_arches.size() <= 32);

/// A name of a rule, looked up.
struct Named {
  const Text* text = nullptr;
  bool is_repeated = false;          ///< it stands earlier in the rule
  ArchSet named = 0;                 ///< these have a call of that name
  ArchSet known = 0;                 ///< the runtime's libseccomp knows it on these
  const Syscall* carrier = nullptr;  ///< i386's multiplexer that carries it, if that is filtered
  std::uint32_t selector = 0;        ///< its number there
  /// By the ABI's place in the section.
  std::array<const Syscall*, all_arches.size()> calls{};
};

/// Looks up the names of one section's rules.
class NameTable {
 public:
  /// `arches` must outlive it.
  NameTable(std::span<const Arch> arches, Release level);

  /// All names of a rule, in order; the names must outlive what is returned.
  [[nodiscard]] std::vector<Named> look_up(std::span<const Text> names);
  /// True if a multiplexer of a filtered i386 carries it.
  [[nodiscard]] bool is_carried(std::string_view name) const { return carried_.contains(name); }
  [[nodiscard]] std::vector<Arch> arches_in(ArchSet places) const;

 private:
  struct Carried {
    const Syscall* carrier;
    std::uint32_t selector;
  };
  [[nodiscard]] Named look_up(const Text& name) const;

  std::span<const Arch> arches_;
  Release level_;
  std::unordered_map<std::string_view, Carried> carried_;  ///< looked up only
  /// For each ABI of the section, the last rule that named a call, by the call's place in its
  /// table.
  std::vector<std::vector<std::size_t>> last_rule_;
  std::size_t rules_seen_ = 0;
};

}  // namespace callgate::oci

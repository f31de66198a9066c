// The settings of a unit that have to do with system calls, with systemd's rules of merging.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "formats/systemd_unit.h"

namespace callgate::systemd {

/// One call of SystemCallFilter= or SystemCallLog=.
struct ListedCall {
  std::optional<Action> action;  ///< `:errno` or `:kill`; none: the list's own
  Place place;
};

/// A list of calls: of those that are let through, or with `~` of those that are not.
struct CallList {
  bool allows = false;
  std::map<std::string, ListedCall> calls;
  Place place;
};

/// A setting that is on, and where it was last written.
struct Switch {
  bool on = false;
  Place place;
};

/// RestrictAddressFamilies=.
struct FamilyList {
  bool allows = false;
  bool is_none = false;  ///< `none`: nothing is allowed, and the next line decides anew
  std::set<std::uint16_t> families;
  Place place;
};

struct Settings {
  std::optional<CallList> filter;  ///< SystemCallFilter=
  std::optional<CallList> log;     ///< SystemCallLog=
  Action error = kill_process;     ///< SystemCallErrorNumber=
  std::set<std::string> arches;    ///< SystemCallArchitectures=, in systemd's names
  Place arches_place;
  std::optional<FamilyList> families;       ///< RestrictAddressFamilies=
  std::optional<std::uint64_t> namespaces;  ///< RestrictNamespaces=: clone flags that stay allowed
  Place namespaces_place;
  std::uint64_t personality = 0;           ///< Personality=, for LockPersonality=
  std::map<std::string, Switch> switches;  ///< the Boolean settings

  [[nodiscard]] bool is_on(const std::string& name) const {
    const auto found = switches.find(name);
    return found != switches.end() && found->second.on;
  }
  [[nodiscard]] Place place_of(const std::string& name) const {
    const auto found = switches.find(name);
    return found == switches.end() ? Place{} : found->second.place;
  }
};

/// The settings that the files make, in order.
[[nodiscard]] Settings read_settings(std::span<const UnitFile> files, const UnitContext& context,
                                     std::vector<Diagnostic>& diagnostics);

/// systemd's name of an ABI ("x86-64"), or an empty view.
[[nodiscard]] std::string_view systemd_arch_name(Arch arch) noexcept;

/// CLONE_NEW* of every kind of namespace that RestrictNamespaces= of systemd 252 knows.
inline constexpr std::uint64_t all_namespaces = 0x7e020000;

}  // namespace callgate::systemd

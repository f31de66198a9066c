// Groups of calls under one name: operations (one operation in all the forms in which an ABI offers
// it: "@mmap" is mmap and mmap2), and the sets that systemd's units use ("@systemd/basic-io"). One
// table, data/groups.tsv; docs/policy.md prints it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace callgate {

enum class GroupKind : std::uint8_t {
  operation,
  systemd,  ///< a set of systemd's, sets in it resolved; named systemd/NAME
};

struct Group {
  std::string_view name;     ///< without the @
  std::string_view summary;  ///< one line for people
  std::string_view source;   ///< where its members are from
  GroupKind kind;
  std::span<const std::string_view> calls;  ///< every form on any ABI, multiplexers included
  /// Calls that the source lists and that no ABI in the tables has; a rule says nothing of them.
  std::span<const std::string_view> unnumbered;
};

[[nodiscard]] std::span<const Group> groups() noexcept;
[[nodiscard]] const Group* find_group(std::string_view name) noexcept;

}  // namespace callgate

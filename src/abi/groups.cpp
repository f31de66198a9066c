// The groups of data/groups.tsv. A call stands in an operation's group if it performs the operation
// on some ABI.
#include "callgate/abi/groups.h"

#include <algorithm>

namespace callgate {
namespace {

using namespace std::string_view_literals;
#include "abi/tables/groups.inc"

}  // namespace

std::span<const Group> groups() noexcept { return all_groups; }

const Group* find_group(std::string_view name) noexcept {
  const auto* found = std::ranges::lower_bound(all_groups, name, {}, &Group::name);
  return found != std::end(all_groups) && found->name == name ? found : nullptr;
}

}  // namespace callgate

// Look-ups in the generated tables: binary search by number and by name.
#include "callgate/abi/syscalls.h"

#include <algorithm>

#include "abi/constant_sets.h"

namespace callgate {
namespace {

/// The calls of one ABI.
struct CallTable {
  std::span<const Syscall> by_number;
  std::span<const std::uint16_t> by_name;  ///< indices into by_number, in the order of names
};

using namespace std::string_view_literals;
#include "abi/tables/syscalls.inc"

const CallTable& table_of(Arch arch) noexcept {
  return call_tables[static_cast<std::size_t>(arch)];
}

}  // namespace

std::span<const Syscall> syscalls(Arch arch) noexcept { return table_of(arch).by_number; }

const Syscall* find_syscall(Arch arch, std::string_view name) noexcept {
  const CallTable& table = table_of(arch);
  const auto found = std::ranges::lower_bound(
      table.by_name, name, {},
      [&](std::uint16_t index) noexcept { return table.by_number[index].name; });
  if (found == table.by_name.end() || table.by_number[*found].name != name) return nullptr;
  return &table.by_number[*found];
}

const Syscall* find_syscall(Arch arch, std::uint32_t number) noexcept {
  const std::span<const Syscall> calls = table_of(arch).by_number;
  const auto found = std::ranges::lower_bound(calls, number, {}, &Syscall::number);
  return found != calls.end() && found->number == number ? &*found : nullptr;
}

bool is_syscall_name(std::string_view name) noexcept {
  return std::ranges::binary_search(all_names, name);
}

std::span<const std::string_view> syscall_names() noexcept { return all_names; }

const Parameter* find_parameter(const Syscall& call, std::string_view name) noexcept {
  const auto found = std::ranges::find(call.parameters, name, &Parameter::name);
  return found != call.parameters.end() ? &*found : nullptr;
}

}  // namespace callgate

// Look-ups in the generated tables. Names are hashed once for all ABIs (open addressing, linear
// probing): what comes out is the name's place among all names, and an array an ABI leads from
// there to its call. Numbers that lie close to an ABI's first are an index into another array, the
// few others are searched for. All of it is computed by the compiler.
#include "callgate/abi/syscalls.h"

#include <algorithm>
#include <array>
#include <utility>

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

/// An index + 1 into some table; 0: none.
using Place = std::uint16_t;

constexpr std::size_t name_count = std::size(all_names);
constexpr std::size_t hash_slots = 2048;
static_assert(name_count * 2 < hash_slots, "probing stays short");

constexpr std::size_t slot_of(std::string_view name) noexcept {
  std::uint32_t hash = static_cast<std::uint32_t>(name.size());
  for (const char c : name) hash = hash * 31 + static_cast<unsigned char>(c);
  return (hash * 0x9e3779b1u) >> 21;  // the top eleven bits: below hash_slots
}

constexpr std::array<Place, hash_slots> hashed_names = [] {
  std::array<Place, hash_slots> slots{};
  for (std::size_t i = 0; i < name_count; ++i) {
    std::size_t slot = slot_of(all_names[i]);
    while (slots[slot] != 0) slot = (slot + 1) % hash_slots;
    slots[slot] = static_cast<Place>(i + 1);
  }
  return slots;
}();

/// Where a name stands among all names.
Place place_of(std::string_view name) noexcept {
  std::size_t slot = slot_of(name);
  while (hashed_names[slot] != 0 && all_names[hashed_names[slot] - 1] != name)
    slot = (slot + 1) % hash_slots;
  return hashed_names[slot];
}

/// How far from an ABI's first number a call may lie to be found without a search.
constexpr std::size_t dense_numbers = 640;

/// The ways to one ABI's calls.
struct CallIndex {
  std::array<Place, name_count> by_name{};       ///< by the name's place
  std::array<Place, dense_numbers> by_number{};  ///< by the distance from the first number
};

/// Both lists of names are sorted.
constexpr CallIndex index_of(const CallTable& table) {
  CallIndex index;
  std::size_t name = 0;
  for (const std::uint16_t call : table.by_name) {
    while (all_names[name] != table.by_number[call].name) ++name;
    index.by_name[name] = static_cast<Place>(call + 1);
  }
  for (std::size_t i = 0; i < table.by_number.size(); ++i) {
    const std::size_t distance = table.by_number[i].number - table.by_number.front().number;
    if (distance < dense_numbers) index.by_number[distance] = static_cast<Place>(i + 1);
  }
  return index;
}

/// One evaluation an ABI: compilers limit how long one may take.
template <std::size_t Abi>
constexpr CallIndex index_for = index_of(call_tables[Abi]);

template <std::size_t... Abi>
constexpr std::array<const CallIndex*, sizeof...(Abi)> all_indices(
    std::index_sequence<Abi...>) noexcept {
  return {&index_for<Abi>...};
}
constexpr auto indices = all_indices(std::make_index_sequence<call_tables.size()>{});

std::span<const Syscall> calls_of(Arch arch) noexcept {
  return call_tables[static_cast<std::size_t>(arch)].by_number;
}
const CallIndex& index_to(Arch arch) noexcept { return *indices[static_cast<std::size_t>(arch)]; }

const Syscall* call_at(Arch arch, Place place) noexcept {
  return place == 0 ? nullptr : &calls_of(arch)[place - 1];
}

}  // namespace

std::span<const Syscall> syscalls(Arch arch) noexcept { return calls_of(arch); }

const Syscall* find_syscall(Arch arch, std::string_view name) noexcept {
  const Place place = place_of(name);
  return place == 0 ? nullptr : call_at(arch, index_to(arch).by_name[place - 1]);
}

const Syscall* find_syscall(Arch arch, std::uint32_t number) noexcept {
  const std::span<const Syscall> calls = calls_of(arch);
  const std::uint32_t distance = number - calls.front().number;
  if (distance < dense_numbers) return call_at(arch, index_to(arch).by_number[distance]);
  const auto found = std::ranges::lower_bound(calls, number, {}, &Syscall::number);
  return found != calls.end() && found->number == number ? &*found : nullptr;
}

bool is_syscall_name(std::string_view name) noexcept { return place_of(name) != 0; }

std::span<const std::string_view> syscall_names() noexcept { return all_names; }

const Parameter* find_parameter(const Syscall& call, std::string_view name) noexcept {
  const auto found = std::ranges::find(call.parameters, name, &Parameter::name);
  return found != call.parameters.end() ? &*found : nullptr;
}

}  // namespace callgate

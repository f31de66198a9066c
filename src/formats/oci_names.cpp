// libseccomp's tables name what the kernel's did when they were made, with exceptions. Held against
// Debian 12's library, name by name, by tests/property/formats_oci_libseccomp.cpp.
#include "formats/oci_names.h"

#include <algorithm>
#include <bit>

namespace callgate::oci {
namespace {

/// A call that libseccomp's table lacks on one ABI though others have it.
struct Missing {
  Arch arch;
  std::string_view name;
  Release until;  ///< absent from tables up to this level
};

constexpr std::array<Missing, 1> missing_calls = {{
    {Arch::x32, "map_shadow_stack", {6, 7, 0}},
}};

}  // namespace

bool libseccomp_knows(Arch arch, const Syscall& call, Release level) noexcept {
  if (call.since > level) return false;
  for (const Missing& missing : missing_calls)
    if (missing.arch == arch && missing.name == call.name && level <= missing.until) return false;
  return true;
}

const Syscall* libseccomp_call(Arch arch, std::string_view name, Release level) noexcept {
  const Syscall* call = find_syscall(arch, name);
  return call != nullptr && libseccomp_knows(arch, *call, level) ? call : nullptr;
}

NameTable::NameTable(std::span<const Arch> arches, Release level) : arches_(arches), level_(level) {
  for (const Arch arch : arches) last_rule_.emplace_back(syscalls(arch).size(), 0);
  if (std::find(arches.begin(), arches.end(), Arch::i386) == arches.end()) return;
  for (const std::string_view carrier : {"socketcall", "ipc"})
    if (const Syscall* call = find_syscall(Arch::i386, carrier))
      for (const Multiplexed& carried : call->multiplexes)
        carried_.try_emplace(carried.name, Carried{call, carried.selector});
}

std::vector<Arch> NameTable::arches_in(ArchSet places) const {
  std::vector<Arch> all;
  for (std::size_t i = 0; i < arches_.size(); ++i)
    if ((places >> i & 1) != 0) all.push_back(arches_[i]);
  return all;
}

Named NameTable::look_up(const Text& name) const {
  Named named{.text = &name};
  for (std::size_t i = 0; i < arches_.size(); ++i) {
    const Syscall* call = find_syscall(arches_[i], name.value);
    named.calls[i] = call;
    if (call == nullptr) continue;
    named.named |= ArchSet{1} << i;
    if (libseccomp_knows(arches_[i], *call, level_)) named.known |= ArchSet{1} << i;
  }
  if (const auto carried = carried_.find(name.value); carried != carried_.end()) {
    named.carrier = carried->second.carrier;
    named.selector = carried->second.selector;
  }
  return named;
}

/// Two names are the same if they are the same call.
std::vector<Named> NameTable::look_up(std::span<const Text> names) {
  std::vector<Named> all;
  all.reserve(names.size());
  ++rules_seen_;
  for (const Text& name : names) {
    Named& named = all.emplace_back(look_up(name));
    if (named.known == 0) continue;
    const auto place = static_cast<std::size_t>(std::countr_zero(named.known));
    const Syscall* first = syscalls(arches_[place]).data();
    std::size_t& last = last_rule_[place][static_cast<std::size_t>(named.calls[place] - first)];
    named.is_repeated = last == rules_seen_;
    last = rules_seen_;
  }
  return all;
}

}  // namespace callgate::oci

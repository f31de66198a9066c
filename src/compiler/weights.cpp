// Units: an instruction that the kernel emulates for one number at load weighs 1.
//
// Weakness: the built-in frequencies are orders of magnitude for servers and shells, not a
// measurement of the program at hand; a file of counts replaces them.
#include "compiler/weights.h"

#include <algorithm>
#include <array>

#include "callgate/abi/action.h"
#include "callgate/abi/syscalls.h"

namespace callgate {
namespace {

constexpr std::uint32_t allow_exactly = 0x7fff0000;
/// What is always allowed runs the filter on kernels before 5.11 and under a second filter that is
/// not cached: together so often, each call within these bounds.
constexpr std::uint64_t allowed_in_all = 2000;
constexpr std::uint64_t allowed_least = 3;
constexpr std::uint64_t allowed_most = 100;
/// A call that is denied: programs try what they are not allowed.
constexpr std::uint64_t denied_weight = 7;
/// Numbers past the last call count as so many.
constexpr std::uint64_t unassigned_numbers = 2;
/// Declared counts of all calls together weigh this: far more than all loads.
constexpr std::uint64_t declared_in_all = 20'000;
/// A call that is not counted.
constexpr std::uint64_t undeclared = 4;
/// Of what the cache spares.
constexpr std::uint64_t cached_part = 1000;
/// x32 is an ABI that hardly any program uses.
constexpr std::uint64_t x32_part = 8;

struct Usual {
  std::string_view call;
  std::uint64_t runs;
};

/// How often a call runs where its arguments are checked, in three steps.
constexpr std::uint64_t hot = 700;
constexpr std::uint64_t frequent = 400;
constexpr std::uint64_t occasional = 300;
constexpr std::uint64_t seldom = 40;  ///< and every call that is not here
constexpr std::array usual_calls = {
    Usual{"clone", hot},         Usual{"clone3", frequent},   Usual{"fcntl", frequent},
    Usual{"fcntl64", frequent},  Usual{"futex", hot},         Usual{"ioctl", frequent},
    Usual{"madvise", frequent},  Usual{"mmap", frequent},     Usual{"mmap2", frequent},
    Usual{"mprotect", frequent}, Usual{"open", frequent},     Usual{"openat", frequent},
    Usual{"prctl", occasional},  Usual{"socket", occasional}, Usual{"socketcall", frequent},
};

std::uint64_t usual_runs(std::string_view name) {
  const auto* found = std::lower_bound(
      usual_calls.begin(), usual_calls.end(), name,
      [](const Usual& usual, std::string_view wanted) { return usual.call < wanted; });
  const bool is_there = found != usual_calls.end() && found->call == name;
  return is_there ? found->runs : seldom;
}

}  // namespace

Ending ending_of(const Node& node) noexcept {
  if (node.kind != Node::Kind::returns) return Ending::checked;
  if (node.k == allow_exactly) return Ending::allowed;
  const std::optional<Action> action = action_of(node.k);
  if (!action || action->kind == ActionKind::kill_process ||
      action->kind == ActionKind::kill_thread) {
    return Ending::killed;
  }
  return denies(action->kind) ? Ending::denied : Ending::checked;
}

Weights::Weights(std::span<const Arch> arches, const Frequencies* declared)
    : is_declared_(declared != nullptr) {
  if (declared == nullptr) return;
  long double total = 0;
  for (const Frequencies::Count& count : declared->counts)
    total += static_cast<long double>(count.count);
  for (const Arch arch : arches) {
    for (const Frequencies::Count& count : declared->counts) {
      const std::optional<std::uint32_t> number = count.number_on(arch);
      if (!number || count.count == 0) continue;
      const long double part = static_cast<long double>(count.count) / total;
      runs_[{arch, *number}] += static_cast<std::uint64_t>(part * declared_in_all);
    }
  }
}

std::uint64_t Weights::runs_of(Arch arch, std::uint32_t number) const {
  if (is_declared_) {
    const auto found = runs_.find({arch, number});
    return found == runs_.end() ? undeclared : found->second;
  }
  const Syscall* call = find_syscall(arch, number);
  if (call == nullptr) return 0;
  const std::uint64_t runs = usual_runs(call->name);
  return arch_info(arch).number_flag != 0 ? runs / x32_part : runs;
}

std::uint64_t Weights::of(Arch arch, const NumberRange& numbers, Ending ending,
                          std::size_t allowed) const {
  const bool is_x32 = arch_info(arch).number_flag != 0;
  const std::uint32_t last = std::min(numbers.last, syscalls(arch).back().number);
  const std::uint64_t count = last < numbers.first ? unassigned_numbers : last - numbers.first + 1;
  const std::uint64_t load = is_x32 ? 0 : count;
  const bool is_cached = arch_info(arch).action_cache && !is_x32;
  const bool has_runs = ending == Ending::checked || is_declared_ || !is_cached;
  const bool is_one = numbers.first == numbers.last;
  const std::uint64_t runs = has_runs && is_one ? runs_of(arch, numbers.first) : 0;
  const std::uint64_t share =
      std::clamp(allowed_in_all / std::max<std::uint64_t>(allowed, 1), allowed_least, allowed_most);
  switch (ending) {
    case Ending::allowed:
      return load + (is_x32 ? 1 : share) * count + (is_cached ? runs / cached_part : runs);
    case Ending::denied:
      return load + (is_x32 ? 1 : denied_weight) * count + (is_declared_ ? runs : 0);
    case Ending::killed: return std::max<std::uint64_t>(load, 1);
    case Ending::checked: break;
  }
  return load + allowed_least * count + runs;
}

}  // namespace callgate

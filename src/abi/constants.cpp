// Named values. Formatting takes, of the names that fit what is left of a value, the one with most
// bits first, so that O_SYNC is not printed as O_DSYNC and a number.
#include "callgate/abi/constants.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "abi/constant_sets.h"

namespace callgate {

using namespace std::string_view_literals;
#include "abi/tables/constants.inc"

namespace {

#include "abi/tables/errno.inc"

std::span<const Constant> arch_constants(Arch arch, const ConstantSet& set) noexcept {
  return set.of_arch[static_cast<std::size_t>(arch)];
}

std::span<const Constant> errnos(Arch arch) noexcept {
  return errnos_of[static_cast<std::size_t>(arch)];
}

/// The first name that a list gives a value; empty if none.
std::string_view name_of(std::span<const Constant> list, std::uint64_t value) noexcept {
  const auto found = std::ranges::find(list, value, &Constant::value);
  return found == list.end() ? std::string_view() : found->name;
}

/// Calls `use` with each constant of the set on that ABI, until it returns true.
template <class Use>
bool any_constant(Arch arch, const ConstantSet& set, const Use& use) {
  return std::ranges::any_of(arch_constants(arch, set), use) ||
         std::ranges::any_of(set.common, use);
}

constexpr std::uint64_t low_bits(unsigned bits) noexcept {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

std::string number_text(std::uint64_t value, int base) {
  char buffer[24];
  const char* end = std::to_chars(buffer, buffer + sizeof buffer, value, base).ptr;
  return std::string(base == 16                ? "0x"
                     : base == 8 && value != 0 ? "0"
                                               : "") +
         std::string(static_cast<const char*>(buffer), end);
}

std::string plain_number(std::uint64_t value, unsigned bits, bool is_signed) {
  const bool negative = is_signed && bits != 0 && (value >> (bits - 1) & 1) != 0;
  if (negative) return "-" + std::to_string((~value + 1) & low_bits(bits));
  return value < 0x10000 ? std::to_string(value) : number_text(value, 16);
}

/// The name of exactly that value, the first of several.
std::string_view exact_name(Arch arch, const ConstantSet& set, std::uint64_t value,
                            std::uint64_t width) {
  std::string_view name;
  any_constant(arch, set, [&](const Constant& constant) {
    if ((constant.value & width) != value) return false;
    name = constant.name;
    return true;
  });
  return name;
}

/// Whether a flag is to be written before another: more bits first, then lower ones.
bool goes_before(std::uint64_t flag, std::uint64_t other) noexcept {
  const int bits = std::popcount(flag);
  const int other_bits = std::popcount(other);
  return bits > other_bits || (bits == other_bits && flag < other);
}

/// Of the flags that fit in `rest`, the one that is written first; the first of several names.
const Constant* next_flag(Arch arch, const ConstantSet& set, std::uint64_t rest) {
  const Constant* best = nullptr;
  any_constant(arch, set, [&](const Constant& constant) {
    const bool is_field_value = (constant.value & ~set.field_mask) == 0;
    if (!is_field_value && (constant.value & ~rest) == 0 &&
        (best == nullptr || goes_before(constant.value, best->value)))
      best = &constant;
    return false;
  });
  return best;
}

void add_term(std::string& text, std::string_view term) {
  if (!text.empty()) text += '|';
  text += term;
}

/// Permissions are written in octal, not by their nine names.
std::uint64_t octal_bits(const ConstantSet& set) noexcept {
  return set.name == "mode" || set.name == "mknod mode" ? 0777 : 0;
}

std::string format_flags(Arch arch, const ConstantSet& set, std::uint64_t value,
                         std::uint64_t width) {
  std::string text;
  const std::uint64_t octal = octal_bits(set);
  if (value == 0) text = octal == 0 ? exact_name(arch, set, 0, width) : std::string_view();
  if (value == 0) return text.empty() ? "0" : text;
  std::uint64_t rest = value & ~octal;
  if (set.field_mask != 0) {
    const std::string_view name = exact_name(arch, set, value & set.field_mask, width);
    if (!name.empty()) {
      add_term(text, name);
      rest &= ~set.field_mask;
    }
  }
  while (const Constant* flag = next_flag(arch, set, rest)) {
    add_term(text, flag->name);
    rest &= ~flag->value;
  }
  rest |= value & octal;
  if (rest != 0) add_term(text, number_text(rest, octal != 0 ? 8 : 16));
  return text;
}

}  // namespace

std::optional<std::uint64_t> find_constant(Arch arch, const ConstantSet& set,
                                           std::string_view name) noexcept {
  std::optional<std::uint64_t> value;
  any_constant(arch, set, [&](const Constant& constant) {
    if (constant.name != name) return false;
    value = constant.value;
    return true;
  });
  return value;
}

std::optional<std::uint64_t> find_constant(Arch arch, std::string_view name) noexcept {
  std::optional<std::uint64_t> value;
  for (const ConstantSet& set : constant_sets) {
    const std::optional<std::uint64_t> here = find_constant(arch, set, name);
    if (here && value && *here != *value) return std::nullopt;
    if (here) value = here;
  }
  return value;
}

std::vector<std::string_view> constant_names(Arch arch, const ConstantSet* set) {
  std::vector<std::string_view> names;
  const auto add = [&](const Constant& constant) {
    names.push_back(constant.name);
    return false;
  };
  if (set != nullptr) {
    any_constant(arch, *set, add);
    return names;
  }
  for (const ConstantSet& each : constant_sets) any_constant(arch, each, add);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string format_value(Arch arch, const ConstantSet* set, std::uint64_t value, unsigned bits,
                         bool is_signed) {
  value &= low_bits(bits);
  if (set == nullptr) return plain_number(value, bits, is_signed);
  if (set->is_flags) return format_flags(arch, *set, value, low_bits(bits));
  const std::string_view name = exact_name(arch, *set, value, low_bits(bits));
  return name.empty() ? plain_number(value, bits, is_signed) : std::string(name);
}

std::optional<std::uint16_t> find_errno(std::string_view name) noexcept {
  const auto* found = std::ranges::find(errnos_generic, name, &Constant::name);
  if (found == std::end(errnos_generic)) return std::nullopt;
  return static_cast<std::uint16_t>(found->value);
}

std::string_view errno_name(std::uint16_t value) noexcept { return name_of(errnos_generic, value); }

std::string_view errno_name(Arch arch, std::uint16_t value) noexcept {
  return name_of(errnos(arch), value);
}

std::span<const Constant> errno_constants() noexcept { return errnos_generic; }

std::uint16_t errno_on(Arch arch, std::uint16_t generic) noexcept {
  const std::span<const Constant> own = errnos(arch);
  const auto found = std::ranges::find(own, errno_name(generic), &Constant::name);
  return found == own.end() ? generic : static_cast<std::uint16_t>(found->value);
}

std::string_view errno_name(std::span<const Arch> arches, std::uint16_t value) noexcept {
  const bool is_common =
      std::ranges::all_of(arches, [&](Arch arch) { return errno_on(arch, value) == value; });
  return is_common ? errno_name(value) : std::string_view();
}

std::optional<std::uint16_t> generic_errno(Arch arch, std::uint16_t value) noexcept {
  if (const auto named = find_errno(errno_name(arch, value)))
    if (errno_on(arch, *named) == value) return named;
  return errno_on(arch, value) == value ? std::optional(value) : std::nullopt;
}

Action action_on(Arch arch, Action action) noexcept {
  if (action.kind == ActionKind::errno_) action.data = errno_on(arch, action.data);
  return action;
}

}  // namespace callgate

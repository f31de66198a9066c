#include "meaning/test_place.h"

#include <algorithm>
#include <bit>

#include "callgate/abi/constants.h"

namespace callgate::meaning {
namespace {

constexpr std::uint64_t low_bits(unsigned count) noexcept {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

/// "O_RDWR|O_CLOEXEC|0x1000" without its numbers.
std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const std::string_view term = text.substr(0, text.find('|'));
    text.remove_prefix(std::min(text.size(), term.size() + 1));
    const bool is_number = term.empty() || term[0] == '-' || (term[0] >= '0' && term[0] <= '9');
    if (!is_number) names.emplace_back(term);
  }
  return names;
}

}  // namespace

std::uint64_t TestPlace::mask() const noexcept { return low_bits(bits) << shift; }

bool TestPlace::holds_flags() const noexcept {
  return parameter != nullptr && parameter->constants != nullptr && parameter->constants->is_flags;
}

std::vector<TestPlace> places_of(const Scope& scope, InputWord low) {
  using Kind = Operand::Kind;
  if (low == ip_low)
    return {{.operand = {.kind = Kind::ip}, .cost = 5},
            {.operand = {.kind = Kind::ip_low}, .bits = 32, .cost = 6},
            {.operand = {.kind = Kind::ip_high}, .shift = 32, .bits = 32, .cost = 6}};
  const auto index = static_cast<std::uint8_t>((low - arg_low(0)) / 2);
  std::vector<TestPlace> places;
  if (scope.call != nullptr) {
    for (const Parameter& parameter : scope.call->parameters) {
      const bool is_here = parameter.placement == Placement::word && parameter.low == index &&
                           parameter.bits != 0 && parameter.kind != ParameterKind::unknown;
      if (is_here)
        places.push_back({.operand = {.name = std::string(parameter.name)},
                          .bits = parameter.bits,
                          .parameter = &parameter});
    }
  }
  places.push_back({.operand = {.kind = Kind::word, .index = index}, .cost = 5});
  places.push_back({.operand = {.kind = Kind::low, .index = index}, .bits = 32, .cost = 6});
  places.push_back(
      {.operand = {.kind = Kind::high, .index = index}, .shift = 32, .bits = 32, .cost = 6});
  return places;
}

Value number_for(const TestPlace& place, std::uint64_t number) {
  const bool is_negative = place.is_signed() && (number >> (place.bits - 1) & 1) != 0;
  if (!is_negative) return Value::of(number);
  return {.number = number | ~low_bits(place.bits), .negative = true};
}

Value value_for(const Scope& scope, const TestPlace& place, std::uint64_t number,
                std::uint64_t mask) {
  const ConstantSet* set = place.parameter != nullptr ? place.parameter->constants : nullptr;
  if (set == nullptr || !scope.names_constants) return number_for(place, number);
  Value value;
  value.names = names_in(format_value(scope.arch, set, number, place.bits, place.is_signed()));
  const std::uint64_t width = low_bits(place.bits);
  const auto number_of = [&](const std::string& name) {
    return find_constant(scope.arch, *set, name).value_or(0) & width;
  };
  // "No bit of a field" has a name (O_RDONLY) only where the whole field is looked at.
  const bool has_field =
      (width & ~mask) == 0 || (set->field_mask != 0 && (set->field_mask & ~mask) == 0);
  std::erase_if(value.names, [&](const std::string& name) {
    return !has_field && (number_of(name) & ~set->field_mask) == 0;
  });
  std::uint64_t named = 0;
  for (const std::string& name : value.names) named |= number_of(name);
  const bool fits = !value.names.empty() && (named & ~number) == 0;
  if (!fits) return number_for(place, number);
  value.number = number & ~named;
  // A number that is not made of flags is not told by their names.
  const bool is_made_of_names = value.number == 0 || value.names.size() < 3;
  return is_made_of_names ? value : number_for(place, number);
}

Value mask_for(const Scope& scope, const TestPlace& place, std::uint64_t mask) {
  const std::uint64_t rest = low_bits(place.bits) & ~mask;
  if (std::popcount(rest) >= std::popcount(mask)) return value_for(scope, place, mask, mask);
  Value value = value_for(scope, place, rest, rest);
  value.complement = true;
  return value;
}

}  // namespace callgate::meaning

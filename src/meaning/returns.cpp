#include "meaning/returns.h"

#include "callgate/abi/action.h"

namespace callgate {

std::uint32_t normalise(std::uint32_t ret) noexcept {
  constexpr std::uint32_t max_errno = 4095;  // MAX_ERRNO of include/linux/err.h
  const std::uint32_t kind = ret & 0xffff0000;
  const std::uint32_t data = ret & 0xffff;
  switch (static_cast<ActionKind>(kind)) {
    case ActionKind::errno_: return kind | (data < max_errno ? data : max_errno);
    case ActionKind::trap:
    case ActionKind::trace: return ret;
    default: return kind;
  }
}

namespace meaning {
namespace {

Diagram is_kind(MeaningStore& store, const Bits& ret, ActionKind kind) {
  const Bits wanted = constant_bits(static_cast<std::uint32_t>(kind));
  return equal_bits(store, std::span(ret).subspan(16), std::span(wanted).subspan(16));
}

}  // namespace

Diagram ReturnTable::terminal_of(std::uint32_t ret) {
  const std::uint32_t value = normalise(ret);
  const auto [entry, is_new] =
      numbers_.try_emplace(value, static_cast<std::uint32_t>(values_.size()));
  if (is_new) values_.push_back(value);
  return terminal(entry->second);
}

Bits normalised_bits(MeaningStore& store, const Bits& ret) {
  const Diagram keeps =
      store.either(is_kind(store, ret, ActionKind::trap), is_kind(store, ret, ActionKind::trace));
  const Diagram is_errno = is_kind(store, ret, ActionKind::errno_);
  Diagram is_capped = no;
  for (unsigned i = 12; i < 16; ++i) is_capped = store.either(is_capped, ret[i]);
  Bits result = ret;
  for (unsigned i = 0; i < 16; ++i) {
    const Diagram capped = i < 12 ? store.either(is_capped, ret[i]) : no;
    result[i] = store.if_then_else(keeps, ret[i], store.both(is_errno, capped));
  }
  return result;
}

}  // namespace meaning
}  // namespace callgate

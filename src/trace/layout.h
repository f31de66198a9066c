// The bytes of the binary form (docs/replay.md): what its reader and its writer share. Every number
// is little-endian.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "callgate/bpf/outcomes.h"

namespace callgate::tracing {

/// A byte past ASCII, an end of line of each kind and an end-of-file mark: a transfer as text
/// shows.
inline constexpr std::string_view magic =
    "\x89"
    "CGT\r\n\x1a\n";
inline constexpr std::uint16_t version = 1;
inline constexpr std::size_t head_size = 32;
inline constexpr std::size_t abi_size = 32;
inline constexpr std::size_t abi_name_size = 24;
inline constexpr std::size_t most_abis = 64;

inline constexpr std::size_t piece_head_size = 32;
/// Entries of one piece.
inline constexpr std::uint32_t most_entries = 65'536;
inline constexpr std::uint64_t largest_payload = std::uint64_t{most_entries} * 72;

enum class PieceKind : std::uint32_t { calls = 1, partial_calls = 2, events = 3, end = 4 };
/// A kind with this bit may be skipped by a reader that does not know it.
inline constexpr std::uint32_t may_be_skipped = 0x80000000;

enum CallsFlag : std::uint32_t { restart = 1 };
enum EventsFlag : std::uint32_t { has_threads = 1, has_times = 2, has_counts = 4 };

inline constexpr std::size_t call_size = 64;          ///< struct seccomp_data
inline constexpr std::size_t partial_call_size = 72;  ///< and what is known of it

/// What every piece begins with.
struct PieceHead {
  std::uint32_t kind = 0;
  std::uint32_t flags = 0;
  std::uint32_t count = 0;
  std::uint64_t payload = 0;  ///< bytes that follow, a multiple of 8
  std::uint64_t check = 0;    ///< calls: number of the first; events, end: events before it
};

[[nodiscard]] constexpr std::uint64_t padded(std::uint64_t size) noexcept {
  return (size + 7) / 8 * 8;
}
/// The payload that a kind, flags and a count make.
[[nodiscard]] constexpr std::uint64_t payload_of(PieceKind kind, std::uint32_t flags,
                                                 std::uint64_t count) noexcept {
  switch (kind) {
    case PieceKind::calls: return count * call_size;
    case PieceKind::partial_calls: return count * partial_call_size;
    case PieceKind::events:
      return padded(4 * count) * ((flags & has_threads) != 0 ? 2 : 1) +
             8 * count *
                 (((flags & has_times) != 0 ? 1u : 0u) + ((flags & has_counts) != 0 ? 1u : 0u));
    case PieceKind::end: break;
  }
  return 0;
}

template <class Number>
[[nodiscard]] Number load(const char* bytes) noexcept {
  Number value = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&value, bytes, sizeof value);
  } else {
    for (std::size_t i = 0; i < sizeof value; ++i)
      value |=
          static_cast<Number>(static_cast<Number>(static_cast<unsigned char>(bytes[i])) << (8 * i));
  }
  return value;
}
template <class Number>
void store(char* bytes, Number value) noexcept {
  for (std::size_t i = 0; i < sizeof value; ++i)
    bytes[i] = static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
}

/// Four bits a word, args[0] lowest, then the instruction pointer.
[[nodiscard]] inline std::uint32_t known_bits(const PartialCall& call) noexcept {
  std::uint32_t bits = static_cast<std::uint32_t>(call.instruction_pointer) << 24;
  for (std::size_t i = 0; i < 6; ++i) bits |= static_cast<std::uint32_t>(call.args[i]) << (4 * i);
  return bits;
}
/// What a word holds of which so much is known: the rest is 0, or 1 of a pointer that is not null.
[[nodiscard]] inline std::uint64_t known_part(std::uint64_t word, Known known) noexcept {
  switch (known) {
    case Known::all: return word;
    case Known::low32: return word & 0xffffffff;
    case Known::low16: return word & 0xffff;
    case Known::not_null: return 1;
    case Known::nothing: break;
  }
  return 0;
}
/// False if the bits say nothing that there is, or a word holds what is not known. The instruction
/// pointer is known or not.
[[nodiscard]] inline bool set_known(PartialCall& call, std::uint32_t bits) noexcept {
  if (bits >> 28 != 0) return false;
  for (std::size_t i = 0; i < 7; ++i) {
    const std::uint32_t known = bits >> (4 * i) & 15;
    if (known >= known_count) return false;
    const std::uint64_t word = i < 6 ? call.data.args[i] : call.data.instruction_pointer;
    if (known_part(word, static_cast<Known>(known)) != word) return false;
    (i < 6 ? call.args[i] : call.instruction_pointer) = static_cast<Known>(known);
  }
  return call.instruction_pointer == Known::all || call.instruction_pointer == Known::nothing;
}

}  // namespace callgate::tracing

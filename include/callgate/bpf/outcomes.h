// What a program can return for a call of which not everything is known.
//
//   PartialCall call{.data = {.nr = 41, .arch = audit}};
//   call.args[0] = Known::low32;                       // an int: what is above it is not known
//   if (outcomes(program, call).returns.size() == 1)   // whatever the rest may be
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "callgate/abi/seccomp_data.h"
#include "callgate/bpf/emulate.h"
#include "callgate/bpf/program.h"

namespace callgate {

/// How much of a 64-bit word of a call is known.
enum class Known : std::uint8_t {
  all,
  low32,  ///< its low half
  low16,  ///< its low 16 bits
  nothing,
  not_null,  ///< only that it is a pointer that is not null
};
inline constexpr std::size_t known_count = 5;

/// A call, and how much of its words is known. Number and ABI always are; what is not known of a
/// word is 0 in `data` (1 for a pointer that is not null).
struct PartialCall {
  SeccompData data;
  std::array<Known, 6> args{};
  Known instruction_pointer = Known::all;

  [[nodiscard]] bool is_complete() const noexcept {
    return instruction_pointer == Known::all && args == std::array<Known, 6>{};
  }
  bool operator==(const PartialCall&) const = default;
};

/// Everything that a program may return for a partial call.
struct Outcomes {
  std::vector<std::uint32_t> returns;  ///< ascending; at least those that are possible
  bool any = false;          ///< too many ways, or a value that is computed: nothing is known
  std::uint32_t tested = 0;  ///< bit i: a test looked at what is not known of args[i]; bit 6: of ip
};

/// Follows every way through the program that the known bits leave open. Whatever the call really
/// is, what the program returns is among `returns`, or `any` is set; a value that no such call gets
/// may be among them too, where a way was open only because tests hang together.
[[nodiscard]] Outcomes outcomes(const Program& program, const PartialCall& call);
/// The same from where the prefix of the call's number ends.
[[nodiscard]] Outcomes outcomes_from(const Program& program, const Resume& resume,
                                     const PartialCall& call);

}  // namespace callgate

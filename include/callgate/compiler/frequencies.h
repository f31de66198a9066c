// How often calls are made: what the compiler lets a program come to early.
//
//   # CALL COUNT, or ABI:CALL COUNT
//   futex 81000
//   x86_64:openat 1200
//   i386:5 40
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/abi/arch.h"
#include "callgate/base/result.h"

namespace callgate {

/// Counts of calls, of a trace or declared. They change how long the way to an answer is, never the
/// answer.
struct Frequencies {
  struct Count {
    std::optional<Arch> arch{};  ///< none: on every ABI that has the call
    std::string call;            ///< a name; under an ABI a number, decimal or 0x..., as well
    std::uint64_t count = 0;
    /// The call's number on an ABI; none if it is not meant there or is no call's name or number.
    [[nodiscard]] std::optional<std::uint32_t> number_on(Arch abi) const;
    bool operator==(const Count&) const = default;
  };
  std::vector<Count> counts;  ///< of several for one call the sum counts
  bool operator==(const Frequencies&) const = default;
};

/// Reads the text form: one call a line, `#` begins a comment. `file` is for the places of errors,
/// all of which are returned: a line that is not CALL COUNT, a name that no ABI (or not that one)
/// has, a number without an ABI, a count past 2^64 - 1.
[[nodiscard]] Result<Frequencies> parse_frequencies(std::string_view text, std::string_view file);

}  // namespace callgate

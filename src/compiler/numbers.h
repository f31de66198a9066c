// Which rules speak of which call numbers.
#pragma once

#include <vector>

#include "callgate/policy/resolve.h"

namespace callgate {

/// Numbers of one ABI that the same rules speak of.
struct NumberPiece {
  NumberRange numbers;
  std::vector<std::size_t> rules;  ///< in order, up to the first without a condition
  Action fallback;                 ///< no rule matches: `otherwise` or `unknown`
};

inline constexpr std::size_t max_piece_rules = 2'000'000;

/// Cuts an ABI's numbers, -1 aside, into pieces, ascending and complete. A call that is assigned at
/// the policy's level is a piece of its own. Takes about n log n in rules and calls. Error: the
/// rules of all pieces together are more than max_piece_rules, far more than a filter has room for.
[[nodiscard]] Result<std::vector<NumberPiece>> number_pieces(const Policy& policy, Arch arch);
/// The piece of -1 for that ABI.
[[nodiscard]] NumberPiece skipped_piece(const Policy& policy, Arch arch);

}  // namespace callgate

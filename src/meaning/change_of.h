// What two functions decide differently, as changes.
#pragma once

#include "meaning/decider.h"
#include "meaning/pair_layers.h"

namespace callgate::meaning {

/// How pairs of answers are said: each by itself, and nothing of those that are alike.
[[nodiscard]] SayingOptions saying_changes();

/// The changes of one piece, by the kernel's order of actions.
[[nodiscard]] std::vector<Change> changes_of(const Piece& piece, const Decision& decision,
                                             const PairLayers& pairs);

}  // namespace callgate::meaning

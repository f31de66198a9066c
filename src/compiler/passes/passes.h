// Rewrites of a DecisionDag that keep what it decides. Each is a function of its own; optimise()
// runs them in order. No pass looks through an entry node, so blocks of a chain stay provable
// alone.
//
// A new pass: one file, one line here, one line in optimise.cpp, one table of tests.
#pragma once

#include "compiler/dag.h"

namespace callgate::passes {

/// Writes every test in one of its equal forms (>= for >, == 0 for >= 1, bit tests without a mask),
/// so that equal decisions become equal nodes.
[[nodiscard]] DecisionDag canonicalise(const DecisionDag& dag);

/// Leads every edge past the tests whose outcome is known there: from the edge itself and from what
/// all ways to its origin have in common. Adds no node.
[[nodiscard]] DecisionDag skip_implied(const DecisionDag& dag);

/// Drops a test where the other way would end at the same node anyway.
[[nodiscard]] DecisionDag drop_redundant(const DecisionDag& dag);

/// All passes, in order, until nothing changes (at most a few rounds).
[[nodiscard]] DecisionDag optimise(DecisionDag dag);

}  // namespace callgate::passes

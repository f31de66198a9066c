// How a compilation grows with the rules of a policy.
#pragma once

#include <cstddef>

namespace callgate::bench {

/// Prints a table for each shape of policy: 500, 1000 and 2000 rules with distinct arguments, stage
/// by stage, and 10,000, which do not fit and give an error; then the fitted exponents.
void print_scaling(std::size_t rounds);

}  // namespace callgate::bench

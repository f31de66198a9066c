// Whether two programs go on with the same instructions.
#pragma once

#include "callgate/bpf/program.h"

namespace callgate::meaning {

/// True if from these instructions on, both programs run the same instructions, wherever they lie:
/// from equal states they then return the same. False says nothing.
[[nodiscard]] bool same_code(const Program& left, std::size_t left_start, const Program& right,
                             std::size_t right_start);

}  // namespace callgate::meaning

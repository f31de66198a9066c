// Layer 1 read out: which numbers of which ABI come to which terminal.
#pragma once

#include <optional>
#include <vector>

#include "callgate/abi/syscalls.h"
#include "callgate/policy/resolve.h"
#include "meaning/sides.h"

namespace callgate::meaning {

/// Numbers of one ABI, or of an audit architecture that is none of the map's ABIs, that come to one
/// terminal of layer 1. A call of the tables is a piece by itself.
struct Piece {
  std::optional<Arch> arch;
  std::uint32_t audit = 0;  ///< without an ABI: one such audit number
  NumberRange numbers;
  const Syscall* call = nullptr;
  Diagram terminal = no;
};

/// Every ABI's numbers in ascending order, ABI by ABI, then what is no call of these ABIs.
using CallMap = std::vector<Piece>;

/// Layer 1 as a map; without `strangers`, of these ABIs' calls alone. Error: more pieces than a
/// person or a policy can hold.
[[nodiscard]] Result<CallMap> call_map(FirstLayer& layer, Diagram root,
                                       std::span<const Arch> arches, bool strangers);

/// The ABIs of a target for which some functions, given by their layers 1, have decisions of their
/// own: those whose numbers one of them takes to other terminals than the numbers of an audit
/// architecture that no ABI has. All of them if there the number matters to one of the functions,
/// or if none is told apart.
[[nodiscard]] Result<std::vector<Arch>> arches_told_apart(FirstLayer& layer,
                                                          std::span<const Diagram> roots,
                                                          Target target);

}  // namespace callgate::meaning

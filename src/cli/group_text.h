// What a group of calls holds, ABI by ABI: for syscalls and check.
#pragma once

#include <span>
#include <string>

#include "callgate/abi/arch.h"
#include "callgate/abi/groups.h"
#include "cli/program_json.h"

namespace callgate::cli {

/// "@mmap: map files or memory", its source, and a line for each call that one of the ABIs has,
/// with those that have it unless all do.
[[nodiscard]] std::string group_text(const Group& group, std::span<const Arch> arches);

/// The members of a JSON object: group, summary, source, calls, unnumbered, and `on` with the calls
/// of each of the ABIs.
void write_group(JsonWriter& writer, const Group& group, std::span<const Arch> arches);

}  // namespace callgate::cli

// A compilation as JSON; docs/json.md has the schema.
#pragma once

#include <string>

#include "callgate/compiler/compile.h"

namespace callgate::cli {

/// {"arches": [...], program members, "chains": [{"arch", "number", "rules", "entries"}]}
[[nodiscard]] std::string compilation_json(const Compilation& compilation);
/// {program members}
[[nodiscard]] std::string program_json(const Program& program);

}  // namespace callgate::cli

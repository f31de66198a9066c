// A proved program as C source, for callgate_add_policy().
#pragma once

#include <string>

#include "callgate/compiler/compile.h"

namespace callgate::cli {

/// A translation unit, good as C99 and as C++, that defines `const callgate_embedded_program NAME`
/// (callgate/runtime/embedded.h). `name` is made an identifier; `policy` is what the program says
/// its policy's name is; `comment` goes to the head.
[[nodiscard]] std::string embedded_source(const Compilation& compilation, std::string_view name,
                                          std::string_view policy, std::string_view comment);

}  // namespace callgate::cli

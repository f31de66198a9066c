// How much a random test does: CALLGATE_SCALE is "quick" (make test) or "full" (.ci/run).
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace callgate::test {

/// `full` where CALLGATE_SCALE=full, else `quick`.
inline std::size_t scaled(std::size_t quick, std::size_t full) {
  const char* scale = std::getenv("CALLGATE_SCALE");
  return scale != nullptr && std::string_view(scale) == "full" ? full : quick;
}

}  // namespace callgate::test

// The layer's bytes are part of the command; its settings lie behind a mark and are written here.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "callgate/strict/layer.h"
#include "strict/layer/layer.h"

#if defined(__x86_64__)
asm(".section .rodata\n"
    ".globl callgate_strict_layer_begin\n"
    ".globl callgate_strict_layer_end\n"
    "callgate_strict_layer_begin:\n"
    ".incbin \"" CALLGATE_STRICT_LAYER
    "\"\n"
    "callgate_strict_layer_end:\n"
    ".previous\n");

extern "C" const char callgate_strict_layer_begin[];
extern "C" const char callgate_strict_layer_end[];
#endif

namespace callgate {

std::string strict_layer(std::uint64_t memory) {
#if defined(__x86_64__)
  std::string object(callgate_strict_layer_begin, callgate_strict_layer_end);
  const std::size_t at = object.find(std::string_view(LAYER_MARK, sizeof LAYER_MARK));
  if (at == std::string::npos) return {};
  memory = std::max(memory, least_strict_memory);
  std::memcpy(object.data() + at + offsetof(layer_settings, memory), &memory, sizeof memory);
  return object;
#else
  (void)memory;
  return {};
#endif
}

}  // namespace callgate

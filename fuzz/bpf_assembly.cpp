// Any text through the assembler: no crash; what it takes prints and assembles to the same.
#include <cstdlib>
#include <string_view>

#include "callgate/bpf/assembly.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace callgate;
  const auto assembly =
      assemble(std::string_view(reinterpret_cast<const char*>(bytes), size), "fuzz");
  if (!assembly) {
    if (assembly.error().text().empty()) std::abort();
    return 0;
  }
  const auto again = assemble(disassemble(assembly->instructions, assembly->target), "fuzz");
  if (!again || again->instructions != assembly->instructions) std::abort();
  (void)verify(*assembly);
  return 0;
}

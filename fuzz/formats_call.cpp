// Any text as a call of `emu`: no crash; an error has a message, a call belongs to its ABI.
#include <cstdlib>
#include <string_view>

#include "callgate/formats/call.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace callgate;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  for (const Arch arch : all_arches) {
    const auto parsed = parse_call(text, arch);
    if (!parsed && parsed.error().text().empty()) std::abort();
    if (parsed && parsed->call != nullptr && parsed->data.arch != arch_info(parsed->arch).audit)
      std::abort();
  }
  return 0;
}

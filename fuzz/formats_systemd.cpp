// Any bytes as a unit, on each machine: no crash, and what is read has no mistake that check finds
// and prints as text that parses back to an equal policy. A part after a NUL byte is a drop-in.
#include <cstdlib>

#include "callgate/formats/systemd.h"
#include "callgate/formats/text.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace callgate;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = text.find('\0');
  std::vector<UnitFile> files = {{.path = "fuzz.service", .text = text.substr(0, cut)}};
  if (cut != std::string::npos)
    files.push_back({.path = "fuzz.conf", .text = text.substr(cut + 1)});
  for (const Arch machine : {Arch::x86_64, Arch::aarch64}) {
    const auto import = read_unit(files, {.arch = machine});
    if (!import) {
      if (!has_errors(import.error().diagnostics)) std::abort();
      continue;
    }
    if (has_errors(check(import->policy, import->policy.arches))) std::abort();
    const auto parsed = parse_policy(print_policy(import->policy), "printed");
    if (!parsed || parsed->policy != import->policy) std::abort();
  }
  return 0;
}

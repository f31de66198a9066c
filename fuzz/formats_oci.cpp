// Any bytes as an OCI profile, as each reader reads it: no crash, and what is read prints as text
// that parses back to an equal policy.
#include <cstdlib>

#include "callgate/formats/oci.h"
#include "callgate/formats/text.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace callgate;
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  for (const char* reader : {"docker", "podman", "containerd", "crun"}) {
    OciContext context;
    context.reader = *parse_oci_reader(reader);
    context.arch = Arch::x86_64;
    const auto import = read_oci(json, "fuzz.json", context);
    if (!import) {
      if (!has_errors(import.error().diagnostics)) std::abort();
      continue;
    }
    const auto parsed = parse_policy(print_policy(import->policy), "printed");
    if (!parsed || parsed->policy != import->policy) std::abort();
  }
  return 0;
}

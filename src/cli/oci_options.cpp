#include "cli/oci_options.h"

#include <fmt/format.h>

namespace callgate::cli {
namespace {

Result<Release> release_of(const std::string& text, Release otherwise) {
  if (text.empty()) return otherwise;
  const std::optional<Release> release = parse_release(text);
  if (!release) return fail(fmt::format("\"{}\" is no kernel release", text), "write it as 6.12");
  return *release;
}

}  // namespace

void add_oci_options(CLI::App& command, OciOptions& options) {
  command.add_option("--reader", options.reader,
                     "who reads an OCI profile: docker, containerd, podman, runc, crun; "
                     "docker+crun, runc@1.1.15; else told by its keys");
  command.add_option(
      "--caps", options.caps,
      "capabilities of the container: none, all, docker, or names; docker if not said");
  command.add_option("--kernel", options.kernel, "its kernel's release, for minKernel");
  command.add_option("--libseccomp", options.libseccomp,
                     "newest release whose calls the runtime's libseccomp knows (Debian 12: 6.7)");
}

Result<OciSource> oci_source(const OciOptions& options, std::span<const Arch> asked) {
  OciSource source;
  source.reader_given = !options.reader.empty();
  if (source.reader_given) {
    CALLGATE_TRY(source.context.reader, parse_oci_reader(options.reader));
  }
  CALLGATE_TRY(source.context.capabilities,
               parse_capabilities(options.caps.empty() ? "docker" : options.caps));
  CALLGATE_TRY(source.context.kernel, release_of(options.kernel, newest_release()));
  CALLGATE_TRY(source.context.libseccomp, release_of(options.libseccomp, newest_release()));
  source.context.arch = asked.empty() ? native_arch() : asked.front();
  return source;
}

}  // namespace callgate::cli

// Options of verbs that read OCI profiles: who reads them, and in what surroundings.
#pragma once

#include "callgate/formats/oci.h"
#include "cli/common.h"
#include "cli/verb.h"

namespace callgate::cli {

struct OciOptions {
  std::string reader;      ///< empty: told by the profile's keys
  std::string caps;        ///< empty: Docker's default fourteen
  std::string kernel;      ///< empty: the newest release in the tables
  std::string libseccomp;  ///< empty: the newest release in the tables
};

/// Adds --reader, --caps, --kernel and --libseccomp.
void add_oci_options(CLI::App& command, OciOptions& options);

/// The surroundings they name; `asked` is --arch, whose first ABI is the machine's. Errors: names
/// and versions that are none.
[[nodiscard]] Result<OciSource> oci_source(const OciOptions& options, std::span<const Arch> asked);

}  // namespace callgate::cli

// Policies as pure OCI profiles, for a named runtime: docs/oci.md says what can be expressed.
#pragma once

#include "callgate/formats/oci.h"

namespace callgate {

/// For whom a profile is written.
struct OciWriteOptions {
  OciReader reader{OciFrontend::runtime, OciRuntime::runc, {1, 1, 5}};
  std::vector<Arch> arches;               ///< the ABIs of the container; the machine's first
  Release libseccomp = newest_release();  ///< as in OciContext
  /// Where the policy cannot be expressed, write one that refuses more, and say what. Every call
  /// that the policy denies stays denied, if perhaps in another way.
  bool approximate_stricter = false;
};

/// A profile and what is to be said of it.
struct OciExport {
  std::string json;                     ///< ends with a newline
  std::vector<Diagnostic> diagnostics;  ///< what differs from the policy
};

/// Writes `linux.seccomp` of a bundle. What is handed out has been read back as `options.reader`
/// reads it and proved equal to the policy, but for what the diagnostics state: the number -1, and
/// with `approximate_stricter` whatever was narrowed. Errors: those of check(); what the format or
/// the runtime cannot express, naming the rule and the runtime. Thread-safe.
[[nodiscard]] Result<OciExport> write_oci(const Policy& policy, const OciWriteOptions& options);

}  // namespace callgate

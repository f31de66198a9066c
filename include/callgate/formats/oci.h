// Seccomp profiles in OCI's JSON, and what each of their readers makes of them: docs/oci.md.
//
//   OciContext context;
//   context.reader = *parse_oci_reader("docker+runc@1.1.5");
//   context.capabilities = {"CAP_CHOWN", "CAP_KILL"};
//   CALLGATE_TRY(const OciImport import, read_oci(json, "default.json", context));
//
// The same text means different things to different programs, so a profile is always read as one of
// them reads it: the policy decides every call as the filter does that this program would install.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "callgate/base/result.h"
#include "callgate/policy/policy.h"

namespace callgate {

/// Who turns the file into the section that the runtime sees.
enum class OciFrontend : std::uint8_t {
  runtime,     ///< nobody: linux.seccomp of a bundle's config.json
  docker,      ///< dockerd: includes, excludes, archMap, minKernel, the legacy `name`
  containerd,  ///< a Localhost profile of Kubernetes: every extension is dropped
  podman,      ///< containers/common (podman, buildah, CRI-O): Docker's, with names for errno
};

/// Who turns the section into a filter.
enum class OciRuntime : std::uint8_t { runc, crun };

/// A reader: "docker+runc@1.1.5".
struct OciReader {
  OciFrontend frontend = OciFrontend::docker;
  OciRuntime runtime = OciRuntime::runc;
  Release version{1, 1, 5};  ///< of the runtime
  bool operator==(const OciReader&) const = default;
};

/// "docker", "docker+runc@1.1.15", "podman+crun", "containerd", "runc", "crun@1.8.1". What is left
/// out: docker and containerd run runc, podman runs crun; runc is 1.1.5 and crun 1.8.1 (Debian 12).
[[nodiscard]] Result<OciReader> parse_oci_reader(std::string_view text);
[[nodiscard]] std::string to_string(const OciReader& reader);

/// What a profile's meaning depends on besides its text.
struct OciContext {
  OciReader reader;
  Arch arch = native_arch();              ///< of the machine
  std::vector<std::string> capabilities;  ///< the bounding set, "CAP_SYS_ADMIN"
  Release kernel = newest_release();      ///< for minKernel
  /// The newest release whose calls the runtime's libseccomp knows by name; later names are unknown
  /// to it and skipped. Debian 12's 2.5.4-1+deb12u1 knows those of 6.7.
  Release libseccomp = newest_release();
};

/// A policy and what there was to say about the text.
struct OciImport {
  Policy policy;
  std::vector<Diagnostic> diagnostics;  ///< warnings and notes; errors make the reading fail
  std::vector<std::string> flags;       ///< "SECCOMP_FILTER_FLAG_LOG", as the profile names them
};

/// Reads a profile, or the linux.seccomp section of a whole config.json. The policy has `abi`,
/// `arches`, raw words and raw numbers where they are needed, and means what the filter does that
/// `context.reader` installs. Errors: what is not JSON, has a wrong type or a value out of range,
/// what that reader refuses, and rules whose joint meaning libseccomp leaves open. Thread-safe.
[[nodiscard]] Result<OciImport> read_oci(std::string_view json, const std::string& file,
                                         const OciContext& context);

/// True if a text looks like a profile in one of OCI's dialects rather than like something else.
[[nodiscard]] bool looks_like_oci(std::string_view text);

/// The reader that a profile was most likely written for, told by the keys it uses: Docker's
/// extensions, containers/common's names for errno, or neither.
[[nodiscard]] OciReader likely_reader(std::string_view json);

/// The names of capabilities(7), "CAP_CHOWN" first, by number.
[[nodiscard]] std::span<const std::string_view> capability_names() noexcept;
/// The fourteen capabilities that Docker gives a container by default.
[[nodiscard]] std::span<const std::string_view> docker_capabilities() noexcept;
/// Reads "CAP_CHOWN,kill", "none", "all", "docker" (its default fourteen) into full names, sorted
/// by number. Error: no such capability.
[[nodiscard]] Result<std::vector<std::string>> parse_capabilities(std::string_view list);

}  // namespace callgate

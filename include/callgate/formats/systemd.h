// Units of systemd: what their settings filter, and policies as drop-ins. See docs/systemd.md.
//
//   const UnitFile file{.path = "nginx.service", .text = text};
//   CALLGATE_TRY(const UnitImport import, read_unit({&file, 1}, {}));
//
// A service's filters are several: each setting loads one for every ABI of the machine, and the
// kernel takes the strictest answer. What is read is one policy that decides every call as they do
// together. Behaviour: systemd 252 (Debian 12), held against it by
// tests/integration/systemd_test.py.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/base/result.h"
#include "callgate/policy/policy.h"

namespace callgate {

/// One file of a unit: the unit itself, or a drop-in.
struct UnitFile {
  std::string path;  ///< tells the unit's type (".service"), and for messages
  std::string text;
};

/// What a unit's meaning depends on besides its text.
struct UnitContext {
  Arch arch = native_arch();  ///< of the machine
  /// The newest release whose calls systemd's libseccomp knows by name; later names are ignored.
  /// Debian 12's 2.5.4-1+deb12u1 knows those of 6.7.
  Release libseccomp = newest_release();
};

/// A policy and what there was to say about the unit.
struct UnitImport {
  Policy policy;
  std::vector<Diagnostic> diagnostics;  ///< warnings and notes; errors make the reading fail
};

/// Reads a unit and its drop-ins, in the order in which systemd reads them. The policy means what
/// the filters do that systemd loads for every setting that has one; their list is in
/// docs/systemd.md. Errors: what systemd refuses to load, a service that would not start for its
/// filters, escapes and quotes in a setting that counts, a machine whose ABIs are not modelled.
/// Thread-safe.
[[nodiscard]] Result<UnitImport> read_unit(std::span<const UnitFile> files,
                                           const UnitContext& context);

/// True if a text looks like a unit: its first line that is not empty and no comment is a section's
/// header.
[[nodiscard]] bool looks_like_unit(std::string_view text);

/// For which machine a drop-in is written.
struct UnitWriteOptions {
  Arch machine = native_arch();
  std::vector<Arch> arches;               ///< the ABIs that the service may use
  Release libseccomp = newest_release();  ///< as in UnitContext
  /// Where the policy cannot be expressed, write one that refuses more, and say what.
  bool approximate_stricter = false;
};

/// A drop-in and what is to be said of it.
struct UnitExport {
  std::string text;                     ///< ends with a newline
  std::vector<Diagnostic> diagnostics;  ///< what differs from the policy
};

/// Writes a drop-in for a service: SystemCallFilter=, SystemCallErrorNumber=, SystemCallLog= and
/// SystemCallArchitectures=. What is handed out has been read back and proved equal to the policy,
/// but for what the diagnostics state. Errors: those of check(); what a unit cannot express, naming
/// the rule. Thread-safe.
[[nodiscard]] Result<UnitExport> write_unit(const Policy& policy, const UnitWriteOptions& options);

}  // namespace callgate

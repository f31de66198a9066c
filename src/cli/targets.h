// What convert and merge write: a policy or a program in the form that --to names.
//
// A new target is one line in the table of targets.
#pragma once

#include <string>

#include "callgate/formats/oci.h"
#include "cli/common.h"
#include "cli/verb.h"

namespace callgate::cli {

struct TargetOptions {
  std::string to;
  std::string runtime = "runc";
  std::string approximate;
  std::string frequencies;  ///< path of a file of counts, for targets that hold a program
};

/// Adds --to, --runtime, --approximate and --frequencies.
void add_target_options(CLI::App& command, TargetOptions& options);

/// Why nothing was written, and with which exit code: exit_no where the target cannot say what the
/// source decides, else exit_bad.
struct NotWritten {
  Error error;
  int code = exit_bad;
};
using Written = tl::expected<std::string, NotWritten>;
[[nodiscard]] tl::unexpected<NotWritten> not_written(Error error, int code = exit_bad);

/// True if the target holds rules; else it holds a program.
[[nodiscard]] bool takes_policy(const TargetOptions& options);

/// A policy, in either kind of target. `source` is what diagnostics speak of, `asked` is --arch.
[[nodiscard]] Written write_policy(const TargetOptions& options, const LoadedSource& source,
                                   const std::vector<Arch>& asked, const OciContext& context);
/// A program, in a target that takes one; `path` is for comments.
[[nodiscard]] std::string write_program(const TargetOptions& options, const Program& program,
                                        const std::string& path);

/// The source as a policy: itself, or what its filters decide. Errors: those of lift().
[[nodiscard]] Written write_lifted(const TargetOptions& options, const Subject& subject,
                                   const std::string& path, const std::vector<Arch>& asked,
                                   const OciContext& context);

}  // namespace callgate::cli

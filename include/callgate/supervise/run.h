// Starting a program under a policy, with or without a supervisor that reports what was refused.
//
//   RunOptions options;
//   options.sink = make_sink(UniqueFd(dup(2)), false);
//   const RunFailure failure = run(confinement, std::move(options), {"ls", "-l"});
//
// Who is whose parent and why: docs/adr/0002-who-is-whose-parent.md. Deviations: docs/run.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "callgate/bpf/program.h"
#include "callgate/policy/policy.h"
#include "callgate/supervise/sink.h"

namespace callgate {

/// When the policy comes into force.
enum class ClosePoint : std::uint8_t {
  entry,   ///< at the program's own entry point, after the loader and libraries' constructors
  loader,  ///< after execve, before the loader's first instruction
  exec,    ///< before execve
};

enum class ReportLevel : std::uint8_t {
  full,   ///< a supervisor reports each denial
  audit,  ///< the kernel logs denials to the audit log; nobody stays
  none,   ///< nobody stays, nothing is logged
};

/// What a program is confined by. Where there is a policy, `program` is its proved program for
/// `arches`; without one, denials are reported without a rule and without the line that allows
/// them.
struct Confinement {
  Program program;
  std::optional<Policy> policy;
  std::vector<Arch> arches;
  /// SECCOMP_MODE_STRICT is entered, at ClosePoint::entry; `program` is installed nowhere, it says
  /// which calls strict mode lets through.
  bool strict = false;
};

struct RunOptions {
  ClosePoint at = ClosePoint::entry;
  ReportLevel report = ReportLevel::full;
  bool log_only = false;             ///< report denials, let the calls through
  std::unique_ptr<DenialSink> sink;  ///< for ReportLevel::full
  /// The bytes of a shared object, or none. It is preloaded into a dynamic 64-bit program of the
  /// GNU C library, in front of what LD_PRELOAD names; its entry point is called with 1 where the
  /// policy lets exit_group through, else 0, before the program's own code, and returns 0 or an
  /// errno. At ClosePoint::entry only. It is no part of the confinement, which does not depend on
  /// it.
  std::string layer;
};

/// Exit codes of a runner, as env(1) and timeout(1) have them.
inline constexpr int run_failed = 125;
inline constexpr int run_not_executable = 126;
inline constexpr int run_not_found = 127;

/// Why a program was not started.
struct RunFailure {
  int exit_code = run_failed;
  Error error;
};

/// The program that a supervised process runs under: `program` with other terminals, path by path
/// the same. A RET of an errno becomes a notification, which the supervisor answers with what
/// `program` itself returns for the call; KILL and TRAP stay. Under `log_only` every RET that
/// denies becomes a notification or (ReportLevel::audit) LOG. Where errnos are notifications,
/// seccomp(2) with SECCOMP_FILTER_FLAG_NEW_LISTENER gets EBUSY where `program` permits it. Errors:
/// a RET A, whose terminals are unknown; no room for that among 4096 instructions.
[[nodiscard]] Result<Program> supervised_program(const Program& program, ReportLevel report,
                                                 bool log_only);

/// True if on this machine some call can end in KILL or TRAP, which only ptrace makes visible.
[[nodiscard]] bool can_kill(const Confinement& confinement);

/// Turns the calling process into `command`, confined; returns only if that failed. The process
/// keeps its id, parent, group, session and terminal, so the exit status is the program's own.
/// Under ReportLevel::full a supervisor is left behind in a session of its own, no child of the
/// program. no_new_privs is set always. The calling process must have one thread.
[[nodiscard]] RunFailure run(const Confinement& confinement, RunOptions options,
                             const std::vector<std::string>& command);

/// Turns the calling process into `command` without a policy; returns only if that failed.
[[nodiscard]] RunFailure run_unconfined(const std::vector<std::string>& command);

/// The file that a command names, by PATH as execvp(3) finds it.
struct FoundProgram {
  std::string path;
  int exit_code = 0;  ///< 0, run_not_executable or run_not_found
};
[[nodiscard]] FoundProgram find_program(const std::string& name);

/// What a file needs the policy to let through before its own code runs, and does not get: execve
/// (for ClosePoint::exec) and the calls of the C library's loader. Sorted as they happen.
[[nodiscard]] std::vector<std::string> missing_calls(const Program& program, ClosePoint at,
                                                     const std::string& path);

}  // namespace callgate

// What an older kernel makes of a program: where it would act otherwise than the newest one.
//
//   for (const ReturnNote& note : differences(program, KernelRelease({4, 4})))
//     std::cerr << note.text;   // "kill_process: Linux 4.4 kills only the thread, ...
//     (since 4.14)"
#pragma once

#include <string>
#include <vector>

#include "callgate/bpf/program.h"
#include "callgate/kernel/verdict.h"

namespace callgate {

/// What one release makes of one return value, as text for people and as data.
struct ReturnNote {
  std::uint32_t ret = 0;
  ActionReading reading;  ///< by that release
  bool as_newest = true;  ///< it acts as the newest release does, but for what is recorded
  const KernelChange* change = nullptr;  ///< what it lacks, where as_newest is false
  std::string text;                      ///< one line without a full stop
};

/// What a release makes of a return value, in one line: "errno(EPERM): the call returns -EPERM".
[[nodiscard]] ReturnNote explain_return(const KernelRelease& release, std::uint32_t ret);

/// A flag of SECCOMP_SET_MODE_FILTER that a release refuses.
struct MissingFlag {
  std::uint32_t flag = 0;
  const KernelChange* change = nullptr;  ///< null if no release in the table knows it
  std::string text;
};
[[nodiscard]] std::vector<MissingFlag> missing_flags(const KernelRelease& release,
                                                     std::uint32_t flags);

/// Every constant that the program returns and the release acts upon otherwise than the newest one,
/// ascending. Values that are computed (RET A) are not among them; `computed` says if there are
/// any.
struct ProgramNotes {
  std::vector<ReturnNote> returns;
  bool computed = false;
  bool no_filters = false;  ///< the release has no filters at all
};
[[nodiscard]] ProgramNotes differences(const Program& program, const KernelRelease& release);

/// The verdict for one call of a single-threaded process that has only this program, without
/// tracer, supervisor and SIGSYS handler: what `emu --kernel` prints.
[[nodiscard]] KernelVerdict lone_verdict(const KernelRelease& release, const Program& program,
                                         const SeccompData& data);

/// What `emu --kernel` prints for a call, indented: what the release does, and what newer ones do
/// otherwise. One or two lines, each with its newline.
[[nodiscard]] std::string explain_call(const KernelRelease& release, const Program& program,
                                       const SeccompData& data);

/// One line that says whether a release ran under the tests or was read from source.
[[nodiscard]] std::string evidence_text(const KernelRelease& release);

}  // namespace callgate

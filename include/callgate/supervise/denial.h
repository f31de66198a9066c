// What a supervisor knows about a call that the policy refused, and how it is told to people.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/policy/evaluate.h"

namespace callgate {

/// One argument, decoded: `text` is a value by name, a quoted path, an address or a number.
struct DeniedArgument {
  std::string name;  ///< as in the manual page, "arg0" where the tables do not know the signature
  std::string text;
};

/// One return address of a call stack.
struct StackFrame {
  std::uint64_t address = 0;
  std::string object;        ///< path of the mapped file; empty: no object (JIT code)
  std::string function;      ///< empty: the object names none there
  std::uint64_t offset = 0;  ///< from the function's start, else from the object's load address
  std::string file;          ///< where DWARF line tables exist
  std::uint32_t line = 0;
};

/// A refused call.
struct Denial {
  SeccompData data;
  std::string abi;           ///< "x86_64"; empty if callgate does not know the ABI
  std::string call;          ///< name, or "call 500" for a number that has none
  Action action;             ///< what the policy does with it
  bool let_through = false;  ///< under log_only: it was reported and allowed all the same
  bool strict = false;       ///< strict mode decided, by SIGKILL; `action` says kill_thread
  std::vector<DeniedArgument> arguments;
  pid_t process = 0;
  pid_t thread = 0;
  std::string command;            ///< of the thread, as in /proc/PID/comm
  Verdict verdict;                ///< which rule, or which default, decided
  Place place;                    ///< of that rule; empty for a default
  std::vector<StackFrame> stack;  ///< innermost first
  std::string stack_note;         ///< why there is no stack, or why it ends where it does
  std::string allow_line;         ///< the line of the policy language that would allow the call
};

/// A kind of denial (call, rule, flags and enumerations alike) and how often it was met.
struct DenialCount {
  Denial first;  ///< the one that was reported in full
  std::uint64_t times = 1;
};

/// "openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = EACCES"
[[nodiscard]] std::string format_call(const Denial& denial);
/// "x.policy:12:1" or the default that decided: "otherwise", "unknown number", "ABI not listed".
[[nodiscard]] std::string format_rule(const Denial& denial);
/// "/usr/bin/app main+0x18  /src/app.c:77"
[[nodiscard]] std::string format_frame(const StackFrame& frame);
/// The whole report, several lines, ending with a newline. Control characters that came from the
/// program (paths, names) are escaped.
[[nodiscard]] std::string format_denial(const Denial& denial);
/// The same as one line of JSON; docs/run.md has the members.
[[nodiscard]] std::string format_denial_json(const Denial& denial);
/// A sentence about the supervision itself, as one line of JSON.
[[nodiscard]] std::string format_message_json(std::string_view text);
/// How often each kind was met; empty if none was met more than once.
[[nodiscard]] std::string format_counts(const std::vector<DenialCount>& counts);
[[nodiscard]] std::string format_counts_json(const std::vector<DenialCount>& counts);

/// What of a call is decoded from its six words alone plus the memory of `thread` (0: no memory).
/// Memory that cannot be read is said to be unreadable; never fails.
[[nodiscard]] std::vector<DeniedArgument> decode_arguments(const SeccompData& data, pid_t thread);

/// The line of the policy language that would allow a call like this one: a rule with conditions on
/// the parameters that the policy tests for this call, else on its first enumeration; the list of
/// ABIs where the call's is not listed. Empty for an ABI that callgate does not know.
[[nodiscard]] std::string allowing_line(const Policy& policy, std::span<const Arch> arches,
                                        const SeccompData& data);

}  // namespace callgate

// A call as a person writes it: openat(AT_FDCWD, 0, O_RDWR|O_CREAT), i386:socket(AF_INET, 1, 0),
// clone(flags=CLONE_NEWUSER), 257(1, 2), ioctl(args[1]=0x5412).
//
// Arguments are those of the manual page, in its order or by name; where a parameter lies on that
// ABI, and as how many words, is looked up. A value is names and numbers or-ed, with - or ~ before
// a term; "text" is some pointer that is not null. `args[i]=` sets a raw word. What is not given
// is 0.
#pragma once

#include <string>

#include "callgate/abi/seccomp_data.h"
#include "callgate/abi/syscalls.h"
#include "callgate/base/result.h"

namespace callgate::cli {

struct CallExpression {
  std::string text;  ///< as it was written
  Arch arch = Arch::x86_64;
  const Syscall* call = nullptr;  ///< null for a number that has no name
  SeccompData data;
};

/// Parses a call. A negative number for a parameter that the kernel keeps in fewer bits is cut to
/// them, as compilers do when they load a register. Errors carry the column in `text`.
[[nodiscard]] Result<CallExpression> parse_call(std::string_view text, Arch default_arch);

/// A number: decimal, 0x hexadecimal or 0 octal, perhaps negative.
[[nodiscard]] std::optional<std::uint64_t> parse_integer(std::string_view text);

}  // namespace callgate::cli

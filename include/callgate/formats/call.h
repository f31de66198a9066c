// A call as a person writes it: openat(AT_FDCWD, 0, O_RDWR|O_CREAT), i386:socket(AF_INET, 1, 0),
// clone(flags=CLONE_NEWUSER), 257(1, 2), ioctl(args[1]=0x5412).
//
// Arguments are those of the manual page, in its order or by name; where a parameter lies on that
// ABI, and as how many words, is looked up. A value is names and numbers or-ed, with - or ~ before
// a term; "text" is some pointer that is not null. `args[i]=` sets a raw word, `ip=` the
// instruction pointer. What is not given is 0. A number before the colon is an audit architecture,
// for those that no ABI has: 0x12345678:5.
#pragma once

#include <optional>
#include <string>

#include "callgate/abi/syscalls.h"
#include "callgate/base/result.h"
#include "callgate/bpf/outcomes.h"

namespace callgate {

struct CallExpression {
  std::string text;               ///< as it was written
  Arch arch = Arch::x86_64;       ///< the default one where the audit number is of no ABI
  const Syscall* call = nullptr;  ///< null for a number that has no name
  SeccompData data;
  /// What was given of each word: an int gives 32 bits, a raw word all of it, "text" that the
  /// pointer is not null.
  std::array<Known, 6> given{Known::nothing, Known::nothing, Known::nothing,
                             Known::nothing, Known::nothing, Known::nothing};
  Known ip_given = Known::nothing;

  /// The call where only what was given is known.
  [[nodiscard]] PartialCall partial() const {
    return {.data = data, .args = given, .instruction_pointer = ip_given};
  }
};

/// Parses a call. A negative number for a parameter that the kernel keeps in fewer bits is cut to
/// them, as compilers do when they load a register. Errors carry the column in `text`.
[[nodiscard]] Result<CallExpression> parse_call(std::string_view text, Arch default_arch);

/// The call expression of a call: parse_call() gives the same call again, whatever the default.
[[nodiscard]] std::string call_text(const SeccompData& data);
/// The same without the ABI before it: with parse_call's default that ABI.
[[nodiscard]] std::string bare_call_text(const SeccompData& data);

/// A number: decimal, 0x hexadecimal or 0 octal, perhaps negative.
[[nodiscard]] std::optional<std::uint64_t> parse_integer(std::string_view text);

}  // namespace callgate

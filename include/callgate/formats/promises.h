// Promises: what OpenBSD's pledge(2) calls its sets of rights, as rules for Linux. docs/promises.md
// says what each means and where Linux differs.
//
//   callgate::confine(*callgate::promised_policy("stdio inet dns")).or_die();
//
// In a policy, `promise stdio, inet` stands for their rules.
#pragma once

#include <span>
#include <string_view>

#include "callgate/base/result.h"
#include "callgate/policy/policy.h"

namespace callgate {

struct Promise {
  std::string_view name;     ///< "stdio"
  std::string_view summary;  ///< one line for people
  std::string_view source;   ///< whose promise it is
  std::string_view text;     ///< rules in the policy language; between `#: with NAMES` and `#: end`
                             ///< stand those that count only where NAMES are promised as well
};

/// All of them, sorted by name.
[[nodiscard]] std::span<const Promise> promises() noexcept;
/// The promise of that name, or null.
[[nodiscard]] const Promise* find_promise(std::string_view name) noexcept;

/// The policy that lets through what is promised: promises separated by blanks or commas
/// ("stdio inet dns"). What they do not hold gets EPERM, calls that are newer than the tables
/// ENOSYS, so that libraries go an older way; a call of another ABI ends the process. It is for the
/// native ABI and, as always, `abi` is newest_release(). Errors: no promise at all, an unknown one
/// (with the likely one), one that Linux has no use for. Thread-safe.
[[nodiscard]] Result<Policy> promised_policy(std::string_view promises);

}  // namespace callgate

// A policy on one screen: what is allowed, conditional and refused, on which ABI, in numbers and
// names.
#pragma once

#include <string>

#include "callgate/meaning/survey.h"

namespace callgate::cli {

/// What becomes of a call over all its arguments.
enum class CallClass : std::uint8_t {
  allowed,
  conditional,  ///< its arguments decide whether
  delegated,
  refused,
  undecided,
};
[[nodiscard]] CallClass class_of(const CallDecision& call) noexcept;
[[nodiscard]] std::string_view class_name(CallClass which) noexcept;

/// The cases of a call on one line: "allow if flags & 0x1 == 0, else errno(EPERM)".
[[nodiscard]] std::string cases_text(const CallDecision& call);

/// The map, lines of at most 100 columns. The longest list is said as "every other call", unless
/// `all_names`.
[[nodiscard]] std::string map_text(const Survey& survey, bool all_names);

}  // namespace callgate::cli

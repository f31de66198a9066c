// What is wrong with a name of the policy language, and the likely one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "callgate/abi/arch.h"

namespace callgate::policy {

struct NameFault {
  std::string message;
  std::string hint;
};

/// "did you mean `x`?", or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       std::span<const std::string_view> candidates,
                                       std::string_view prefix = {});

/// A call that no ABI has.
[[nodiscard]] std::optional<NameFault> call_fault(std::string_view name);
/// A group (without its @) that there is not.
[[nodiscard]] std::optional<NameFault> group_fault(std::string_view name);

/// "x86_64, i386".
[[nodiscard]] std::string arch_list(std::span<const Arch> arches);

}  // namespace callgate::policy

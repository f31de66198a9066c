// The slow and obvious reading of a policy: one call, one verdict.
#pragma once

#include <cstddef>
#include <optional>

#include "callgate/abi/seccomp_data.h"
#include "callgate/policy/policy.h"

namespace callgate {

/// What a policy decides, and which of its parts decided it.
struct Verdict {
  enum class Source : std::uint8_t { rule, otherwise, unknown, unlisted };
  Action action;  ///< as the policy says it: an errno under asm-generic's number
  Source source = Source::otherwise;
  std::optional<std::size_t> rule;  ///< index into Policy::rules, for Source::rule
  bool operator==(const Verdict&) const = default;
};

/// The verdict for one call under a policy for these ABIs. `check` must have found no error.
[[nodiscard]] Verdict evaluate(const Policy& policy, std::span<const Arch> arches,
                               const SeccompData& data);
/// What a filter for these ABIs returns for that call: the verdict's action, an errno under the
/// number that the call's ABI has for it (of an ABI that is not listed: the first that is).
[[nodiscard]] std::uint32_t returned(const Policy& policy, std::span<const Arch> arches,
                                     const SeccompData& data);

}  // namespace callgate

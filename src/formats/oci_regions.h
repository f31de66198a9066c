// What a policy does with one call of one ABI, as disjoint regions of the argument words.
#pragma once

#include "callgate/abi/syscalls.h"
#include "callgate/base/result.h"
#include "callgate/policy/policy.h"
#include "callgate/policy/resolve.h"
#include "formats/oci_cubes.h"

namespace callgate::oci {

/// Past so many cubes a condition is given up: a filter of that many masked comparisons for one
/// call would come near the kernel's limit.
inline constexpr std::size_t cube_limit = 400;

/// Calls whose words lie in one of `where` get `action`; `rule` is the first that says so, if any.
struct Region {
  Action action;
  Cubes where;
  std::optional<std::size_t> rule;
};

/// Answers for the calls of one ABI.
class Regions {
 public:
  /// The policy must outlive it.
  Regions(const Policy& policy, Arch arch);

  /// The regions of a call by first match, in order; together they are everything. Errors name the
  /// rule: a condition on the instruction pointer, or one that needs too many cubes.
  [[nodiscard]] Result<std::vector<Region>> of(const Syscall& call) const;

 private:
  const Policy& policy_;
  Arch arch_;
  std::vector<std::vector<NumberRange>> numbers_;  ///< of each rule
};

}  // namespace callgate::oci

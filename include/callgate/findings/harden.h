// The mended policy: what is found and can be mended without a judgement is.
#pragma once

#include "callgate/base/result.h"
#include "callgate/findings/finding.h"
#include "callgate/policy/policy.h"

namespace callgate {

/// One thing that was mended, or could not be.
struct Mending {
  std::string id;    ///< of the finding
  std::string what;  ///< "errno(ENOSYS) for clone3 comes first"; "not mended: ..." says why not
  Place place;       ///< of the finding
  bool is_done = true;
};

struct Hardened {
  Policy policy;
  std::vector<Mending> mendings;
  std::vector<Finding> left;  ///< what is found in the mended policy
  std::string text;           ///< the policy, what was mended in comments before it
  bool is_clean = false;      ///< no error is left
};

/// Mends what `findings` (those of find_all for the same source) name. `policy` may be null: the
/// filters' policy is then lifted from them. The result is shown to be nowhere looser than the
/// source, for every call. Errors: those of lift and difference; a result that is looser or of
/// which that could not be shown (an internal fault; nothing is handed out).
[[nodiscard]] Result<Hardened> harden(const Subject& source, const Policy* policy,
                                      std::span<const Arch> arches,
                                      std::span<const Finding> findings,
                                      const ProofBudget& budget = {});

}  // namespace callgate

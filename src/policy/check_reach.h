// Rules that can never match: the same rule written twice, and rules behind unconditional ones.
#pragma once

#include <map>
#include <unordered_map>

#include "callgate/policy/resolve.h"
#include "policy/findings.h"

namespace callgate::policy {

/// Told of the rules in their order, warns of those that decide nothing. Exact for what
/// unconditional rules decide; two conditions are never compared unless the rules are identical.
class Reach {
 public:
  Reach(const Policy& policy, std::span<const Arch> arches, Selection& selection)
      : policy_(policy), arches_(arches), selection_(selection), decided_(all_arches.size()) {}
  void add(const Rule& rule, Findings& findings);

 private:
  struct Decided {
    std::uint32_t last;
    const Rule* by;
  };
  /// Disjoint ranges by their first number.
  using Ranges = std::map<std::uint32_t, Decided>;

  [[nodiscard]] const Rule* twin(const Rule& rule);
  [[nodiscard]] static const Rule* covering(const Ranges& decided, const NumberRange& range);
  static void insert(Ranges& decided, const NumberRange& range, const Rule& by);

  const Policy& policy_;
  std::span<const Arch> arches_;
  Selection& selection_;
  std::vector<Ranges> decided_;  ///< by unconditional rules, indexed by Arch
  std::unordered_multimap<std::uint64_t, const Rule*> seen_;  ///< by digest; looked up only
};

}  // namespace callgate::policy

// The policies that callgate and its peers are measured on.
#pragma once

#include <string>
#include <vector>

#include "callgate/base/result.h"
#include "callgate/policy/policy.h"

namespace callgate::bench {

struct CorpusOptions {
  std::string policies;  ///< folder bench/policies
  std::string shared;    ///< folder with Docker's and containers-common's profiles, or empty
  unsigned random = 0;   ///< how many random policies
  unsigned seed = 1;
};

/// A policy, or why this machine has none of that name.
struct CorpusEntry {
  std::string name;
  Result<Policy> policy;
};

/// In a fixed order. The same options give the same policies.
[[nodiscard]] std::vector<CorpusEntry> make_corpus(const CorpusOptions& options);

}  // namespace callgate::bench

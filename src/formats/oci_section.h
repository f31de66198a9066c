// What a frontend hands to the runtime: a profile without extensions.
#pragma once

#include <span>
#include <vector>

#include "callgate/formats/oci.h"
#include "formats/oci_profile.h"

namespace callgate::oci {

/// A rule as the runtime sees it; points into the profile.
struct SectionRule {
  Action action;
  std::span<const Text> names;
  const Rule* rule = nullptr;
};

struct Section {
  bool unfiltered = false;  ///< the runtime installs no filter at all
  Action default_action{};
  std::vector<Arch> arches;         ///< what libseccomp filters: the native one first
  std::vector<Arch> listed_arches;  ///< what the section names
  std::vector<SectionRule> rules;
};

/// Applies the frontend's rules, then the runtime's checks. Mistakes go to `reporter`.
[[nodiscard]] Section select(const Profile& profile, const OciContext& context,
                             json::Reporter& reporter);

}  // namespace callgate::oci

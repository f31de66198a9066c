// From a unit's settings to the filters that systemd loads for them, and from those to one policy.
#pragma once

#include <map>
#include <set>

#include "callgate/formats/systemd.h"
#include "formats/systemd_settings.h"

namespace callgate::systemd {

/// One comparison of an argument word, as libseccomp makes it: all 64 bits, or on x32 and 32-bit
/// ABIs the low half.
struct WordTest {
  std::uint8_t index = 0;
  Relation relation = Relation::eq;
  std::uint64_t value = 0;
  std::uint64_t mask = 0;  ///< 0: none
};

/// Calls by name, on every ABI of the filter that has them.
struct FilterRule {
  Action action;
  std::vector<std::string> calls;
  std::vector<WordTest> tests;  ///< all of them hold
  Place place;
  std::vector<Arch> arches = {};  ///< empty: every ABI of the filter
};

/// What one setting loads: for each ABI a filter of its own with these rules.
struct Filter {
  Action otherwise = allow;
  std::vector<Arch> arches;
  std::vector<FilterRule> rules;
};

/// The filters of one service, the oldest first.
struct FilterStack {
  std::vector<Arch> arches;  ///< the ABIs whose calls are not refused altogether
  Action unlisted = allow;   ///< what every other ABI gets
  std::vector<Filter> filters;
};

/// The ABIs for which systemd loads filters on that machine; empty if callgate does not model it.
[[nodiscard]] std::vector<Arch> local_arches(Arch machine);

/// What systemd loads for these settings. What it would fail for goes to `diagnostics`.
[[nodiscard]] FilterStack filters_of(const Settings& settings, const UnitContext& context,
                                     std::vector<Diagnostic>& diagnostics);

/// True if libseccomp 2.5.4 builds a filter for i386 that does nothing, since i386 has no number
/// for any of its calls but those of their multiplexer.
[[nodiscard]] bool is_lost_on_i386(const Filter& filter, const UnitContext& context);

/// One policy that decides every call as the filters do together.
[[nodiscard]] Policy stack_policy(const FilterStack& stack, const UnitContext& context);

}  // namespace callgate::systemd

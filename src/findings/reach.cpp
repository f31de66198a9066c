// Rules of a policy that no call comes to, conditions included.
#include <algorithm>
#include <map>

#include "findings/rules.h"

namespace callgate::findings {
namespace {

/// Rules written at one place (an OCI rule, a promise) count as one.
bool is_before(const Place& a, const Place& b) {
  if (a.file != b.file) return a.file < b.file;
  return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/// True if the rule speaks of a call of these ABIs at all; else check() says so.
bool selects_any(Selection& selection, const Rule& rule, std::span<const Arch> arches) {
  return std::any_of(arches.begin(), arches.end(),
                     [&](Arch arch) { return !selection.numbers(rule, arch).empty(); });
}

bool is_told(const Checked& checked, const Place& place) {
  return std::any_of(
      checked.diagnostics.begin(), checked.diagnostics.end(), [&](const Diagnostic& one) {
        const bool is_of_reach = one.id == "rule-unreachable" || one.id == "rule-repeated" ||
                                 one.id == "rule-matches-nothing";
        return is_of_reach && one.place == place;
      });
}

}  // namespace

void find_unreached_rules(const Facts& facts, Findings& out) {
  if (!facts.knows_rules() || !facts.undecided().empty()) return;
  const Policy& policy = *facts.policy();
  Selection selection(policy);
  std::map<Place, std::pair<std::size_t, bool>, decltype(&is_before)> by_place(&is_before);
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    Place place = policy.rules[i].place;
    if (place.line == 0) place.column = static_cast<std::uint32_t>(i + 1);
    const auto made = by_place.try_emplace(place, i, false).first;
    const Rule& rule = policy.rules[i];
    made->second.second = made->second.second || facts.reached_rules().contains(i) ||
                          !rule.promise.empty() || rule.condition.kind == Condition::Kind::always ||
                          !selects_any(selection, rule, facts.checked().arches);
  }
  for (const auto& [place, entry] : by_place) {
    const Rule& rule = policy.rules[entry.first];
    if (entry.second || is_told(facts.checked(), rule.place)) continue;
    const std::string number =
        rule.place.line > 0 ? "" : "rule " + std::to_string(entry.first + 1) + ": ";
    out.push_back({.id = "rule-unreachable",
                   .severity = Severity::warning,
                   .message = number + "the rule can never match: its condition holds for no call "
                                       "that the rules before it leave to it",
                   .subject = number.empty() ? "rule" : number,
                   .place = rule.place,
                   .fix = "move it up, mend its condition, or remove it"});
  }
}

}  // namespace callgate::findings

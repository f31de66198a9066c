// Calls that are let through beside one that is refused and does the same, and calls that the C
// library took to and the source does not know.
//
// A refusal counts only where it is meant (Facts::is_meant); its witness is carried over to the
// other call, parameter by parameter, and tried there. Known weakness: one witness for each case of
// a decision is tried, so two conditions that overlap only in part may go unnoticed.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "callgate/abi/constants.h"
#include "findings/rules.h"
#include "findings/twins.h"

namespace callgate::findings {
namespace {

/// What one refused call is open by.
struct Opening {
  Place place;
  bool partly = false;
  std::vector<std::string> others;
  std::optional<SeccompData> witness;
};
using Openings = std::map<std::string, Opening>;

/// "O_CREAT|O_WRONLY" as a number.
std::uint64_t constants_of(Arch arch, const Parameter& parameter, std::string_view names) {
  std::uint64_t value = 0;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find('|'));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    auto one = parameter.constants != nullptr ? find_constant(arch, *parameter.constants, name)
                                              : std::nullopt;
    if (!one) one = find_constant(arch, name);
    value |= one.value_or(0);
  }
  return value;
}

/// A refused call as it must be to count, or none.
std::optional<SeccompData> refused_call(const Facts& facts, const DecidedCall& from,
                                        const DecidedCase& refusal, const Twin& twin) {
  SeccompData data = refusal.witness;
  if (twin.needs.parameter.empty()) return data;
  const Parameter* flags = find_parameter(*from.call, twin.needs.parameter);
  if (flags == nullptr) return std::nullopt;
  if (!set_parameter(data, *flags, constants_of(*from.arch, *flags, twin.needs.constants)))
    return std::nullopt;
  if (!denies_return(facts.at(from, data))) return std::nullopt;
  return data;
}

/// The same done by the other call.
SeccompData carried_over(const DecidedCall& from, const SeccompData& data, const DecidedCall& to,
                         const Twin& twin) {
  SeccompData out = call_of(*to.arch, *to.call);
  for (const Parameter& parameter : to.call->parameters) {
    if (const Parameter* same = find_parameter(*from.call, parameter.name))
      if (const auto value = parameter_of(data, *same)) set_parameter(out, parameter, *value);
    for (const Fixed& fixed : twin.fixed)
      if (fixed.parameter == parameter.name)
        set_parameter(out, parameter, constants_of(*to.arch, parameter, fixed.constants));
  }
  return out;
}

/// Of the rule that refuses, or of the first that has a say where the default refuses.
Place place_of(const Facts& facts, const DecidedCall& from, const DecidedCase& refusal) {
  if (refusal.rule) return facts.place_of(refusal);
  for (const DecidedCase& one : from.cases)
    if (one.rule) return facts.place_of(one);
  return {};
}

void note(Openings& openings, const Facts& facts, const DecidedCall& from,
          const DecidedCase& refusal, const DecidedCall& to, const SeccompData& witness) {
  Opening& opening = openings[std::string(from.call->name)];
  if (opening.others.empty()) {
    opening.place = place_of(facts, from, refusal);
    opening.partly = !Facts::is_refused(from);
    opening.witness = witness;
  }
  const std::string other = call_label(to);
  if (std::find(opening.others.begin(), opening.others.end(), other) == opening.others.end())
    opening.others.push_back(other);
}

void try_twin(const Facts& facts, Arch arch, const Twin& twin, Openings& openings) {
  const DecidedCall* from = facts.find(arch, twin.call);
  const DecidedCall* to = facts.find(arch, twin.other);
  if (from == nullptr || to == nullptr || to->permitted() == nullptr) return;
  if (!twin.same && twin.needs.parameter.empty()) {
    const DecidedCase* refusal = facts.meant_refusal(*from);
    if (refusal != nullptr && Facts::is_refused(*from))
      note(openings, facts, *from, *refusal, *to, to->permitted()->witness);
    return;
  }
  for (const DecidedCase& refusal : from->cases) {
    if (!facts.is_meant(*from, refusal)) continue;
    const auto refused = refused_call(facts, *from, refusal, twin);
    if (!refused) continue;
    const SeccompData other = carried_over(*from, *refused, *to, twin);
    if (permits_return(facts.at(*to, other)))
      return note(openings, facts, *from, refusal, *to, other);
  }
}

/// What a multiplexer carries it carries in memory: no argument of it can be told.
void try_multiplexer(const Facts& facts, const DecidedCall& to, Openings& openings) {
  for (const Multiplexed& carried : to.call->multiplexes) {
    const DecidedCall* from = facts.find(*to.arch, carried.name);
    if (from == nullptr) continue;
    const DecidedCase* refusal = facts.meant_refusal(*from);
    if (refusal == nullptr) continue;
    SeccompData data = call_of(*to.arch, *to.call);
    data.args[0] = carried.selector;
    if (permits_return(facts.at(to, data))) note(openings, facts, *from, *refusal, to, data);
  }
}

std::string times(const std::vector<std::string>& others) {
  return list_of(others) +
         (others.size() == 1 ? " does the same and is allowed" : " do the same and are allowed");
}

}  // namespace

void find_open_twins(const Facts& facts, Findings& out) {
  Openings openings;
  for (const Arch arch : facts.arches())
    for (const Twin& twin : twins()) try_twin(facts, arch, twin, openings);
  for (const DecidedCall& decision : facts.calls())
    if (decision.call != nullptr && decision.arch) try_multiplexer(facts, decision, openings);
  for (auto& [call, opening] : openings)
    out.push_back(
        {.id = "twin-open",
         .severity = Severity::error,
         .message = fmt::format("{} is refused{}, but {}", call,
                                opening.partly ? " for some arguments" : "", times(opening.others)),
         .subject = call,
         .place = opening.place,
         .witness = witness_of(facts, *opening.witness),
         .fix = fmt::format("refuse {} as well, with errno(ENOSYS) where programs can "
                            "do without, or allow {}",
                            list_of(opening.others), call)});
}

void find_refused_successors(const Facts& facts, Findings& out) {
  constexpr std::uint16_t enosys = 38;
  for (const Successor& pair : successors()) {
    std::vector<std::string> arches;
    const DecidedCase* first = nullptr;
    for (const Arch arch : facts.arches()) {
      const DecidedCall* old_call = facts.find(arch, pair.old_call);
      const DecidedCall* new_call = facts.find(arch, pair.new_call);
      if (old_call == nullptr || new_call == nullptr || old_call->permitted() == nullptr) continue;
      if (!Facts::is_refused(*new_call)) continue;
      const DecidedCase& refusal = new_call->cases.front();
      if (pair.falls_back && is_error(refusal.ret, arch, enosys)) continue;
      if (first == nullptr) first = &refusal;
      arches.emplace_back(arch_info(arch).name);
    }
    if (first == nullptr) continue;
    const std::string answer = return_label(first->witness, first->ret);
    out.push_back(
        {.id = "successor-refused",
         .severity = Severity::warning,
         .message = fmt::format("{} is allowed, but {}, which {} uses for it, gets {} on {}",
                                pair.old_call, pair.new_call, pair.user, answer, list_of(arches)),
         .subject = std::string(pair.new_call),
         .place = facts.place_of(*first),
         .witness = witness_of(facts, first->witness),
         .fix =
             pair.falls_back
                 ? fmt::format("allow {0}, or refuse it with errno(ENOSYS): callers then use {1}",
                               pair.new_call, pair.old_call)
                 : fmt::format("allow {} beside {}", pair.new_call, pair.old_call)});
  }
}

}  // namespace callgate::findings

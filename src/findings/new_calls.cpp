// What calls get that are newer than everything the source knows.
#include <fmt/format.h>

#include "callgate/abi/constants.h"
#include "findings/rules.h"

namespace callgate::findings {

void find_new_calls(const Facts& facts, Findings& out) {
  constexpr std::uint16_t enosys = 38;
  std::vector<std::string> arches;
  std::optional<SeccompData> witness;
  for (const Arch arch : facts.arches()) {
    const auto calls = syscalls(arch);
    if (calls.empty()) continue;
    const SeccompData next{.nr = calls.back().number + 1, .arch = arch_info(arch).audit};
    if (classify(next.arch, next.nr) != arch) continue;
    const std::uint32_t ret = normalise(facts.at(next));
    const auto action = action_of(ret);
    if (!action || action->kind != ActionKind::errno_ || is_error(ret, arch, enosys)) continue;
    arches.emplace_back(arch_info(arch).name);
    if (!witness) witness = next;
  }
  if (!witness) return;
  const std::string answer = return_label(*witness, normalise(facts.at(*witness)));
  out.push_back({.id = "new-calls-refused",
                 .severity = Severity::warning,
                 .message = fmt::format("calls newer than Linux {} get {} on {}: a C library that "
                                        "probes for one takes the older call only after ENOSYS",
                                        to_string(newest_release()), answer, list_of(arches)),
                 .subject = "new calls",
                 .witness = witness_of(facts, *witness),
                 .fix = "give numbers that are not known errno(ENOSYS): `unknown errno(ENOSYS)`"});
}

void find_undecided(const Facts& facts, Findings& out) {
  if (facts.undecided().empty()) return;
  out.push_back({.id = "undecided",
                 .severity = Severity::warning,
                 .message = fmt::format("nothing is known of {}: its decisions have no small "
                                        "diagram, so no rule below looked at it",
                                        list_of(facts.undecided())),
                 .subject = "undecided"});
}

}  // namespace callgate::findings

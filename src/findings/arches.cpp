// What passes on another ABI of the same machine than the calls that the source speaks of.
#include <fmt/format.h>

#include <algorithm>

#include "findings/rules.h"

namespace callgate::findings {
namespace {

/// An ABI whose calls are compared with those of another of the same kernel.
struct Pair {
  Arch base;   ///< the kernel's own
  Arch other;  ///< i386 or x32 beside x86_64, arm beside aarch64
};

bool lists(const Facts& facts, Arch arch) {
  return std::find(facts.arches().begin(), facts.arches().end(), arch) != facts.arches().end();
}

std::vector<Pair> pairs_of(const Facts& facts) {
  std::vector<Pair> pairs;
  for (const Arch base : facts.arches())
    for (const Arch other : all_arches)
      if (other != base && arch_info(other).native == base) pairs.push_back({base, other});
  return pairs;
}

/// Calls that are refused on the base, for all arguments, and pass on the other ABI.
struct Passing {
  std::vector<std::string> calls;
  std::optional<SeccompData> witness;
  Place place;
};

/// The first call of that name that passes on an ABI, listed or not.
std::optional<SeccompData> passing_call(const Facts& facts, Arch arch, const Syscall& call) {
  if (const DecidedCall* decision = facts.find(arch, call.name)) {
    const DecidedCase* passes = decision->permitted();
    return passes == nullptr ? std::nullopt : std::optional(passes->witness);
  }
  const SeccompData data = call_of(arch, call);
  return permits_return(facts.at(data)) ? std::optional(data) : std::nullopt;
}

/// `only_meant`: refusals that a rule makes, not those that the default does.
Passing passing(const Facts& facts, const Pair& pair, bool only_meant) {
  Passing out;
  for (const DecidedCall& decision : facts.calls()) {
    if (decision.arch != pair.base || decision.call == nullptr) continue;
    if (!Facts::is_refused(decision)) continue;
    const DecidedCase* meant = facts.meant_refusal(decision);
    if (only_meant && meant == nullptr) continue;
    const Syscall* there = find_syscall(pair.other, decision.call->name);
    if (there == nullptr) continue;
    const auto data = passing_call(facts, pair.other, *there);
    if (!data) continue;
    out.calls.emplace_back(decision.call->name);
    if (!out.witness) {
      out.witness = data;
      if (meant != nullptr) out.place = facts.place_of(*meant);
    }
  }
  return out;
}

struct Kind {
  std::string_view id;
  std::string_view why;
  std::string fix;
};

/// A policy's ABIs are listed on purpose; of filters only those beside a check of the architecture.
Kind kind_of(const Facts& facts, const Pair& pair, bool is_listed) {
  const std::string_view other = arch_info(pair.other).name;
  if (pair.other == Arch::x32 && (facts.policy() == nullptr || is_listed))
    return {"x32-open", "numbers of x32 pass, which share x86-64's architecture",
            "refuse numbers from 0x40000000 up, as a policy does that does not list x32"};
  if (is_listed)
    return {"abi-looser", "the rules differ between the ABIs",
            fmt::format("let the refusal hold on {} as well", other)};
  return {"arch-unchecked", "calls of other architectures pass unchecked",
          "test the architecture first: a policy does that, with `unlisted kill_process`"};
}

}  // namespace

void find_open_arches(const Facts& facts, Findings& out) {
  const bool strangers_pass =
      std::any_of(facts.calls().begin(), facts.calls().end(), [](const DecidedCall& decision) {
        return !decision.arch && decision.permitted() != nullptr;
      });
  for (const Pair& pair : pairs_of(facts)) {
    const bool is_listed = lists(facts, pair.other) && (facts.policy() != nullptr ||
                                                        !strangers_pass || pair.other == Arch::x32);
    Passing found = passing(facts, pair, is_listed);
    if (found.calls.empty()) continue;
    const Kind kind = kind_of(facts, pair, is_listed);
    const std::string_view other = arch_info(pair.other).name;
    out.push_back({.id = std::string(kind.id),
                   .severity = Severity::error,
                   .message = fmt::format(
                       "{}: {} {} refused on {} and allowed on {}", kind.why, list_of(found.calls),
                       found.calls.size() == 1 ? "is" : "are", arch_info(pair.base).name, other),
                   .subject = fmt::format("{} {}", arch_info(pair.base).name, other),
                   .place = found.place,
                   .witness = witness_of(facts, *found.witness),
                   .fix = kind.fix});
  }
}

}  // namespace callgate::findings

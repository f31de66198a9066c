// A sweep: rules enter and leave a sorted set as the number grows.
//
// Weakness: nested raw ranges with conditions make pieces times rules entries, which is the size of
// what they say.
#include "compiler/numbers.h"

#include <algorithm>
#include <set>

namespace callgate {
namespace {

/// First and last number of an ABI, -1 aside.
NumberRange domain(Arch arch) {
  const ArchInfo& info = arch_info(arch);
  if (info.number_flag != 0) return {info.number_flag, skipped_call - 1};
  // An ABI whose audit number another ABI shares ends where the other begins.
  const bool is_shared = std::any_of(all_arches.begin(), all_arches.end(), [&](Arch other) {
    return arch_info(other).audit == info.audit && arch_info(other).number_flag != 0;
  });
  return {0, is_shared ? x32_bit - 1 : skipped_call - 1};
}

/// What changes at a number.
struct Event {
  std::uint64_t at = 0;
  enum class Kind : std::uint8_t { leave, enter, cut } kind = Kind::cut;
  std::size_t rule = 0;
};

void add_rule_events(const Policy& policy, Arch arch, std::vector<Event>& events) {
  Selection selection(policy);
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    for (const auto& [first, last] : selection.numbers(policy.rules[i], arch)) {
      events.push_back({first, Event::Kind::enter, i});
      events.push_back({std::uint64_t{last} + 1, Event::Kind::leave, i});
    }
  }
}

void add_call_events(Arch arch, std::vector<Event>& events) {
  for (const Syscall& call : syscalls(arch)) {
    events.push_back({call.number, Event::Kind::cut, 0});
    events.push_back({std::uint64_t{call.number} + 1, Event::Kind::cut, 0});
  }
}

/// In order of their numbers; the calls' own are ascending by themselves.
std::vector<Event> events_of(const Policy& policy, Arch arch, std::uint32_t first) {
  const auto is_before = [](const Event& a, const Event& b) { return a.at < b.at; };
  std::vector<Event> events{{first, Event::Kind::cut, 0}};
  add_call_events(arch, events);
  const auto calls = static_cast<std::ptrdiff_t>(events.size());
  add_rule_events(policy, arch, events);
  std::sort(events.begin() + calls, events.end(), is_before);
  std::inplace_merge(events.begin(), events.begin() + calls, events.end(), is_before);
  return events;
}

Action fallback_of(const Policy& policy, Arch arch, std::uint32_t number) {
  const Syscall* call = find_syscall(arch, number);
  const bool is_assigned = call != nullptr && call->since <= abi_level(policy);
  const bool is_unknown = !is_assigned && denies(policy.otherwise.kind);
  return is_unknown ? policy.unknown : policy.otherwise;
}

/// The active rules that can decide: in order, up to the first without a condition.
std::vector<std::size_t> deciding(const Policy& policy, const std::set<std::size_t>& active) {
  std::vector<std::size_t> rules;
  for (const std::size_t rule : active) {
    rules.push_back(rule);
    if (policy.rules[rule].condition.kind == Condition::Kind::always) break;
  }
  return rules;
}

}  // namespace

Result<std::vector<NumberPiece>> number_pieces(const Policy& policy, Arch arch) {
  const auto [first, last] = domain(arch);
  const std::vector<Event> events = events_of(policy, arch, first);
  std::vector<NumberPiece> pieces;
  std::set<std::size_t> active;
  std::size_t total = 0;
  for (std::size_t i = 0; i < events.size() && events[i].at <= last;) {
    const std::uint64_t at = events[i].at;
    for (; i < events.size() && events[i].at == at; ++i) {
      if (events[i].kind == Event::Kind::enter) active.insert(events[i].rule);
      if (events[i].kind == Event::Kind::leave) active.erase(events[i].rule);
    }
    const std::uint64_t next = i < events.size() ? events[i].at : last + std::uint64_t{1};
    const auto start = static_cast<std::uint32_t>(at);
    const auto end = static_cast<std::uint32_t>(std::min<std::uint64_t>(next - 1, last));
    pieces.push_back({{start, end}, deciding(policy, active), fallback_of(policy, arch, start)});
    total += pieces.back().rules.size();
    if (total > max_piece_rules) {
      return fail("too many rules with conditions speak of the same call numbers on " +
                      std::string(arch_info(arch).name) + ": a filter has no room for them",
                  "let fewer rules speak of number ranges or of every number");
    }
  }
  return pieces;
}

NumberPiece skipped_piece(const Policy& policy, Arch arch) {
  NumberPiece piece{{skipped_call, skipped_call}, {}, policy.otherwise};
  if (arch_info(arch).number_flag != 0) return piece;
  Selection selection(policy);
  std::set<std::size_t> active;
  const auto may_reach = [](const Selector& selector) {
    return selector.kind == Selector::Kind::numbers && selector.last == skipped_call;
  };
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    const std::vector<Selector>& calls = policy.rules[i].calls;
    if (std::none_of(calls.begin(), calls.end(), may_reach)) continue;
    const std::vector<NumberRange> numbers = selection.numbers(policy.rules[i], arch);
    if (!numbers.empty() && numbers.back().last == skipped_call) active.insert(i);
  }
  piece.rules = deciding(policy, active);
  return piece;
}

}  // namespace callgate

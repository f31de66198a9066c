#include "meaning/policy_lists.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "callgate/abi/constants.h"
#include "callgate/meaning/proof.h"

namespace callgate::meaning {
namespace {

bool contains(std::span<const Arch> arches, Arch arch) {
  return std::find(arches.begin(), arches.end(), arch) != arches.end();
}

void append(std::string& key, std::uint64_t value) {
  std::array<char, sizeof value> bytes;
  std::memcpy(bytes.data(), &value, sizeof value);
  key.append(bytes.data(), bytes.size());
}

std::uint32_t ret_on(Arch arch, Action action) { return normalise(action_on(arch, action).ret()); }

/// The list of calls that no rule tells apart.
DecisionList plain(Arch arch, const Verdict& verdict) {
  return {.items = {}, .rest = verdict, .rest_ret = ret_on(arch, verdict.action)};
}

std::string key_of(const DecisionList& list) {
  std::string key;
  append(key, list.rest_ret);
  append(key, static_cast<std::uint64_t>(list.rest.source));
  append(key, list.rest.rule ? *list.rest.rule + 1 : 0);
  for (const ListItem& item : list.items) {
    append(key, std::uint64_t{item.condition} << 32 | item.ret);
    append(key, item.rule);
  }
  return key;
}

/// `first`, and where within first..last the calls of an ABI and the gaps between them begin,
/// ascending.
std::vector<std::uint32_t> call_bounds(Arch arch, std::uint32_t first, std::uint32_t last) {
  std::vector<std::uint32_t> bounds{first};
  const auto add = [&](std::uint64_t number) {
    if (bounds.back() < number && number <= last)
      bounds.push_back(static_cast<std::uint32_t>(number));
  };
  for (const Syscall& call : syscalls(arch)) {
    add(call.number);
    add(std::uint64_t{call.number} + 1);
  }
  return bounds;
}

/// For each start the rules whose ranges hold it, in order. Every range begins and ends at a start.
std::vector<std::vector<std::uint32_t>> rules_by_start(
    const std::vector<std::uint32_t>& starts,
    const std::vector<std::vector<NumberRange>>& selected) {
  std::vector<std::vector<std::uint32_t>> rules(starts.size());
  for (std::uint32_t rule = 0; rule < selected.size(); ++rule) {
    for (const NumberRange& range : selected[rule]) {
      auto at = std::lower_bound(starts.begin(), starts.end(), range.first);
      for (; at != starts.end() && *at <= range.last; ++at)
        rules[static_cast<std::size_t>(at - starts.begin())].push_back(rule);
    }
  }
  return rules;
}

constexpr std::uint32_t unknown_list = 0xffffffff;

/// A function of nr that has one value from each start to the next.
class Staircase {
 public:
  Staircase(MeaningStore& store, const WordOrder& order) : store_(store), order_(order) {}
  void add(std::uint32_t first, Diagram value) { steps_.push_back({first, value}); }
  [[nodiscard]] Diagram diagram() const { return build(0, 32, 0, steps_.size()); }

 private:
  /// The numbers from `base` of `bits` free low bits, for which steps [begin, end) can count.
  [[nodiscard]] Diagram build(std::uint32_t base, unsigned bits, std::size_t begin,
                              std::size_t end) const {
    if (end - begin == 1) return steps_[begin].second;
    const std::uint32_t middle = base + (std::uint32_t{1} << (bits - 1));
    std::size_t split = begin;
    while (split < end && steps_[split].first < middle) ++split;
    const bool starts_there = split < end && steps_[split].first == middle;
    const Diagram low = build(base, bits - 1, begin, split);
    const Diagram high = build(middle, bits - 1, starts_there ? split : split - 1, end);
    return store_.node(order_.level(number_word, bits - 1), low, high);
  }

  MeaningStore& store_;
  const WordOrder& order_;
  std::vector<std::pair<std::uint32_t, Diagram>> steps_;
};

}  // namespace

PolicyLists::PolicyLists(const Policy& policy, std::span<const Arch> arches,
                         ConditionTable& conditions)
    : policy_(policy), arches_(arches), conditions_(conditions) {
  // List 0 is that of every call of an ABI that is not listed.
  const Arch first = arches.empty() ? native_arch() : arches.front();
  (void)intern(plain(first, {policy.unlisted, Verdict::Source::unlisted, {}}));
  needs_call_.reserve(policy.rules.size());
  for (const Rule& rule : policy.rules)
    needs_call_.push_back(names_parameter(rule.condition) ? 1 : 0);
  std::vector<std::uint32_t> audits;
  for (const Arch arch : arches) audits.push_back(arch_info(arch).audit);
  std::sort(audits.begin(), audits.end());
  audits.erase(std::unique(audits.begin(), audits.end()), audits.end());
  for (const std::uint32_t audit : audits) add_audit(audit);
}

std::uint32_t PolicyLists::intern(DecisionList list) {
  const auto [entry, is_new] =
      list_ids_.try_emplace(key_of(list), static_cast<std::uint32_t>(lists_.size()));
  if (is_new) lists_.push_back(std::move(list));
  return entry->second;
}

void PolicyLists::add_audit(std::uint32_t audit) {
  ArchSpans spans{.audit = audit};
  add_piece(spans, 0, x32_bit - 1);
  add_piece(spans, x32_bit, skipped_call - 1);
  add_piece(spans, skipped_call, skipped_call);
  arch_spans_.push_back(std::move(spans));
}

/// Numbers that one ABI has all of.
void PolicyLists::add_piece(ArchSpans& out, std::uint32_t first, std::uint32_t last) {
  const std::optional<Arch> arch = classify(out.audit, first);
  if (arch && contains(arches_, *arch)) return add_abi(out, *arch, first, last);
  const bool is_skipped_x32 =
      first == skipped_call && arch == Arch::x86_64 && contains(arches_, Arch::x32);
  const std::uint32_t list =
      is_skipped_x32 ? intern(plain(Arch::x32, {policy_.otherwise, Verdict::Source::otherwise, {}}))
                     : 0;
  out.spans.push_back({first, list});
}

void PolicyLists::add_abi(ArchSpans& out, Arch arch, std::uint32_t first, std::uint32_t last) {
  Selection selection(policy_);
  std::vector<std::vector<NumberRange>> selected;
  selected.reserve(policy_.rules.size());
  std::vector<std::uint32_t> starts = call_bounds(arch, first, last);
  const auto calls = static_cast<std::ptrdiff_t>(starts.size());
  const auto start_at = [&](std::uint64_t number) {
    const auto at = static_cast<std::uint32_t>(number);
    const bool is_new = find_syscall(arch, at) == nullptr && find_syscall(arch, at - 1) == nullptr;
    if (first < number && number <= last && is_new) starts.push_back(at);
  };
  for (const Rule& rule : policy_.rules) {
    selected.push_back(selection.numbers(rule, arch));
    for (const NumberRange& range : selected.back()) {
      start_at(range.first);
      start_at(std::uint64_t{range.last} + 1);
    }
  }
  std::sort(starts.begin() + calls, starts.end());
  std::inplace_merge(starts.begin(), starts.begin() + calls, starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());

  const std::vector<std::vector<std::uint32_t>> rules = rules_by_start(starts, selected);
  // Most calls are decided by one rule without a condition, each such rule's calls alike.
  std::vector<std::uint32_t> plain_lists(policy_.rules.size(), unknown_list);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const bool is_plain = !rules[i].empty() &&
                          policy_.rules[rules[i].front()].condition.kind == Condition::Kind::always;
    std::uint32_t list = is_plain ? plain_lists[rules[i].front()] : unknown_list;
    if (list == unknown_list) list = intern(list_for(rules[i], arch, starts[i]));
    if (is_plain) plain_lists[rules[i].front()] = list;
    out.spans.push_back({starts[i], list});
  }
}

ConditionId PolicyLists::condition_of(std::size_t rule, Arch arch, const Syscall* call) {
  const Rule& source = policy_.rules[rule];
  if (needs_call_[rule] != 0 && is_untestable(source.condition, arch, call)) {
    const bool loosens = untestable_rule(policy_, source) == OnUntestable::allow_;
    return denies(source.action.kind) != loosens ? always : never;
  }
  return conditions_.add(source.condition, arch, call);
}

DecisionList PolicyLists::list_for(std::span<const std::uint32_t> rules, Arch arch,
                                   std::uint32_t number) {
  DecisionList list = plain(arch, unmatched(arch, number));
  const Syscall* call = find_syscall(arch, number);
  for (const std::uint32_t rule : rules) {
    const ConditionId condition = condition_of(rule, arch, call);
    const Action action = policy_.rules[rule].action;
    if (condition == always) {
      list.rest = {action, Verdict::Source::rule, rule};
      list.rest_ret = ret_on(arch, action);
      break;
    }
    if (condition != never) list.items.push_back({condition, ret_on(arch, action), rule});
  }
  return list;
}

Verdict PolicyLists::unmatched(Arch arch, std::uint32_t number) const {
  const Syscall* call = find_syscall(arch, number);
  const bool is_assigned = call != nullptr && call->since <= abi_level(policy_);
  if (number == skipped_call || is_assigned || !denies(policy_.otherwise.kind))
    return {policy_.otherwise, Verdict::Source::otherwise, {}};
  return {policy_.unknown, Verdict::Source::unknown, {}};
}

const DecisionList& PolicyLists::list_of(std::uint32_t audit, std::uint32_t number) const {
  for (const ArchSpans& arch : arch_spans_) {
    if (arch.audit != audit) continue;
    const auto after = std::upper_bound(
        arch.spans.begin(), arch.spans.end(), number,
        [](std::uint32_t value, const NumberSpan& span) { return value < span.first; });
    return lists_[(after - 1)->list];
  }
  return lists_[0];
}

Diagram PolicyLists::diagram(MeaningStore& store, const WordOrder& order,
                             std::span<const Diagram> terminals) const {
  Diagram result = terminals[0];
  const Bits audit_bits = order.bits(store, arch_word);
  for (const ArchSpans& arch : arch_spans_) {
    Staircase numbers(store, order);
    for (const NumberSpan& span : arch.spans) {
      if (&span != arch.spans.data() && (&span - 1)->list == span.list) continue;
      numbers.add(span.first, terminals[span.list]);
    }
    const Diagram is_arch = equal_bits(store, audit_bits, constant_bits(arch.audit));
    result = store.if_then_else(is_arch, numbers.diagram(), result);
  }
  return result;
}

}  // namespace callgate::meaning

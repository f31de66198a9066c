// Interval maps of the numbers that unconditional rules have decided, one an ABI.
#include "policy/check_reach.h"

#include <algorithm>
#include <cstring>

namespace callgate::policy {
namespace {

/// A digest of what tells rules apart, eight bytes at a time. Equal rules have equal digests.
class Digest {
 public:
  void add(std::uint64_t number) {
    value_ = (value_ ^ number) * 0x9e3779b97f4a7c15;
    value_ ^= value_ >> 32;
  }
  void add(std::string_view text) {
    add(text.size());
    for (; !text.empty(); text.remove_prefix(std::min(text.size(), sizeof(std::uint64_t)))) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data(), std::min(text.size(), sizeof word));
      add(word);
    }
  }
  void add(const Condition& condition) {
    add(static_cast<std::uint64_t>(condition.kind));
    add(condition.test.operand.name);
    add(condition.test.operand.index);
    for (const Interval& interval : condition.test.values) {
      add(interval.first.number);
      for (const std::string& name : interval.first.names) add(name);
    }
    for (const Condition& child : condition.children) add(child);
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

std::uint64_t digest(const Rule& rule) {
  Digest out;
  out.add(rule.action.ret());
  for (const Selector& selector : rule.calls) {
    out.add(selector.name);
    out.add(std::uint64_t{selector.first} << 32 | selector.last);
  }
  out.add(rule.condition);
  return out.value();
}

std::string where(const Policy& policy, const Rule& rule) {
  if (rule.place.line > 0) return "in line " + std::to_string(rule.place.line);
  return "rule " + std::to_string(&rule - policy.rules.data() + 1);
}

}  // namespace

const Rule* Reach::twin(const Rule& rule) {
  const std::uint64_t key = digest(rule);
  const auto [begin, end] = seen_.equal_range(key);
  const auto found = std::find_if(begin, end, [&](const auto& e) { return *e.second == rule; });
  if (found != end) return found->second;
  seen_.emplace(key, &rule);
  return nullptr;
}

const Rule* Reach::covering(const Ranges& decided, const NumberRange& range) {
  const Rule* by = nullptr;
  std::uint64_t next = range.first;
  while (next <= range.last) {
    auto found = decided.upper_bound(static_cast<std::uint32_t>(next));
    if (found == decided.begin()) return nullptr;
    --found;
    if (found->second.last < next) return nullptr;
    if (by == nullptr) by = found->second.by;
    next = std::uint64_t{found->second.last} + 1;
  }
  return by;
}

void Reach::insert(Ranges& decided, const NumberRange& range, const Rule& by) {
  std::uint64_t next = range.first;
  while (next <= range.last) {
    const auto after = decided.upper_bound(static_cast<std::uint32_t>(next));
    if (after != decided.begin()) {
      const auto before = std::prev(after);
      if (before->second.last >= next) {
        next = std::uint64_t{before->second.last} + 1;
        continue;
      }
    }
    const std::uint64_t end = after == decided.end() ? std::uint64_t{1} << 32 : after->first;
    const std::uint64_t last = std::min<std::uint64_t>(range.last, end - 1);
    decided.emplace(static_cast<std::uint32_t>(next),
                    Decided{static_cast<std::uint32_t>(last), &by});
    next = last + 1;
  }
}

void Reach::add(const Rule& rule, Findings& findings) {
  const Rule* same = twin(rule);
  const Rule* decided_by = nullptr;
  bool reaches = false;
  for (const Arch arch : arches_) {
    Ranges& decided = decided_[static_cast<std::size_t>(arch)];
    for (const NumberRange& range : selection_.numbers(rule, arch)) {
      const Rule* by = covering(decided, range);
      if (by == nullptr) reaches = true;
      if (decided_by == nullptr) decided_by = by;
      if (rule.condition.kind == Condition::Kind::always) insert(decided, range, rule);
    }
  }
  if (!rule.promise.empty()) return;  // a promise is not to be told from what stands before it
  if (same != nullptr)
    findings.add({Severity::warning,
                  "the same rule stands " + where(policy_, *same) + "; this one decides nothing",
                  "remove it", "rule-repeated"},
                 policy_, rule, {});
  else if (!reaches && decided_by != nullptr)
    findings.add({Severity::warning,
                  "the rule can never match: its calls are all decided before it, without a "
                  "condition, first " +
                      where(policy_, *decided_by),
                  "move it up, or remove it", "rule-unreachable"},
                 policy_, rule, {});
}

}  // namespace callgate::policy

// The first layer of a policy's Meaning: for each ABI, which numbers have which decision list.
#pragma once

#include <optional>
#include <vector>

#include "callgate/policy/evaluate.h"
#include "meaning/conditions.h"
#include "meaning/returns.h"

namespace callgate::meaning {

/// A conditional rule as it stands for one call.
struct ListItem {
  ConditionId condition = never;
  std::uint32_t ret = 0;
  std::size_t rule = 0;
  bool operator==(const ListItem&) const = default;
};

/// What decides a call: the first item whose condition holds, else `rest`.
struct DecisionList {
  std::vector<ListItem> items;
  Verdict rest;
  std::uint32_t rest_ret = 0;  ///< what the filter returns for `rest`, normalised
  bool operator==(const DecisionList&) const = default;
};

/// The decision lists of a policy for some ABIs, and who has which.
class PolicyLists {
 public:
  PolicyLists(const Policy& policy, std::span<const Arch> arches, ConditionTable& conditions);

  [[nodiscard]] const std::vector<DecisionList>& lists() const noexcept { return lists_; }
  /// The list of a call.
  [[nodiscard]] const DecisionList& list_of(std::uint32_t audit, std::uint32_t number) const;
  /// Over arch and nr; `terminals[i]` stands for lists()[i]. In `order` arch and nr come first.
  [[nodiscard]] Diagram diagram(MeaningStore& store, const WordOrder& order,
                                std::span<const Diagram> terminals) const;

 private:
  /// Numbers from `first` to the next span's of the same audit number.
  struct NumberSpan {
    std::uint32_t first = 0;
    std::uint32_t list = 0;
  };
  struct ArchSpans {
    std::uint32_t audit = 0;
    std::vector<NumberSpan> spans;  ///< the first begins at 0
  };

  void add_audit(std::uint32_t audit);
  void add_piece(ArchSpans& out, std::uint32_t first, std::uint32_t last);
  void add_abi(ArchSpans& out, Arch arch, std::uint32_t first, std::uint32_t last);
  [[nodiscard]] DecisionList list_for(std::span<const std::uint32_t> rules, Arch arch,
                                      std::uint32_t number);
  [[nodiscard]] ConditionId condition_of(std::size_t rule, Arch arch, const Syscall* call);
  [[nodiscard]] Verdict unmatched(Arch arch, std::uint32_t number) const;
  [[nodiscard]] std::uint32_t intern(DecisionList list);

  const Policy& policy_;
  std::span<const Arch> arches_;
  ConditionTable& conditions_;
  std::vector<char> needs_call_;  ///< by rule: its condition names a parameter
  std::vector<DecisionList> lists_;
  std::unordered_map<std::string, std::uint32_t> list_ids_;  ///< never iterated
  std::vector<ArchSpans> arch_spans_;                        ///< ascending by audit number
};

}  // namespace callgate::meaning

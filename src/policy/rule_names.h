// Which names a policy's text may use: those of every ABI's tables.
#pragma once

#include <map>
#include <optional>
#include <utility>

#include "callgate/abi/constants.h"
#include "callgate/policy/policy.h"
#include "policy/names.h"

namespace callgate::policy {

[[nodiscard]] NameFault arch_fault(std::string_view name);

/// The parameters and constants that the conditions of one rule may name. Keeps what it has looked
/// up; the rule's selectors and section must outlive it.
class RuleNames {
 public:
  explicit RuleNames(const Rule& rule) : rule_(rule) {}

  [[nodiscard]] std::optional<NameFault> parameter_fault(const std::string& parameter);
  /// For a raw word `parameter` is empty: any constant will do.
  [[nodiscard]] std::optional<NameFault> constant_fault(const std::string& parameter,
                                                        std::string_view constant);
  /// True if it is a pointer of some call of the rule.
  [[nodiscard]] bool is_pointer(const std::string& parameter);
  /// The integer parameter that a call of the rule holds in an argument word, or an empty view.
  [[nodiscard]] std::string_view parameter_in_word(std::uint8_t index);

 private:
  struct Facts {
    bool is_known = false;  ///< some call has it
    bool is_pointer = false;
    bool takes_any = false;  ///< some call has it without a set of constants
    std::vector<const ConstantSet*> sets;
  };
  [[nodiscard]] const Facts& facts(const std::string& parameter);
  void collect_calls();

  const Rule& rule_;
  bool is_collected_ = false;
  bool is_open_ = false;  ///< a call without a known signature, or raw numbers: any name may be
  std::vector<const Syscall*> calls_;
  std::map<std::string, Facts, std::less<>> facts_;
};

}  // namespace callgate::policy

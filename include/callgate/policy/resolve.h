// From names to numbers: what the three readings of a policy (evaluate, Meaning, lowering) share
// besides the ABI tables. Conditions are read by each of them on its own.
#pragma once

#include "callgate/abi/constants.h"
#include "callgate/abi/syscalls.h"
#include "callgate/base/result.h"
#include "callgate/policy/policy.h"

namespace callgate {

/// An inclusive range of call numbers.
struct NumberRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  bool operator==(const NumberRange&) const = default;
};

/// The numbers of one ABI that a rule speaks of, ascending, disjoint, not adjacent. Empty if the
/// rule's section excludes the ABI, and for names that it lacks. Ranges are clipped to the ABI's
/// own numbers (classify): a raw range never reaches from x86-64 into x32. -1 is there only if a
/// raw range names it.
///
/// A group's multiplexed form (socketcall of @socket on i386) is there under a rule that does not
/// deny only where every call it can carry is, on that ABI, first matched by a rule without a
/// condition that permits it; under a rule that denies it is always there.
[[nodiscard]] std::vector<NumberRange> selected_numbers(const Policy& policy, const Rule& rule,
                                                        Arch arch);

/// selected_numbers for many rules of one policy: what is judged by all rules together is judged
/// once. The policy must outlive it and not change. Not thread-safe.
class Selection {
 public:
  explicit Selection(const Policy& policy) : policy_(policy) {}
  /// As selected_numbers(policy, rule, arch).
  [[nodiscard]] std::vector<NumberRange> numbers(const Rule& rule, Arch arch);
  /// True if a rule on a group selects that form of it.
  [[nodiscard]] bool selects_form(const Rule& rule, Arch arch, const Syscall& form);

 private:
  struct Judgement {
    Arch arch;
    const Syscall* multiplexer;  ///< ABIs may share a table
    bool carries_only_permitted;
  };
  const Policy& policy_;
  std::vector<Judgement> judged_;
};

/// What a test's operand is on one ABI for one call (null for a number that has no name).
struct ResolvedOperand {
  bool testable = true;                      ///< false: the rule's on_untestable applies
  Operand::Kind kind = Operand::Kind::word;  ///< never `parameter`, except for word_pair
  const Parameter* parameter = nullptr;      ///< set where the operand is a named parameter
  std::uint8_t low = 0;                      ///< argument word
  std::uint8_t high = 0;                     ///< second argument word of a pair
  bool is_pair = false;                      ///< value is args[high].lo << 32 | args[low].lo
  unsigned bits = 64;                        ///< 16, 32, 64: only these low bits count
  bool is_signed = false;
};
/// Error: no such parameter on this call.
[[nodiscard]] Result<ResolvedOperand> resolve_operand(const Operand& operand, Arch arch,
                                                      const Syscall* call);

/// A value's bits on one ABI, cut to the operand's width. Errors: unknown constant, out of range.
[[nodiscard]] Result<std::uint64_t> resolve_value(const Value& value, Arch arch,
                                                  const ResolvedOperand& operand);

/// True if some test of the condition cannot be made for that call on that ABI.
[[nodiscard]] bool is_untestable(const Condition& condition, Arch arch, const Syscall* call);
/// The on_untestable that holds for a rule.
[[nodiscard]] OnUntestable untestable_rule(const Policy& policy, const Rule& rule) noexcept;

}  // namespace callgate

// Proofs about policies and programs. See docs/proof.md for what is proved and on what it rests.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "callgate/meaning/subject.h"

namespace callgate {

/// How much work a question may take.
struct ProofBudget {
  std::size_t nodes_per_call = 200'000;   ///< diagram nodes for one call
  std::size_t nodes_in_all = 20'000'000;  ///< diagram nodes for the whole question
};

/// Where a compiler says the blocks of a call's first-match chain begin: a hint, never trusted.
/// Block i decides rules[i] (an index into Policy::rules); what no block decides falls to the last
/// entry, which decides by the rest of the policy (`otherwise` or `unknown`).
struct ChainHint {
  Arch arch = Arch::x86_64;
  std::uint32_t number = 0;          ///< call number
  std::vector<std::size_t> rules;    ///< policy rules in order
  std::vector<std::size_t> entries;  ///< instruction indices, one more than rules
  /// For each rule (or for none) where the parts of its condition begin: of `all` and `any` each
  /// child but the first, what lies within a child before the child after it.
  std::vector<std::vector<std::size_t>> steps;
};

/// Equal for every seccomp_data.
struct Equal {};
/// Not equal: a call and what each side returns for it (normalised SECCOMP_RET values).
struct Differs {
  SeccompData witness;
  std::uint32_t left = 0;
  std::uint32_t right = 0;
};
/// The budget ran out; `call` names where ("x86_64 ioctl").
struct Undecided {
  std::string call;
};
using Answer = std::variant<Equal, Differs, Undecided>;

/// Does the program decide every call as the policy does? `check` must have found no error.
/// `hints` may be empty; a wrong hint can make the answer Undecided, never Equal.
[[nodiscard]] Answer prove(const Policy& policy, std::span<const Arch> arches,
                           const Program& program, std::span<const ChainHint> hints = {},
                           const ProofBudget& budget = {});

/// Do two programs (of one target) return the same for every call? Values are normalised first:
/// ERRNO data capped at 4095, data of actions that ignore it cleared, unknown kinds kept apart by
/// rank but all killing the process.
[[nodiscard]] Answer equal(const Program& left, const Program& right,
                           const ProofBudget& budget = {});

/// Do two policies decide every call alike (for these ABIs)?
[[nodiscard]] Answer equal(const Policy& left, const Policy& right, std::span<const Arch> arches,
                           const ProofBudget& budget = {});

/// Do two subjects decide every call alike? Policies must have no error for `check`, programs be of
/// one target.
[[nodiscard]] Answer equal(const Subject& left, const Subject& right,
                           const ProofBudget& budget = {});

/// Is `left` nowhere looser than `right` in the kernel's order of actions? Equal means yes; Differs
/// gives a call for which left ranks above right.
[[nodiscard]] Answer stricter(const Program& left, const Program& right,
                              const ProofBudget& budget = {});

/// A return value as the kernel tells it apart (__seccomp_filter of kernel/seccomp.c, 6.12): errno
/// capped at MAX_ERRNO (4095), the data of TRAP and TRACE kept, all other data dropped.
[[nodiscard]] std::uint32_t normalise(std::uint32_t ret) noexcept;

}  // namespace callgate

// The rules of check: each a function over the facts that adds what it finds.
#pragma once

#include "findings/facts.h"

namespace callgate::findings {

using Findings = std::vector<Finding>;

void find_open_arches(const Facts& facts, Findings& out);  ///< arch-unchecked, x32-open, abi-looser
void find_widths(const Facts& facts, Findings& out);       ///< compared-*, sign-extended
void find_open_twins(const Facts& facts, Findings& out);   ///< twin-open
void find_refused_successors(const Facts& facts, Findings& out);  ///< successor-refused
void find_new_calls(const Facts& facts, Findings& out);           ///< new-calls-refused
void find_ring(const Facts& facts, Findings& out);                ///< io-uring-open
void find_powers(const Facts& facts, Findings& out);              ///< ptrace-*, bpf-, listener-
void find_unreached_rules(const Facts& facts, Findings& out);     ///< rule-unreachable
void find_uncached(const Facts& facts, Findings& out);            ///< cache-lost, cache-arguments
void find_release(const Facts& facts, Findings& out);             ///< kernel-*
void find_undecided(const Facts& facts, Findings& out);           ///< undecided

/// A call with each of these parameters set: those that it does not hold in registers are left out.
[[nodiscard]] SeccompData call_of(Arch arch, const Syscall& call);
/// Sets a parameter to a value, cut to its width; false if it is in no register.
bool set_parameter(SeccompData& data, const Parameter& parameter, std::uint64_t value);
/// The value of a parameter; none if it is in no register.
[[nodiscard]] std::optional<std::uint64_t> parameter_of(const SeccompData& data,
                                                        const Parameter& parameter);
/// All ones in the low `bits` bits.
[[nodiscard]] constexpr std::uint64_t low_ones(unsigned bits) noexcept {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

}  // namespace callgate::findings

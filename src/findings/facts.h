// What a source decides, as the rules of check ask it: its survey, and of a policy which rule
// decides what.
//
// The rule of a decision is read from a survey of the policy with a return value of its own for
// each rule (traps and traces carry 16 bits). Known weakness: policies of more than 65,000 rules
// are surveyed without their rules.
#pragma once

#include <optional>
#include <set>

#include "callgate/findings/finding.h"
#include "callgate/meaning/survey.h"

namespace callgate::findings {

/// What a call gets for some of its arguments; read in order, as Case.
struct DecidedCase {
  std::uint32_t ret = 0;  ///< normalised
  Condition when;
  SeccompData witness;
  std::optional<std::size_t> rule;  ///< the policy's rule that decides; none: no rule does
};

struct DecidedCall {
  std::optional<Arch> arch;
  NumberRange numbers;
  const Syscall* call = nullptr;
  std::vector<DecidedCase> cases;

  [[nodiscard]] const DecidedCase* permitted() const noexcept;  ///< the first case that permits
  [[nodiscard]] const DecidedCase* refused() const noexcept;    ///< the first that denies
};

[[nodiscard]] bool permits_return(std::uint32_t ret) noexcept;  ///< ALLOW, LOG
[[nodiscard]] bool denies_return(std::uint32_t ret) noexcept;
/// True for a refusal with that error on that ABI.
[[nodiscard]] bool is_error(std::uint32_t ret, Arch arch, std::uint16_t generic) noexcept;

class Facts {
 public:
  /// Errors: those of survey_of.
  [[nodiscard]] static Result<Facts> of(const Checked& checked);

  [[nodiscard]] const Checked& checked() const noexcept { return *checked_; }
  [[nodiscard]] const Policy* policy() const noexcept { return checked_->policy; }
  [[nodiscard]] std::span<const Arch> arches() const noexcept { return arches_; }
  [[nodiscard]] std::span<const DecidedCall> calls() const noexcept { return calls_; }
  /// Calls about which nothing is known, "x86_64 ioctl".
  [[nodiscard]] const std::vector<std::string>& undecided() const noexcept { return undecided_; }
  /// A call by name; null if the ABI has none, or if nothing is known of it.
  [[nodiscard]] const DecidedCall* find(Arch arch, std::string_view name) const noexcept;
  /// What is returned for a call of a decision, by its cases; those of `find(arch, ...)`.
  [[nodiscard]] std::uint32_t at(const DecidedCall& decision, const SeccompData& data) const;
  [[nodiscard]] std::uint32_t at(const SeccompData& data) const {
    return checked_->subject.at(data);
  }
  /// The filters, the oldest first, if the source is no policy.
  [[nodiscard]] std::span<const Program> programs() const noexcept;

  /// True if who wrote the source meant to refuse this: a rule names the call and denies (with
  /// another error than ENOSYS, which sends programs to an older call), or the call passes for
  /// other arguments. Of filters: it gets another answer than most calls that are refused.
  [[nodiscard]] bool is_meant(const DecidedCall& decision, const DecidedCase& refusal) const;
  /// The first refusal that is_meant, or null.
  [[nodiscard]] const DecidedCase* meant_refusal(const DecidedCall& decision) const;
  /// Refused for all arguments.
  [[nodiscard]] static bool is_refused(const DecidedCall& decision) noexcept;

  /// True if what nobody speaks of passes.
  [[nodiscard]] bool is_denylist() const noexcept { return is_denylist_; }

  /// Rules that some call reaches, by index; none are known where `knows_rules` is false.
  [[nodiscard]] const std::set<std::size_t>& reached_rules() const noexcept { return reached_; }
  [[nodiscard]] bool knows_rules() const noexcept { return knows_rules_; }
  /// The place of the rule that decides a case; empty if none does.
  [[nodiscard]] Place place_of(const DecidedCase& decided) const;

 private:
  Facts() = default;
  void take(const Survey& survey);
  void settle_defaults();

  const Checked* checked_ = nullptr;
  std::vector<Arch> arches_;
  std::vector<DecidedCall> calls_;
  std::vector<std::string> undecided_;
  std::set<std::size_t> reached_;
  bool knows_rules_ = false;
  /// Of filters: what most refused calls get; none where numbers without a call pass.
  std::optional<std::uint32_t> common_refusal_;
  bool is_denylist_ = false;
};

/// The name of a call where it is decided: "i386 socketcall", or "socket" on the first of several.
[[nodiscard]] std::string call_label(const DecidedCall& decision);
[[nodiscard]] FindingWitness witness_of(const Facts& facts, const SeccompData& call);
/// "errno(EPERM)", on the ABI of the call.
[[nodiscard]] std::string return_label(const SeccompData& call, std::uint32_t ret);
/// "a, b and 3 more"
[[nodiscard]] std::string list_of(const std::vector<std::string>& names, std::size_t shown = 4);

}  // namespace callgate::findings

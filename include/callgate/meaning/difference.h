// Which calls with which argument values change from what to what.
#pragma once

#include "callgate/meaning/survey.h"

namespace callgate {

/// One change of one call (or of numbers without a name).
struct Change {
  std::optional<Arch> arch;
  NumberRange numbers;
  const Syscall* call = nullptr;
  /// For which arguments: exact by itself, whatever other changes the call has. As in Case.
  Condition when;
  /// False: what changes takes too many words, or is past the budget; `when` holds for the witness
  /// alone, and the call is among Difference::undecided.
  bool is_complete = true;
  std::uint32_t from = 0;  ///< what the left one returns, normalised
  std::uint32_t to = 0;    ///< what the right one does
  SeccompData witness;     ///< one such call
};

/// What two subjects decide differently.
struct Difference {
  std::vector<Arch> arches;            ///< those with decisions of their own on either side
  std::vector<Change> changes;         ///< by ABI, number, then the order of the kernel's actions
  std::vector<std::string> undecided;  ///< calls of which not all is said, "x86_64 ioctl"

  [[nodiscard]] bool is_equal() const noexcept { return changes.empty() && undecided.empty(); }
};

/// What counts as a change.
enum class Compared : std::uint8_t {
  returns,     ///< any other (normalised) return value
  permission,  ///< allowed (ALLOW, LOG), delegated (TRACE, USER_NOTIF) or denied
};

struct DifferenceOptions {
  Compared compared = Compared::returns;
  std::vector<Arch> arches{};  ///< as in SurveyOptions, of either side
  ProofBudget budget{};
};

/// Empty changes and nothing undecided: equal for every seccomp_data, or for every one of
/// `options.arches` if these are given. Errors: as of survey_of.
[[nodiscard]] Result<Difference> difference(const Subject& left, const Subject& right,
                                            const DifferenceOptions& options = {});

/// True if the change lets more through: `to` ranks above `from` in the kernel's order of actions.
[[nodiscard]] bool is_looser(const Change& change) noexcept;

/// Across ABIs: calls by name, parameters by name; where both sides have the call. Constants whose
/// numbers differ between the ABIs are compared by number. Never a proof.
struct CrossDifference {
  Difference difference;                ///< `arch`, numbers and witnesses are those of the left ABI
  std::vector<std::string> only_left;   ///< call names that the right ABI lacks, sorted
  std::vector<std::string> only_right;  ///< and the other way round
  std::vector<std::string> untestable;  ///< calls whose tests cannot be carried over, sorted
};
[[nodiscard]] Result<CrossDifference> difference_across(const Subject& left, Arch left_arch,
                                                        const Subject& right, Arch right_arch,
                                                        const DifferenceOptions& options = {});

}  // namespace callgate

// What `diff` has found, and how it is told: to people and as JSON (docs/json.md).
#pragma once

#include <string>
#include <vector>

#include "cli/diff_rows.h"
#include "cli/sources.h"

namespace callgate::cli {

/// Two ABIs that were compared by names.
struct AcrossPair {
  Arch left;
  Arch right;
  CrossDifference found;
};

/// Two sources and what they decide differently.
struct DiffReport {
  const QuestionedSource* left = nullptr;
  const QuestionedSource* right = nullptr;
  bool permission = false;
  bool restricted = false;         ///< to the ABIs of --arch
  Difference difference;           ///< on the ABIs of both
  std::vector<AcrossPair> across;  ///< else: sources of different machines
  std::vector<Arch> left_alone;    ///< with `across`: ABIs without a counterpart
  std::vector<Arch> right_alone;

  [[nodiscard]] bool is_across() const noexcept { return !across.empty(); }
  /// Nothing differs and nothing is left undecided.
  [[nodiscard]] bool is_equal() const noexcept;
  /// Some call is looser on the right, or it is not known.
  [[nodiscard]] bool may_be_looser() const noexcept;
};

/// For people; `options` as for rows.
[[nodiscard]] Result<std::string> report_text(const DiffReport& report, const RowText& options);
/// One object.
[[nodiscard]] Result<std::string> report_json(const DiffReport& report);

}  // namespace callgate::cli

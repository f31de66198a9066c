// Differences as a person would say them: calls with the same change in one row.
//
// Changes of one condition, `from` and `to` are joined over calls and ABIs; a call that changes on
// every ABI that has it stands without ABIs. Where a row is more than a handful of calls and holds
// all that one side decides alike, it says so instead of naming them.
#pragma once

#include <string>
#include <vector>

#include "callgate/meaning/difference.h"

namespace callgate::cli {

/// Which way a change goes in the kernel's order of actions.
enum class Direction : std::uint8_t { looser, stricter, other };
[[nodiscard]] std::string_view direction_name(Direction direction) noexcept;

/// Calls that change alike.
struct ChangeRow {
  Direction direction = Direction::other;
  std::vector<Arch> arches;             ///< empty: every ABI (that has the calls)
  std::vector<std::string_view> calls;  ///< sorted
  std::vector<NumberRange> numbers;     ///< that no call has
  bool all_numbers = false;             ///< `numbers` are all that no call has
  bool other_arches = false;            ///< of audit architectures that are no ABI here
  /// "every call that the first answers errno(EPERM)", where that is exactly what the row is.
  std::string whole;
  std::string when;  ///< empty: for all arguments
  std::string from;
  std::string to;
  const Change* example = nullptr;
};

/// What rows are made of.
struct RowOptions {
  bool permission = false;       ///< from and to are permissions
  const Survey* left = nullptr;  ///< to say `whole`; may be missing
  const Survey* right = nullptr;
};

/// The rows, looser ones first, else in the order of the changes. They point into `difference`.
[[nodiscard]] std::vector<ChangeRow> rows_of(const Difference& difference,
                                             const RowOptions& options);

/// What a row is about: "open, openat", "numbers 470..511", "every call that ...".
struct RowText {
  std::size_t names = 24;  ///< calls that are named before "and N more"; 0: all
};
[[nodiscard]] std::string row_subject(const ChangeRow& row, const RowText& options = {});

/// One line a row, without end of line for none.
[[nodiscard]] std::string rows_text(const std::vector<ChangeRow>& rows,
                                    const Difference& difference, const RowText& options = {});

}  // namespace callgate::cli

// The lines of a unit file: sections, keys and values, with the place of every byte of a value.
#pragma once

#include <optional>

#include "callgate/formats/systemd.h"

namespace callgate::systemd {

/// Where a piece of a value that continues over lines was written.
struct Piece {
  std::size_t offset = 0;  ///< in the value
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

/// `Key=value` in a section.
struct Assignment {
  std::string section;
  std::string key;
  std::string value;  ///< without blanks at its ends; a line's continuation is a blank
  std::string file;
  std::vector<Piece> pieces;

  /// Of a byte of the value.
  [[nodiscard]] Place place(std::size_t offset = 0, std::size_t length = 1) const;
};

/// The assignments of a file in order. What systemd would log about a line, or refuse the file for,
/// goes to `diagnostics`.
[[nodiscard]] std::vector<Assignment> parse_lines(const UnitFile& file,
                                                  std::vector<Diagnostic>& diagnostics);

/// A word of a value.
struct Word {
  std::string_view text;
  std::size_t offset = 0;  ///< in the value
};
/// The words of a value from `offset` on, separated by blanks.
[[nodiscard]] std::vector<Word> words(std::string_view value, std::size_t offset = 0);

}  // namespace callgate::systemd

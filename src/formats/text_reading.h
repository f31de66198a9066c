// What the texts of one policy share while they are read: a text may include others.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "callgate/formats/text.h"

namespace callgate::formats {

/// What `set` gives a name to: calls, or values.
struct NamedSet {
  Place place;
  bool of_values = false;
  bool is_used = false;
  std::vector<Selector> calls;
  std::vector<Interval> values;
};
using NamedSets = std::map<std::string, NamedSet, std::less<>>;

/// A file that is being read.
struct OpenFile {
  std::string shown;   ///< as it is named in places
  std::string folder;  ///< that its includes are relative to
  std::string real;    ///< without links and ..; empty if it is no file
};

struct Reading {
  Policy policy;
  NamedSets sets;
  std::set<std::string, std::less<>> headers;
  std::map<std::vector<Arch>, std::set<std::string_view>> promised;  ///< by section
  std::deque<SourceText> texts;                      ///< in the order in which they were begun
  std::vector<std::vector<Diagnostic>> diagnostics;  ///< of each text
  std::string root;                                  ///< real; empty: nothing is included
  std::vector<OpenFile> open;                        ///< from the outermost on
  std::size_t grown = 0;  ///< selectors and values that sets and promises stand for

  /// Counts what a name stands for. False once that is too much: no short text shall make a policy
  /// that no memory holds.
  [[nodiscard]] bool may_grow(std::size_t by) { return (grown += by) <= 1'000'000; }
};
inline constexpr const char* grown_too_far =
    "sets and promises stand for more than 1000000 calls and values in this policy";

/// Lets a text include files: `root` as in IncludeRoot. Without a folder for it nothing is
/// included.
void allow_includes(Reading& reading, const std::string& file, const IncludeRoot& root);

/// Opens the file that an include of the innermost open one means, and appends it to the texts. The
/// caller closes it by removing the last of `open`. Errors: what is not relative, leads out of the
/// root, includes itself, nests too deep, or cannot be read.
[[nodiscard]] Result<SourceText*> open_include(Reading& reading, const std::string& name,
                                               Place included_at);

}  // namespace callgate::formats

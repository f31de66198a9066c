// What may stand at a place of callgate's command line, for the shells' completion.
//
// Everything comes from the verbs as they are declared: names, options, and the sets that options
// check their values against. What a value may be where there is no such set is told by the
// option's or the positional's name (completion_values.cpp), so a verb that uses the usual names
// has it all.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/verb.h"

namespace callgate::cli {

struct Candidate {
  std::string text;
  std::string summary;  ///< one line, or empty
};

struct Completion {
  std::vector<Candidate> candidates;      ///< each begins with the word that is being typed
  bool files = false;                     ///< files as well
  bool open_ended = false;                ///< more may follow a candidate in the same word
  std::optional<std::size_t> command_at;  ///< another program's command line begins at this word
};

/// `words` are those after the program's name; the last is being typed and may be empty.
[[nodiscard]] Completion complete(const CLI::App& app, std::span<const std::string> words);

/// What an option or a positional of that name takes; `typed` is what stands there already.
[[nodiscard]] Completion complete_value(std::string_view name, const std::string& typed);

}  // namespace callgate::cli

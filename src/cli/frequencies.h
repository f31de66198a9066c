// --frequencies: how often calls are made, for verbs that compile.
#pragma once

#include <optional>
#include <string>

#include "callgate/compiler/frequencies.h"
#include "cli/verb.h"

namespace callgate::cli {

void add_frequencies_option(CLI::App& command, std::string& path);

/// Reads a file of counts ("-": standard input); an empty path is none. Errors: those of read_file
/// and of parse_frequencies.
[[nodiscard]] Result<std::optional<Frequencies>> load_frequencies(const std::string& path);

}  // namespace callgate::cli

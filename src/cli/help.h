// What a verb's footer says, in parts: --help and the manual print the same text.
//
// A footer is written as --help prints it: perhaps a line that starts with "callgate " and shows
// the usage, then `Examples:` with indented lines, then what there is to know, then the exit codes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/verb.h"

namespace callgate::cli {

struct HelpText {
  std::string usage;                  ///< "callgate dump [OPTIONS] FILE"
  std::vector<std::string> examples;  ///< commands, each perhaps with a remark after it
  std::vector<std::string> notes;     ///< lines; indented ones keep their columns
  std::vector<std::string> exit_codes;
};

/// The parts of a verb's footer.
[[nodiscard]] HelpText help_text(const CLI::App& verb);

/// Help that begins with the examples.
class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* verb, std::string name) const override;
  std::string make_footer(const CLI::App* verb) const override;
};

/// True for a verb that is left out of --help and of the manual.
[[nodiscard]] inline bool is_hidden(const CLI::App& verb) { return verb.get_group().empty(); }

/// The verbs of --help, in its order.
[[nodiscard]] std::vector<const CLI::App*> shown_verbs(const CLI::App& app);

/// The values that an option takes from a set (CLI::IsMember); empty if it takes any.
[[nodiscard]] std::vector<std::string> option_values(const CLI::Option& option);
/// True if a value follows the option's name.
[[nodiscard]] bool takes_value(const CLI::Option& option);
/// What stands for the option's value in a usage line: "FILE", or "TEXT".
[[nodiscard]] std::string value_name(const CLI::Option& option);

}  // namespace callgate::cli

#include "cli/frequencies.h"

#include "callgate/base/file.h"

namespace callgate::cli {

void add_frequencies_option(CLI::App& command, std::string& path) {
  command.add_option("--frequencies", path,
                     "how often calls are made, a line `CALL COUNT` or `ABI:CALL COUNT` each: the "
                     "program comes to frequent ones early, and decides as without");
}

Result<std::optional<Frequencies>> load_frequencies(const std::string& path) {
  if (path.empty()) return std::optional<Frequencies>();
  CALLGATE_TRY(const std::string text, read_file(path));
  CALLGATE_TRY(Frequencies counts, parse_frequencies(text, path));
  return std::optional<Frequencies>(std::move(counts));
}

}  // namespace callgate::cli

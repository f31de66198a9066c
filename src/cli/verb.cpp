#include "cli/verb.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "callgate/base/file.h"

namespace callgate::cli {

int report(const Error& error) {
  report(error.diagnostics);
  return exit_bad;
}

void report(std::span<const Diagnostic> diagnostics) {
  const std::string text = render(diagnostics);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

int write_output(const std::string& path, std::string_view content, int code) {
  std::fflush(stdout);
  if (const auto done = replace_file(path, content); !done) return report(done.error());
  return code;
}

void take_words(CLI::App& command, const std::string& name, const std::string& what) {
  // CLI11 stops at the first such word by itself (prefix_command); for it to stop at `--`, there
  // must be a positional that waits, and this one never takes anything.
  static std::string nothing;
  command.prefix_command();
  command.validate_positionals();
  command.add_option(name, nothing, what)
      ->check(CLI::Validator([](std::string&) { return std::string("never"); }, ""));
}

bool may_colour(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  return (no_colour == nullptr || *no_colour == '\0') && ::isatty(fd) == 1;
}

}  // namespace callgate::cli

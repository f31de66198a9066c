// callgate fmt: one layout for all policies.
#include <fmt/format.h>

#include "callgate/base/file.h"
#include "callgate/formats/text.h"
#include "cli/verb.h"
#include "cli/verbs.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate fmt app.policy             lay the file out anew, in place\n"
    "  callgate fmt --check *.policy       name those that fmt would change (for CI)\n"
    "  callgate fmt - < app.policy         from standard input to standard output\n"
    "Blanks alone change: words, lines and comments stay. Included files are not touched.\n"
    "Exit codes: 0 done, 1 under --check if a file would change, 2 a file that cannot be read.";

struct FmtVerb {
  std::vector<std::string> files;
  bool is_check = false;
};

struct Formatted {
  std::string before;
  std::string after;
};

Result<Formatted> format_file(const std::string& path) {
  CALLGATE_TRY(std::string before, read_file(path));
  CALLGATE_TRY(std::string after, format_policy(before, path));
  return Formatted{std::move(before), std::move(after)};
}

int run_fmt(const FmtVerb& verb) {
  int code = exit_yes;
  for (const std::string& path : verb.files) {
    const auto done = format_file(path);
    if (!done) {
      code = report(done.error());
      continue;
    }
    const bool changes = done->before != done->after;
    if (verb.is_check) {
      if (!changes) continue;
      fmt::print("{}\n", path);
      code = std::max<int>(code, exit_no);
    } else if (changes || path == "-") {
      code = std::max(code, write_output(path, done->after));
    }
  }
  return code;
}

}  // namespace

void add_fmt_verb(CLI::App& app, Action& chosen) {
  auto [command, verb] =
      add_verb<FmtVerb>(app, chosen, "fmt", "lay policies out in the one way", run_fmt);
  command->footer(examples);
  command->add_option("FILE", verb->files, "policies, - for standard input")->required();
  command->add_flag("--check", verb->is_check, "change nothing; name the files that would change");
}

}  // namespace callgate::cli

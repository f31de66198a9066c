#include <algorithm>
#include <csignal>
#include <exception>
#include <iostream>
#include <optional>
#include <string_view>
#include <vector>

#include "cli/help.h"

namespace {

constexpr const char* description = "write, prove, run and explain seccomp policies";
constexpr const char* footer =
    "`callgate VERB --help` starts with examples. Where a file goes, - is standard output; where "
    "one\n"
    "is read, standard input.\n"
    "Exit codes: 0 yes, 1 no (a difference, a denial, a finding), 2 misuse or bad input.";

/// A first word that is no verb, with the likely one.
std::optional<callgate::Error> unknown_verb(const CLI::App& app, int argc, char** argv) {
  const std::string_view word = argc > 1 ? argv[1] : "-";
  if (word.starts_with('-')) return std::nullopt;
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(verb->get_name());
  const std::vector<std::string_view> known(names.begin(), names.end());
  if (std::find(known.begin(), known.end(), word) != known.end()) return std::nullopt;
  const std::string_view likely = callgate::nearest(word, known);
  return callgate::Error("no verb is named `" + std::string(word) + "`",
                         likely.empty() ? "callgate --help lists them"
                                        : "did you mean `" + std::string(likely) + "`?");
}

int run(int argc, char** argv) {
  CLI::App app{description, "callgate"};
  app.formatter(std::make_shared<callgate::cli::ExamplesFirst>());
  app.footer(footer);
  app.require_subcommand(1);
  app.set_version_flag("--version", "callgate " CALLGATE_VERSION);
  callgate::cli::Action chosen;
  callgate::cli::add_all_verbs(app, chosen);
  if (const auto unknown = unknown_verb(app, argc, argv)) return callgate::cli::report(*unknown);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const auto verbs = app.get_subcommands();
    const std::string verb = verbs.empty() ? "" : " " + verbs.front()->get_name();
    const int code =
        callgate::cli::report(callgate::Error(error.what(), "see callgate" + verb + " --help"));
    // `run` keeps the codes below 125 for the program it runs.
    return app.got_subcommand("run") ? 125 : code;
  }
  // Past a limit on file sizes, writing is to fail rather than to end callgate between the parts of
  // a file. A program that runs under a policy gets its signals as they were.
  if (!app.got_subcommand("run")) std::signal(SIGXFSZ, SIG_IGN);
  return chosen();
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);
  try {
    const int code = run(argc, argv);
    std::cout.flush();
    return code;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return callgate::cli::exit_bad;
  }
}

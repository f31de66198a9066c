#include <csignal>
#include <exception>
#include <iostream>

#include "cli/verb.h"

namespace {

constexpr const char* description =
    "callgate: write, prove, run and explain seccomp policies.\n"
    "Exit codes: 0 yes, 1 no (a difference, a denial, a finding), 2 misuse or bad input.";

int run(int argc, char** argv) {
  CLI::App app{description, "callgate"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "callgate " CALLGATE_VERSION);
  callgate::cli::Action chosen;
  callgate::cli::add_all_verbs(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    if (code == 0) return callgate::cli::exit_yes;
    // `run` keeps the codes below 125 for the program it runs.
    return app.got_subcommand("run") ? 125 : callgate::cli::exit_bad;
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

// A verb is one file: it adds its subcommand to the command line and says what running it does.
// verbs.cpp has the table of them all.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "callgate/base/result.h"

namespace callgate::cli {

/// Exit codes of every verb but run.
enum ExitCode : int {
  exit_yes = 0,  ///< done, or yes
  exit_no = 1,   ///< a difference, a denial, a finding
  exit_bad = 2,  ///< misuse or bad input
};

/// What the chosen verb does; set by its subcommand's callback, run after parsing.
using Action = std::function<int()>;

/// Adds one verb to the command line.
using AddVerb = void (*)(CLI::App& app, Action& chosen);

void add_all_verbs(CLI::App& app, Action& chosen);

/// Adds a subcommand whose options live in an `Options` and that runs `run(options)`.
///   auto [command, options] = add_verb<EmuOptions>(app, chosen, "emu", "...", run_emu);
template <class Options>
std::pair<CLI::App*, std::shared_ptr<Options>> add_verb(CLI::App& app, Action& chosen,
                                                        const std::string& name,
                                                        const std::string& summary,
                                                        int (*run)(const Options&)) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(name, summary);
  command->callback([options, run, &chosen] { chosen = [options, run] { return run(*options); }; });
  return {command, options};
}

/// Prints an error's diagnostics on standard error and returns exit_bad.
int report(const Error& error);
/// Prints diagnostics (warnings, notes) on standard error.
void report(std::span<const Diagnostic> diagnostics);
/// Writes a verb's output to a file ("-": standard output), atomically; returns the exit code.
int write_output(const std::string& path, std::string_view content, int code = exit_yes);
/// Leaves everything from `--`, or from the first word that is no option, on to the verb: it finds
/// them, with the `--`, in command.remaining(). `name` and `what` are for --help.
void take_words(CLI::App& command, const std::string& name, const std::string& what);
/// True if colour may be used on that descriptor (a terminal, and NO_COLOR is not set).
bool may_colour(int fd);

}  // namespace callgate::cli

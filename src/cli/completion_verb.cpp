// callgate completion: the scripts that make a shell complete callgate's command line. They ask
// `callgate complete` (not in --help) at each press of the key, so they know all that this callgate
// knows. It prints directives, then candidates, one a line:
//   :files        file names as well
//   :open         no space after a candidate: more may follow
//   :command N    from the Nth word on (the program's name is word 0) it is another command line
//   TEXT<tab>SUMMARY
#include "cli/completion.h"
#include "cli/completion_scripts.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  source <(callgate completion bash)                   now, in this shell\n"
    "  callgate completion bash -o /etc/bash_completion.d/callgate\n"
    "  callgate completion zsh -o ~/.zfunc/_callgate        a folder of $fpath\n"
    "  callgate completion fish -o ~/.config/fish/completions/callgate.fish\n"
    "`cmake --install` and the Debian package put them in their places.\n"
    "Exit codes: 0 written, 2 misuse.";

struct CompletionOptions {
  std::string shell;
  std::string output = "-";
};

int run_completion(const CompletionOptions& options) {
  const char* script = options.shell == "bash"  ? bash_completion
                       : options.shell == "zsh" ? zsh_completion
                                                : fish_completion;
  return write_output(options.output, script);
}

struct CompleteOptions {
  CLI::App* command = nullptr;
};

std::string one_line(std::string text) {
  for (char& letter : text) {
    if (letter == '\n' || letter == '\t') letter = ' ';
  }
  return text;
}

int run_complete(const CompleteOptions& options) {
  std::vector<std::string> words = options.command->remaining();
  if (!words.empty() && words.front() == "--") words.erase(words.begin());
  const Completion found = complete(*options.command->get_parent(), words);
  std::string text;
  if (found.files) text += ":files\n";
  if (found.open_ended) text += ":open\n";
  if (found.command_at) text += ":command " + std::to_string(*found.command_at + 1) + "\n";
  for (const Candidate& one : found.candidates)
    text += one.text + "\t" + one_line(one.summary) + "\n";
  return write_output("-", text);
}

}  // namespace

void add_completion_verb(CLI::App& app, Action& chosen) {
  auto [command, options] = add_verb<CompletionOptions>(
      app, chosen, "completion", "print the completion of bash, zsh or fish", run_completion);
  command->footer(examples);
  command->add_option("SHELL", options->shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->add_option("-o,--output", options->output, "where to write; - is standard output");
}

void add_complete_verb(CLI::App& app, Action& chosen) {
  auto [command, options] = add_verb<CompleteOptions>(
      app, chosen, "complete", "what may stand at the end of a command line", run_complete);
  options->command = command;
  command->group("");
  take_words(*command, "WORDS", "the words after callgate; the last is being typed");
}

}  // namespace callgate::cli

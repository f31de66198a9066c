// callgate judge: an untrusted program once, confined and limited, and a verdict.
#include "callgate/judge/judge.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "callgate/base/file.h"
#include "cli/common.h"
#include "cli/judge_json.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate judge --time 2s --memory 256M --input 1.in -- ./solution\n"
    "  callgate judge --input 1.in --stdout 1.out --json -o 1.json -- ./solution\n"
    "  callgate judge --profile compute-interp --readable /srv/task -- python3 /srv/task/a.py\n"
    "  callgate judge --require cgroup,pidns -- ./solution    or do not start at all\n"
    "\n"
    "Verdicts: ok, exit, signal, time, memory, output, processes, denied, start (docs/judge.md).\n"
    "The program gets standard input from --input, a small environment, and no other descriptor.\n"
    "Its output is kept up to --output and given out when it has ended. What isolation is in "
    "force\n"
    "depends on the machine and is part of the verdict; --require refuses to do with less.\n"
    "Standard error holds the program's words before the verdict's: read the verdict from -o FILE\n"
    "or from the exit code, which it cannot write.\n"
    "Exit codes: 0 ok; 1 any other verdict; 2 the judge's own failure, or misuse: no verdict.";

class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return std::string("Usage: callgate judge [OPTIONS] -- PROGRAM [ARGUMENTS]\n\n") + examples +
           "\n";
  }
};

struct JudgeVerb {
  std::string profile = "compute";
  std::string time = "10s";
  std::string wall;
  std::string memory = "256M";
  std::string output = "64M";
  std::string stack = "64M";
  std::uint64_t processes = 64;
  std::string input = "/dev/null";
  std::string stdout_file = "-";
  std::string stderr_file;
  std::string verdict_file;
  std::string folder;
  std::vector<std::string> environment;
  std::vector<std::string> readable;
  std::vector<std::string> required;
  std::vector<std::string> without;
  std::optional<uid_t> user;
  bool denial_ends = false;
  bool json = false;
  CLI::App* command = nullptr;
};

/// What is behind a number: its unit's factor, or none.
struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array time_units = {Unit{"", 1e6}, Unit{"s", 1e6}, Unit{"ms", 1e3}, Unit{"us", 1},
                                   Unit{"m", 60e6}};
constexpr std::array size_units = {Unit{"", 1}, Unit{"K", 1024.0}, Unit{"M", 1048576.0},
                                   Unit{"G", 1073741824.0}};

/// "2s", "1.5", "256M"; at least 1 and at most 2^60 of the smallest unit.
template <std::size_t n>
Result<std::uint64_t> amount(const std::string& option, std::string_view text,
                             const std::array<Unit, n>& units) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& each : units) {
    if (error != std::errc() || unit != each.name) continue;
    const double value = number * each.factor;
    if (value >= 1 && value <= 0x1p60) return static_cast<std::uint64_t>(value);
  }
  std::string names;
  for (const Unit& each : units) names += fmt::format(" {}", each.name);
  return fail(fmt::format("{} {}: not an amount", option, text),
              fmt::format("a positive number and one of the units{}", names));
}

Result<JudgeLimits> limits_of(const JudgeVerb& verb) {
  JudgeLimits limits;
  CALLGATE_TRY(const std::uint64_t time, amount("--time", verb.time, time_units));
  limits.time = std::chrono::microseconds(time);
  limits.wall = 3 * limits.time;
  if (!verb.wall.empty()) {
    CALLGATE_TRY(const std::uint64_t wall, amount("--wall", verb.wall, time_units));
    limits.wall = std::chrono::microseconds(wall);
  }
  CALLGATE_TRY(limits.memory, amount("--memory", verb.memory, size_units));
  CALLGATE_TRY(limits.output, amount("--output", verb.output, size_units));
  CALLGATE_TRY(limits.stack, amount("--stack", verb.stack, size_units));
  limits.processes = verb.processes;
  return limits;
}

Result<Policy> policy_of(const JudgeVerb& verb) {
  CALLGATE_TRY(LoadedSource source, load_source(verb.profile, {}));
  const Policy* policy = source.policy();
  if (policy == nullptr) {
    return fail(verb.profile + ": a compiled program has no rules to judge by",
                "give the policy that it was made of");
  }
  CALLGATE_CHECK(check_has_filter(source));
  Policy chosen = *policy;
  chosen.arches = choose_arches({}, chosen, source.diagnostics);
  std::erase_if(source.diagnostics,
                [](const Diagnostic& said) { return said.severity != Severity::warning; });
  cli::report(source.diagnostics);
  return chosen;
}

Result<std::vector<std::string>> command_of(const JudgeVerb& verb) {
  std::vector<std::string> command = verb.command->remaining();
  const bool is_marked = !command.empty() && command.front() == "--";
  if (is_marked) command.erase(command.begin());
  const char* usage = "callgate judge [OPTIONS] -- PROGRAM ARGUMENTS";
  if (command.empty()) return fail("no program to judge", usage);
  if (!is_marked && command.front().starts_with("-")) {
    return fail("unknown option " + command.front(), usage);
  }
  return command;
}

Result<std::vector<std::string>> environment_of(const JudgeVerb& verb) {
  std::vector<std::string> environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8",
                                          "HOME=/nonexistent"};
  for (const std::string& word : verb.environment) {
    if (word.find('=') != std::string::npos) {
      environment.push_back(word);
    } else if (const char* value = std::getenv(word.c_str()); value != nullptr) {
      environment.push_back(word + "=" + value);
    } else {
      return fail(fmt::format("--env {}: no such variable here", word), "or --env NAME=VALUE");
    }
  }
  return environment;
}

Result<JudgeRequest> request_of(const JudgeVerb& verb) {
  JudgeRequest request;
  CALLGATE_TRY(request.command, command_of(verb));
  CALLGATE_TRY(request.policy, policy_of(verb));
  CALLGATE_TRY(request.limits, limits_of(verb));
  CALLGATE_TRY(request.environment, environment_of(verb));
  request.input = verb.input == "-" ? "/dev/stdin" : verb.input;
  request.folder = verb.folder;
  request.denial_ends = verb.denial_ends;
  request.readable = verb.readable;
  request.user = verb.user;
  request.required = verb.required;
  request.without = verb.without;
  return request;
}

/// Writes to a descriptor as far as its reader goes along.
void pass_on(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

Result<void> give_out(const JudgeVerb& verb, const Judgement& judged) {
  CALLGATE_CHECK(replace_file(verb.stdout_file, judged.output));
  if (!verb.stderr_file.empty()) return replace_file(verb.stderr_file, judged.errors);
  pass_on(STDERR_FILENO, judged.errors);
  return {};
}

int run_judge(const JudgeVerb& verb) {
  if (verb.verdict_file == "-" && verb.stdout_file == "-") {
    return cli::report(Error("the verdict and the program's output would mix on standard output",
                             "put one of them into a file: --stdout FILE"));
  }
  const auto request = request_of(verb);
  if (!request) return cli::report(request.error());
  const auto judged = judge(*request);
  if (!judged) return cli::report(judged.error());
  if (const auto given = give_out(verb, *judged); !given) return cli::report(given.error());
  const int code = judged->verdict == JudgeVerdict::ok ? exit_yes : exit_no;
  const std::string text = verb.json ? judgement_json(*judged) : judgement_text(*judged);
  if (!verb.verdict_file.empty()) return write_output(verb.verdict_file, text, code);
  pass_on(STDERR_FILENO, text);
  return code;
}

void add_limits(CLI::App& command, JudgeVerb& verb) {
  command.add_option("--time", verb.time, "processor time of all threads: 2s (10s), 500ms");
  command.add_option("--wall", verb.wall, "time from start to end; three times --time");
  command.add_option("--memory", verb.memory, "256M, swap included");
  command.add_option("--output", verb.output, "64M, standard output and error together");
  command.add_option("--stack", verb.stack, "64M, of each thread");
  command.add_option("--processes", verb.processes, "64, threads included");
}

}  // namespace

void add_judge_verb(CLI::App& app, Action& chosen) {
  auto [command, verb] = add_verb<JudgeVerb>(
      app, chosen, "judge", "run an untrusted program and give a verdict", run_judge);
  verb->command = command;
  take_words(*command, "PROGRAM", "the program to judge and its arguments");
  command->formatter(std::make_shared<ExamplesFirst>());
  command->add_option("--profile", verb->profile,
                      "policy file or built-in profile: compute (default), compute-interp");
  add_limits(*command, *verb);
  command->add_option("--input", verb->input, "standard input; nothing if not given");
  command->add_option("--stdout", verb->stdout_file, "where its standard output goes");
  command->add_option("--stderr", verb->stderr_file, "where its standard error goes");
  command->add_option("-o", verb->verdict_file, "where the verdict goes; standard error else");
  command->add_option("--chdir", verb->folder, "its working directory");
  command->add_option("--env", verb->environment, "NAME=VALUE, or NAME to pass it on");
  command->add_option("--readable", verb->readable,
                      "tree that it may read, where its policy lets it open files; else all");
  command->add_option("--user", verb->user, "number of the user that it runs as (superuser only)");
  command
      ->add_option("--require", verb->required,
                   "isolation without which it is not started: cgroup, userns, pidns, mountns, "
                   "ipcns, netns, utsns, cgroupns, proc, landlock")
      ->delimiter(',');
  command->add_option("--without", verb->without, "isolation to do without")->delimiter(',');
  command->add_flag("--deny-is-fatal", verb->denial_ends, "a denial ends the program");
  command->add_flag("--json", verb->json, "the verdict as a JSON object (docs/json.md)");
}

}  // namespace callgate::cli

// callgate run: a program under a policy, its denials explained.
#include "callgate/supervise/run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>

#include "callgate/compiler/compile.h"
#include "callgate/formats/builtin.h"
#include "callgate/strict/layer.h"
#include "callgate/strict/mode.h"
#include "cli/common.h"
#include "cli/oci_options.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "callgate run --profile FILE|NAME [OPTIONS] -- COMMAND [ARGUMENTS]\n"
    "Examples:\n"
    "  callgate run --profile offline.policy -- curl https://example.org/\n"
    "  callgate run --profile docker-default -- nginx -g 'daemon off;'\n"
    "  callgate run --profile app.policy --log-only -- ./app    what would be denied?\n"
    "  callgate run --profile app.policy --report-file denials.json --json -- ./app\n"
    "  callgate run --profile app.policy --at exec --report none -- ./app   install and exec\n"
    "  callgate run --strict -- ./solve <task.txt               read, write and exit alone\n"
    "  callgate run --strict=filter --memory 1G -- ./solve <task.txt    within a container\n"
    "\n"
    "Each denial is told once in full: the call with its arguments, the rule, the call stack, and\n"
    "the line that would allow it; further ones of its kind are counted. The program keeps its\n"
    "process id, terminal and exit status; no_new_privs is always set, so setuid programs run\n"
    "without their privilege.\n"
    "  --at entry   (default) the policy comes into force at the program's own entry point: the\n"
    "               loader and constructors of its libraries run before that\n"
    "  --at loader  before the loader's first instruction\n"
    "  --at exec    before execve, which the policy must then let through, with the loader's "
    "calls\n"
    "  --report full   (default) a supervisor reports; should it die, calls that it would have\n"
    "                  answered fail with ENOSYS and are never let through\n"
    "  --report audit  the kernel logs denials (journalctl -k, ausearch -m SECCOMP); nobody stays\n"
    "  --report none   nobody stays, nothing is reported\n"
    "  --log-only   lets every denied call through and reports it. The supervisor answers for "
    "each\n"
    "               such call: should it die, those calls fail with ENOSYS, so the program does "
    "not\n"
    "               get more than it had, and not the policy's own errno either\n"
    "  --strict        the kernel's strict mode from the entry point on: read, write, exit and\n"
    "                  sigreturn, else SIGKILL. A dynamic program is started with a layer that "
    "takes\n"
    "                  its heap (--memory) and all else that it needs beforehand: docs/strict.md\n"
    "  --strict=filter the same calls and exit_group as a filter, where strict mode is refused:\n"
    "                  under another filter, as in containers\n"
    "Exit codes: the program's own, 128 + signal if it was killed; 125 callgate failed or misuse,\n"
    "126 not executable, 127 not found. A denial never alters them.";

constexpr const char* strict_filter = "filter";

struct RunVerb {
  std::string profile;
  std::string at = "entry";
  std::string report = "full";
  std::string report_file;
  std::string arches;
  std::string caps;
  std::string strict;  ///< "kernel", "filter", or empty
  std::string memory;
  bool log_only = false;
  bool json = false;
  bool verbose = false;
  IncludeRoot include_root;
  CLI::App* command = nullptr;
};

/// What SIGPIPE did when callgate was started, before main() set it: the program gets it back.
const bool sigpipe_was_ignored = [] {
  struct sigaction action {};
  return ::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}();

int fail_run(const Error& error, int code = run_failed) {
  cli::report(error);
  return code;
}

Result<LoadedSource> load_profile(const RunVerb& verb, const std::vector<Arch>& asked) {
  CALLGATE_TRY(OciSource oci, oci_source({.caps = verb.caps}, asked));
  utsname kernel{};
  ::uname(&kernel);
  oci.context.kernel = parse_release(kernel.release).value_or(newest_release());
  return load_source(verb.profile,
                     {.arches = asked, .oci = std::move(oci), .include_root = verb.include_root});
}

/// What of the command line does not go with what.
Result<void> check_options(const RunVerb& verb) {
  if (verb.strict.empty()) {
    if (!verb.memory.empty()) return fail("--memory is the heap of a program under --strict");
    if (verb.profile.empty())
      return fail("a policy is needed: --profile FILE|NAME, or --strict",
                  "see callgate run --help");
    return {};
  }
  const char* other = !verb.profile.empty()                           ? "--profile"
                      : !verb.arches.empty()                          ? "--arch"
                      : !verb.caps.empty()                            ? "--caps"
                      : verb.at != "entry"                            ? "--at"
                      : verb.log_only && verb.strict != strict_filter ? "--log-only"
                                                                      : nullptr;
  if (other == nullptr) return {};
  return fail(fmt::format("--strict and {} do not go together", other),
              "strict mode has one list of calls, and begins at the program's entry point");
}

Result<Confinement> strict_confinement(bool is_filter) {
  CALLGATE_TRY(ParsedPolicy parsed, is_filter ? find_builtin_profile("strict", {})
                                              : parse_policy(strict_mode_policy, "strict mode"));
  CompileOptions options;
  options.arches = parsed.policy.arches;
  CALLGATE_TRY(Compilation made, compile(parsed.policy, options));
  Confinement confinement{std::move(made.program), std::nullopt, std::move(made.arches)};
  confinement.strict = !is_filter;
  if (is_filter) confinement.policy = std::move(parsed.policy);
  return confinement;
}

/// "64M": a number of bytes, or of K, M, G.
Result<std::uint64_t> parse_size(const std::string& text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  const int shift = unit.empty() ? 0 : unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : -1;
  constexpr std::uint64_t most = std::uint64_t{1} << 46;
  if (error != std::errc() || shift < 0 || value > most >> shift) {
    return fail("--memory " + text + ": not a size", "a number of bytes, or one with K, M or G");
  }
  if (value << shift < least_strict_memory) {
    return fail("--memory " + text + ": a program needs 1M to start");
  }
  return value << shift;
}

Result<Confinement> load_confinement(const RunVerb& verb) {
  if (!verb.strict.empty()) return strict_confinement(verb.strict == strict_filter);
  CALLGATE_TRY(const std::vector<Arch> asked, parse_arches(verb.arches));
  CALLGATE_TRY(LoadedSource source, load_profile(verb, asked));
  if (const Program* program = source.program()) return Confinement{*program, std::nullopt, asked};
  if (source.policy() == nullptr) {
    return fail(source.path + " has several filters, and a profile is one",
                fmt::format("callgate merge {} --to raw -o FILE makes one of them", source.path));
  }
  const Policy& policy = *source.policy();
  CALLGATE_CHECK(check_has_filter(source));
  CompileOptions options;
  options.arches = choose_arches(asked, policy, source.diagnostics);
  CALLGATE_TRY(Compilation made, compile_source(source, options));
  if (!verb.verbose) {  // what the reader made of the file may be a weaker policy than was meant
    std::erase_if(source.diagnostics,
                  [](const Diagnostic& said) { return said.severity != Severity::warning; });
  }
  cli::report(source.diagnostics);
  if (verb.verbose) cli::report(made.diagnostics);
  return Confinement{std::move(made.program), policy, std::move(made.arches)};
}

/// Where reports go: the file, or a copy of standard error.
Result<UniqueFd> open_report(const std::string& path) {
  const int fd = path.empty()
                     ? ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
                     : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  // A closed standard error is no reason not to run; a report file that cannot be had is.
  if (fd < 0 && !path.empty()) return fail(system_error("opening " + path, errno));
  return UniqueFd(fd);
}

Result<RunOptions> run_options(const RunVerb& verb) {
  RunOptions options;
  options.at = verb.at == "entry"    ? ClosePoint::entry
               : verb.at == "loader" ? ClosePoint::loader
                                     : ClosePoint::exec;
  options.report = verb.report == "full"    ? ReportLevel::full
                   : verb.report == "audit" ? ReportLevel::audit
                                            : ReportLevel::none;
  options.log_only = verb.log_only;
  if (!verb.strict.empty()) {
    std::uint64_t memory = default_strict_memory;
    if (!verb.memory.empty()) {
      CALLGATE_TRY(memory, parse_size(verb.memory));
    }
    options.layer = strict_layer(memory);
  }
  CALLGATE_TRY(UniqueFd out, open_report(verb.report_file));
  options.sink = make_sink(std::move(out), verb.json);
  return options;
}

Result<std::vector<std::string>> command_of(const RunVerb& verb) {
  std::vector<std::string> command = verb.command->remaining();
  const bool is_marked = !command.empty() && command.front() == "--";
  if (is_marked) command.erase(command.begin());
  const char* usage = "callgate run --profile FILE -- COMMAND ARGUMENTS";
  if (command.empty()) return fail("no command to run", usage);
  if (!is_marked && command.front().starts_with("-")) {
    return fail("unknown option " + command.front(), usage);
  }
  return command;
}

int run_run(const RunVerb& verb) {
  const auto command = command_of(verb);
  if (!command) return fail_run(command.error());
  if (const auto checked = check_options(verb); !checked) return fail_run(checked.error());
  auto options = run_options(verb);
  if (!options) return fail_run(options.error());
  if (sigpipe_was_ignored) ::signal(SIGPIPE, SIG_IGN);
  if (verb.profile == "none") {
    const RunFailure failure = run_unconfined(*command);
    return fail_run(failure.error, failure.exit_code);
  }
  const auto confinement = load_confinement(verb);
  if (!confinement) return fail_run(confinement.error());
  const RunFailure failure = run(*confinement, *std::move(options), *command);
  return fail_run(failure.error, failure.exit_code);
}

}  // namespace

void add_run_verb(CLI::App& app, Action& chosen) {
  auto [command, verb] = add_verb<RunVerb>(
      app, chosen, "run", "run a program under a policy and explain its denials", run_run);
  verb->command = command;
  take_words(*command, "COMMAND", "the program to run and its arguments");
  command->footer(examples);
  command->add_option(
      "--profile", verb->profile,
      "policy file, compiled program, or a built-in profile (docker-default, none)");
  command->add_option("--at", verb->at, "where the policy comes into force: entry, loader, exec")
      ->check(CLI::IsMember({"entry", "loader", "exec"}));
  command->add_option("--report", verb->report, "full, audit or none")
      ->check(CLI::IsMember({"full", "audit", "none"}));
  command->add_option("--report-file", verb->report_file,
                      "append reports to FILE instead of standard error");
  command->add_option("--arch", verb->arches, "ABIs, separated by commas; else the policy's own");
  command->add_option(
      "--caps", verb->caps,
      "capabilities that a profile's conditions ask for: none, all, docker (default), "
      "or names");
  command
      ->add_flag("--strict{kernel}", verb->strict,
                 "strict mode: kernel (default), or the same calls as a filter")
      ->check(CLI::IsMember({"kernel", strict_filter}));
  command->add_option("--memory", verb->memory,
                      "heap of a program under --strict, in bytes or with K, M, G; default 64M");
  add_include_option(*command, verb->include_root);
  command->add_flag("--log-only", verb->log_only, "report denials, let the calls through");
  command->add_flag("--json", verb->json, "reports as one JSON object a line (docs/run.md)");
  command->add_flag("-v,--verbose", verb->verbose, "show the policy's warnings as well");
}

}  // namespace callgate::cli

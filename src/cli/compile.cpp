// callgate compile: a policy to a proved program.
#include "callgate/compiler/compile.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "callgate/bpf/assembly.h"
#include "callgate/formats/text.h"
#include "cli/common.h"
#include "cli/compilation_json.h"
#include "cli/embedded_form.h"
#include "cli/frequencies.h"
#include "cli/output_forms.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate compile app.policy -o app.bpf                 raw BPF for this machine\n"
    "  callgate compile app.policy --arch x86_64,i386,x32 -o app.bpf\n"
    "  callgate compile app.policy -f text                    read what it does\n"
    "  callgate compile app.policy -f header -o app_filter.h  embed it in a C or C++ program\n"
    "  callgate compile app.policy -f embedded -o app.c       the same with its ABIs, as\n"
    "                                                         callgate_add_policy() of CMake does\n"
    "  callgate compile app.policy --stop-after dag           look at a stage\n"
    "  callgate compile app.policy --frequencies app.counts   what runs often is decided early\n"
    "Every program is proved to decide all calls as the policy does before it is written.\n"
    "Exit codes: 0 written, 2 misuse, a mistake in the policy, or a filter that does not fit.";

struct CompileVerb {
  std::string policy;
  std::string output = "-";
  std::string form = "raw";
  std::string arches;
  std::string name;
  std::string depfile;
  IncludeRoot include_root;
  std::string stop_after;
  std::string frequencies;
  bool json = false;
};

/// What is compiled, for whom, and what there was to say about it.
struct Job {
  LoadedSource source;
  CompileOptions options;
};

Result<Job> load(const CompileVerb& verb) {
  CALLGATE_TRY(std::vector<Arch> asked, parse_arches(verb.arches));
  CALLGATE_TRY(LoadedSource source,
               load_source(verb.policy, {.arches = asked, .include_root = verb.include_root}));
  if (source.policy() == nullptr) {
    return fail(verb.policy + " is a compiled program, not a policy",
                "`callgate convert` writes it in another form");
  }
  CompileOptions options;
  options.arches = choose_arches(asked, *source.policy(), source.diagnostics);
  CALLGATE_TRY(options.frequencies, load_frequencies(verb.frequencies));
  return Job{std::move(source), std::move(options)};
}

Result<std::string> stage_text(const Job& job, const std::string& stage) {
  const Policy& policy = *job.source.policy();
  if (stage == "policy") return print_policy(policy);
  const Stage named = stage == "dag"       ? Stage::dag
                      : stage == "program" ? Stage::program
                                           : Stage::proof;
  auto text = print_stage(policy, job.options, named);
  return text ? std::move(text) : fail(quoted(std::move(text).error(), job.source));
}

Result<std::string> compiled_text(const Job& job, const CompileVerb& verb) {
  const std::string form = verb.json ? "json" : verb.form;
  CALLGATE_TRY(const Compilation made, compile_source(job.source, job.options));
  report(made.diagnostics);
  const std::string& policy = job.source.policy()->name;
  const std::string& title = policy.empty() ? verb.policy : policy;
  const std::string& name = verb.name.empty() ? title : verb.name;
  const std::string comment =
      fmt::format("{}, compiled for {} by callgate", title, join_arches(made.arches));
  if (form == "text") return disassemble(made.program.instructions(), made.program.target());
  if (form == "header") return program_header(made.program, name, comment);
  if (form == "embedded") return embedded_source(made, name, title, comment);
  if (form == "json") return compilation_json(made);
  return made.program.bytes();
}

/// A rule for make and ninja: what is written is made of these files.
std::string make_rule(const std::string& output, std::span<const std::string> files) {
  const auto escaped = [](const std::string& path) {
    std::string text;
    for (const char c : path) {
      if (c == ' ' || c == '#' || c == '\\') text += '\\';
      if (c == '$') text += '$';
      text += c;
    }
    return text;
  };
  std::string rule = escaped(output) + ":";
  for (const std::string& file : files) rule += " " + escaped(file);
  return rule + "\n";
}

int run_compile(const CompileVerb& verb) {
  const auto job = load(verb);
  if (!job) return report(job.error());
  report(job->source.diagnostics);
  const auto text =
      verb.stop_after.empty() ? compiled_text(*job, verb) : stage_text(*job, verb.stop_after);
  if (!text) return report(text.error());
  const bool is_bytes = verb.stop_after.empty() && verb.form == "raw" && !verb.json;
  if (is_bytes && verb.output == "-" && ::isatty(STDOUT_FILENO) == 1) {
    return report(Error("raw BPF is not for a terminal", "give -o FILE, or -f text to read it"));
  }
  if (!verb.depfile.empty()) {
    std::vector<std::string> read = {verb.policy};
    if (!verb.frequencies.empty()) read.push_back(verb.frequencies);
    for (const SourceText& each : job->source.texts)
      if (each.included_at.line > 0) read.push_back(each.file);
    if (const int code = write_output(verb.depfile, make_rule(verb.output, read))) return code;
  }
  return write_output(verb.output, *text);
}

}  // namespace

void add_compile_verb(CLI::App& app, Action& chosen) {
  auto [command, verb] = add_verb<CompileVerb>(
      app, chosen, "compile", "compile a policy to a proved BPF program", run_compile);
  command->footer(examples);
  command->add_option("POLICY", verb->policy, "policy file, - for standard input")->required();
  command->add_option("-o,--output", verb->output, "where to write; - is standard output");
  command->add_option("-f,--form", verb->form, "raw, text, header, embedded or json")
      ->check(CLI::IsMember({"raw", "text", "header", "embedded", "json"}));
  command->add_option("--arch", verb->arches, "ABIs, separated by commas; else the policy's own");
  command->add_option("--name", verb->name,
                      "the identifier that header and embedded define; else the policy's name");
  add_include_option(*command, verb->include_root);
  add_frequencies_option(*command, verb->frequencies);
  command->add_option("--depfile", verb->depfile,
                      "also write a rule for make and ninja: what -o depends on");
  command
      ->add_option("--stop-after", verb->stop_after, "print a stage: policy, dag, program, proof")
      ->check(CLI::IsMember({"policy", "dag", "program", "proof"}));
  command->add_flag("--json", verb->json, "the same as -f json");
}

}  // namespace callgate::cli

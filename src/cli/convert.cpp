// callgate convert: a source of any format in another one.
//
// A new target is one line in the table of targets.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "callgate/bpf/assembly.h"
#include "callgate/compiler/compile.h"
#include "callgate/formats/oci_write.h"
#include "callgate/formats/systemd.h"
#include "callgate/formats/text.h"
#include "cli/common.h"
#include "cli/compilation_json.h"
#include "cli/oci_options.h"
#include "cli/output_forms.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate convert app.policy --to text -o tidy.policy   the policy language, printed anew\n"
    "  callgate convert app.policy --to raw --arch x86_64,i386 -o app.bpf\n"
    "  callgate convert app.bpf --to asm                      read a compiled filter\n"
    "  callgate convert default.json --to text --reader docker --caps none   an OCI profile\n"
    "  callgate convert docker-default --to oci --approximate stricter -o seccomp.json\n"
    "  callgate convert app.policy --to systemd -o app.service.d/seccomp.conf   a drop-in\n"
    "  callgate convert unit:app.service --to text            what a unit's settings filter\n"
    "  callgate convert app.bpf --to header -o app_filter.h   embed it in a C or C++ program\n"
    "The source's format is told by its content. Raw BPF has no rules left in it: it converts to "
    "raw,\n"
    "asm, header and json only.\n"
    "Exit codes: 0 written, 2 misuse or bad input.";

struct ConvertVerb {
  std::string source;
  std::string to;
  std::string output = "-";
  std::string arches;
  std::string runtime = "runc";
  std::string approximate;
  OciOptions oci;
  IncludeRoot include_root;
};

using PolicyWriter = Result<std::string> (*)(const Policy& policy);
using ProgramWriter = std::string (*)(const Program& program, const std::string& path);

/// One target: written from a policy, or from a program (which a policy is compiled to first).
struct ConvertTarget {
  const char* name;
  PolicyWriter from_policy;
  ProgramWriter from_program;
};

Result<std::string> to_text(const Policy& policy) { return print_policy(policy); }
std::string to_raw(const Program& program, const std::string&) { return program.bytes(); }
std::string to_asm(const Program& program, const std::string&) {
  return disassemble(program.instructions(), program.target());
}
std::string to_header(const Program& program, const std::string& path) {
  return program_header(program, path, fmt::format("{}, converted by callgate", path));
}
std::string to_json(const Program& program, const std::string&) { return program_json(program); }

constexpr std::array targets = {
    ConvertTarget{"text", to_text, nullptr},    ConvertTarget{"raw", nullptr, to_raw},
    ConvertTarget{"asm", nullptr, to_asm},      ConvertTarget{"header", nullptr, to_header},
    ConvertTarget{"json", nullptr, to_json},    ConvertTarget{"oci", nullptr, nullptr},
    ConvertTarget{"systemd", nullptr, nullptr},
};

const ConvertTarget* find_target(const std::string& name) {
  const auto found = std::find_if(targets.begin(), targets.end(),
                                  [&](const ConvertTarget& target) { return target.name == name; });
  return found == targets.end() ? nullptr : found;
}

Result<Program> program_of(LoadedSource& source, const std::vector<Arch>& asked) {
  if (const Program* program = source.program()) return *program;
  std::vector<Diagnostic> notes;
  CompileOptions options;
  options.arches = choose_arches(asked, *source.policy(), notes);
  CALLGATE_TRY(Compilation made, compile_source(source, options));
  report(notes);
  report(made.diagnostics);
  return std::move(made.program);
}

/// The section for a bundle's config.json.
Result<std::string> to_oci(const ConvertVerb& verb, const Policy& policy,
                           const std::vector<Arch>& asked, const OciContext& context) {
  std::vector<Diagnostic> notes;
  OciWriteOptions options;
  CALLGATE_TRY(options.reader, parse_oci_reader(verb.runtime));
  options.arches = choose_arches(asked, policy, notes);
  options.libseccomp = context.libseccomp;
  options.approximate_stricter = verb.approximate == "stricter";
  CALLGATE_TRY(OciExport written, write_oci(policy, options));
  report(notes);
  report(written.diagnostics);
  return std::move(written.json);
}

/// A drop-in for a service's unit.
Result<std::string> to_systemd(const ConvertVerb& verb, const Policy& policy,
                               const std::vector<Arch>& asked, const OciContext& context) {
  std::vector<Diagnostic> notes;
  UnitWriteOptions options;
  options.arches = choose_arches(asked, policy, notes);
  options.machine = arch_info(options.arches.front()).native;
  options.libseccomp = context.libseccomp;
  options.approximate_stricter = verb.approximate == "stricter";
  CALLGATE_TRY(UnitExport written, write_unit(policy, options));
  report(notes);
  report(written.diagnostics);
  return std::move(written.text);
}

Result<std::string> converted(const ConvertVerb& verb, const ConvertTarget& target) {
  CALLGATE_TRY(const std::vector<Arch> asked, parse_arches(verb.arches));
  LoadOptions options{.arches = asked, .include_root = verb.include_root};
  CALLGATE_TRY(options.oci, oci_source(verb.oci, asked));
  CALLGATE_TRY(LoadedSource source, load_source(verb.source, options));
  report(source.diagnostics);
  const bool is_oci = verb.to == "oci";
  if (is_oci && source.policy() != nullptr) {
    return to_oci(verb, *source.policy(), asked, options.oci->context);
  }
  const bool is_systemd = verb.to == "systemd";
  if (is_systemd && source.policy() != nullptr) {
    return to_systemd(verb, *source.policy(), asked, options.oci->context);
  }
  if (is_oci || is_systemd || target.from_policy != nullptr) {
    if (const Policy* policy = source.policy()) return target.from_policy(*policy);
    return fail(
        fmt::format("{} is raw BPF: lifting a program to a policy is not supported", verb.source),
        "convert it to raw, asm, header or json");
  }
  CALLGATE_TRY(const Program program, program_of(source, asked));
  return target.from_program(program, verb.source);
}

int run_convert(const ConvertVerb& verb) {
  const auto text = converted(verb, *find_target(verb.to));
  return text ? write_output(verb.output, *text) : report(text.error());
}

}  // namespace

void add_convert_verb(CLI::App& app, Action& chosen) {
  auto [command, verb] = add_verb<ConvertVerb>(
      app, chosen, "convert", "convert a policy or program to another format", run_convert);
  std::vector<std::string> names;
  names.reserve(targets.size());
  for (const ConvertTarget& target : targets) names.emplace_back(target.name);
  command->footer(examples);
  command->add_option("SRC", verb->source, "policy or program, - for standard input")->required();
  command->add_option("--to", verb->to, "text, raw, asm, header, json, oci or systemd")
      ->required()
      ->check(CLI::IsMember(names));
  command->add_option("-o,--output", verb->output, "where to write; - is standard output");
  command->add_option("--arch", verb->arches, "ABIs, separated by commas; else the policy's own");
  add_include_option(*command, verb->include_root);
  command->add_option("--runtime", verb->runtime,
                      "for --to oci, who will read it: runc, crun, containerd; runc@1.1.15");
  command
      ->add_option(
          "--approximate", verb->approximate,
          "for --to oci and systemd: stricter refuses what cannot be expressed, and says so")
      ->check(CLI::IsMember({"stricter"}));
  add_oci_options(*command, verb->oci);
}

}  // namespace callgate::cli

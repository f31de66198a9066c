// callgate check: everything that is wrong with a policy.
#include <fmt/format.h>

#include <algorithm>

#include "callgate/base/file.h"
#include "callgate/formats/text.h"
#include "cli/common.h"
#include "cli/group_text.h"
#include "cli/oci_options.h"
#include "cli/program_json.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate check app.policy                      every mistake, each with line and remedy\n"
    "  callgate check app.policy --arch x86_64,i386   for these ABIs, not the policy's own\n"
    "  callgate check *.policy --strict               warnings count as well (for CI)\n"
    "  callgate check app.policy --explain-groups     and the calls that its groups stand for\n"
    "  callgate check app.policy --json               the same for programs\n"
    "  callgate check default.json --reader docker    an OCI profile as Docker reads it\n"
    "What is looked at stands in docs/policy.md.\n"
    "Exit codes: 0 nothing found (notes do not count), 1 an error, or a warning under --strict,\n"
    "2 misuse, or a file that cannot be read.";

struct CheckVerb {
  std::vector<std::string> files;
  std::string arches;
  bool strict = false;
  bool json = false;
  bool explains_groups = false;
  OciOptions oci;
  IncludeRoot include_root;
};

/// What was found in one file.
struct Report {
  std::string path;
  std::vector<Arch> arches;  ///< checked for; empty if the file could not be parsed
  std::vector<Diagnostic> findings;
  std::vector<const Group*> groups;  ///< that its rules use, if they are asked for
};

void append(std::vector<Diagnostic>& all, std::vector<Diagnostic> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// The groups that a policy's rules use, those of promises and sets included, each once.
std::vector<const Group*> groups_of(const Policy& policy) {
  std::vector<const Group*> used;
  for (const Rule& rule : policy.rules)
    for (const Selector& selector : rule.calls) {
      if (selector.kind != Selector::Kind::group) continue;
      const Group* group = find_group(selector.name);
      if (group != nullptr && std::ranges::find(used, group) == used.end()) used.push_back(group);
    }
  std::ranges::sort(used, {}, &Group::name);
  return used;
}

Result<Report> check_file(const std::string& path, const CheckVerb& verb) {
  CALLGATE_TRY(const std::vector<Arch> asked, parse_arches(verb.arches));
  CALLGATE_TRY(const OciSource oci, oci_source(verb.oci, asked));
  const LoadOptions options{.arches = asked, .oci = oci, .include_root = verb.include_root};
  const auto text = read_file(path);
  // What is no file may be a built-in profile's name.
  auto source = text ? parse_source(*text, path, options) : load_source(path, options);
  if (!text && !source) return fail(std::move(source).error());
  Report out{.path = path};
  std::vector<SourceText> texts;
  if (source) texts = std::move(source->texts);
  if (texts.empty() && text) texts.push_back({path, *text, {}});
  if (!source) {
    out.findings = std::move(source.error().diagnostics);
  } else if (const Policy* policy = source->policy()) {
    out.findings = std::move(source->diagnostics);
    out.arches = choose_arches(asked, *policy, out.findings);
    append(out.findings, check(*policy, out.arches));
    if (verb.explains_groups) out.groups = groups_of(*policy);
  } else {
    return fail(path + " is a compiled program, not a policy",
                "`callgate disasm` shows what it does");
  }
  quote_lines(out.findings, texts);
  return out;
}

bool counts(const Diagnostic& finding, bool strict) {
  return finding.severity == Severity::error || (strict && finding.severity == Severity::warning);
}

std::string_view severity_text(Severity severity) {
  switch (severity) {
    case Severity::note: return "note";
    case Severity::warning: return "warning";
    case Severity::error: return "error";
  }
  return "error";
}

void write_finding(JsonWriter& writer, const Diagnostic& finding, const std::string& path) {
  writer.StartObject();
  json_member(writer, "severity", severity_text(finding.severity));
  json_member(writer, "message", finding.message);
  if (!finding.hint.empty()) json_member(writer, "hint", finding.hint);
  if (finding.place.line > 0) {
    if (finding.place.file != path) json_member(writer, "file", finding.place.file);
    json_member(writer, "line", finding.place.line);
    json_member(writer, "column", finding.place.column);
    json_member(writer, "length", finding.place.length);
  }
  writer.EndObject();
}

void write_groups(JsonWriter& writer, const Report& report) {
  json_key(writer, "groups");
  writer.StartArray();
  for (const Group* group : report.groups) {
    writer.StartObject();
    write_group(writer, *group, report.arches);
    writer.EndObject();
  }
  writer.EndArray();
}

std::string reports_json(const std::vector<Report>& reports) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  json_key(writer, "files");
  writer.StartArray();
  for (const Report& each : reports) {
    writer.StartObject();
    json_member(writer, "path", each.path);
    json_key(writer, "arches");
    writer.StartArray();
    for (const Arch arch : each.arches) json_string(writer, arch_info(arch).name);
    writer.EndArray();
    json_key(writer, "findings");
    writer.StartArray();
    for (const Diagnostic& finding : each.findings) write_finding(writer, finding, each.path);
    writer.EndArray();
    if (!each.groups.empty()) write_groups(writer, each);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string reports_text(const std::vector<Report>& reports) {
  std::string text;
  for (const Report& each : reports) {
    for (const Group* group : each.groups) text += group_text(*group, each.arches);
    text += render(each.findings);
    const auto counted = [&](Severity severity, std::string_view what) {
      const auto number =
          std::count_if(each.findings.begin(), each.findings.end(),
                        [&](const Diagnostic& d) { return d.severity == severity; });
      return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
    };
    text += fmt::format("{}: {}, {}", each.path, counted(Severity::error, "error"),
                        counted(Severity::warning, "warning"));
    text += each.arches.empty() ? "\n" : fmt::format(" for {}\n", join_arches(each.arches));
  }
  return text;
}

int run_check(const CheckVerb& verb) {
  std::vector<Report> reports;
  int code = exit_yes;
  for (const std::string& path : verb.files) {
    auto made = check_file(path, verb);
    if (!made) return report(made.error());
    if (std::any_of(made->findings.begin(), made->findings.end(),
                    [&](const Diagnostic& d) { return counts(d, verb.strict); })) {
      code = exit_no;
    }
    reports.push_back(std::move(*made));
  }
  return write_output("-", verb.json ? reports_json(reports) : reports_text(reports), code);
}

}  // namespace

void add_check_verb(CLI::App& app, Action& chosen) {
  auto [command, verb] =
      add_verb<CheckVerb>(app, chosen, "check", "find every mistake of a policy", run_check);
  command->footer(examples);
  command
      ->add_option("FILE", verb->files, "policies, OCI or built-in profiles, - for standard input")
      ->required();
  command->add_option("--arch", verb->arches, "ABIs, separated by commas; else the policy's own");
  command->add_flag("--strict", verb->strict, "warnings make the exit code 1, too");
  command->add_flag("--json", verb->json, "print the findings as JSON");
  command->add_flag("--explain-groups", verb->explains_groups,
                    "list the calls that the policy's groups stand for on its ABIs");
  add_include_option(*command, verb->include_root);
  add_oci_options(*command, verb->oci);
}

}  // namespace callgate::cli

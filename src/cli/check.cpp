// callgate check: everything that is wrong with a policy, a profile or a filter.
#include <fmt/format.h>

#include <algorithm>

#include "callgate/base/file.h"
#include "callgate/findings/acceptance.h"
#include "callgate/findings/harden.h"
#include "callgate/formats/text.h"
#include "cli/check_report.h"
#include "cli/common.h"
#include "cli/oci_options.h"
#include "cli/page.h"
#include "cli/program_file.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate check app.policy                      every mistake, each with line and remedy\n"
    "  callgate check app.policy --arch x86_64,i386   for these ABIs, not the policy's own\n"
    "  callgate check *.policy --strict               warnings count as well (for CI)\n"
    "  callgate check app.policy --explain-groups     and the calls that its groups stand for\n"
    "  callgate check app.policy --json               the same for programs; --sarif for others\n"
    "  callgate check default.json --reader docker    an OCI profile as Docker reads it\n"
    "  callgate check filter.bpf -p 1234              raw BPF, and the filters of a process\n"
    "  callgate check app.policy --kernel 4.19        and what that release makes of it\n"
    "  callgate check new.json --new-since old.json   what the older version does not have\n"
    "  callgate check d.json --write-baseline b.json --reason \"looked at for 1.2\"\n"
    "  callgate check d.json --baseline b.json        what is in it is accepted\n"
    "  callgate check app.policy --harden -o mended.policy\n"
    "docs/findings.md has each finding by its id, and how to accept one in the file.\n"
    "Exit codes: 0 nothing found (notes and what is accepted do not count), 1 an error, or a\n"
    "warning under --strict, 2 misuse, or a source that cannot be read.";

struct CheckVerb {
  std::vector<std::string> files;
  std::vector<int> processes;
  std::string arches;
  std::string target;
  std::string baseline;
  std::string write_baseline;
  std::string reason;
  std::string new_since;
  std::string output = "-";
  bool strict = false;
  bool json = false;
  bool sarif = false;
  bool all = false;
  bool harden = false;
  bool explains_groups = false;
  OciOptions oci;
  IncludeRoot include_root;
};

/// A source that was checked.
struct CheckedSource {
  CheckReport report;
  std::optional<LoadedSource> source;  ///< none: it could not be read as a policy or filter
  bool compiles = false;
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

Result<LoadOptions> load_options(const CheckVerb& verb) {
  LoadOptions options{.include_root = verb.include_root};
  CALLGATE_TRY(options.arches, parse_arches(verb.arches));
  CALLGATE_TRY(options.oci, oci_source(verb.oci, options.arches));
  if (!verb.target.empty()) {
    CALLGATE_TRY(options.target, parse_target(verb.target));
  } else if (!options.arches.empty()) {
    options.target = arch_info(options.arches.front()).target;
  }
  return options;
}

Result<std::optional<KernelRelease>> kernel_of(const CheckVerb& verb,
                                               const std::vector<Arch>& arches) {
  if (verb.oci.kernel.empty()) return std::optional<KernelRelease>();
  const auto release = parse_release(verb.oci.kernel);
  if (!release)
    return fail(fmt::format("\"{}\" is no kernel release", verb.oci.kernel), "write it as 6.12");
  const Arch native = arch_info(arches.empty() ? native_arch() : arches.front()).native;
  return std::optional(KernelRelease(*release, {.native = native}));
}

/// What the rules find in a policy without errors, or in filters.
Result<void> find(const CheckVerb& verb, const std::vector<Arch>& asked,
                  std::vector<Diagnostic> diagnostics, CheckedSource& out) {
  const LoadedSource& source = *out.source;
  const std::vector<Arch>& arches = source.policy() != nullptr ? out.report.arches : asked;
  CALLGATE_TRY(Subject subject, subject_of(source, arches));
  Checked checked{.subject = std::move(subject),
                  .policy = source.policy(),
                  .arches = arches,
                  .diagnostics = std::move(diagnostics),
                  .flags = source.flags};
  CALLGATE_TRY(checked.kernel, kernel_of(verb, arches));
  CALLGATE_TRY(out.report.findings, find_all(checked));
  out.compiles = true;
  return {};
}

/// The lines that findings speak of, where they are known.
void quote(std::vector<Finding>& findings, std::span<const SourceText> texts) {
  for (Finding& finding : findings) {
    if (!finding.source_line.empty()) continue;
    for (const SourceText& text : texts) {
      if (text.file != finding.place.file) continue;
      Diagnostic one{.place = finding.place};
      quote_lines({&one, 1}, text.text);
      finding.source_line = one.source_line;
    }
  }
}

/// What check() says of sections and of calls that an ABI lacks is about the policy that the reader
/// of another format made, not about what somebody wrote.
std::vector<Diagnostic> own_findings(const LoadedSource& source, std::vector<Diagnostic> found) {
  if (source.format != SourceFormat::text)
    std::erase_if(found, [](const Diagnostic& one) {
      return one.id == "section-without-effect" || one.id == "call-elsewhere";
    });
  return found;
}

Result<CheckedSource> check_source(const std::string& path, const CheckVerb& verb) {
  CALLGATE_TRY(const LoadOptions options, load_options(verb));
  const auto text = read_file(path);
  // What is no file may be a process, or a built-in profile's name.
  auto source = text ? parse_source(*text, path, options) : load_source(path, options);
  if (!text && !source) return fail(std::move(source).error());
  CheckedSource out{.report = {.path = path}};
  std::vector<SourceText> texts;
  if (source) texts = source->texts;
  if (texts.empty() && text) texts.push_back({path, *text, {}});
  std::vector<Diagnostic> diagnostics;
  if (!source) {
    diagnostics = std::move(source.error().diagnostics);
  } else {
    diagnostics = std::move(source->diagnostics);
    if (const Policy* policy = source->policy()) {
      out.report.arches = choose_arches(options.arches, *policy, diagnostics);
      append(diagnostics, own_findings(*source, check(*policy, out.report.arches)));
      if (verb.explains_groups) out.report.groups = groups_of(*policy);
    }
    out.source = std::move(*source);
  }
  quote_lines(diagnostics, texts);
  if (!out.source || has_errors(diagnostics))
    out.report.findings = findings_of(diagnostics);
  else
    CALLGATE_CHECK(find(verb, options.arches, std::move(diagnostics), out));
  quote(out.report.findings, texts);
  return out;
}

/// Marks what comments and the baseline accept.
Result<void> accept_known(const CheckVerb& verb, CheckedSource& checked) {
  Acceptances all;
  if (checked.source) all = read_acceptances(checked.source->texts);
  if (!verb.baseline.empty()) {
    CALLGATE_TRY(const std::string json, read_file(verb.baseline));
    CALLGATE_TRY(Acceptances more, read_baseline(json, verb.baseline));
    std::move(more.list.begin(), more.list.end(), std::back_inserter(all.list));
    std::move(more.invalid.begin(), more.invalid.end(), std::back_inserter(all.invalid));
  }
  CheckReport& report = checked.report;
  accept(report.findings, all.list, checked.source ? checked.source->policy() : nullptr,
         report.path);
  std::move(all.invalid.begin(), all.invalid.end(), std::back_inserter(report.findings));
  return {};
}

/// Leaves out what the older version has, too, as often as it has it.
Result<void> drop_known(const CheckVerb& verb, CheckReport& report) {
  CALLGATE_TRY(const CheckedSource older, check_source(verb.new_since, verb));
  std::vector<Finding> known = older.report.findings;
  std::erase_if(report.findings, [&](const Finding& one) {
    const auto same = std::find_if(known.begin(), known.end(), [&](const Finding& other) {
      return other.id == one.id && other.subject == one.subject && other.severity >= one.severity;
    });
    if (same == known.end()) return false;
    known.erase(same);
    if (one.severity != Severity::note) ++report.known;
    return true;
  });
  return {};
}

Result<std::vector<CheckedSource>> check_all(const CheckVerb& verb,
                                             const std::vector<std::string>& names) {
  std::vector<CheckedSource> all;
  for (const std::string& name : names) {
    CALLGATE_TRY(CheckedSource checked, check_source(name, verb));
    CALLGATE_CHECK(accept_known(verb, checked));
    if (!verb.new_since.empty()) CALLGATE_CHECK(drop_known(verb, checked.report));
    all.push_back(std::move(checked));
  }
  return all;
}

bool counts(const Finding& finding, bool strict) {
  return !finding.accepted &&
         (finding.severity == Severity::error || (strict && finding.severity == Severity::warning));
}

int code_of(const std::vector<CheckedSource>& all, bool strict) {
  for (const CheckedSource& one : all)
    if (std::any_of(one.report.findings.begin(), one.report.findings.end(),
                    [&](const Finding& finding) { return counts(finding, strict); }))
      return exit_no;
  return exit_yes;
}

int write_baseline_file(const CheckVerb& verb, const std::vector<CheckedSource>& all) {
  std::vector<BaselineSource> sources;
  for (const CheckedSource& one : all) sources.push_back({one.report.path, one.report.findings});
  return write_output(verb.write_baseline, write_baseline(sources, verb.reason));
}

std::optional<Error> misuse(const CheckVerb& verb, std::size_t sources) {
  if (sources == 0) return Error("nothing to check", "name a file, or a process by -p PID");
  if (!verb.new_since.empty() && sources != 1)
    return Error("--new-since compares one source with its older version", "check one at a time");
  if (!verb.write_baseline.empty() && verb.reason.empty())
    return Error("--write-baseline accepts what is found: say why", "--reason \"...\"");
  if (verb.harden && sources != 1) return Error("--harden mends one source", "check one at a time");
  return std::nullopt;
}

int mend(const CheckVerb& verb, const CheckedSource& checked) {
  if (!checked.compiles) {
    std::vector<CheckReport> reports = {checked.report};
    return write_output("-", check_text(reports, verb.all), exit_no);
  }
  const LoadedSource& source = *checked.source;
  const auto options = load_options(verb);
  if (!options) return report(options.error());
  const std::vector<Arch>& arches =
      source.policy() != nullptr ? checked.report.arches : options->arches;
  auto subject = subject_of(source, arches);
  if (!subject) return report(subject.error());
  const auto mended = harden(*subject, source.policy(), arches, checked.report.findings);
  if (!mended) return report(mended.error());
  std::vector<Diagnostic> said;
  for (const Mending& one : mended->mendings)
    said.push_back({.severity = Severity::note,
                    .message = fmt::format("{} [{}]", one.what, one.id),
                    .place = one.place});
  report(said);
  return write_output(verb.output, mended->text, mended->is_clean ? exit_yes : exit_no);
}

int run_check(const CheckVerb& verb) {
  std::vector<std::string> names = verb.files;
  for (const int process : verb.processes) names.push_back(process_source(process));
  if (const auto wrong = misuse(verb, names.size())) return report(*wrong);
  const auto all = check_all(verb, names);
  if (!all) return report(all.error());
  if (!verb.write_baseline.empty()) return write_baseline_file(verb, *all);
  if (verb.harden) return mend(verb, all->front());
  std::vector<CheckReport> reports;
  for (const CheckedSource& one : *all) reports.push_back(one.report);
  const std::string text =
      is_page(verb.output)
          ? page("check", fmt::format("{}", fmt::join(names, ", ")), check_json(reports, true))
      : verb.sarif ? check_sarif(reports)
      : verb.json  ? check_json(reports, verb.all)
                   : check_text(reports, verb.all);
  return write_output(verb.output, text, code_of(*all, verb.strict));
}

}  // namespace

void add_check_verb(CLI::App& app, Action& chosen) {
  auto [command, verb] = add_verb<CheckVerb>(
      app, chosen, "check", "find what is wrong with a policy, profile or filter", run_check);
  command->footer(examples);
  command->add_option("FILE", verb->files,
                      "policies, OCI profiles, units, raw filters, built-in profiles, pid:PID, "
                      "- for standard input");
  command->add_option("-p,--process", verb->processes, "the filters of this process")
      ->allow_extra_args(false)
      ->check(CLI::PositiveNumber);
  command->add_option("--arch", verb->arches, "ABIs, separated by commas; else the source's own");
  command->add_option("--target", verb->target, target_help);
  command->add_flag("--strict", verb->strict, "warnings make the exit code 1, too");
  command->add_flag("--all", verb->all, "list the accepted findings, too");
  command->add_option("--baseline", verb->baseline,
                      "findings that are accepted, each with a reason");
  command->add_option("--write-baseline", verb->write_baseline,
                      "write a baseline that accepts all that is found");
  command->add_option("--reason", verb->reason, "why, for --write-baseline");
  command->add_option("--new-since", verb->new_since,
                      "only what this older version of the source does not have");
  command->add_flag("--harden", verb->harden, "write the source as a policy, mended");
  command->add_flag("--json", verb->json, "print the findings as JSON");
  command->add_flag("--sarif", verb->sarif, "print them as SARIF 2.1.0");
  command->add_option("-o", verb->output, output_help);
  command->add_flag("--explain-groups", verb->explains_groups,
                    "list the calls that the policy's groups stand for on its ABIs");
  add_include_option(*command, verb->include_root);
  add_oci_options(*command, verb->oci);
}

}  // namespace callgate::cli

// callgate merge: several policies and filters as one.
#include <fmt/format.h>

#include <algorithm>

#include "cli/diff_rows.h"
#include "cli/sources.h"
#include "cli/targets.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate merge base.json site.policy           a call gets the stricter answer of both\n"
    "  callgate merge a.policy b.policy --union       the looser one\n"
    "  callgate merge -p 1234                         a process's stack of filters as one policy\n"
    "  callgate merge old.bpf new.bpf --to raw -o one.bpf      as one program\n"
    "  callgate merge docker-default app.policy --to oci -o seccomp.json\n"
    "The intersection is what the kernel makes of the filters as a stack, in that order: of "
    "equally\n"
    "strict answers (two errnos) the last source's counts; in a union, of equally loose ones the\n"
    "first's. What is written is proved to decide every call so. docs/merge.md has the details.\n"
    "Exit codes: 0 written, 1 the target cannot say it, 2 misuse or bad input.";

struct MergeVerb {
  SourceOptions sources;
  TargetOptions target{.to = "text"};
  std::string output = "-";
  bool is_union = false;
  bool is_intersection = false;
};

Subject combined(const MergeVerb& verb, std::vector<Subject> parts) {
  return verb.is_union ? Subject::loosest(std::move(parts)) : Subject::strictest(std::move(parts));
}

/// Calls for which two sources answer equally strictly and not alike: whose answer stands.
Result<std::vector<Diagnostic>> clashes(const MergeVerb& verb, const Subject& before,
                                        const QuestionedSource& next) {
  CALLGATE_TRY(Difference found, difference(before, next.subject));
  std::erase_if(found.changes, [](const Change& change) {
    return precedence(change.from) != precedence(change.to);
  });
  std::vector<Diagnostic> notes;
  for (const ChangeRow& row : rows_of(found, {})) {
    std::string where = row_subject(row, {.names = 8});
    if (!row.arches.empty()) where += fmt::format(" on {}", join_arches(row.arches));
    if (!row.when.empty()) where += " if " + row.when;
    notes.push_back({.severity = Severity::note,
                     .message = fmt::format("{} here and {} before: {} stands, for {}", row.to,
                                            row.from, verb.is_union ? row.from : row.to, where),
                     .place = {.file = next.source.path}});
  }
  return notes;
}

/// --arch where it is the same for all; else what the sources are about.
std::vector<Arch> asked_of_all(const std::vector<QuestionedSource>& sources) {
  const std::vector<Arch>& first = sources.front().asked;
  const bool all = std::all_of(sources.begin(), sources.end(),
                               [&](const QuestionedSource& one) { return one.asked == first; });
  return all ? first : std::vector<Arch>();
}

Written merged(const MergeVerb& verb) {
  const std::vector<std::string> names = source_names(verb.sources);
  if (names.empty()) return not_written(Error("nothing to merge", "see callgate merge --help"));
  auto sources = load_sources(verb.sources, names);
  if (!sources) return not_written(std::move(sources).error());
  std::vector<Subject> parts;
  for (const QuestionedSource& one : *sources) {
    if (!parts.empty()) {
      auto notes = clashes(verb, combined(verb, parts), one);
      if (!notes) return not_written(std::move(notes).error());
      report(*notes);
    }
    parts.push_back(one.subject);
  }
  std::string path = names.front();
  for (std::size_t i = 1; i < names.size(); ++i) path += " + " + names[i];
  return write_lifted(verb.target, combined(verb, std::move(parts)), path, asked_of_all(*sources),
                      sources->front().oci.context);
}

int run_merge(const MergeVerb& verb) {
  const Written text = merged(verb);
  if (text) return write_output(verb.output, *text);
  report(text.error().error);
  return text.error().code;
}

}  // namespace

void add_merge_verb(CLI::App& app, Action& chosen) {
  auto [command, verb] =
      add_verb<MergeVerb>(app, chosen, "merge", "make one policy of several", run_merge);
  command->footer(examples);
  add_sources(*command, verb->sources, "SOURCE");
  CLI::Option* both = command->add_flag("--intersection", verb->is_intersection,
                                        "the stricter answer counts (if not said)");
  command->add_flag("--union", verb->is_union, "the looser answer counts")->excludes(both);
  command->add_option("-o,--output", verb->output, "where to write; - is standard output");
  add_target_options(*command, verb->target);
}

}  // namespace callgate::cli

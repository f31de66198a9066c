// callgate convert: a source of any format in another one.
#include <fmt/format.h>

#include "cli/sources.h"
#include "cli/targets.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate convert app.policy --to text -o tidy.policy   the policy language, printed anew\n"
    "  callgate convert app.policy --to raw --arch x86_64,i386 -o app.bpf\n"
    "  callgate convert app.bpf --to text                     a policy out of a compiled filter\n"
    "  callgate convert -p 1234 --to text                     what a process's filters decide\n"
    "  callgate convert app.bpf --to asm                      read a compiled filter\n"
    "  callgate convert default.json --to text --reader docker --caps none   an OCI profile\n"
    "  callgate convert docker-default --to oci --approximate stricter -o seccomp.json\n"
    "  callgate convert app.policy --to systemd -o app.service.d/seccomp.conf   a drop-in\n"
    "  callgate convert unit:app.service --to text            what a unit's settings filter\n"
    "  callgate convert app.bpf --to header -o app_filter.h   embed it in a C or C++ program\n"
    "The source's format is told by its content. What is written is proved to decide every call "
    "as\n"
    "the source does.\n"
    "Exit codes: 0 written, 1 the target cannot say what the source decides, 2 misuse or bad\n"
    "input.";

struct ConvertVerb {
  SourceOptions sources;
  TargetOptions target;
  std::string output = "-";
};

Written converted(const ConvertVerb& verb) {
  const std::vector<std::string> names = source_names(verb.sources);
  if (names.size() != 1)
    return not_written(Error(names.empty() ? "nothing to convert" : "one source at a time",
                             "`callgate merge` makes one policy of several"));
  auto read = read_sources(verb.sources, names);
  if (!read) return not_written(std::move(read).error());
  const ReadSource& one = read->front();
  report(one.source.diagnostics);
  const OciContext& context = one.oci.context;
  if (one.source.policy() != nullptr)
    return write_policy(verb.target, one.source, one.asked, context);
  const Program* program = one.source.program();
  if (program != nullptr && !takes_policy(verb.target))
    return write_program(verb.target, *program, one.source.path);
  auto subject = subject_of(one.source, {});
  if (!subject) return not_written(std::move(subject).error());
  return write_lifted(verb.target, *subject, one.source.path, one.asked, context);
}

int run_convert(const ConvertVerb& verb) {
  const Written text = converted(verb);
  if (text) return write_output(verb.output, *text);
  report(text.error().error);
  return text.error().code;
}

}  // namespace

void add_convert_verb(CLI::App& app, Action& chosen) {
  auto [command, verb] = add_verb<ConvertVerb>(
      app, chosen, "convert", "convert a policy, a program or a process to another format",
      run_convert);
  command->footer(examples);
  add_sources(*command, verb->sources, "SRC");
  command->add_option("-o,--output", verb->output, "where to write; - is standard output");
  add_target_options(*command, verb->target);
}

}  // namespace callgate::cli

// callgate explain: why a call is decided as it is, which values a call may have, a policy on one
// screen.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/explain_call.h"
#include "cli/explain_map.h"
#include "cli/meaning_json.h"
#include "cli/page.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate explain docker-default                the policy on one screen\n"
    "  callgate explain app.policy 'openat(AT_FDCWD, \"/x\", O_RDWR)'     the rule, the path\n"
    "  callgate explain app.policy openat             which values are allowed?\n"
    "  callgate explain app.policy 'i386:open(\"/x\")' x32:0x40000101 257     by ABI, by number\n"
    "  callgate explain -p 1234 'clone(flags=CLONE_NEWUSER)'    the filters of a process\n"
    "  callgate explain app.bpf --kernel 4.4 ptrace()   and what that release makes of it\n"
    "  callgate explain docker-default -o map.html    a page to search, with decision graphs\n"
    "  callgate explain app.policy --json             all of it, call by call\n"
    "Exit codes: 0 explained, 2 misuse or bad input.";

struct ExplainVerb {
  SourceOptions sources;
  std::string source;
  std::vector<std::string> calls;
  std::string output = "-";
  bool names = false;
  bool json = false;
};

/// What was asked about: calls with arguments, and calls over all their arguments.
struct Question {
  std::vector<CallExpression> calls;
  std::vector<CallExpression> values;
  bool whole_map = false;  ///< every call's decision, whatever else is asked
};

/// The ABI of calls that name none: the native one if the source is about it, else its first.
Arch default_arch(const QuestionedSource& source) {
  const std::vector<Arch> arches = arches_of(source);
  const bool is_native =
      arches.empty() || std::find(arches.begin(), arches.end(), native_arch()) != arches.end();
  return is_native ? native_arch() : arches.front();
}

Result<Question> read_question(const ExplainedSource& source,
                               const std::vector<std::string>& texts) {
  Question question;
  const Arch arch = default_arch(source.question);
  for (const std::string& text : texts) {
    auto call = parse_call(text, arch);
    if (!call && text.find_first_of(":(") == std::string::npos) {
      // A name that the default ABI lacks may be another one's.
      for (const Arch other : arches_of(source.question))
        if (!call) call = parse_call(fmt::format("{}:{}", arch_info(other).name, text), arch);
      if (!call) call = parse_call(text, arch);
    }
    if (!call) return fail(std::move(call).error());
    const bool is_whole = text.find('(') != std::string::npos;
    (is_whole ? question.calls : question.values).push_back(*std::move(call));
  }
  return question;
}

/// The decisions about a call: of the ABI that was named, else of every ABI that has that name; of
/// an ABI that the source does not tell apart, those about all such.
std::vector<const CallDecision*> decisions_of(const Survey& survey, const CallExpression& call) {
  std::vector<const CallDecision*> all;
  const auto own = classify(call.data.arch, call.data.nr);
  if (!own || std::find(survey.arches.begin(), survey.arches.end(), *own) == survey.arches.end()) {
    for (const CallDecision& decision : survey.calls)
      if (!decision.arch && decision.numbers.first <= call.data.nr &&
          call.data.nr <= decision.numbers.last)
        all.push_back(&decision);
    return all;
  }
  const bool is_named = call.call == nullptr || call.text.find(':') != std::string::npos;
  for (const Arch arch : survey.arches) {
    if (is_named && arch != call.arch) continue;
    const Syscall* here = is_named ? call.call : find_syscall(arch, call.call->name);
    if (here == nullptr && call.call != nullptr) continue;
    if (const auto* found = survey.find(arch, here != nullptr ? here->number : call.data.nr))
      all.push_back(found);
  }
  return all;
}

/// The cases of a call, a line each.
std::string case_lines(const ExplainedSource& source, const CallDecision& decision) {
  if (decision.undecided) return "  past the budget: not known\n";
  std::vector<std::array<std::string, 3>> rows;
  std::size_t width = 0;
  std::size_t action_width = 0;
  for (const Case& one : decision.cases) {
    const bool is_last = &one == &decision.cases.back();
    const auto by = decided_by(source, one.witness);
    std::string when = !is_last                     ? when_text(one.when, decision.call)
                       : decision.cases.size() == 1 ? std::string("always")
                                                    : std::string("else");
    std::string action = action_text(decision.arch, one.ret);
    if (when.size() <= 60) width = std::max(width, when.size());
    action_width = std::max(action_width, action.size());
    rows.push_back({std::move(when), std::move(action), by ? decided_text(*by) : ""});
  }
  std::string text;
  for (const auto& [when, action, by] : rows) {
    std::string line = fmt::format("  {:<{}}  {:<{}}  {}", when, width, action, action_width, by);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

/// Every case of a call; ABIs that agree stand together.
std::string values_text(const ExplainedSource& source, const Survey& survey,
                        const CallExpression& call) {
  std::vector<std::pair<std::string, std::string>> blocks;  // cases, titles
  for (const CallDecision* decision : decisions_of(survey, call)) {
    std::string lines = case_lines(source, *decision);
    const std::string title = decision->arch ? fmt::format("{} {}", arch_info(*decision->arch).name,
                                                           range_text(decision->numbers))
                                             : std::string("as every other architecture");
    const auto known = std::find_if(blocks.begin(), blocks.end(),
                                    [&](const auto& block) { return block.first == lines; });
    if (known != blocks.end())
      known->second += ", " + title;
    else
      blocks.emplace_back(std::move(lines), title);
  }
  const std::string name =
      call.call != nullptr ? std::string(call.call->name) : std::string("numbers without a call");
  if (blocks.empty()) return name + ": not of the ABIs that are looked at\n";
  std::string text;
  for (const auto& [lines, titles] : blocks)
    text += fmt::format("{} ({}):\n{}", name, titles, lines);
  return text;
}

std::string title_of(const ExplainedSource& source) {
  const std::span<const Program> programs = source.programs();
  std::string sizes;
  for (const Program& program : programs)
    sizes += fmt::format("{}{}", sizes.empty() ? "" : " + ", program.size());
  const std::string what = source.policy() != nullptr
                               ? fmt::format("{} rules, ", source.policy()->rules.size())
                           : programs.size() > 1 ? fmt::format("{} filters, ", programs.size())
                                                 : std::string();
  return fmt::format("{}: {}{} instructions\n", source.question.source.path, what, sizes);
}

Result<std::string> explained_text(const ExplainedSource& source, const Survey& survey,
                                   const Question& question, Release release, bool all_names) {
  if (question.calls.empty() && question.values.empty())
    return title_of(source) + map_text(survey, all_names);
  std::string text;
  for (const CallExpression& call : question.calls) {
    CALLGATE_TRY(const std::string one, call_report(source, call, release));
    text += one;
  }
  for (const CallExpression& call : question.values) text += values_text(source, survey, call);
  if (!question.values.empty() && source.policy() == nullptr)
    text += "raw BPF has no rules: these are the program's own decisions\n";
  return text;
}

void write_decision(JsonWriter& writer, const ExplainedSource& source,
                    const CallDecision& decision) {
  writer.StartObject();
  json_member(writer, "class", class_name(class_of(decision)));
  write_decision_members(writer, decision, [&](const Case& one) {
    write_decided(writer, decided_by(source, one.witness));
  });
  writer.EndObject();
}

void write_counts(JsonWriter& writer, const Survey& survey) {
  json_key(writer, "counts");
  writer.StartObject();
  for (const Arch arch : survey.arches) {
    std::map<CallClass, std::size_t> counts;
    for (const CallDecision& call : survey.calls)
      if (call.arch == arch && call.call != nullptr) ++counts[class_of(call)];
    json_key(writer, arch_info(arch).name);
    writer.StartObject();
    for (const CallClass one : {CallClass::allowed, CallClass::conditional, CallClass::delegated,
                                CallClass::refused, CallClass::undecided})
      json_member(writer, class_name(one), counts[one]);
    writer.EndObject();
  }
  writer.EndObject();
}

void write_programs(JsonWriter& writer, const ExplainedSource& source) {
  json_key(writer, "programs");
  writer.StartArray();
  for (const Program& program : source.programs()) {
    writer.StartObject();
    write_program_members(writer, program.instructions(), program.target());
    writer.EndObject();
  }
  writer.EndArray();
}

void write_decisions(JsonWriter& writer, const ExplainedSource& source, const Survey& survey,
                     const Question& question) {
  json_key(writer, "calls");
  writer.StartArray();
  for (const CallExpression& call : question.values)
    for (const CallDecision* one : decisions_of(survey, call)) write_decision(writer, source, *one);
  if (question.whole_map || (question.values.empty() && question.calls.empty()))
    for (const CallDecision& one : survey.calls) write_decision(writer, source, one);
  writer.EndArray();
}

Result<std::string> explained_json(const ExplainedSource& source, const Survey& survey,
                                   const Question& question, Release release) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  json_key(writer, "source");
  writer.StartObject();
  json_member(writer, "path", source.question.source.path);
  json_member(writer, "format", format_name(source.question.source.format));
  json_flag(writer, "has_rules", source.policy() != nullptr);
  writer.EndObject();
  write_arches(writer, "arches", survey.arches);
  write_counts(writer, survey);
  write_decisions(writer, source, survey, question);
  json_key(writer, "answers");
  writer.StartArray();
  for (const CallExpression& call : question.calls)
    CALLGATE_CHECK(write_call(writer, source, call, release));
  writer.EndArray();
  write_programs(writer, source);
  writer.EndObject();
  return json_text(buffer);
}

/// A page shows the whole map, and one answer for each call that was asked about.
Result<std::string> explained_page(const ExplainedSource& source, const Survey& survey,
                                   Question question, Release release) {
  question.whole_map = true;
  std::move(question.values.begin(), question.values.end(), std::back_inserter(question.calls));
  question.values.clear();
  CALLGATE_TRY(const std::string json, explained_json(source, survey, question, release));
  return page("explain", source.question.source.path, json, page_names(survey));
}

Result<ExplainedSource> load(const ExplainVerb& verb, const std::string& name) {
  CALLGATE_TRY(std::vector<QuestionedSource> loaded, load_sources(verb.sources, {name}));
  ExplainedSource source{.question = std::move(loaded.front())};
  if (source.policy() != nullptr) {
    CALLGATE_TRY(source.made,
                 compile_source(source.question.source, {.arches = source.question.arches}));
  }
  return source;
}

Result<int> explained(const ExplainVerb& verb) {
  std::vector<std::string> calls = verb.calls;
  std::string name = verb.source;
  if (verb.sources.processes.size() > 1) return fail("one source at a time");
  if (!verb.sources.processes.empty()) {
    if (!name.empty()) calls.insert(calls.begin(), name);
    name = process_source(verb.sources.processes.front());
  }
  if (name.empty()) return fail("nothing to explain", "see callgate explain --help");
  CALLGATE_TRY(const ExplainedSource source, load(verb, name));
  CALLGATE_TRY(const Question question, read_question(source, calls));
  const bool as_page = is_page(verb.output);
  Survey survey;
  if (verb.json || as_page || question.calls.empty() || !question.values.empty()) {
    const SurveyOptions options{.arches = source.policy() == nullptr ? source.question.asked
                                                                     : std::vector<Arch>()};
    CALLGATE_TRY(survey, survey_of(source.question.subject, options));
  }
  const Release release = source.question.oci.context.kernel;
  CALLGATE_TRY(const std::string text,
               as_page     ? explained_page(source, survey, question, release)
               : verb.json ? explained_json(source, survey, question, release)
                           : explained_text(source, survey, question, release, verb.names));
  return write_output(verb.output, text);
}

int run_explain(const ExplainVerb& verb) {
  const auto code = explained(verb);
  return code ? *code : report(code.error());
}

}  // namespace

void add_explain_verb(CLI::App& app, Action& chosen) {
  auto [command, verb] = add_verb<ExplainVerb>(
      app, chosen, "explain", "what decides a call, and a policy on one screen", run_explain);
  command->footer(examples);
  command->add_option("SRC", verb->source, "policy, profile, unit, raw filter or built-in profile");
  command->add_option("CALL", verb->calls,
                      "a call, such as 'openat(AT_FDCWD, 0, O_RDWR)'; without parentheses: every "
                      "case of it");
  add_source_options(*command, verb->sources);
  command->add_flag("--names", verb->names, "the map names every call");
  command->add_flag("--json", verb->json, "as JSON (docs/json.md)");
  command->add_option("-o,--output", verb->output, output_help);
}

}  // namespace callgate::cli

// callgate test: a policy held against tables of expected verdicts.
#include <fmt/format.h>

#include "callgate/base/file.h"
#include "callgate/bpf/assembly.h"
#include "callgate/formats/cases.h"
#include "cli/decider.h"
#include "cli/verbs.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate test app.policy app.cases          every case that does not hold, with its line\n"
    "  callgate test docker-default *.cases        several tables\n"
    "  callgate test app.bpf app.cases --arch x86_64    a compiled program\n"
    "  callgate test app.policy - <<<'denied: ptrace'\n"
    "A table:\n"
    "  allowed: read, write, @exit, socket(AF_UNIX)\n"
    "  socket(AF_INET) -> errno(EPERM)\n"
    "  on i386 {\n"
    "    socketcall(1) -> errno(ENOSYS) by otherwise\n"
    "  }\n"
    "A case speaks of every call that is as it says: what it does not say may be anything.\n"
    "docs/testing.md has the language. Exit codes: 0 all hold, 1 some do not, 2 misuse or bad\n"
    "input.";

struct TestVerb {
  SourceOptions sources;
  std::string source;
  std::vector<std::string> tables;
  bool json = false;
};

/// One table, and those of its cases that do not hold.
struct Table {
  std::string path;
  std::vector<VerdictCase> cases;
  std::vector<FailedCase> failed;
};

Result<ExplainedSource> load(const TestVerb& verb) {
  CALLGATE_TRY(ExplainedSource source, load_decider(verb.sources, verb.source));
  if (source.programs().size() != 1) {
    return fail(verb.source + ": a table is held against one filter, and these are several",
                "`callgate merge` makes one of them");
  }
  return source;
}

Result<Table> test_table(const std::string& path, const ExplainedSource& source) {
  Table table{.path = path, .cases = {}, .failed = {}};
  CALLGATE_TRY(const std::string text, read_file(path));
  CALLGATE_TRY(table.cases, parse_cases(text, path, usual_arch(source.question)));
  if (table.cases.empty()) return fail(path + ": no cases");
  table.failed =
      failed_cases(table.cases, source.programs().front(), source.policy(), source.question.arches);
  return table;
}

std::string table_text(const Table& table, const ExplainedSource& source) {
  std::string text;
  for (const FailedCase& failed : table.failed)
    text += render(explain_failure(table.cases[failed.index], failed, source.policy()));
  const std::string& policy = source.question.source.path;
  if (table.failed.empty())
    return fmt::format("{}: all {} cases hold for {}\n", table.path, table.cases.size(), policy);
  return text + fmt::format("{}: {} of {} cases do not hold for {}\n", table.path,
                            table.failed.size(), table.cases.size(), policy);
}

void write_failure(JsonWriter& writer, const VerdictCase& one, const FailedCase& failed,
                   const ExplainedSource& source) {
  writer.StartObject();
  json_member(writer, "line", one.place.line);
  json_member(writer, "column", one.place.column);
  json_member(writer, "arch", arch_info(one.call.arch).name);
  json_member(writer, "call", one.call.text);
  json_member(writer, "expected", one.expected.text());
  json_key(writer, "returns");
  writer.StartArray();
  for (const std::uint32_t ret : failed.returns)
    json_string(writer, return_text_on(one.call.arch, ret));
  writer.EndArray();
  json_member(writer, "message", explain_failure(one, failed, source.policy()).message);
  write_decided(writer,
                failed.returns.size() == 1 ? decided_by(source, one.call.data) : std::nullopt);
  writer.EndObject();
}

std::string tables_json(const std::vector<Table>& tables, const ExplainedSource& source) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  json_key(writer, "tables");
  writer.StartArray();
  for (const Table& table : tables) {
    writer.StartObject();
    json_member(writer, "path", table.path);
    json_member(writer, "cases", table.cases.size());
    json_key(writer, "failed");
    writer.StartArray();
    for (const FailedCase& failed : table.failed)
      write_failure(writer, table.cases[failed.index], failed, source);
    writer.EndArray();
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return buffer.GetString() + std::string("\n");
}

int run_test(const TestVerb& verb) {
  const auto source = load(verb);
  if (!source) return report(source.error());
  std::vector<Table> tables;
  std::string text;
  bool all_hold = true;
  for (const std::string& path : verb.tables) {
    auto table = test_table(path, *source);
    if (!table) return report(table.error());
    all_hold = all_hold && table->failed.empty();
    if (!verb.json) text += table_text(*table, *source);
    tables.push_back(*std::move(table));
  }
  if (verb.json) text = tables_json(tables, *source);
  return write_output("-", text, all_hold ? exit_yes : exit_no);
}

}  // namespace

void add_test_verb(CLI::App& app, Action& chosen) {
  auto [command, verb] = add_verb<TestVerb>(
      app, chosen, "test", "hold a policy against tables of expected verdicts", run_test);
  command->footer(examples);
  command->add_option("POLICY", verb->source, "policy, profile, raw filter or built-in profile")
      ->required();
  command->add_option("CASES", verb->tables, "tables of cases, - for standard input")->required();
  add_source_options(*command, verb->sources);
  command->add_flag("--json", verb->json, "as JSON (docs/json.md)");
}

}  // namespace callgate::cli

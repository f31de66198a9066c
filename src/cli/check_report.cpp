#include "cli/check_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/common.h"
#include "cli/group_text.h"
#include "cli/meaning_json.h"

namespace callgate::cli {
namespace {

std::string_view severity_text(Severity severity) {
  switch (severity) {
    case Severity::note: return "note";
    case Severity::warning: return "warning";
    case Severity::error: return "error";
  }
  return "error";
}

std::size_t accepted_in(const CheckReport& report) {
  return static_cast<std::size_t>(
      std::count_if(report.findings.begin(), report.findings.end(),
                    [](const Finding& one) { return one.accepted.has_value(); }));
}

std::string finding_text(const Finding& finding) {
  std::string text =
      render(Diagnostic{.severity = finding.severity,
                        .message = fmt::format("{} [{}]", finding.message, finding.id),
                        .place = finding.place,
                        .source_line = finding.source_line});
  if (finding.witness) {
    const auto arch = classify(finding.witness->call.arch, finding.witness->call.nr);
    text += fmt::format("  witness: {} gets {}\n", finding.witness->text,
                        action_text(arch, finding.witness->ret));
  }
  if (!finding.fix.empty()) text += fmt::format("  hint: {}\n", finding.fix);
  if (finding.accepted) text += fmt::format("  accepted: {}\n", *finding.accepted);
  return text;
}

std::string counted(const CheckReport& report, Severity severity, std::string_view what) {
  const auto number =
      std::count_if(report.findings.begin(), report.findings.end(),
                    [&](const Finding& one) { return one.severity == severity && !one.accepted; });
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

std::string summary(const CheckReport& report) {
  std::string text =
      fmt::format("{}: {}, {}", report.path, counted(report, Severity::error, "error"),
                  counted(report, Severity::warning, "warning"));
  if (const std::size_t accepted = accepted_in(report); accepted > 0)
    text += fmt::format(", {} accepted", accepted);
  if (report.known > 0) text += fmt::format(", {} that the older version has too", report.known);
  return text +
         (report.arches.empty() ? "\n" : fmt::format(" for {}\n", join_arches(report.arches)));
}

void write_witness_object(JsonWriter& writer, const FindingWitness& witness) {
  json_key(writer, "witness");
  writer.StartObject();
  write_witness(writer, witness.call);
  write_return(writer, classify(witness.call.arch, witness.call.nr), witness.ret);
  writer.EndObject();
}

void write_finding(JsonWriter& writer, const Finding& finding, const std::string& path) {
  writer.StartObject();
  json_member(writer, "id", finding.id);
  json_member(writer, "severity", severity_text(finding.severity));
  json_member(writer, "message", finding.message);
  json_member(writer, "subject", finding.subject);
  if (!finding.fix.empty()) {
    json_member(writer, "hint", finding.fix);
    json_member(writer, "fix", finding.fix);
  }
  if (finding.place.line > 0) {
    if (finding.place.file != path) json_member(writer, "file", finding.place.file);
    json_member(writer, "line", finding.place.line);
    json_member(writer, "column", finding.place.column);
    json_member(writer, "length", finding.place.length);
  }
  if (finding.witness) write_witness_object(writer, *finding.witness);
  if (finding.accepted) json_member(writer, "accepted", *finding.accepted);
  writer.EndObject();
}

void write_groups(JsonWriter& writer, const CheckReport& report) {
  json_key(writer, "groups");
  writer.StartArray();
  for (const Group* group : report.groups) {
    writer.StartObject();
    write_group(writer, *group, report.arches);
    writer.EndObject();
  }
  writer.EndArray();
}

}  // namespace

std::string check_text(const std::vector<CheckReport>& reports, bool lists_accepted) {
  std::string text;
  for (const CheckReport& each : reports) {
    for (const Group* group : each.groups) text += group_text(*group, each.arches);
    for (const Finding& finding : each.findings)
      if (lists_accepted || !finding.accepted) text += finding_text(finding);
    text += summary(each);
  }
  return text;
}

std::string check_json(const std::vector<CheckReport>& reports, bool lists_accepted) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  json_key(writer, "files");
  writer.StartArray();
  for (const CheckReport& each : reports) {
    writer.StartObject();
    json_member(writer, "path", each.path);
    write_arches(writer, "arches", each.arches);
    json_key(writer, "findings");
    writer.StartArray();
    for (const Finding& finding : each.findings)
      if (lists_accepted || !finding.accepted) write_finding(writer, finding, each.path);
    writer.EndArray();
    json_member(writer, "accepted", accepted_in(each));
    json_member(writer, "known", each.known);
    if (!each.groups.empty()) write_groups(writer, each);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return json_text(buffer);
}

}  // namespace callgate::cli

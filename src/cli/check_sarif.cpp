// SARIF 2.1.0 (OASIS), for tools that show findings beside the code.
#include <fmt/format.h>

#include "cli/check_report.h"
#include "cli/meaning_json.h"

namespace callgate::cli {
namespace {

std::string_view level(Severity severity) {
  switch (severity) {
    case Severity::note: return "note";
    case Severity::warning: return "warning";
    case Severity::error: return "error";
  }
  return "error";
}

/// A path as a URI reference (RFC 3986): what no path segment may hold is escaped.
std::string uri_of(std::string_view path) {
  constexpr std::string_view plain = "-._~/!$&'()*+,;=@";
  std::string out = path.find(':') < path.find('/') ? "./" : "";
  for (const char c : path) {
    const bool is_word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (is_word || plain.find(c) != plain.npos)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

void write_text(JsonWriter& writer, std::string_view key, std::string_view text) {
  json_key(writer, key);
  writer.StartObject();
  json_member(writer, "text", text);
  writer.EndObject();
}

void write_rules(JsonWriter& writer) {
  json_key(writer, "rules");
  writer.StartArray();
  for (const FindingKind& kind : finding_kinds()) {
    writer.StartObject();
    json_member(writer, "id", kind.id);
    write_text(writer, "shortDescription", kind.summary);
    write_text(writer, "help", fmt::format("docs/findings.md, section {}", kind.id));
    json_key(writer, "defaultConfiguration");
    writer.StartObject();
    json_member(writer, "level", level(kind.severity));
    writer.EndObject();
    writer.EndObject();
  }
  writer.EndArray();
}

void write_tool(JsonWriter& writer) {
  json_key(writer, "tool");
  writer.StartObject();
  json_key(writer, "driver");
  writer.StartObject();
  json_member(writer, "name", "callgate");
  write_rules(writer);
  writer.EndObject();
  writer.EndObject();
}

void write_region(JsonWriter& writer, const Place& place) {
  if (place.line == 0) return;
  json_key(writer, "region");
  writer.StartObject();
  json_member(writer, "startLine", place.line);
  if (place.column > 0) {
    json_member(writer, "startColumn", place.column);
    json_member(writer, "endColumn", std::uint64_t{place.column} + place.length);
  }
  writer.EndObject();
}

void write_location(JsonWriter& writer, const Finding& finding, const std::string& path) {
  json_key(writer, "locations");
  writer.StartArray();
  writer.StartObject();
  json_key(writer, "physicalLocation");
  writer.StartObject();
  json_key(writer, "artifactLocation");
  writer.StartObject();
  json_member(writer, "uri", uri_of(finding.place.line > 0 ? finding.place.file : path));
  writer.EndObject();
  write_region(writer, finding.place);
  writer.EndObject();
  writer.EndObject();
  writer.EndArray();
}

void write_suppression(JsonWriter& writer, const Finding& finding) {
  json_key(writer, "suppressions");
  writer.StartArray();
  if (finding.accepted) {
    writer.StartObject();
    json_member(writer, "kind", finding.accepted_in_source ? "inSource" : "external");
    json_member(writer, "status", "accepted");
    json_member(writer, "justification", *finding.accepted);
    writer.EndObject();
  }
  writer.EndArray();
}

void write_properties(JsonWriter& writer, const Finding& finding) {
  json_key(writer, "properties");
  writer.StartObject();
  if (!finding.fix.empty()) json_member(writer, "fix", finding.fix);
  if (finding.witness) {
    const auto arch = classify(finding.witness->call.arch, finding.witness->call.nr);
    json_member(writer, "witness", finding.witness->text);
    json_member(writer, "witnessAction", action_text(arch, finding.witness->ret));
  }
  writer.EndObject();
}

void write_result(JsonWriter& writer, const Finding& finding, const std::string& path) {
  writer.StartObject();
  json_member(writer, "ruleId", finding.id);
  if (const FindingKind* kind = find_finding_kind(finding.id))
    json_member(writer, "ruleIndex", static_cast<std::uint64_t>(kind - finding_kinds().data()));
  json_member(writer, "level", level(finding.severity));
  std::string message = finding.message + ".";
  if (finding.witness) message += fmt::format(" Witness: {}.", finding.witness->text);
  if (!finding.fix.empty()) message += fmt::format(" To do: {}.", finding.fix);
  write_text(writer, "message", message);
  write_location(writer, finding, path);
  json_key(writer, "partialFingerprints");
  writer.StartObject();
  json_member(writer, "callgate/v1", fmt::format("{}: {}", finding.id, finding.subject));
  writer.EndObject();
  write_suppression(writer, finding);
  write_properties(writer, finding);
  writer.EndObject();
}

}  // namespace

std::string check_sarif(const std::vector<CheckReport>& reports) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  json_member(writer, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
  json_member(writer, "version", "2.1.0");
  json_key(writer, "runs");
  writer.StartArray();
  writer.StartObject();
  write_tool(writer);
  json_member(writer, "columnKind", "unicodeCodePoints");
  json_key(writer, "results");
  writer.StartArray();
  for (const CheckReport& report : reports)
    for (const Finding& finding : report.findings) write_result(writer, finding, report.path);
  writer.EndArray();
  writer.EndObject();
  writer.EndArray();
  writer.EndObject();
  return json_text(buffer);
}

}  // namespace callgate::cli

#include "cli/judge_json.h"

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <array>
#include <cstring>

namespace callgate::cli {
namespace {

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

constexpr std::array kind_names = {"denial", "fallback", "probe"};
std::string_view kind_name(JudgedDenial::Kind kind) {
  return kind_names.at(static_cast<std::size_t>(kind));
}

void put(Writer& json, const char* name, std::string_view text) {
  json.Key(name);
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void put_measures(Writer& json, const char* name, const std::vector<JudgeMeasure>& measures) {
  json.Key(name);
  json.StartArray();
  for (const JudgeMeasure& each : measures) {
    json.StartObject();
    put(json, "name", each.name);
    json.Key("in_force");
    json.Bool(!each.how.empty());
    if (!each.how.empty()) put(json, "by", each.how);
    if (!each.why.empty()) put(json, "why", each.why);
    json.EndObject();
  }
  json.EndArray();
}

void put_denials(Writer& json, const std::vector<JudgedDenial>& denials) {
  json.Key("denials");
  json.StartArray();
  for (const JudgedDenial& each : denials) {
    json.StartObject();
    put(json, "kind", kind_name(each.kind));
    put(json, "call", each.call);
    put(json, "text", each.text);
    put(json, "rule", each.rule);
    json.EndObject();
  }
  json.EndArray();
}

void put_end(Writer& json, const Judgement& judged) {
  json.Key("exit_code");
  judged.exit_code ? json.Int(*judged.exit_code) : json.Null();
  json.Key("signal");
  if (!judged.signal) {
    json.Null();
    return;
  }
  const char* name = ::sigabbrev_np(*judged.signal);
  const std::string text =
      name != nullptr ? std::string("SIG") + name : fmt::format("signal {}", *judged.signal);
  json.String(text.c_str());
}

std::string measures_missing(const std::vector<JudgeMeasure>& measures) {
  std::string text;
  for (const JudgeMeasure& each : measures) {
    if (each.why.empty()) continue;
    text += fmt::format("  {:10} {}{}\n", each.name, each.how.empty() ? "not in force: " : "",
                        each.why);
  }
  return text;
}

double seconds(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

std::string judgement_text(const Judgement& judged) {
  std::string text = fmt::format("callgate: {}", verdict_name(judged.verdict));
  if (!judged.detail.empty()) text += fmt::format(" ({})", judged.detail);
  text += fmt::format(
      "\n  used       {:.3f} s of processors, {:.3f} s in all, {} KiB of memory, {} "
      "bytes of output\n",
      seconds(judged.cpu), seconds(judged.wall), judged.peak_memory / 1024, judged.output_bytes);
  for (const JudgedDenial& each : judged.denials) {
    if (each.kind == JudgedDenial::Kind::denial)
      text += fmt::format("  refused    {}\n", each.text);
  }
  return text + measures_missing(judged.isolation) + measures_missing(judged.limits);
}

std::string judgement_json(const Judgement& judged) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.SetIndent(' ', 2);
  json.StartObject();
  put(json, "verdict", verdict_name(judged.verdict));
  put(json, "detail", judged.detail);
  put_end(json, judged);
  json.Key("wall_us");
  json.Int64(judged.wall.count());
  json.Key("cpu_us");
  json.Int64(judged.cpu.count());
  json.Key("peak_memory");
  json.Uint64(judged.peak_memory);
  json.Key("output_bytes");
  json.Uint64(judged.output_bytes);
  put_denials(json, judged.denials);
  put_measures(json, "limits", judged.limits);
  put_measures(json, "isolation", judged.isolation);
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace callgate::cli

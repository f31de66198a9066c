#include "cli/replay_report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "callgate/bpf/assembly.h"
#include "callgate/kernel/explain.h"
#include "callgate/supervise/denial.h"

namespace callgate::cli {
namespace {

std::optional<Arch> arch_of(const ReplayRow& row) {
  return classify(row.first.data.arch, row.first.data.nr);
}

const Syscall* syscall_of(const ReplayRow& row) {
  const auto arch = arch_of(row);
  return arch ? find_syscall(*arch, row.first.data.nr) : nullptr;
}

/// "openat on x86_64", "numbers without a call on i386"
std::string title_of(const ReplayRow& row) {
  const auto arch = arch_of(row);
  const Syscall* call = syscall_of(row);
  const std::string abi =
      arch ? std::string(arch_info(*arch).name) : fmt::format("ABI {:#x}", row.first.data.arch);
  return fmt::format("{} on {}", call != nullptr ? call->name : "numbers without a call", abi);
}

std::string known_text(std::string text, Known known) {
  if (known == Known::nothing) return "?";
  return known == Known::not_null ? "not null" : text;
}

/// The call as far as the trace shows it: "openat(AT_FDCWD, not null, O_RDONLY, ?)".
std::string shown_call(const ReplayRow& row) {
  const Syscall* call = syscall_of(row);
  const std::vector<DeniedArgument> decoded = decode_arguments(row.first.data, 0);
  std::vector<std::string> texts;
  if (call == nullptr || !call->signature_known) {
    for (std::size_t i = 0; i < decoded.size() && i < 6; ++i)
      texts.push_back(known_text(decoded[i].text, row.first.args[i]));
  } else {
    for (const Parameter& parameter : call->parameters) {
      const bool in_words =
          parameter.placement == Placement::word || parameter.placement == Placement::word_pair;
      if (in_words && texts.size() < decoded.size())
        texts.push_back(known_text(decoded[texts.size()].text, row.first.args[parameter.low]));
    }
  }
  const std::string name =
      call != nullptr ? std::string(call->name) : fmt::format("call {}", row.first.data.nr);
  return fmt::format("{}({})", name, fmt::join(texts, ", "));
}

std::string returns_text(const ReplayRow& row) {
  if (row.any) return "more than can be told";
  const auto arch = arch_of(row);
  std::vector<std::string> texts;
  for (const std::uint32_t ret : row.returns)
    texts.push_back(arch ? return_text_on(*arch, ret) : return_text(ret));
  return fmt::format("{}", fmt::join(texts, " or "));
}

std::string first_text(const ReplayReport& report, const ReplayRow& row) {
  std::string text = row.first_line != 0 ? fmt::format("line {}", row.first_line)
                                         : fmt::format("call {}", row.first_index + 1);
  if (row.first_thread != 0) text += fmt::format(", thread {}", row.first_thread);
  if (row.first_time != 0) {
    const auto seconds = static_cast<std::time_t>(row.first_time / 1'000'000'000);
    text += fmt::format(", {:%Y-%m-%d %H:%M:%S}.{:06} UTC", fmt::gmtime(seconds),
                        row.first_time / 1000 % 1'000'000);
  }
  return report.trace == "-" ? text : fmt::format("{} of {}", text, report.trace);
}

/// What is not known of the call and decides: "the high half of persona".
std::string tested_text(const ReplayRow& row) {
  const Syscall* call = syscall_of(row);
  std::vector<std::string> texts;
  for (std::uint8_t i = 0; i < 6; ++i) {
    if ((row.tested >> i & 1) == 0) continue;
    std::string name = fmt::format("args[{}]", i);
    for (const Parameter& parameter :
         call != nullptr ? call->parameters : std::span<const Parameter>()) {
      const bool is_in = parameter.placement == Placement::word && parameter.low == i;
      if (is_in) name = parameter.name;
    }
    const Known known = row.first.args[i];
    texts.push_back(known == Known::low32   ? "the high half of " + name
                    : known == Known::low16 ? "more than 16 bits of " + name
                                            : name);
  }
  if ((row.tested >> 6 & 1) != 0) texts.push_back("ip");
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::optional<DecidedBy> decided(const ReplayRow& row, const ExplainedSource& source) {
  if (row.fate == CallFate::unclear) return std::nullopt;
  return decided_by(source, row.first.data);
}

std::string allow_line(const ReplayRow& row, const ExplainedSource& source) {
  if (row.fate != CallFate::denied || source.policy() == nullptr) return {};
  return allowing_line(*source.policy(), source.made->arches, row.first.data);
}

std::string kernel_text(const ReplayReport& report, const ReplayRow& row) {
  if (!report.kernel || row.returns.size() != 1) return {};
  return explain_return(*report.kernel, row.returns.front()).text;
}

std::string row_text(const ReplayReport& report, const ReplayRow& row,
                     const ExplainedSource& source) {
  std::string text = fmt::format("{:>10}  {}: {}\n", row.times, title_of(row), returns_text(row));
  const auto line = [&](std::string_view what, const std::string& value) {
    if (!value.empty()) text += fmt::format("            {} {}\n", what, value);
  };
  line("first:", first_text(report, row));
  line("call:", shown_call(row));
  if (row.fate == CallFate::unclear) line("not known:", tested_text(row));
  if (const auto by = decided(row, source)) line("by:", decided_text(*by));
  line("kernel:", kernel_text(report, row));
  line("allowed by:", allow_line(row, source));
  return text;
}

/// The rows of one fate, those that are most frequent first.
std::vector<const ReplayRow*> rows_of(const ReplayReport& report, CallFate fate) {
  std::vector<const ReplayRow*> rows;
  for (const ReplayRow& row : report.rows) {
    if (row.fate == fate) rows.push_back(&row);
  }
  std::stable_sort(rows.begin(), rows.end(), [](const ReplayRow* left, const ReplayRow* right) {
    return left->times > right->times;
  });
  return rows;
}

std::string unread_text(const ReplayReport& report) {
  std::string text;
  for (const auto& [what, unread] : report.unread) {
    text += fmt::format("{:>10}  {}\n            first line {} of {}\n", unread.times, what,
                        unread.first_line, report.trace);
  }
  return text;
}

constexpr CallFate all_fates[] = {CallFate::denied, CallFate::unclear, CallFate::delegated,
                                  CallFate::allowed};

void write_row(JsonWriter& writer, const ReplayReport& report, const ReplayRow& row,
               const ExplainedSource& source) {
  const auto arch = arch_of(row);
  const Syscall* call = syscall_of(row);
  writer.StartObject();
  json_member(writer, "fate", call_fate_name(row.fate));
  json_key(writer, "arch");
  arch ? json_string(writer, arch_info(*arch).name) : void(writer.Null());
  json_key(writer, "call");
  call != nullptr ? json_string(writer, call->name) : void(writer.Null());
  json_member(writer, "times", row.times);
  json_key(writer, "returns");
  writer.StartArray();
  for (const std::uint32_t ret : row.returns)
    json_string(writer, arch ? return_text_on(*arch, ret) : return_text(ret));
  writer.EndArray();
  if (row.fate == CallFate::unclear) json_member(writer, "not_known", tested_text(row));
  json_key(writer, "first");
  writer.StartObject();
  json_member(writer, "index", row.first_index);
  if (row.first_line != 0) json_member(writer, "line", row.first_line);
  if (row.first_thread != 0) json_member(writer, "thread", row.first_thread);
  if (row.first_time != 0) json_member(writer, "time", fmt::format("{:#x}", row.first_time));
  json_member(writer, "text", shown_call(row));
  json_member(writer, "audit", row.first.data.arch);
  json_member(writer, "nr", row.first.data.nr);
  writer.EndObject();
  write_decided(writer, decided(row, source));
  if (const std::string kernel = kernel_text(report, row); !kernel.empty())
    json_member(writer, "kernel", kernel);
  if (const std::string line = allow_line(row, source); !line.empty())
    json_member(writer, "allowed_by", line);
  writer.EndObject();
}

}  // namespace

std::array<std::uint64_t, call_fate_count> fates(const ReplayReport& report) {
  std::array<std::uint64_t, call_fate_count> counts{};
  for (const ReplayRow& row : report.rows) counts[static_cast<std::size_t>(row.fate)] += row.times;
  for (const auto& [what, unread] : report.unread)
    counts[static_cast<std::size_t>(CallFate::unclear)] += unread.times;
  return counts;
}

void view_by_kernel(ReplayReport& report, const ExplainedSource& source) {
  const auto fate = [&](std::uint32_t ret) {
    const auto kind = read_action(*report.kernel, ret).kind;
    return kind ? fate_of(static_cast<std::uint32_t>(*kind)) : CallFate::denied;
  };
  for (ReplayRow& row : report.rows) {
    if (row.any || row.returns.empty()) continue;
    row.fate = fate(row.returns.front());
    for (const std::uint32_t ret : row.returns)
      if (fate(ret) != row.fate) row.fate = CallFate::unclear;
    const KernelVerdict lone =
        lone_verdict(*report.kernel, source.programs().front(), row.first.data);
    if (lone.reason == CallReason::exempt) row.fate = CallFate::allowed;
  }
}

std::string replay_text(const ReplayReport& report, const ExplainedSource& source, bool all) {
  const auto counts = fates(report);
  std::string text =
      fmt::format("{} ({}) under {}: {} calls\n", report.trace, trace_form_name(report.form),
                  report.policy, std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
  for (const CallFate fate : all_fates) {
    const std::uint64_t count = counts[static_cast<std::size_t>(fate)];
    if (count == 0 && fate != CallFate::denied) continue;
    text += fmt::format("{:>10}  {}\n", count, call_fate_name(fate));
  }
  for (const CallFate fate : all_fates) {
    if (fate == CallFate::allowed && !all) continue;
    std::string rows;
    for (const ReplayRow* row : rows_of(report, fate)) rows += row_text(report, *row, source);
    if (fate == CallFate::unclear) rows += unread_text(report);
    if (!rows.empty()) text += fmt::format("\n{}\n{}", call_fate_name(fate), rows);
  }
  if (report.kernel) text += "\n" + evidence_text(*report.kernel);
  return text;
}

std::string replay_json(const ReplayReport& report, const ExplainedSource& source) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  const auto counts = fates(report);
  writer.StartObject();
  json_member(writer, "trace", report.trace);
  json_member(writer, "form", trace_form_name(report.form));
  json_member(writer, "policy", report.policy);
  json_member(writer, "events", report.events);
  json_flag(writer, "whole", report.end.whole);
  json_member(writer, "allowed", counts[static_cast<std::size_t>(CallFate::allowed)]);
  json_member(writer, "denied", counts[static_cast<std::size_t>(CallFate::denied)]);
  json_member(writer, "delegated", counts[static_cast<std::size_t>(CallFate::delegated)]);
  json_member(writer, "cannot_tell", counts[static_cast<std::size_t>(CallFate::unclear)]);
  json_key(writer, "rows");
  writer.StartArray();
  for (const CallFate fate : all_fates)
    for (const ReplayRow* row : rows_of(report, fate)) write_row(writer, report, *row, source);
  writer.EndArray();
  json_key(writer, "unread");
  writer.StartArray();
  for (const auto& [what, unread] : report.unread) {
    writer.StartObject();
    json_member(writer, "what", what);
    json_member(writer, "times", unread.times);
    json_member(writer, "first_line", unread.first_line);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return buffer.GetString() + std::string("\n");
}

}  // namespace callgate::cli

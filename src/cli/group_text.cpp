#include "cli/group_text.h"

#include <fmt/format.h>

#include <vector>

#include "callgate/abi/syscalls.h"
#include "cli/common.h"

namespace callgate::cli {
namespace {

std::string call_line(std::string_view name, std::span<const Arch> arches) {
  std::vector<Arch> having;
  bool carries = false;
  for (const Arch arch : arches) {
    const Syscall* call = find_syscall(arch, name);
    if (call == nullptr) continue;
    having.push_back(arch);
    carries = carries || !call->multiplexes.empty();
  }
  if (having.empty()) return "";
  std::string line = fmt::format("  {}", name);
  if (having.size() < arches.size()) line += fmt::format("  (on {})", join_arches(having));
  if (carries) line += "  (carries other calls: Meaning 6 of docs/policy.md)";
  return line + "\n";
}

void write_names(JsonWriter& writer, std::string_view key,
                 std::span<const std::string_view> names) {
  json_key(writer, key);
  writer.StartArray();
  for (const std::string_view name : names) json_string(writer, name);
  writer.EndArray();
}

}  // namespace

std::string group_text(const Group& group, std::span<const Arch> arches) {
  std::string text = fmt::format("@{}: {}\n  after {}\n", group.name, group.summary, group.source);
  for (const std::string_view call : group.calls) text += call_line(call, arches);
  if (!group.unnumbered.empty())
    text += fmt::format("  without a number on any ABI: {}\n", fmt::join(group.unnumbered, " "));
  return text;
}

void write_group(JsonWriter& writer, const Group& group, std::span<const Arch> arches) {
  json_member(writer, "group", group.name);
  json_member(writer, "summary", group.summary);
  json_member(writer, "source", group.source);
  write_names(writer, "calls", group.calls);
  write_names(writer, "unnumbered", group.unnumbered);
  json_key(writer, "on");
  writer.StartObject();
  for (const Arch arch : arches) {
    std::vector<std::string_view> names;
    for (const std::string_view call : group.calls)
      if (find_syscall(arch, call) != nullptr) names.push_back(call);
    write_names(writer, arch_info(arch).name, names);
  }
  writer.EndObject();
}

}  // namespace callgate::cli

#include "cli/meaning_json.h"

#include <fmt/format.h>

#include "callgate/bpf/assembly.h"
#include "callgate/formats/call.h"
#include "callgate/formats/text.h"

namespace callgate::cli {

std::string action_text(std::optional<Arch> arch, std::uint32_t ret) {
  return arch ? return_text_on(*arch, ret) : return_text(ret);
}

std::string_view permission_name(std::uint32_t ret) noexcept {
  const auto action = action_of(ret);
  if (!action || denies(action->kind)) return "denied";
  return permits(action->kind) ? "allowed" : "delegated";
}

std::string when_text(const Condition& when, const Syscall* call) {
  if (call == nullptr) return print_condition(when);
  return print_condition(when, std::span(&call->name, 1));
}

std::string call_number_text(std::uint32_t number) {
  if (number == skipped_call) return "-1";
  return number < 0x10000 ? std::to_string(number) : fmt::format("{:#x}", number);
}

std::string range_text(const NumberRange& numbers) {
  const std::string first = call_number_text(numbers.first);
  if (numbers.first == numbers.last) return first;
  return first + ".." + call_number_text(numbers.last);
}

void write_arches(JsonWriter& writer, std::string_view key, std::span<const Arch> arches) {
  json_key(writer, key);
  writer.StartArray();
  for (const Arch arch : arches) json_string(writer, arch_info(arch).name);
  writer.EndArray();
}

void write_range(JsonWriter& writer, const NumberRange& numbers) {
  writer.StartObject();
  json_member(writer, "first", numbers.first);
  json_member(writer, "last", numbers.last);
  writer.EndObject();
}

void write_witness(JsonWriter& writer, const SeccompData& data) {
  json_key(writer, "witness");
  writer.StartObject();
  json_member(writer, "call", call_text(data));
  json_member(writer, "audit", data.arch);
  json_member(writer, "nr", data.nr);
  json_member(writer, "ip", fmt::format("{:#x}", data.instruction_pointer));
  json_key(writer, "args");
  writer.StartArray();
  for (const std::uint64_t word : data.args) json_string(writer, fmt::format("{:#x}", word));
  writer.EndArray();
  writer.EndObject();
}

void write_return(JsonWriter& writer, std::optional<Arch> arch, std::uint32_t ret) {
  json_member(writer, "ret", ret);
  json_member(writer, "action", action_text(arch, ret));
  json_member(writer, "permission", permission_name(ret));
}

void write_call_members(JsonWriter& writer, std::optional<Arch> arch, const NumberRange& numbers,
                        const Syscall* call) {
  json_key(writer, "arch");
  arch ? json_string(writer, arch_info(*arch).name) : static_cast<void>(writer.Null());
  json_key(writer, "numbers");
  write_range(writer, numbers);
  json_key(writer, "call");
  call != nullptr ? json_string(writer, call->name) : static_cast<void>(writer.Null());
}

void write_decision_members(JsonWriter& writer, const CallDecision& decision,
                            const std::function<void(const Case&)>& more) {
  write_call_members(writer, decision.arch, decision.numbers, decision.call);
  json_flag(writer, "undecided", decision.undecided);
  json_key(writer, "cases");
  writer.StartArray();
  for (const Case& one : decision.cases) {
    writer.StartObject();
    json_member(writer, "when", when_text(one.when, decision.call));
    write_return(writer, decision.arch, one.ret);
    write_witness(writer, one.witness);
    if (more) more(one);
    writer.EndObject();
  }
  writer.EndArray();
}

}  // namespace callgate::cli

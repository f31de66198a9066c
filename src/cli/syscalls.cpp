// `callgate syscalls`: what the tables know about a call, a number or a group.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "callgate/abi/constants.h"
#include "callgate/abi/groups.h"
#include "cli/common.h"
#include "cli/group_text.h"
#include "cli/program_json.h"
#include "cli/verbs.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  callgate syscalls openat                   # numbers, releases and parameters on every ABI\n"
    "  callgate syscalls clone --arch x86_64,arm  # on two of them\n"
    "  callgate syscalls 59                       # what call number 59 is\n"
    "  callgate syscalls @mmap                    # what a group holds\n"
    "  callgate syscalls --arch aarch64           # every call of an ABI\n"
    "Exit codes: 0 found, 1 not assigned or not there, 2 no such name or bad usage";

struct SyscallsOptions {
  std::string what;
  std::string arches;
  std::string output = "-";
  bool json = false;
};

/// One call on one ABI; `call` is null where that ABI has none.
struct Entry {
  Arch arch;
  const Syscall* call;
};

std::string number_text(std::uint32_t number) {
  return number < 0x10000 ? std::to_string(number) : fmt::format("{:#x}", number);
}

// ---- text

std::string place_text(const Parameter& parameter) {
  switch (parameter.placement) {
    case Placement::word: return fmt::format("args[{}]", parameter.low);
    case Placement::word_pair:
      return fmt::format("args[{}] low, args[{}] high", parameter.low, parameter.high);
    case Placement::memory: return "in memory";
    case Placement::unknown: break;
  }
  return "unknown";
}

std::string kind_text(const Parameter& parameter) {
  switch (parameter.kind) {
    case ParameterKind::integer:
      return fmt::format("{} {} bits", parameter.is_signed ? "signed" : "unsigned", parameter.bits);
    case ParameterKind::pointer: return "pointer";
    case ParameterKind::unknown: break;
  }
  return "unknown";
}

/// The parameters of one call, a line each; equal texts mean equal parameters.
std::string parameters_text(const Syscall& call) {
  if (!call.signature_known) return "    unknown: no rule may test them\n";
  if (call.parameters.empty()) return "    none\n";
  std::string text;
  for (const Parameter& parameter : call.parameters) {
    std::string line =
        fmt::format("    {:<12} {:<27} {:<16} {}", parameter.name, place_text(parameter),
                    kind_text(parameter), parameter.constants ? parameter.constants->name : "");
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

/// The names of the values that the parameters take, set by set.
std::string constants_text(std::span<const Entry> entries) {
  std::vector<std::pair<const ConstantSet*, std::string>> blocks;
  for (const Entry& entry : entries) {
    if (entry.call == nullptr) continue;
    for (const Parameter& parameter : entry.call->parameters) {
      const ConstantSet* set = parameter.constants;
      if (set == nullptr ||
          std::ranges::any_of(blocks, [&](const auto& block) { return block.first == set; }))
        continue;
      std::string names =
          fmt::format("  {}, {}:\n   ", set->name, set->is_flags ? "or-ed together" : "one of");
      for (const std::string_view name : constant_names(entry.arch, set))
        names += " " + std::string(name);
      blocks.emplace_back(set, names + "\n");
    }
  }
  std::string text;
  for (const auto& block : blocks) text += block.second;
  return text;
}

/// The parameters, ABIs with equal ones together.
std::string all_parameters_text(std::span<const Entry> entries) {
  std::vector<std::pair<std::string, std::vector<Arch>>> blocks;
  for (const Entry& entry : entries) {
    if (entry.call == nullptr) continue;
    const std::string block = parameters_text(*entry.call);
    const auto known =
        std::ranges::find(blocks, block, [](const auto& each) { return each.first; });
    if (known != blocks.end())
      known->second.push_back(entry.arch);
    else
      blocks.push_back({block, {entry.arch}});
  }
  std::string text;
  for (const auto& [block, arches] : blocks)
    text += fmt::format("  parameters on {}:\n{}", join_arches(arches), block);
  return text;
}

std::string groups_text(std::string_view call) {
  std::string text;
  for (const Group& group : groups())
    if (std::ranges::find(group.calls, call) != group.calls.end())
      text += " @" + std::string(group.name);
  return text.empty() ? "" : "  in" + text + "\n";
}

std::string carried_text(std::span<const Entry> entries) {
  for (const Entry& entry : entries) {
    if (entry.call == nullptr || entry.call->multiplexes.empty()) continue;
    std::string text = "  carries";
    for (const Multiplexed& carried : entry.call->multiplexes)
      text += fmt::format(" {}={}", carried.name, carried.selector);
    return text + "\n";
  }
  return "";
}

std::string call_text(std::string_view name, std::span<const Entry> entries) {
  std::string text = std::string(name) + "\n";
  for (const Entry& entry : entries) {
    const std::string_view arch = arch_info(entry.arch).name;
    text += entry.call == nullptr
                ? fmt::format("  {:<11} no such call\n", arch)
                : fmt::format("  {:<11} {:<11} since {}\n", arch, number_text(entry.call->number),
                              to_string(entry.call->since));
  }
  return text + all_parameters_text(entries) + carried_text(entries) + groups_text(name) +
         constants_text(entries);
}

// ---- JSON

void write_constants(JsonWriter& writer, Arch arch, const ConstantSet& set) {
  json_key(writer, "values");
  writer.StartObject();
  json_member(writer, "set", set.name);
  json_flag(writer, "flags", set.is_flags);
  json_key(writer, "names");
  writer.StartObject();
  for (const std::string_view name : constant_names(arch, &set))
    json_member(writer, name, fmt::format("{:#x}", find_constant(arch, set, name).value_or(0)));
  writer.EndObject();
  writer.EndObject();
}

void write_words(JsonWriter& writer, const Parameter& parameter) {
  json_key(writer, "words");
  writer.StartArray();
  const bool pair = parameter.placement == Placement::word_pair;
  if (pair || parameter.placement == Placement::word) writer.Uint(parameter.low);
  if (pair) writer.Uint(parameter.high);
  writer.EndArray();
}

void write_parameter(JsonWriter& writer, Arch arch, const Parameter& parameter) {
  constexpr std::string_view kinds[] = {"integer", "pointer", "unknown"};
  constexpr std::string_view placements[] = {"word", "word_pair", "memory", "unknown"};
  writer.StartObject();
  json_member(writer, "name", parameter.name);
  json_member(writer, "kind", kinds[static_cast<std::size_t>(parameter.kind)]);
  json_member(writer, "placement", placements[static_cast<std::size_t>(parameter.placement)]);
  write_words(writer, parameter);
  json_member(writer, "bits", parameter.bits);
  json_flag(writer, "signed", parameter.is_signed);
  if (parameter.constants != nullptr) write_constants(writer, arch, *parameter.constants);
  writer.EndObject();
}

void write_head(JsonWriter& writer, const Entry& entry) {
  json_member(writer, "arch", arch_info(entry.arch).name);
  json_member(writer, "number", entry.call->number);
  json_member(writer, "call", entry.call->name);
  json_member(writer, "since", to_string(entry.call->since));
}

void write_call(JsonWriter& writer, const Entry& entry) {
  writer.StartObject();
  write_head(writer, entry);
  json_flag(writer, "parameters_known", entry.call->signature_known);
  json_key(writer, "parameters");
  writer.StartArray();
  for (const Parameter& parameter : entry.call->parameters)
    write_parameter(writer, entry.arch, parameter);
  writer.EndArray();
  if (!entry.call->multiplexes.empty()) {
    json_key(writer, "carries");
    writer.StartObject();
    for (const Multiplexed& carried : entry.call->multiplexes)
      json_member(writer, carried.name, carried.selector);
    writer.EndObject();
  }
  writer.EndObject();
}

/// An object with an array of calls; `whole`: with parameters.
std::string calls_json(std::span<const Entry> entries, bool whole) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  json_key(writer, "calls");
  writer.StartArray();
  for (const Entry& entry : entries) {
    if (entry.call == nullptr) continue;
    if (whole) {
      write_call(writer, entry);
      continue;
    }
    writer.StartObject();
    write_head(writer, entry);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return buffer.GetString() + std::string("\n");
}

// ---- questions

int answer_list(const SyscallsOptions& options, std::span<const Arch> arches) {
  std::vector<Entry> entries;
  for (const Arch arch : arches)
    for (const Syscall& call : syscalls(arch)) entries.push_back({arch, &call});
  if (options.json) return write_output(options.output, calls_json(entries, false));
  std::string text;
  for (const Entry& entry : entries)
    text += fmt::format("{:<11} {:<11} {:<7} {}\n", arch_info(entry.arch).name,
                        number_text(entry.call->number), to_string(entry.call->since),
                        entry.call->name);
  return write_output(options.output, text);
}

int answer_number(const SyscallsOptions& options, std::span<const Arch> arches,
                  std::uint32_t number) {
  std::vector<Entry> entries;
  for (const Arch arch : arches) entries.push_back({arch, find_syscall(arch, number)});
  const bool any = std::ranges::any_of(entries, [](const Entry& e) { return e.call != nullptr; });
  const int code = any ? exit_yes : exit_no;
  if (options.json) return write_output(options.output, calls_json(entries, true), code);
  std::string text;
  if (number == skipped_call) text = "-1 is no call of any ABI: a tracer sets it to skip one\n";
  for (const Entry& entry : entries) {
    text += fmt::format("{:<11} {:<11} {}\n", arch_info(entry.arch).name, number_text(number),
                        entry.call != nullptr ? fmt::format("{}, since {}", entry.call->name,
                                                            to_string(entry.call->since))
                                              : "not assigned");
  }
  return write_output(options.output, text, code);
}

int answer_group(const SyscallsOptions& options, std::span<const Arch> arches) {
  const Group* group = find_group(std::string_view(options.what).substr(1));
  if (group == nullptr) {
    std::vector<std::string_view> names;
    for (const Group& each : groups()) names.push_back(each.name);
    const auto near = nearest(std::string_view(options.what).substr(1), names);
    return report(Error("no group is called " + options.what,
                        near.empty() ? "" : fmt::format("did you mean `@{}`?", near)));
  }
  if (options.json) {
    rapidjson::StringBuffer buffer;
    JsonWriter writer(buffer);
    writer.StartObject();
    write_group(writer, *group, arches);
    writer.EndObject();
    return write_output(options.output, buffer.GetString() + std::string("\n"));
  }
  return write_output(options.output, group_text(*group, arches));
}

int answer_name(const SyscallsOptions& options, std::span<const Arch> arches) {
  if (!is_syscall_name(options.what)) {
    const auto near = nearest(options.what, syscall_names());
    return report(Error(fmt::format("no ABI has a call named {}", options.what),
                        near.empty() ? "" : fmt::format("did you mean `{}`?", near)));
  }
  std::vector<Entry> entries;
  for (const Arch arch : arches) entries.push_back({arch, find_syscall(arch, options.what)});
  const bool any = std::ranges::any_of(entries, [](const Entry& e) { return e.call != nullptr; });
  const int code = any ? exit_yes : exit_no;
  return write_output(options.output,
                      options.json ? calls_json(entries, true) : call_text(options.what, entries),
                      code);
}

/// A decimal or 0x number, or -1; none if `text` is no number, an error if it is one out of range.
Result<std::optional<std::uint32_t>> parse_number(std::string_view text) {
  if (text == "-1") return std::optional(skipped_call);
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  const std::string_view digits = text.substr(hex ? 2 : 0);
  std::uint32_t number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, hex ? 16 : 10);
  const bool whole = end == digits.data() + digits.size();
  if (error == std::errc::result_out_of_range && whole)
    return fail(fmt::format("{} is out of range", text), "call numbers have 32 bits");
  if (error != std::errc{} || !whole) return std::optional<std::uint32_t>();
  return std::optional(number);
}

int run_syscalls(const SyscallsOptions& options) {
  auto arches = parse_arches(options.arches);
  if (!arches) return report(arches.error());
  if (arches->empty()) arches->assign(all_arches.begin(), all_arches.end());
  if (options.what.empty()) return answer_list(options, *arches);
  if (options.what.starts_with('@')) return answer_group(options, *arches);
  const auto number = parse_number(options.what);
  if (!number) return report(number.error());
  return *number ? answer_number(options, *arches, **number) : answer_name(options, *arches);
}

}  // namespace

void add_syscalls_verb(CLI::App& app, Action& chosen) {
  auto [command, options] = add_verb<SyscallsOptions>(
      app, chosen, "syscalls", "tell what is known about a call, a number or a group",
      run_syscalls);
  command->footer(examples);
  command
      ->add_option("WHAT", options->what,
                   "name of a call, number (59, 0x40000200) or @group; without it, every call")
      ->check(CLI::Validator(
          [](std::string& what) { return what.empty() ? std::string("is empty") : ""; }, ""));
  command->add_option("--arch", options->arches, "only these ABIs, comma-separated");
  command->add_option("-o,--output", options->output, "where the text goes (- is standard output)");
  command->add_flag("--json", options->json, "as JSON (docs/json.md)");
}

}  // namespace callgate::cli

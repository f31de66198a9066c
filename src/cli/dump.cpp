// `callgate dump`: the filters of a file, of a process, or of a program that is about to install
// them.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "callgate/bpf/assembly.h"
#include "callgate/supervise/read_filters.h"
#include "cli/program_file.h"
#include "cli/program_json.h"
#include "cli/verbs.h"

namespace callgate::cli {
namespace {

constexpr const char* examples =
    "callgate dump [OPTIONS] (-p PID | PROGRAM [ARGUMENT...] | FILE)\n\n"
    "Examples:\n"
    "  callgate dump -p 1234                  # every filter of the process, the oldest first\n"
    "  callgate dump -p 1234 --threads        # and those of each thread that differs\n"
    "  callgate dump ./prog arg               # run it until it installs a filter\n"
    "  callgate dump -l 3 ./prog              # until it has asked for three\n"
    "  callgate dump -f raw -o filter.bpf ./prog\n"
    "  callgate dump filter.bpf               # a raw filter\n"
    "The program is killed before its last filter takes effect. Exit code 1: there is no filter.";

struct DumpOptions {
  CLI::App* command = nullptr;
  int process = 0;
  bool threads = false;
  std::size_t limit = 1;
  std::string format = "text";
  std::string output = "-";
  std::string target = "little";
  int index = -1;
};

/// A filter and where it is from.
struct Dumped {
  std::vector<Instruction> instructions;
  Target target;
  std::string title;  ///< for people
  pid_t process = 0;  ///< 0: a file
  pid_t thread = 0;
  std::string command;
  std::size_t index = 0;  ///< in its thread's stack, or in the order of installation
  std::string by;         ///< "seccomp" or "prctl" where the call was seen
  std::uint32_t flags = 0;
};

std::size_t filter_count(const std::vector<ThreadFilters>& threads) {
  std::size_t count = 0;
  for (const ThreadFilters& thread : threads) count += thread.filters.size();
  return count;
}

std::string_view mode_name(ReportedMode mode) {
  switch (mode) {
    case ReportedMode::disabled: return "disabled";
    case ReportedMode::strict: return "strict";
    case ReportedMode::filter: return "filter";
  }
  return "unknown";
}

constexpr std::uint32_t log_flag = 2;  // SECCOMP_FILTER_FLAG_LOG

std::vector<Dumped> dumped_of(const std::vector<ThreadFilters>& threads) {
  std::vector<Dumped> all;
  for (const ThreadFilters& thread : threads) {
    for (std::size_t i = 0; i < thread.filters.size(); ++i) {
      const InstalledFilter& filter = thread.filters[i];
      const std::string title = fmt::format(
          "process {}{} ({}), filter {} of {}{}{}", thread.process,
          thread.thread == thread.process ? "" : fmt::format(", thread {}", thread.thread),
          thread.command, i + 1, thread.filters.size(),
          thread.filters.size() > 1 && i == 0 ? ", the oldest" : "", filter.log ? ", logs" : "");
      all.push_back({.instructions = filter.instructions,
                     .title = title,
                     .process = thread.process,
                     .thread = thread.thread,
                     .command = thread.command,
                     .index = i,
                     .flags = filter.log ? log_flag : 0});
    }
  }
  return all;
}

std::vector<Dumped> dumped_of(const Capture& capture) {
  std::vector<Dumped> all;
  for (const CapturedFilter& filter : capture.filters) {
    const std::string title =
        fmt::format("process {} ({}), filter {}, by {}{}{}", filter.process, filter.command,
                    all.size() + 1, filter.by_prctl ? "prctl(2)" : "seccomp(2)",
                    filter.flags == 0 ? "" : fmt::format(" with flags {:#x}", filter.flags),
                    filter.is_compat ? ", by a 32-bit call" : "");
    all.push_back({.instructions = filter.instructions,
                   .title = title,
                   .process = filter.process,
                   .thread = filter.thread,
                   .command = filter.command,
                   .index = all.size(),
                   .by = filter.by_prctl ? "prctl" : "seccomp",
                   .flags = filter.flags});
  }
  return all;
}

/// True for what execve(2) runs: an ELF file or a script; a name without slash that is no file is
/// looked for on PATH.
bool is_program(const std::string& word) {
  struct stat status {};
  if (::stat(word.c_str(), &status) != 0) return word.find('\0') == std::string::npos;
  if (!S_ISREG(status.st_mode)) return false;
  char magic[4] = {};
  std::ifstream(word, std::ios::binary).read(magic, sizeof magic);
  return std::memcmp(magic,
                     "\x7f"
                     "ELF",
                     4) == 0 ||
         std::memcmp(magic, "#!", 2) == 0;
}

std::string as_text(std::span<const Dumped> all) {
  std::string text;
  for (const Dumped& one : all) {
    if (!text.empty()) text += "\n";
    text += fmt::format("; {}, {} instructions\n", one.title, one.instructions.size());
    text += disassemble(one.instructions, one.target);
  }
  return text;
}

Result<std::string> as_raw(std::span<const Dumped> all) {
  if (all.size() != 1)
    return fail(fmt::format("{} filters do not fit into one raw file", all.size()),
                "choose one: --index 0 is the oldest");
  return encode_instructions(all.front().instructions, all.front().target.byte_order);
}

void write_dumped(JsonWriter& writer, const Dumped& one) {
  writer.StartObject();
  if (one.process != 0) {
    json_member(writer, "process", static_cast<std::uint64_t>(one.process));
    json_member(writer, "thread", static_cast<std::uint64_t>(one.thread));
    json_member(writer, "command", one.command);
  }
  json_member(writer, "index", one.index);
  if (!one.by.empty()) json_member(writer, "by", one.by);
  json_member(writer, "flags", one.flags);
  write_program_members(writer, one.instructions, one.target);
  writer.EndObject();
}

void write_threads(JsonWriter& writer, const std::vector<ThreadFilters>& threads) {
  json_key(writer, "threads");
  writer.StartArray();
  for (const ThreadFilters& thread : threads) {
    writer.StartObject();
    json_member(writer, "process", static_cast<std::uint64_t>(thread.process));
    json_member(writer, "thread", static_cast<std::uint64_t>(thread.thread));
    json_member(writer, "command", thread.command);
    json_member(writer, "mode", mode_name(thread.mode));
    json_member(writer, "filters", thread.filters.size());
    writer.EndObject();
  }
  writer.EndArray();
}

std::string as_json(std::span<const Dumped> all, const std::vector<ThreadFilters>& threads) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  if (!threads.empty()) write_threads(writer, threads);
  json_key(writer, "filters");
  writer.StartArray();
  for (const Dumped& one : all) write_dumped(writer, one);
  writer.EndArray();
  writer.EndObject();
  return buffer.GetString() + std::string("\n");
}

Result<std::vector<ThreadFilters>> read_process(const DumpOptions& options) {
  if (options.threads) return read_filters_of_threads(options.process);
  CALLGATE_TRY(ThreadFilters first, read_filters(options.process));
  return std::vector<ThreadFilters>{std::move(first)};
}

void note_missing(const DumpOptions& options, const std::vector<ThreadFilters>& threads,
                  std::string_view program) {
  std::string text;
  for (const ThreadFilters& thread : threads) {
    if (thread.filters.empty())
      text += fmt::format("note: process {}, thread {} ({}) has no filter: seccomp mode {}\n",
                          thread.process, thread.thread, thread.command, mode_name(thread.mode));
  }
  if (options.process == 0)
    text = fmt::format("note: {} ended without asking for a filter\n", program);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

Result<std::vector<Dumped>> dump_file(const DumpOptions& options, const std::string& path) {
  CALLGATE_TRY(const Target target, parse_target(options.target));
  CALLGATE_TRY(Assembly assembly, load_instructions(path, target));
  report(refusal_warning(assembly, path));
  return std::vector<Dumped>{
      {.instructions = std::move(assembly.instructions), .target = assembly.target, .title = path}};
}

int write_dump(const DumpOptions& options, std::vector<Dumped> all,
               const std::vector<ThreadFilters>& threads) {
  if (options.index >= 0) {
    const auto index = static_cast<std::size_t>(options.index);
    if (index >= all.size())
      return report(Error(fmt::format("no filter {}: there are {}", index, all.size())));
    all = {all[index]};
  }
  const int code = all.empty() ? exit_no : exit_yes;
  if (options.format == "json") return write_output(options.output, as_json(all, threads), code);
  if (all.empty()) return code;
  if (options.format == "text") return write_output(options.output, as_text(all), code);
  const auto raw = as_raw(all);
  return raw ? write_output(options.output, *raw, code) : report(raw.error());
}

void add_dump_options(CLI::App& command, DumpOptions& options) {
  command.add_option("-p,--process", options.process, "read the filters of this process")
      ->check(CLI::PositiveNumber);
  command.add_flag("--threads", options.threads, "with -p: and of each thread that differs");
  command.add_option("-l,--limit", options.limit, "stop a program at its Nth filter (default 1)")
      ->check(CLI::PositiveNumber);
  command.add_option("-f,--format", options.format, "text, raw or json")
      ->check(CLI::IsMember({"text", "raw", "json"}));
  command.add_flag_callback(
      "--json", [&options] { options.format = "json"; }, "-f json");
  command.add_option("-o,--output", options.output, "where it goes (- is standard output)");
  command.add_option("--index", options.index, "only this filter; 0 is the oldest")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--target", options.target, target_help);
}

/// Options behind the name of a file are this verb's, not a program's.
Result<DumpOptions> options_behind(DumpOptions options, std::vector<std::string> words) {
  CLI::App rest;
  rest.set_help_flag();
  add_dump_options(rest, options);
  std::reverse(words.begin(), words.end());
  try {
    rest.parse(words);
  } catch (const CLI::ParseError& error) {
    return fail(error.what());
  }
  return options;
}

int dump_words(const DumpOptions& options, const std::vector<std::string>& words) {
  if (is_program(words.front())) {
    const auto capture = capture_filters(words, options.limit);
    if (!capture) return report(capture.error());
    if (capture->filters.empty()) note_missing(options, {}, words.front());
    return write_dump(options, dumped_of(*capture), {});
  }
  const auto all_options = options_behind(options, {words.begin() + 1, words.end()});
  if (!all_options) return report(all_options.error());
  auto dumped = dump_file(*all_options, words.front());
  return dumped ? write_dump(*all_options, *std::move(dumped), {}) : report(dumped.error());
}

int run_dump(const DumpOptions& options) {
  std::vector<std::string> words = options.command->remaining();
  if (!words.empty() && words.front() == "--") words.erase(words.begin());
  if ((options.process != 0) != words.empty())
    return report(
        Error(words.empty() ? "nothing to dump" : "-p PID and a program exclude each other",
              "see callgate dump --help"));
  if (options.process == 0) return dump_words(options, words);
  const auto threads = read_process(options);
  if (!threads) return report(threads.error());
  if (filter_count(*threads) == 0) note_missing(options, *threads, {});
  return write_dump(options, dumped_of(*threads), *threads);
}

}  // namespace

void add_dump_verb(CLI::App& app, Action& chosen) {
  auto [command, options] = add_verb<DumpOptions>(
      app, chosen, "dump", "print the filters of a file, a process or a program", run_dump);
  command->footer(examples);
  take_words(*command, "PROGRAM|FILE", "a program and its arguments, or a filter's file");
  options->command = command;
  add_dump_options(*command, *options);
}

}  // namespace callgate::cli

#include "cli/common.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "callgate/base/file.h"
#include "callgate/formats/builtin.h"
#include "callgate/formats/call.h"
#include "callgate/formats/systemd.h"
#include "callgate/formats/text.h"
#include "callgate/kernel/constants.h"
#include "callgate/supervise/read_filters.h"

namespace callgate::cli {
namespace {

/// The mistakes of a text that did not parse, and those that check finds in what did, so that a
/// person hears of all at once.
Error with_findings(ParsedPolicy parsed, const std::vector<Arch>& asked) {
  std::vector<Diagnostic> all = std::move(parsed.diagnostics);
  std::vector<Diagnostic> notes;
  std::vector<Diagnostic> found = check(parsed.policy, choose_arches(asked, parsed.policy, notes));
  std::erase_if(found, [&](const Diagnostic& finding) {
    return finding.severity != Severity::error ||
           std::any_of(all.begin(), all.end(), [&](const Diagnostic& known) {
             return known.place.line == finding.place.line &&
                    known.place.file == finding.place.file;
           });
  });
  quote_lines(found, parsed.texts);
  all.insert(all.end(), found.begin(), found.end());
  if (parsed.texts.size() == 1)
    std::stable_sort(all.begin(), all.end(), [](const Diagnostic& a, const Diagnostic& b) {
      return a.place.line < b.place.line;
    });
  return Error(std::move(all));
}

Result<LoadedSource> read_text(std::string_view bytes, const std::string& path,
                               const LoadOptions& options) {
  if (bytes.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return fail("an empty policy: it would end a program at its first call",
                "`otherwise kill_process` says so if it is meant");
  }
  ParsedPolicy parsed = read_policy(bytes, path, options.include_root);
  if (has_errors(parsed.diagnostics)) {
    return fail(with_findings(std::move(parsed), options.arches));
  }
  return LoadedSource{.content = std::move(parsed.policy),
                      .diagnostics = std::move(parsed.diagnostics),
                      .texts = std::move(parsed.texts)};
}

Result<LoadedSource> read_raw(std::string_view bytes, const std::string&,
                              const LoadOptions& options) {
  auto program = Program::from_bytes(bytes, options.target);
  if (program) return LoadedSource{.content = *std::move(program)};
  Error error = std::move(program).error();
  const bool is_little = options.target.byte_order == ByteOrder::little;
  const Target other{is_little ? ByteOrder::big : ByteOrder::little, options.target.shift_rule};
  if (Program::from_bytes(bytes, other))
    error.diagnostics.front().hint = fmt::format("it is one for {} machines: --target, --arch",
                                                 is_little ? "big-endian" : "little-endian");
  return fail(std::move(error));
}

/// Flags of seccomp(2) by their names in OCI profiles; those that are none it has have been
/// reported.
std::uint32_t flag_bits(std::span<const std::string> names) {
  std::uint32_t bits = 0;
  for (const auto& [name, bit] :
       {std::pair{"SECCOMP_FILTER_FLAG_TSYNC", uapi::flag_tsync},
        {"SECCOMP_FILTER_FLAG_LOG", uapi::flag_log},
        {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", uapi::flag_spec_allow},
        {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", uapi::flag_wait_killable_recv}})
    if (std::find(names.begin(), names.end(), name) != names.end()) bits |= bit;
  return bits;
}

Result<LoadedSource> read_oci_profile(std::string_view bytes, const std::string& path,
                                      const LoadOptions& options) {
  OciSource source;
  if (options.oci) {
    source = *options.oci;
  } else {
    const auto caps = docker_capabilities();
    source.context.capabilities.assign(caps.begin(), caps.end());
    if (!options.arches.empty()) source.context.arch = options.arches.front();
  }
  std::vector<Diagnostic> notes;
  if (!source.reader_given) {
    source.context.reader = likely_reader(bytes);
    notes.push_back(
        {.severity = Severity::note,
         .message = fmt::format("read as {} reads it", to_string(source.context.reader)),
         .place = {.file = path},
         .hint = "--reader names another"});
  }
  CALLGATE_TRY(OciImport import, read_oci(bytes, path, source.context));
  notes.insert(notes.end(), import.diagnostics.begin(), import.diagnostics.end());
  return LoadedSource{.content = std::move(import.policy),
                      .diagnostics = std::move(notes),
                      .flags = flag_bits(import.flags)};
}

/// A unit's drop-ins that lie beside it: the *.conf of UNIT.d, by name.
Result<std::vector<UnitFile>> drop_ins(const std::string& path, std::vector<Diagnostic>& notes) {
  std::vector<std::string> names;
  std::error_code failed;
  if (path == "-") return {};
  for (const auto& entry : std::filesystem::directory_iterator(path + ".d", failed)) {
    if (entry.path().extension() == ".conf") names.push_back(entry.path().string());
  }
  std::sort(names.begin(), names.end());
  std::vector<UnitFile> files;
  for (std::string& name : names) {
    CALLGATE_TRY(std::string text, read_file(name));
    notes.push_back({.severity = Severity::note,
                     .message = "read after the unit; drop-ins in other folders are not",
                     .place = {.file = name}});
    files.push_back({.path = std::move(name), .text = std::move(text)});
  }
  return files;
}

Result<LoadedSource> read_service(std::string_view bytes, const std::string& path,
                                  const LoadOptions& options) {
  std::vector<Diagnostic> notes;
  CALLGATE_TRY(std::vector<UnitFile> files, drop_ins(path, notes));
  files.insert(files.begin(), {.path = path, .text = std::string(bytes)});
  UnitContext context;
  if (options.oci) context.libseccomp = options.oci->context.libseccomp;
  if (!options.arches.empty()) context.arch = arch_info(options.arches.front()).native;
  CALLGATE_TRY(UnitImport import, read_unit(files, context));
  notes.insert(notes.end(), import.diagnostics.begin(), import.diagnostics.end());
  return LoadedSource{.content = std::move(import.policy), .diagnostics = std::move(notes)};
}

/// A built-in profile, unless a file has that name.
bool names_builtin_profile(const std::string& path) {
  const auto names = builtin_profile_names();
  return std::find(names.begin(), names.end(), path) != names.end() &&
         !std::filesystem::exists(path);
}

Result<LoadedSource> load_builtin(const std::string& name, const LoadOptions& options) {
  const auto docker = docker_capabilities();
  const std::vector<std::string> capabilities =
      options.oci ? options.oci->context.capabilities
                  : std::vector<std::string>(docker.begin(), docker.end());
  CALLGATE_TRY(ParsedPolicy parsed, find_builtin_profile(name, capabilities));
  // As in Docker's archMap: the native ABI and those that run beside it.
  for (const Arch arch : all_arches) {
    if (arch_info(arch).native == native_arch()) parsed.policy.arches.push_back(arch);
  }
  return LoadedSource{
      .path = name, .content = std::move(parsed.policy), .texts = std::move(parsed.texts)};
}

constexpr std::string_view process_prefix = "pid:";

/// The filters of one thread as one source: a program, or a stack of them.
Result<LoadedSource> source_of(ThreadFilters thread) {
  const std::string who = fmt::format("process {} ({})", thread.thread, thread.command);
  if (thread.mode == ReportedMode::strict)
    return fail(who + " is in strict mode, which has no filter",
                "the kernel lets it read, write, exit and return from signals only");
  if (thread.filters.empty())
    return fail(who + " has no filter: every call is let through",
                "`callgate dump PROGRAM` reads those that a program is about to install");
  StackSubject stack;
  for (InstalledFilter& filter : thread.filters) {
    CALLGATE_TRY(Program program,
                 Program::verify(std::move(filter.instructions), arch_info(native_arch()).target));
    stack.programs.push_back(std::move(program));
  }
  if (stack.programs.size() > 1) return LoadedSource{.content = std::move(stack)};
  return LoadedSource{.content = std::move(stack.programs.front())};
}

Result<LoadedSource> load_process(const std::string& name) {
  const auto number = parse_integer(std::string_view(name).substr(process_prefix.size()));
  constexpr std::uint64_t most = 1 << 22;  // PID_MAX_LIMIT
  if (!number || *number == 0 || *number > most)
    return fail(fmt::format("`{}` names no process", name), "write it as pid:1234, or -p 1234");
  const auto id = static_cast<pid_t>(*number);
  CALLGATE_TRY(ThreadFilters first, read_filters(id));
  std::vector<Diagnostic> notes;
  if (first.process == id) {
    CALLGATE_TRY(const std::vector<ThreadFilters> threads, read_filters_of_threads(id));
    for (const ThreadFilters& other : threads) {
      if (other.thread == id) continue;
      notes.push_back({.severity = Severity::warning,
                       .message = fmt::format("thread {} of process {} has other filters than the "
                                              "first thread, whose are looked at",
                                              other.thread, id),
                       .hint = fmt::format("pid:{} names that thread", other.thread)});
    }
  }
  CALLGATE_TRY(LoadedSource source, source_of(std::move(first)));
  source.path = name;
  source.format = SourceFormat::process;
  source.diagnostics = std::move(notes);
  return source;
}

/// The opcode's high byte is zero in every instruction, so a program always holds a NUL byte, and
/// no text format does.
bool looks_raw(std::string_view bytes) { return bytes.find('\0') != std::string_view::npos; }
bool looks_like_text(std::string_view bytes) { return !looks_raw(bytes); }

/// One format: how its bytes are recognised and read.
struct Reader {
  SourceFormat format;
  std::string_view name;
  bool (*recognises)(std::string_view bytes);
  Result<LoadedSource> (*read)(std::string_view bytes, const std::string& path,
                               const LoadOptions& options);
};

/// In the order in which they are tried; the policy language takes what no other wants.
constexpr std::array readers = {
    Reader{SourceFormat::raw, "raw", looks_raw, read_raw},
    Reader{SourceFormat::oci, "oci", looks_like_oci, read_oci_profile},
    Reader{SourceFormat::unit, "unit", looks_like_unit, read_service},
    Reader{SourceFormat::text, "text", looks_like_text, read_text},
};

const Reader* find_reader(std::string_view bytes, std::optional<SourceFormat> format) {
  const auto fits = [&](const Reader& reader) {
    return format ? reader.format == *format : reader.recognises(bytes);
  };
  const auto found = std::find_if(readers.begin(), readers.end(), fits);
  return found == readers.end() ? nullptr : found;
}

/// Errors of readers that know no file name get one.
Error with_path(Error error, const std::string& path) {
  for (Diagnostic& diagnostic : error.diagnostics) {
    if (diagnostic.place.file.empty()) diagnostic.place.file = path;
  }
  return error;
}

}  // namespace

std::string_view format_name(SourceFormat format) noexcept {
  for (const Reader& reader : readers) {
    if (reader.format == format) return reader.name;
  }
  return "process";
}

Result<LoadedSource> parse_source(std::string_view bytes, const std::string& path,
                                  const LoadOptions& options) {
  const Reader* reader = find_reader(bytes, options.format);
  if (reader == nullptr) {
    return fail(with_path(Error("the format of this source is not known"), path));
  }
  auto loaded = reader->read(bytes, path, options);
  if (!loaded) return fail(with_path(std::move(loaded).error(), path));
  loaded->path = path;
  loaded->format = reader->format;
  return loaded;
}

Result<LoadedSource> load_source(const std::string& path, const LoadOptions& options) {
  constexpr std::string_view unit_prefix = "unit:";
  if (path.starts_with(unit_prefix)) {
    LoadOptions as_unit = options;
    as_unit.format = SourceFormat::unit;
    const std::string file = path.substr(unit_prefix.size());
    CALLGATE_TRY(const std::string bytes, read_file(file));
    return parse_source(bytes, file, as_unit);
  }
  if (path.starts_with(process_prefix) && !std::filesystem::exists(path)) return load_process(path);
  if (names_builtin_profile(path)) return load_builtin(path, options);
  CALLGATE_TRY(const std::string bytes, read_file(path));
  return parse_source(bytes, path, options);
}

Result<void> check_has_filter(const LoadedSource& source) {
  const Policy* policy = source.policy();
  if (policy == nullptr || source.format == SourceFormat::text || !policy->rules.empty() ||
      policy->otherwise != allow) {
    return {};
  }
  return fail(source.path + ": this profile has no filter: every call would be let through",
              "`--profile none` runs a program without one");
}

Result<Compilation> compile_source(const LoadedSource& source, const CompileOptions& options) {
  auto made = compile(*source.policy(), options);
  if (!made) return fail(quoted(std::move(made).error(), source));
  quote_lines(made->diagnostics, source.texts);
  return made;
}

std::string process_source(int process) { return fmt::format("{}{}", process_prefix, process); }

Result<Subject> subject_of(const LoadedSource& source, std::vector<Arch> arches) {
  const Policy* policy = source.policy();
  if (policy == nullptr) {
    const std::span<const Program> programs = source.programs();
    return Subject(StackSubject{{programs.begin(), programs.end()}});
  }
  std::vector<Diagnostic> found = check(*policy, arches);
  if (has_errors(found)) {
    std::erase_if(found, [](const Diagnostic& one) { return one.severity != Severity::error; });
    return fail(quoted(Error(std::move(found)), source));
  }
  return Subject(PolicySubject{*policy, std::move(arches)});
}

Error quoted(Error error, const LoadedSource& source) {
  quote_lines(error.diagnostics, source.texts);
  return error;
}

void add_include_option(CLI::App& command, IncludeRoot& root) {
  command.add_option("--include-root", root.folder,
                     "folder that `include` stays in; else that of the policy's file");
}

Result<std::vector<Arch>> parse_arches(std::string_view list) {
  std::vector<Arch> arches;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view name = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    const std::optional<Arch> arch = find_arch(name);
    if (!arch) {
      return fail(fmt::format("unknown architecture `{}`", name),
                  fmt::format("callgate knows {}", join_arches(all_arches)));
    }
    if (std::find(arches.begin(), arches.end(), *arch) != arches.end()) {
      return fail(fmt::format("architecture `{}` is named twice", name));
    }
    arches.push_back(*arch);
  }
  return arches;
}

std::vector<Arch> choose_arches(const std::vector<Arch>& asked, const Policy& policy,
                                std::vector<Diagnostic>& notes) {
  if (!asked.empty()) return asked;
  if (!policy.arches.empty()) return policy.arches;
  notes.push_back({.severity = Severity::note,
                   .message = fmt::format("neither the policy nor --arch names an architecture: "
                                          "compiling for {} alone",
                                          arch_info(native_arch()).name)});
  return {native_arch()};
}

std::string join_arches(std::span<const Arch> arches) {
  std::string text;
  for (const Arch arch : arches) {
    if (!text.empty()) text += ", ";
    text += arch_info(arch).name;
  }
  return text;
}

}  // namespace callgate::cli

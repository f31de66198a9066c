#include "cli/common.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "callgate/base/file.h"
#include "callgate/formats/text.h"

namespace callgate::cli {
namespace {

Result<LoadedSource> read_text(std::string_view bytes, const std::string& path,
                               const LoadOptions&) {
  CALLGATE_TRY(ParsedPolicy parsed, parse_policy(bytes, path));
  return LoadedSource{.content = std::move(parsed.policy),
                      .diagnostics = std::move(parsed.diagnostics)};
}

Result<LoadedSource> read_raw(std::string_view bytes, const std::string&,
                              const LoadOptions& options) {
  CALLGATE_TRY(Program program, Program::from_bytes(bytes, options.target));
  return LoadedSource{.content = std::move(program)};
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
  return LoadedSource{.content = std::move(import.policy), .diagnostics = std::move(notes)};
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
  return "unknown";
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
  CALLGATE_TRY(const std::string bytes, read_file(path));
  return parse_source(bytes, path, options);
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

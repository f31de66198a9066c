// What several verbs share: loading a source of any format, and the ABIs to work for.
//
// A new format is one line in the table of readers in common.cpp and, if it makes something other
// than a policy or a program, one alternative of LoadedSource::content.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "callgate/bpf/program.h"
#include "callgate/compiler/compile.h"
#include "callgate/formats/oci.h"
#include "callgate/formats/text.h"
#include "callgate/meaning/subject.h"
#include "callgate/policy/policy.h"
#include "cli/verb.h"

namespace callgate::cli {

/// The formats that load_source reads, told apart by content.
enum class SourceFormat : std::uint8_t {
  text,     ///< the policy language
  oci,      ///< an OCI seccomp profile, or a config.json with one
  raw,      ///< struct sock_filter[]
  unit,     ///< a unit of systemd, with the drop-ins beside it
  process,  ///< the filters of a thread, by its number
};
[[nodiscard]] std::string_view format_name(SourceFormat format) noexcept;

/// What an OCI profile's reader needs to know (cli/oci_options.h makes it from the command line).
struct OciSource {
  OciContext context;
  bool reader_given = false;  ///< else the profile's keys tell who reads it
};

/// What a reader may need to know besides the bytes.
struct LoadOptions {
  std::optional<SourceFormat> format;  ///< none: by content
  std::vector<Arch> arches;            ///< what the user asked for with --arch; may be empty
  Target target;                       ///< of a raw program
  std::optional<OciSource> oci;        ///< none: Docker's capabilities, the newest releases
  IncludeRoot include_root;            ///< of a policy in our language
};

/// A source as it was read.
struct LoadedSource {
  std::string path;
  SourceFormat format = SourceFormat::text;
  std::variant<Policy, Program, StackSubject> content;  ///< a stack: two filters or more
  std::vector<Diagnostic> diagnostics;                  ///< warnings and notes of the reader
  std::vector<SourceText> texts;  ///< of a policy in our language, for quoting; else empty
  std::uint32_t flags = 0;        ///< SECCOMP_FILTER_FLAG_* that an OCI profile asks for

  [[nodiscard]] const Policy* policy() const noexcept { return std::get_if<Policy>(&content); }
  [[nodiscard]] const Program* program() const noexcept { return std::get_if<Program>(&content); }
  /// The filters, the oldest first, of a source that is no policy; else empty.
  [[nodiscard]] std::span<const Program> programs() const noexcept {
    if (const Program* one = program()) return {one, 1};
    const auto* stack = std::get_if<StackSubject>(&content);
    return stack == nullptr ? std::span<const Program>() : std::span(stack->programs);
  }
};

/// Reads a file ("-": standard input) in whatever format it has, or a built-in profile where no
/// file has its name; "unit:FILE" is a unit of systemd whatever it looks like, "pid:NUMBER" the
/// filters that a process (its first thread) or a thread has. Errors: those of read_file, of
/// read_filters and of the format's reader; bytes that no reader recognises; a process without a
/// filter.
[[nodiscard]] Result<LoadedSource> load_source(const std::string& path,
                                               const LoadOptions& options = {});
/// The same for bytes already in memory; `path` is used in messages only.
[[nodiscard]] Result<LoadedSource> parse_source(std::string_view bytes, const std::string& path,
                                                const LoadOptions& options = {});

/// An error where a file of another format asks for no filter at all: to confine by it would let
/// every call through, which only a policy in our own language can mean.
[[nodiscard]] Result<void> check_has_filter(const LoadedSource& source);

/// compile(), with the lines that its findings speak of.
[[nodiscard]] Result<Compilation> compile_source(const LoadedSource& source,
                                                 const CompileOptions& options);

/// "pid:123": how a process is named among sources.
[[nodiscard]] std::string process_source(int process);

/// What questions are asked of: the policy for these ABIs, or the filters. Errors: those that check
/// finds in the policy, with the lines that they speak of.
[[nodiscard]] Result<Subject> subject_of(const LoadedSource& source, std::vector<Arch> arches);

/// An error about a source's policy, with the lines that its diagnostics speak of.
[[nodiscard]] Error quoted(Error error, const LoadedSource& source);

/// Adds --include-root to a verb that loads policies.
void add_include_option(CLI::App& command, IncludeRoot& root);

/// The ABIs of an --arch option: "x86_64,i386". Empty text gives none. Errors: an unknown name, one
/// named twice.
[[nodiscard]] Result<std::vector<Arch>> parse_arches(std::string_view list);

/// The ABIs to work for: --arch, else the policy's own, else the native one, with a note added to
/// `notes` that says so.
[[nodiscard]] std::vector<Arch> choose_arches(const std::vector<Arch>& asked, const Policy& policy,
                                              std::vector<Diagnostic>& notes);

/// "x86_64, i386"
[[nodiscard]] std::string join_arches(std::span<const Arch> arches);

}  // namespace callgate::cli

// The sources of verbs that take one, two or several: files, built-in profiles and processes in the
// order of the command line, and the options that say how each is read.
//
//   callgate diff old.json -p 1234 --caps none      the capabilities are for both
//   callgate diff a.json a.json --caps none --caps all      the first is of the first source
#pragma once

#include <string>
#include <vector>

#include "callgate/meaning/subject.h"
#include "cli/common.h"
#include "cli/oci_options.h"
#include "cli/verb.h"

namespace callgate::cli {

/// What the command line says of sources. A list of options holds one value for all sources, or one
/// for each.
struct SourceOptions {
  std::vector<std::string> files;
  std::vector<int> processes;
  std::vector<std::string> arches;
  std::vector<std::string> targets;
  std::vector<std::string> readers;
  std::vector<std::string> caps;
  std::vector<std::string> kernels;
  std::vector<std::string> libseccomps;
  IncludeRoot include_root;
  CLI::App* command = nullptr;
  CLI::Option* file_option = nullptr;
  CLI::Option* process_option = nullptr;
};

/// Adds -p, --arch, --target, --include-root and those of OCI profiles.
void add_source_options(CLI::App& command, SourceOptions& options);
/// The same and a positional for any number of sources, by that name in --help.
void add_sources(CLI::App& command, SourceOptions& options, const std::string& name);

/// Files and processes ("pid:N") in the order in which they were given.
[[nodiscard]] std::vector<std::string> source_names(const SourceOptions& options);

/// A source and what the command line says of it.
struct ReadSource {
  LoadedSource source;
  std::vector<Arch> asked;  ///< --arch
  OciSource oci;
};
/// Reads every source of `names`. Errors: those of load_source, and lists of options that are
/// neither one long nor as long as the sources.
[[nodiscard]] Result<std::vector<ReadSource>> read_sources(const SourceOptions& options,
                                                           const std::vector<std::string>& names);

/// A source that a question can be asked of.
struct QuestionedSource {
  LoadedSource source;
  std::vector<Arch> asked;   ///< --arch
  std::vector<Arch> arches;  ///< of a policy: those that it is looked at for; else `asked`
  OciSource oci;
  Subject subject;
};

/// The same, with what readers say reported on standard error. A policy that names no ABI is looked
/// at for those of the first that does, else for the native one. Errors: also what check finds.
[[nodiscard]] Result<std::vector<QuestionedSource>> load_sources(
    const SourceOptions& options, const std::vector<std::string>& names);

/// The ABIs that a source is about, as far as can be told without asking what it decides: those of
/// the policy, those that a program tells apart. Empty: all.
[[nodiscard]] std::vector<Arch> arches_of(const QuestionedSource& source);

}  // namespace callgate::cli

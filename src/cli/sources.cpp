#include "cli/sources.h"

#include <fmt/format.h>

#include <algorithm>

#include "callgate/bpf/assembly.h"
#include "cli/program_file.h"

namespace callgate::cli {
namespace {

/// The value of the source at `index`; empty if the option was not given.
Result<std::string> value_for(const char* option, const std::vector<std::string>& values,
                              std::size_t index, std::size_t sources) {
  if (values.empty()) return std::string();
  if (values.size() == 1) return values.front();
  if (values.size() == sources) return values[index];
  return fail(fmt::format("{} is given {} times for {} sources", option, values.size(), sources),
              "give it once for all of them, or once for each");
}

/// How one source is read.
struct Reading {
  LoadOptions options;
  OciSource oci;
};

Result<Reading> reading_of(const SourceOptions& options, std::size_t index, std::size_t sources) {
  const auto value = [&](const char* option, const std::vector<std::string>& values) {
    return value_for(option, values, index, sources);
  };
  Reading reading;
  CALLGATE_TRY(const std::string arches, value("--arch", options.arches));
  CALLGATE_TRY(reading.options.arches, parse_arches(arches));
  OciOptions oci;
  CALLGATE_TRY(oci.reader, value("--reader", options.readers));
  CALLGATE_TRY(oci.caps, value("--caps", options.caps));
  CALLGATE_TRY(oci.kernel, value("--kernel", options.kernels));
  CALLGATE_TRY(oci.libseccomp, value("--libseccomp", options.libseccomps));
  CALLGATE_TRY(reading.oci, oci_source(oci, reading.options.arches));
  CALLGATE_TRY(const std::string target, value("--target", options.targets));
  if (!target.empty()) {
    CALLGATE_TRY(reading.options.target, parse_target(target));
  } else if (!reading.options.arches.empty()) {
    reading.options.target = arch_info(reading.options.arches.front()).target;
  }
  reading.options.oci = reading.oci;
  reading.options.include_root = options.include_root;
  return reading;
}

CLI::Option* add_list(CLI::App& command, const std::string& name, std::vector<std::string>& values,
                      const std::string& what) {
  return command.add_option(name, values, what)->allow_extra_args(false);
}

/// The ABIs of policies that name none: those of the first source that names some.
std::vector<Arch> shared_arches(const std::vector<ReadSource>& all) {
  for (const ReadSource& one : all) {
    if (!one.asked.empty()) return one.asked;
    const Policy* policy = one.source.policy();
    if (policy != nullptr && !policy->arches.empty()) return policy->arches;
  }
  return {};
}

/// What its reader said of a source; notes about its lines are for who writes it.
void report_reading(LoadedSource& source) {
  std::erase_if(source.diagnostics, [](const Diagnostic& said) {
    return said.severity == Severity::note && said.place.line != 0;
  });
  quote_lines(source.diagnostics, source.texts);
  report(source.diagnostics);
}

std::vector<Arch> arches_for(const ReadSource& loaded, const std::vector<Arch>& shared,
                             std::vector<Diagnostic>& notes) {
  const Policy* policy = loaded.source.policy();
  if (policy == nullptr || !loaded.asked.empty()) return loaded.asked;
  if (!policy->arches.empty() || shared.empty()) return choose_arches({}, *policy, notes);
  notes.push_back({.severity = Severity::note,
                   .message = fmt::format("names no architecture: taken for {}, as the other",
                                          join_arches(shared)),
                   .place = {.file = loaded.source.path}});
  return shared;
}

}  // namespace

void add_source_options(CLI::App& command, SourceOptions& options) {
  options.command = &command;
  options.process_option =
      command
          .add_option("-p,--process", options.processes,
                      "a source: the filters of this process; also pid:PID, pid:THREAD")
          ->allow_extra_args(false)
          ->check(CLI::PositiveNumber);
  add_list(command, "--arch", options.arches, "ABIs, separated by commas; else the source's own");
  add_list(command, "--target", options.targets, target_help);
  add_include_option(command, options.include_root);
  add_list(command, "--reader", options.readers,
           "who reads an OCI profile: docker, containerd, podman, runc, crun; "
           "docker+crun, runc@1.1.15; else told by its keys");
  add_list(command, "--caps", options.caps,
           "capabilities of the container: none, all, docker, or names; docker if not said");
  add_list(command, "--kernel", options.kernels, "its kernel's release, for minKernel");
  add_list(command, "--libseccomp", options.libseccomps,
           "newest release whose calls the runtime's libseccomp knows (Debian 12: 6.7)");
}

void add_sources(CLI::App& command, SourceOptions& options, const std::string& name) {
  options.file_option = command.add_option(
      name, options.files, "policy, profile, unit, raw filter, built-in profile, pid:PID, or -");
  add_source_options(command, options);
}

std::vector<std::string> source_names(const SourceOptions& options) {
  std::vector<std::string> names;
  std::size_t files = 0;
  std::size_t processes = 0;
  for (const CLI::Option* option : options.command->parse_order()) {
    if (option == options.file_option && files < options.files.size())
      names.push_back(options.files[files++]);
    else if (option == options.process_option && processes < options.processes.size())
      names.push_back(process_source(options.processes[processes++]));
  }
  return names;
}

Result<std::vector<ReadSource>> read_sources(const SourceOptions& options,
                                             const std::vector<std::string>& names) {
  std::vector<ReadSource> all;
  for (std::size_t i = 0; i < names.size(); ++i) {
    CALLGATE_TRY(Reading reading, reading_of(options, i, names.size()));
    CALLGATE_TRY(LoadedSource source, load_source(names[i], reading.options));
    all.push_back({std::move(source), std::move(reading.options.arches), std::move(reading.oci)});
  }
  return all;
}

Result<std::vector<QuestionedSource>> load_sources(const SourceOptions& options,
                                                   const std::vector<std::string>& names) {
  CALLGATE_TRY(std::vector<ReadSource> all, read_sources(options, names));
  const std::vector<Arch> shared = shared_arches(all);
  std::vector<QuestionedSource> made;
  for (ReadSource& one : all) {
    std::vector<Arch> arches = arches_for(one, shared, one.source.diagnostics);
    report_reading(one.source);
    CALLGATE_TRY(Subject subject, subject_of(one.source, arches));
    made.push_back({.source = std::move(one.source),
                    .asked = std::move(one.asked),
                    .arches = std::move(arches),
                    .oci = std::move(one.oci),
                    .subject = std::move(subject)});
  }
  return made;
}

std::vector<Arch> arches_of(const QuestionedSource& source) {
  if (!source.arches.empty()) return source.arches;
  std::vector<Arch> arches;
  for (const Program& program : source.source.programs()) {
    for (const Arch arch : tested_arches(program.instructions()))
      if (std::find(arches.begin(), arches.end(), arch) == arches.end()) arches.push_back(arch);
  }
  return arches;
}

}  // namespace callgate::cli

#include "cli/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "callgate/bpf/assembly.h"
#include "callgate/formats/call.h"
#include "callgate/formats/oci_write.h"
#include "callgate/formats/systemd.h"
#include "callgate/formats/text.h"
#include "callgate/meaning/difference.h"
#include "callgate/meaning/lift.h"
#include "callgate/policy/evaluate.h"
#include "cli/compilation_json.h"
#include "cli/frequencies.h"
#include "cli/meaning_json.h"
#include "cli/output_forms.h"

namespace callgate::cli {
namespace {

/// A policy and for whom it is written.
struct PolicyJob {
  const TargetOptions& options;
  const Policy& policy;
  std::vector<Arch> arches;
  const OciContext& context;
};

/// What a format was made to say, and the policy that its reader makes of that.
struct Expressed {
  std::string text;
  std::vector<Diagnostic> diagnostics;
};

Result<Expressed> to_text(const PolicyJob& job, bool) {
  return Expressed{.text = print_policy(job.policy)};
}

Result<OciReader> oci_reader(const PolicyJob& job) { return parse_oci_reader(job.options.runtime); }

/// The section for a bundle's config.json.
Result<Expressed> to_oci(const PolicyJob& job, bool approximate) {
  OciWriteOptions options;
  CALLGATE_TRY(options.reader, oci_reader(job));
  options.arches = job.arches;
  options.libseccomp = job.context.libseccomp;
  options.approximate_stricter = approximate;
  CALLGATE_TRY(OciExport written, write_oci(job.policy, options));
  return Expressed{.text = std::move(written.json), .diagnostics = std::move(written.diagnostics)};
}

Result<Policy> from_oci(const PolicyJob& job, const std::string& text) {
  OciContext context = job.context;
  CALLGATE_TRY(context.reader, oci_reader(job));
  context.arch = arch_info(job.arches.front()).native;
  CALLGATE_TRY(OciImport read, read_oci(text, "", context));
  return std::move(read.policy);
}

/// A drop-in for a service's unit.
Result<Expressed> to_systemd(const PolicyJob& job, bool approximate) {
  UnitWriteOptions options;
  options.arches = job.arches;
  options.machine = arch_info(job.arches.front()).native;
  options.libseccomp = job.context.libseccomp;
  options.approximate_stricter = approximate;
  CALLGATE_TRY(UnitExport written, write_unit(job.policy, options));
  return Expressed{.text = std::move(written.text), .diagnostics = std::move(written.diagnostics)};
}

Result<Policy> from_systemd(const PolicyJob& job, const std::string& text) {
  const UnitFile file{.path = "unit.service", .text = text};
  CALLGATE_TRY(UnitImport read, read_unit({&file, 1}, {.arch = arch_info(job.arches.front()).native,
                                                       .libseccomp = job.context.libseccomp}));
  return std::move(read.policy);
}

std::string to_raw(const Program& program, const std::string&) { return program.bytes(); }
std::string to_asm(const Program& program, const std::string&) {
  return disassemble(program.instructions(), program.target());
}
std::string to_header(const Program& program, const std::string& path) {
  return program_header(program, path, fmt::format("{}, converted by callgate", path));
}
std::string to_json(const Program& program, const std::string&) { return program_json(program); }

/// One target: written from a policy (and read again), or from a program, which a policy is
/// compiled to first.
struct Form {
  const char* name;
  Result<Expressed> (*from_policy)(const PolicyJob& job, bool approximate);
  Result<Policy> (*read_again)(const PolicyJob& job, const std::string& text);
  std::string (*from_program)(const Program& program, const std::string& path);
};

constexpr std::array targets = {
    Form{"text", to_text, nullptr, nullptr},
    Form{"raw", nullptr, nullptr, to_raw},
    Form{"asm", nullptr, nullptr, to_asm},
    Form{"header", nullptr, nullptr, to_header},
    Form{"json", nullptr, nullptr, to_json},
    Form{"oci", to_oci, from_oci, nullptr},
    Form{"systemd", to_systemd, from_systemd, nullptr},
};

const Form& target_of(const TargetOptions& options) {
  return *std::find_if(targets.begin(), targets.end(),
                       [&](const Form& target) { return target.name == options.to; });
}

Diagnostic unsaid_call(const SeccompData& call, const std::string& is, const std::string& would) {
  return {.severity = Severity::note,
          .message = fmt::format("the first such call: {} is {}, and would be {}", call_text(call),
                                 is, would)};
}

/// Where calls of ABIs that are not listed are all that the target cannot say: one of them.
std::optional<Diagnostic> first_unlisted(const PolicyJob& job, const Form& target) {
  Policy policy = job.policy;
  policy.unlisted = kill_thread;
  const auto other = std::find_if(all_arches.begin(), all_arches.end(), [&](Arch arch) {
    return std::find(job.arches.begin(), job.arches.end(), arch) == job.arches.end();
  });
  if (other == all_arches.end() || policy.unlisted == job.policy.unlisted ||
      !target.from_policy({job.options, policy, job.arches, job.context}, true))
    return std::nullopt;
  const SeccompData call{.nr = syscalls(*other).front().number, .arch = arch_info(*other).audit};
  return unsaid_call(call, action_text(*other, returned(job.policy, job.arches, call)),
                     to_string(policy.unlisted));
}

/// The first call of which the target says something else at best, as a note; nothing where that
/// cannot be told.
std::optional<Diagnostic> first_unsaid(const PolicyJob& job, const Form& target) {
  if (target.read_again == nullptr) return std::nullopt;
  const auto nearest_form = target.from_policy(job, true);
  if (!nearest_form) return first_unlisted(job, target);
  const auto policy = target.read_again(job, nearest_form->text);
  if (!policy) return std::nullopt;
  const auto found = difference(PolicySubject{job.policy, job.arches},
                                PolicySubject{*policy, policy->arches}, {.arches = job.arches});
  if (!found) return std::nullopt;
  for (const Change& change : found->changes) {
    if (change.call == nullptr) continue;
    Diagnostic said = unsaid_call(change.witness, action_text(change.arch, change.from),
                                  action_text(change.arch, change.to));
    said.hint = "--approximate stricter writes it so";
    return said;
  }
  return std::nullopt;
}

Written express(const PolicyJob& job, const LoadedSource& source) {
  const std::vector<Diagnostic> mistakes = check(job.policy, job.arches);
  if (auto reader = oci_reader(job); !reader) return not_written(std::move(reader).error());
  const Form& target = target_of(job.options);
  const bool approximate = job.options.approximate == "stricter";
  auto made = target.from_policy(job, approximate);
  if (made) {
    report(made->diagnostics);
    return std::move(made->text);
  }
  Error error = quoted(std::move(made).error(), source);
  if (has_errors(mistakes)) return not_written(std::move(error));
  if (const auto unsaid = first_unsaid(job, target)) error.diagnostics.push_back(*unsaid);
  return not_written(std::move(error), exit_no);
}

}  // namespace

void add_target_options(CLI::App& command, TargetOptions& options) {
  std::vector<std::string> names;
  names.reserve(targets.size());
  for (const Form& target : targets) names.emplace_back(target.name);
  CLI::Option* to =
      command.add_option("--to", options.to, "text, raw, asm, header, json, oci or systemd")
          ->check(CLI::IsMember(names));
  if (options.to.empty()) to->required();
  command.add_option("--runtime", options.runtime,
                     "for --to oci, who will read it: runc, crun, containerd; runc@1.1.15");
  command
      .add_option(
          "--approximate", options.approximate,
          "for --to oci and systemd: stricter refuses what cannot be expressed, and says so")
      ->check(CLI::IsMember({"stricter"}));
  add_frequencies_option(command, options.frequencies);
}

tl::unexpected<NotWritten> not_written(Error error, int code) {
  return tl::unexpected<NotWritten>(NotWritten{std::move(error), code});
}

bool takes_policy(const TargetOptions& options) {
  return target_of(options).from_policy != nullptr;
}

Written write_policy(const TargetOptions& options, const LoadedSource& source,
                     const std::vector<Arch>& asked, const OciContext& context) {
  const Policy& policy = *source.policy();
  if (options.to == "text") return print_policy(policy);
  std::vector<Diagnostic> notes;
  std::vector<Arch> arches = choose_arches(asked, policy, notes);
  if (takes_policy(options)) {
    report(notes);
    return express({options, policy, std::move(arches), context}, source);
  }
  auto frequencies = load_frequencies(options.frequencies);
  if (!frequencies) return not_written(std::move(frequencies).error());
  auto made =
      compile_source(source, {.arches = std::move(arches), .frequencies = *std::move(frequencies)});
  if (!made) return not_written(std::move(made).error());
  report(notes);
  report(made->diagnostics);
  return write_program(options, made->program, source.path);
}

std::string write_program(const TargetOptions& options, const Program& program,
                          const std::string& path) {
  return target_of(options).from_program(program, path);
}

Written write_lifted(const TargetOptions& options, const Subject& subject, const std::string& path,
                     const std::vector<Arch>& asked, const OciContext& context) {
  auto policy = lift(subject, {.arches = asked});
  if (!policy) {
    Error error = std::move(policy).error();
    for (Diagnostic& diagnostic : error.diagnostics)
      if (diagnostic.place.file.empty()) diagnostic.place.file = path;
    return not_written(std::move(error), exit_no);
  }
  return write_policy(options, LoadedSource{.path = path, .content = *std::move(policy)}, asked,
                      context);
}

}  // namespace callgate::cli

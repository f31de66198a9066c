// From a profile to the section that a runtime sees.
// Sources: dockerd: github.com/moby/profiles seccomp/seccomp_linux.go. containers/common v0.50.1:
// pkg/seccomp/seccomp_linux.go. containerd and bare runtimes unmarshal into the structures of
// runtime-spec, which have none of the extensions. runc 1.1.5: libcontainer/specconv/spec_linux.go
// SetupSeccomp and libcontainer/seccomp. crun: src/libcrun/seccomp.c.
#include "formats/oci_section.h"

#include <fmt/format.h>

#include <algorithm>

#include "callgate/abi/constants.h"

namespace callgate::oci {
namespace {

constexpr std::uint16_t eperm = 1;
/// libseccomp refuses an errno from here on (MAX_ERRNO of its include/seccomp.h.in).
constexpr std::uint16_t libseccomp_errno_end = 4095;

/// Docker's name of an architecture in includes.arches (goToNative of seccomp_linux.go).
std::string_view docker_arch_name(Arch arch) {
  switch (arch) {
    case Arch::x86_64: return "amd64";
    case Arch::i386: return "x86";
    case Arch::aarch64: return "arm64";
    case Arch::mipsel64n32: return "mips3l64n32";
    default: return arch_info(arch).name;
  }
}

/// What libseccomp makes of socketcall and ipc is modelled for i386 only, and aarch64's family has
/// neither.
bool is_modelled(Arch arch) {
  const Arch native = arch_info(arch).native;
  return native == Arch::x86_64 || native == Arch::aarch64;
}

bool contains(std::span<const Text> texts, std::string_view word) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const Text& text) { return text.value == word; });
}

class Selection {
 public:
  Selection(const Profile& profile, const OciContext& context, json::Reporter& reporter)
      : profile_(profile), context_(context), reporter_(reporter) {}

  Section run();

 private:
  void report(Severity severity, Span at, std::string message, std::string hint = {},
              std::string id = {}) {
    reporter_.add(severity, at.offset, at.length, std::move(message), std::move(hint),
                  std::move(id));
  }
  void error(Span at, std::string message, std::string hint = {}) {
    report(Severity::error, at, std::move(message), std::move(hint));
  }
  void ignored(Span at, std::string_view key, std::string_view consequence) {
    report(Severity::warning, at,
           fmt::format("{} ignores `{}`: {}", reader_name(), key, consequence), {}, "reader-drops");
  }
  [[nodiscard]] std::string reader_name() const { return to_string(context_.reader); }
  [[nodiscard]] OciFrontend frontend() const { return context_.reader.frontend; }
  [[nodiscard]] bool is_runc() const { return context_.reader.runtime == OciRuntime::runc; }
  [[nodiscard]] bool reads_extensions() const {
    return frontend() == OciFrontend::docker || frontend() == OciFrontend::podman;
  }
  [[nodiscard]] bool reads_errno_names() const { return frontend() == OciFrontend::podman; }

  void arches();
  void add_arch(const Text& name);
  void top_level();
  [[nodiscard]] bool applies(const Rule& rule);
  [[nodiscard]] bool includes(const Filter& filter);
  [[nodiscard]] bool excludes(const Filter& filter);
  [[nodiscard]] std::optional<bool> kernel_reaches(const Filter& filter);
  void warn_ignored_extensions(const Rule& rule);
  void check_caps(const Filter& filter);
  [[nodiscard]] bool has_cap(const Text& cap) const {
    return std::find(context_.capabilities.begin(), context_.capabilities.end(), cap.value) !=
           context_.capabilities.end();
  }
  [[nodiscard]] std::span<const Text> names(const Rule& rule);
  void rule(const Rule& rule);
  void check_notify(const Rule& rule, std::span<const Text> names);
  [[nodiscard]] std::optional<std::uint16_t> errno_of(std::optional<std::uint16_t> number,
                                                      const std::optional<Text>& name,
                                                      std::string_view key);
  [[nodiscard]] Action action_of(ActionKind kind, std::optional<std::uint16_t> errno_value,
                                 Span at);

  const Profile& profile_;
  const OciContext& context_;
  json::Reporter& reporter_;
  Section section_;
};

void Selection::add_arch(const Text& name) {
  if (name.value == "SCMP_ARCH_NATIVE" && !is_runc()) {
    section_.listed_arches.push_back(context_.arch);
    return;
  }
  const std::optional<Arch> arch =
      name.value.starts_with("SCMP_ARCH_") ? find_arch(name.value) : std::nullopt;
  if (!arch) {
    error(name.span, fmt::format("{} is no architecture that callgate knows", name.value),
          "what a filter does there cannot be told; take it out, or read for another --arch");
    return;
  }
  if (arch_info(*arch).target.byte_order != arch_info(context_.arch).target.byte_order) {
    error(name.span, fmt::format("{} has another byte order than {}: libseccomp refuses it",
                                 name.value, arch_info(context_.arch).name));
    return;
  }
  if (!is_modelled(*arch)) {
    error(name.span,
          fmt::format("what libseccomp makes of a profile for {} is not modelled", name.value),
          "take it out: this machine makes none of its calls");
    return;
  }
  const auto& listed = section_.listed_arches;
  if (std::find(listed.begin(), listed.end(), *arch) == listed.end()) {
    section_.listed_arches.push_back(*arch);
  }
}

void Selection::arches() {
  if (!is_modelled(context_.arch)) {
    error(
        profile_.span,
        fmt::format("profiles are read for x86-64 and arm64 machines, not for {}: what libseccomp "
                    "makes of them there is not modelled",
                    arch_info(context_.arch).name));
    section_.arches = {context_.arch};
    return;
  }
  for (const Text& name : profile_.arches) add_arch(name);
  if (!profile_.arch_map.empty()) {
    if (!reads_extensions()) {
      ignored(profile_.arch_map_span, "archMap", "only the native architecture is filtered for");
    } else if (!profile_.arches.empty()) {
      error(profile_.arch_map_span, "both `architectures` and `archMap`",
            fmt::format("{} refuses the profile; keep one of the two", reader_name()));
    }
  }
  const std::string_view native = arch_info(context_.arch).oci_name;
  const auto entry =
      std::find_if(profile_.arch_map.begin(), profile_.arch_map.end(),
                   [&](const ArchMapEntry& each) { return each.arch.value == native; });
  if (reads_extensions() && entry != profile_.arch_map.end()) {
    add_arch(entry->arch);
    for (const Text& sub : entry->sub) add_arch(sub);
  }
  section_.arches = {context_.arch};
  for (const Arch arch : section_.listed_arches) {
    if (arch != context_.arch) section_.arches.push_back(arch);
  }
}

std::optional<std::uint16_t> Selection::errno_of(std::optional<std::uint16_t> number,
                                                 const std::optional<Text>& name,
                                                 std::string_view key) {
  if (!name || name->value.empty()) return number;
  if (!reads_errno_names()) {
    ignored(name->span, key, number ? "the number beside it counts" : "EPERM is what counts");
    return number;
  }
  const std::string& text = name->value;
  const bool is_number =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (is_number && text.size() <= 5 && std::stoul(text) <= 0xffff) {
    return static_cast<std::uint16_t>(std::stoul(text));
  }
  const std::optional<std::uint16_t> value = find_errno(text);
  if (!value) error(name->span, fmt::format("\"{}\" is no errno", text), "write it as \"EPERM\"");
  return value;
}

Action Selection::action_of(ActionKind kind, std::optional<std::uint16_t> errno_value, Span at) {
  const bool takes_errno = kind == ActionKind::errno_ || kind == ActionKind::trace;
  if (!takes_errno) {
    if (errno_value && is_runc()) {
      report(Severity::warning, at, "an errno beside an action that takes none: runc ignores it",
             {}, "reader-drops");
    } else if (errno_value) {
      error(at, "an errno beside an action that takes none: crun refuses the profile");
    }
    return {kind};
  }
  const std::uint16_t value = errno_value.value_or(eperm);
  if (kind == ActionKind::errno_ && value >= libseccomp_errno_end) {
    error(at, fmt::format("errno {} is past {}, the last that libseccomp takes", value,
                          libseccomp_errno_end - 1));
  }
  return {kind, value};
}

void Selection::top_level() {
  const Release flags_since{1, 2, 0};
  if (!profile_.flags.empty() && is_runc() && context_.reader.version < flags_since) {
    error(profile_.flags.front().span,
          fmt::format("runc {} refuses filter flags", to_string(context_.reader.version)),
          "1.2 and later take them");
  } else {
    for (const Text& flag : profile_.flags) {
      report(Severity::note, flag.span,
             fmt::format("{} is about installing the filter, not about its decisions: it is no "
                         "part of the policy",
                         flag.value),
             {}, "flag-apart");
    }
  }
  const auto name = profile_.default_errno_name;
  const auto value = errno_of(profile_.default_errno_ret, name, "defaultErrno");
  if (profile_.default_action) {
    section_.default_action =
        action_of(*profile_.default_action, value, profile_.default_errno_span);
  }
  if (profile_.default_action == ActionKind::user_notif && is_runc()) {
    error(profile_.default_action_span, "runc refuses SCMP_ACT_NOTIFY as default action");
  }
}

std::optional<bool> Selection::kernel_reaches(const Filter& filter) {
  if (!filter.min_kernel) return std::nullopt;
  if (frontend() != OciFrontend::docker) {
    ignored(filter.min_kernel_span, "minKernel", "the rule holds on every kernel");
    return std::nullopt;
  }
  const Release& wanted = *filter.min_kernel;
  return Release{context_.kernel.major, context_.kernel.minor} >=
         Release{wanted.major, wanted.minor};
}

void Selection::check_caps(const Filter& filter) {
  for (const Text& cap : filter.caps) {
    const auto known = capability_names();
    if (std::find(known.begin(), known.end(), cap.value) != known.end()) continue;
    const std::string_view near = nearest(cap.value, known);
    report(Severity::warning, cap.span,
           fmt::format("no capability is named \"{}\": no container has it", cap.value),
           near.empty() ? std::string() : fmt::format("did you mean {}?", near), "unknown-name");
  }
}

bool Selection::includes(const Filter& filter) {
  check_caps(filter);
  const bool caps = std::all_of(filter.caps.begin(), filter.caps.end(),
                                [&](const Text& cap) { return has_cap(cap); });
  const bool arch =
      filter.arches.empty() || contains(filter.arches, docker_arch_name(context_.arch));
  return kernel_reaches(filter).value_or(true) && caps && arch;
}

bool Selection::excludes(const Filter& filter) {
  check_caps(filter);
  const bool caps = std::any_of(filter.caps.begin(), filter.caps.end(),
                                [&](const Text& cap) { return has_cap(cap); });
  return kernel_reaches(filter).value_or(false) || caps ||
         contains(filter.arches, docker_arch_name(context_.arch));
}

void Selection::warn_ignored_extensions(const Rule& rule) {
  if (rule.includes) {
    ignored(rule.includes->span, "includes", "the rule holds without that condition");
  }
  if (rule.excludes) {
    ignored(rule.excludes->span, "excludes", "the rule holds without that condition");
  }
  if (rule.legacy_name) ignored(rule.legacy_name->span, "name", "the rule does not speak of it");
}

bool Selection::applies(const Rule& rule) {
  if (!reads_extensions()) {
    warn_ignored_extensions(rule);
    return true;
  }
  const bool excluded = rule.excludes && excludes(*rule.excludes);
  const bool included = !rule.includes || includes(*rule.includes);
  return included && !excluded;
}

std::span<const Text> Selection::names(const Rule& rule) {
  std::span<const Text> all = rule.names;
  if (rule.legacy_name && reads_extensions()) {
    if (!all.empty()) {
      error(rule.legacy_name->span, "both `name` and `names` in one rule",
            fmt::format("{} refuses the profile; keep one of the two", reader_name()));
    }
    all = {&*rule.legacy_name, 1};
  }
  for (const Text& name : all) {
    if (name.value.empty()) error(name.span, "an empty name is no system call");
  }
  if (all.empty())
    report(Severity::warning, rule.span, "a rule without names speaks of no call", {},
           "rule-matches-nothing");
  return all;
}

void Selection::check_notify(const Rule& rule, std::span<const Text> names) {
  if (rule.action != ActionKind::user_notif) return;
  if (!profile_.listener_path) {
    error(rule.action_span, "SCMP_ACT_NOTIFY without `listenerPath`: runtimes refuse the profile");
  }
  if (is_runc() && contains(names, "write")) {
    error(rule.action_span, "runc refuses SCMP_ACT_NOTIFY on write");
  }
}

void Selection::rule(const Rule& rule) {
  if (!applies(rule) || !rule.action) return;
  const std::span<const Text> all_names = names(rule);
  if (all_names.empty()) return;
  check_notify(rule, all_names);
  constexpr std::size_t crun_args = 6;
  if (!is_runc() && rule.args.size() > crun_args) {
    error(rule.args[crun_args].span, "more than 6 conditions: crun drops the seventh and later");
  }
  const auto value = errno_of(rule.errno_ret, rule.errno_name, "errno");
  section_.rules.push_back({action_of(*rule.action, value, rule.errno_span), all_names, &rule});
}

Section Selection::run() {
  arches();
  if (!profile_.default_action && profile_.rules.empty() && is_runc()) {
    report(Severity::warning, profile_.span,
           "neither `defaultAction` nor `syscalls`: the container runs without any filter", {},
           "no-filter");
    section_.unfiltered = true;
    return std::move(section_);
  }
  if (!profile_.default_action) error(profile_.span, "no `defaultAction`");
  top_level();
  for (const Rule& each : profile_.rules) rule(each);
  return std::move(section_);
}

}  // namespace

Section select(const Profile& profile, const OciContext& context, json::Reporter& reporter) {
  return Selection(profile, context, reporter).run();
}

}  // namespace callgate::oci

// As systemd 252 merges settings: src/core/load-fragment.c (config_parse_syscall_filter and those
// after it), seccomp_parse_syscall_filter of src/shared/seccomp-util.c.
//
// systemd logs what it does not understand and goes on without it; so does this reader, with a
// warning. Escapes and quotes in a setting that counts are refused: they are not read here.
#include "formats/systemd_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "callgate/abi/constants.h"
#include "callgate/abi/groups.h"
#include "formats/oci_names.h"

namespace callgate::systemd {
namespace {

/// src/shared/seccomp-util.c, seccomp_arch_from_string; the other name is callgate's.
struct ArchName {
  std::string_view systemd;
  std::string_view callgate;
};
constexpr std::array arch_names = {
    ArchName{"x86", "i386"},
    ArchName{"x86-64", "x86_64"},
    ArchName{"x32", "x32"},
    ArchName{"arm", "arm"},
    ArchName{"arm64", "aarch64"},
    ArchName{"mips", "mips"},
    ArchName{"mips64", "mips64"},
    ArchName{"mips64-n32", "mips64n32"},
    ArchName{"mips-le", "mipsel"},
    ArchName{"mips64-le", "mipsel64"},
    ArchName{"mips64-le-n32", "mipsel64n32"},
    ArchName{"parisc", "parisc"},
    ArchName{"parisc64", "parisc64"},
    ArchName{"ppc", "ppc"},
    ArchName{"ppc64", "ppc64"},
    ArchName{"ppc64-le", "ppc64le"},
    ArchName{"riscv64", "riscv64"},
    ArchName{"s390", "s390"},
    ArchName{"s390x", "s390x"},
};

/// The namespaces of src/basic/namespace-util.c with their clone flags.
struct NamespaceName {
  std::string_view name;
  std::uint64_t flag;
};
constexpr std::array namespace_names = {
    NamespaceName{"cgroup", 0x02000000}, NamespaceName{"ipc", 0x08000000},
    NamespaceName{"net", 0x40000000},    NamespaceName{"mnt", 0x00020000},
    NamespaceName{"pid", 0x20000000},    NamespaceName{"user", 0x10000000},
    NamespaceName{"uts", 0x04000000},    NamespaceName{"time", 0x00000080},
};

constexpr std::array switch_names = {
    std::string_view("DynamicUser"),
    std::string_view("LockPersonality"),
    std::string_view("MemoryDenyWriteExecute"),
    std::string_view("PrivateDevices"),
    std::string_view("ProtectClock"),
    std::string_view("ProtectHostname"),
    std::string_view("ProtectKernelLogs"),
    std::string_view("ProtectKernelModules"),
    std::string_view("ProtectKernelTunables"),
    std::string_view("RestrictRealtime"),
    std::string_view("RestrictSUIDSGID"),
};

constexpr std::array other_names = {
    std::string_view("SystemCallFilter"),
    std::string_view("SystemCallLog"),
    std::string_view("SystemCallErrorNumber"),
    std::string_view("SystemCallArchitectures"),
    std::string_view("RestrictAddressFamilies"),
    std::string_view("RestrictNamespaces"),
    std::string_view("Personality"),
};

/// The sections whose settings are about processes, by the ending of the unit's name.
struct UnitType {
  std::string_view ending;
  std::string_view section;
};
constexpr std::array unit_types = {UnitType{".service", "Service"}, UnitType{".socket", "Socket"},
                                   UnitType{".mount", "Mount"}, UnitType{".swap", "Swap"}};

constexpr std::string_view group_prefix = "systemd/";
constexpr std::size_t most_warnings = 100;
constexpr std::uint16_t last_errno = 4095;  // ERRNO_MAX of src/basic/errno-list.h

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

/// parse_boolean of src/basic/parse-util.c.
std::optional<bool> boolean(std::string_view text) {
  const auto is_one_of = [&](std::initializer_list<std::string_view> all) {
    return std::any_of(all.begin(), all.end(),
                       [&](std::string_view each) { return equal_ignoring_case(text, each); });
  };
  if (is_one_of({"1", "yes", "y", "true", "t", "on"})) return true;
  if (is_one_of({"0", "no", "n", "false", "f", "off"})) return false;
  return std::nullopt;
}

/// parse_errno of src/basic/parse-util.c, which takes numbers in any base that strtol(3) does.
std::optional<std::uint16_t> errno_of(std::string_view text) {
  if (const auto named = find_errno(text)) return named;
  if (text.empty() || text.find_first_not_of("0123456789abcdefABCDEFxX+") != text.npos) {
    return std::nullopt;
  }
  const std::string whole(text);
  char* end = nullptr;
  errno = 0;
  const long value = std::strtol(whole.c_str(), &end, 0);
  if (errno != 0 || *end != '\0' || value < 0 || value > last_errno) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

/// AF_UNSPEC is not among the names that systemd takes (src/basic/generate-af-list.sh).
std::optional<std::uint16_t> family_of(std::string_view name) {
  if (name == "AF_FILE") return 1;
  const Syscall* socket = find_syscall(Arch::x86_64, "socket");
  const Parameter* domain = find_parameter(*socket, "domain");
  const auto value = find_constant(Arch::x86_64, *domain->constants, name);
  if (!value || *value == 0) return std::nullopt;
  return static_cast<std::uint16_t>(*value);
}

class SettingsReader {
 public:
  SettingsReader(const UnitContext& context, std::vector<Diagnostic>& diagnostics)
      : context_(context), diagnostics_(diagnostics) {}

  Settings run(std::span<const UnitFile> files);

 private:
  void choose_section(std::span<const UnitFile> files, const std::vector<Assignment>& all);
  void setting(const Assignment& one);
  void unknown_key(const Assignment& one);
  void calls(const Assignment& one, std::optional<CallList>& list, bool is_log);
  [[nodiscard]] std::optional<Action> own_action(const Assignment& one, const Word& word,
                                                 bool inverted);
  [[nodiscard]] std::vector<std::string> named_calls(const Assignment& one, const Word& word);
  [[nodiscard]] bool is_known(std::string_view call) const;
  void explain_unknown(const Assignment& one, const Word& word);
  void error_number(const Assignment& one);
  void architectures(const Assignment& one);
  void families(const Assignment& one);
  void namespaces(const Assignment& one);
  void personality(const Assignment& one);
  void turn(const Assignment& one);
  void command(const Assignment& one);
  [[nodiscard]] bool is_plain(const Assignment& one, std::string_view special);

  void report(Severity severity, const Assignment& one, const Word& word, std::string message,
              std::string hint = {}, std::string id = {}) {
    diagnostics_.push_back({severity,
                            std::move(message),
                            one.place(word.offset, std::max<std::size_t>(word.text.size(), 1)),
                            std::move(hint),
                            {},
                            std::move(id)});
  }
  /// Past the limit what is ignored is counted and not kept.
  void ignored(const Assignment& one, const Word& word, const std::string& message,
               std::string hint = {}) {
    if (++ignored_ > most_warnings) return;
    report(Severity::warning, one, word, message + ": systemd ignores it", std::move(hint),
           "reader-drops");
  }

  const UnitContext& context_;
  std::vector<Diagnostic>& diagnostics_;
  std::string section_;
  Settings settings_;
  std::size_t ignored_ = 0;
  std::map<std::string, std::vector<std::string>, std::less<>> groups_;  ///< those that were named
};

/// By the name of the unit, else by the sections that its files have.
void SettingsReader::choose_section(std::span<const UnitFile> files,
                                    const std::vector<Assignment>& all) {
  for (const UnitType& type : unit_types) {
    if (!files.empty() && files.front().path.ends_with(type.ending)) section_ = type.section;
  }
  if (!section_.empty()) return;
  for (const Assignment& one : all) {
    const bool counts =
        std::any_of(unit_types.begin(), unit_types.end(),
                    [&](const UnitType& type) { return type.section == one.section; });
    if (!counts || one.section == section_) continue;
    if (!section_.empty()) {
      report(Severity::error, one, {}, fmt::format("both [{}] and [{}]", section_, one.section),
             "the ending of the unit's name (.service, .socket, .mount, .swap) tells which counts");
      return;
    }
    section_ = one.section;
  }
}

Settings SettingsReader::run(std::span<const UnitFile> files) {
  std::vector<Assignment> all;
  for (const UnitFile& file : files) {
    std::vector<Assignment> lines = parse_lines(file, diagnostics_);
    std::move(lines.begin(), lines.end(), std::back_inserter(all));
  }
  choose_section(files, all);
  for (const Assignment& one : all) {
    if (one.section == section_) setting(one);
  }
  if (ignored_ > most_warnings) {
    diagnostics_.push_back(
        {Severity::warning,
         fmt::format("and {} more that systemd ignores", ignored_ - most_warnings),
         {},
         {},
         {},
         "reader-drops"});
  }
  return std::move(settings_);
}

void SettingsReader::setting(const Assignment& one) {
  const std::string& key = one.key;
  if (key == "SystemCallFilter") return calls(one, settings_.filter, false);
  if (key == "SystemCallLog") return calls(one, settings_.log, true);
  if (key == "SystemCallErrorNumber") return error_number(one);
  if (key == "SystemCallArchitectures") return architectures(one);
  if (key == "RestrictAddressFamilies") return families(one);
  if (key == "RestrictNamespaces") return namespaces(one);
  if (key == "Personality") return personality(one);
  if (std::find(switch_names.begin(), switch_names.end(), key) != switch_names.end()) {
    return turn(one);
  }
  if (key.starts_with("Exec")) return command(one);
  unknown_key(one);
}

/// A setting that callgate does not read is one of systemd's many others, or a misspelt one.
void SettingsReader::unknown_key(const Assignment& one) {
  std::vector<std::string_view> all(switch_names.begin(), switch_names.end());
  all.insert(all.end(), other_names.begin(), other_names.end());
  const bool differs_in_case = std::any_of(all.begin(), all.end(), [&](std::string_view name) {
    return equal_ignoring_case(name, one.key);
  });
  if (!differs_in_case && !one.key.starts_with("SystemCall")) return;
  const std::string_view near = nearest(one.key, all);
  ignored(one, {}, fmt::format("no setting is called {}", one.key),
          near.empty() ? std::string() : fmt::format("did you mean {}?", near));
}

bool SettingsReader::is_plain(const Assignment& one, std::string_view special) {
  const std::size_t at = one.value.find_first_of(special);
  if (at == std::string::npos) return true;
  report(Severity::error, one, {std::string_view(one.value).substr(at, 1), at},
         fmt::format("{}= with a quote or a backslash, which callgate does not read here", one.key),
         "write the words plainly, separated by blanks");
  return false;
}

/// An allow-list of SystemCallFilter= starts with @default, one of SystemCallLog= does not.
void SettingsReader::calls(const Assignment& one, std::optional<CallList>& list, bool is_log) {
  if (one.value.empty()) {
    list.reset();
    return;
  }
  if (!is_plain(one, "\\")) return;
  const bool inverted = one.value.front() == '~';
  if (!list) {
    list = CallList{.allows = !inverted, .calls = {}, .place = {}};
    const Group* always = find_group(std::string(group_prefix) + "default");
    if (!inverted && !is_log && always != nullptr) {
      for (const std::string_view name : always->calls) {
        list->calls[std::string(name)] = {std::nullopt, one.place()};
      }
    }
  }
  list->place = one.place();
  for (Word word : words(one.value, inverted ? 1 : 0)) {
    std::optional<Action> action;
    const std::size_t colon = is_log ? std::string_view::npos : word.text.find(':');
    if (colon != std::string_view::npos) {
      action = own_action(one, word, inverted);
      if (!action) continue;
      word.text = word.text.substr(0, colon);
    }
    for (std::string& call : named_calls(one, word)) {
      if (inverted != list->allows || action) {
        list->calls[std::move(call)] = {action, one.place(word.offset, word.text.size())};
      } else {
        list->calls.erase(call);
      }
    }
  }
}

void SettingsReader::explain_unknown(const Assignment& one, const Word& word) {
  const std::string_view name = word.text;
  if (ignored_ >= most_warnings) return ignored(one, word, {});
  if (is_syscall_name(name)) {
    ignored(one, word,
            fmt::format("{} is newer than {}, the newest release whose calls its libseccomp knows",
                        name, to_string(context_.libseccomp)));
    return;
  }
  const std::string_view near = nearest(name, syscall_names());
  ignored(one, word, fmt::format("{} is no system call that callgate knows", name),
          near.empty() ? std::string() : fmt::format("did you mean {}?", near));
}

bool SettingsReader::is_known(std::string_view call) const {
  return std::any_of(all_arches.begin(), all_arches.end(), [&](Arch arch) {
    return oci::libseccomp_call(arch, call, context_.libseccomp) != nullptr;
  });
}

std::vector<std::string> SettingsReader::named_calls(const Assignment& one, const Word& word) {
  const std::string_view name = word.text;
  if (!name.starts_with('@')) {
    if (is_known(name)) return {std::string(name)};
    explain_unknown(one, word);
    return {};
  }
  if (const auto named = groups_.find(name); named != groups_.end()) return named->second;
  const Group* group = find_group(std::string(group_prefix) + std::string(name.substr(1)));
  if (group == nullptr) {
    ignored(one, word, fmt::format("{} is no group of systemd 252", name));
    return {};
  }
  std::vector<std::string>& calls = groups_[std::string(name)];
  for (const std::string_view call : group->calls) {
    if (is_known(call)) calls.emplace_back(call);
  }
  return calls;
}

/// Of `call:errno`; none if systemd ignores the word.
std::optional<Action> SettingsReader::own_action(const Assignment& one, const Word& word,
                                                 bool inverted) {
  const std::size_t colon = word.text.find(':');
  const std::string_view after = word.text.substr(colon + 1);
  const auto value = errno_of(after);
  if (!value && after != "kill") {
    ignored(one, word, fmt::format("`{}` is no errno and not `kill`", after));
  } else if (!inverted) {
    ignored(one, word, "an errno for a call that is let through", "only a `~` line takes one");
  } else if (colon == 0) {
    ignored(one, word, "an errno without a call");
  } else {
    return value ? deny(*value) : kill_process;
  }
  return std::nullopt;
}

void SettingsReader::error_number(const Assignment& one) {
  if (one.value.empty() || one.value == "kill") {
    settings_.error = kill_process;
    return;
  }
  const auto value = errno_of(one.value);
  if (!value || *value == 0) {
    return ignored(one, {one.value, 0}, fmt::format("`{}` is no errno and not `kill`", one.value));
  }
  settings_.error = deny(*value);
}

void SettingsReader::architectures(const Assignment& one) {
  if (one.value.empty()) {
    settings_.arches.clear();
    return;
  }
  if (!is_plain(one, "\\\"'")) return;
  settings_.arches_place = one.place();
  for (const Word& word : words(one.value)) {
    const bool known = word.text == "native" ||
                       std::any_of(arch_names.begin(), arch_names.end(),
                                   [&](const ArchName& each) { return each.systemd == word.text; });
    if (known) {
      settings_.arches.emplace(word.text);
    } else {
      ignored(one, word, fmt::format("{} is no architecture of systemd's", word.text));
    }
  }
}

void SettingsReader::families(const Assignment& one) {
  auto& list = settings_.families;
  if (one.value.empty()) {
    list.reset();
    return;
  }
  if (one.value == "none") {
    list = FamilyList{.allows = true, .is_none = true, .families = {}, .place = one.place()};
    return;
  }
  if (!is_plain(one, "\\\"'")) return;
  const bool inverted = one.value.front() == '~';
  if (!list || list->is_none) list = FamilyList{.allows = !inverted};
  list->place = one.place();
  for (const Word& word : words(one.value, inverted ? 1 : 0)) {
    const auto value = family_of(word.text);
    if (!value) {
      ignored(one, word, fmt::format("{} is no address family", word.text));
    } else if (inverted != list->allows) {
      list->families.insert(*value);
    } else {
      list->families.erase(*value);
    }
  }
}

void SettingsReader::namespaces(const Assignment& one) {
  auto& retained = settings_.namespaces;
  settings_.namespaces_place = one.place();
  if (one.value.empty()) {
    retained.reset();
    return;
  }
  if (const auto truth = boolean(one.value)) {
    retained = *truth ? 0 : all_namespaces;
    return;
  }
  if (!is_plain(one, "\\")) return;
  const bool inverted = one.value.front() == '~';
  std::uint64_t flags = 0;
  for (const Word& word : words(one.value, inverted ? 1 : 0)) {
    const auto found =
        std::find_if(namespace_names.begin(), namespace_names.end(),
                     [&](const NamespaceName& each) { return each.name == word.text; });
    if (found == namespace_names.end()) {
      return ignored(one, word,
                     fmt::format("{} is no namespace, so with the whole line", word.text));
    }
    flags |= found->flag;
  }
  if (!retained) {
    retained = inverted ? all_namespaces & ~flags : flags;
  } else {
    retained = inverted ? *retained & ~flags : *retained | flags;
  }
}

void SettingsReader::personality(const Assignment& one) {
  constexpr std::uint64_t per_linux = 0;
  constexpr std::uint64_t per_linux32 = 8;
  const std::string_view native = systemd_arch_name(context_.arch);
  const std::string_view secondary = context_.arch == Arch::x86_64    ? "x86"
                                     : context_.arch == Arch::aarch64 ? "arm"
                                                                      : "";
  if (one.value.empty() || one.value == native) {
    settings_.personality = per_linux;
  } else if (one.value == secondary) {
    settings_.personality = per_linux32;
  } else {
    ignored(one, {one.value, 0}, fmt::format("{} is no personality here", one.value));
  }
}

void SettingsReader::turn(const Assignment& one) {
  if (const auto truth = boolean(one.value)) {
    settings_.switches[one.key] = {*truth, one.place()};
  } else if (one.key == "DynamicUser") {
    report(Severity::error, one, {one.value, 0},
           fmt::format("`{}` is neither yes nor no", one.value),
           "systemd does not load such a unit");
  } else {
    ignored(one, {one.value, 0}, fmt::format("`{}` is neither yes nor no", one.value));
  }
}

/// systemd.service(5): `+` before a command's path runs it with no restriction at all.
void SettingsReader::command(const Assignment& one) {
  const std::size_t end = one.value.find_first_not_of("@-:+!|");
  const std::string_view prefix = std::string_view(one.value).substr(0, end);
  if (prefix.find('+') == std::string_view::npos) return;
  report(Severity::warning, one, {prefix, 0},
         fmt::format("{}=+ runs its command without any of the filters", one.key), {},
         "unfiltered-command");
}

}  // namespace

std::string_view systemd_arch_name(Arch arch) noexcept {
  for (const ArchName& each : arch_names) {
    if (each.callgate == arch_info(arch).name) return each.systemd;
  }
  return {};
}

Settings read_settings(std::span<const UnitFile> files, const UnitContext& context,
                       std::vector<Diagnostic>& diagnostics) {
  return SettingsReader(context, diagnostics).run(files);
}

}  // namespace callgate::systemd

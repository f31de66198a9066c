// What options and positionals take, by their names.
#include <algorithm>
#include <array>
#include <set>

#include "callgate/abi/groups.h"
#include "callgate/abi/syscalls.h"
#include "callgate/formats/builtin.h"
#include "callgate/kernel/release.h"
#include "cli/completion.h"

namespace callgate::cli {
namespace {

using Candidates = std::vector<Candidate>;

Candidates arches() {
  Candidates all;
  for (const Arch arch : all_arches) all.push_back({std::string(arch_info(arch).name), ""});
  return all;
}

Candidates profiles() {
  Candidates all;
  for (const std::string_view name : builtin_profile_names())
    all.push_back({std::string(name), "built-in profile"});
  return all;
}

Candidates calls() {
  Candidates all;
  for (const std::string_view name : syscall_names()) all.push_back({std::string(name), ""});
  return all;
}

Candidates calls_and_groups() {
  Candidates all = calls();
  for (const Group& group : groups())
    all.push_back({"@" + std::string(group.name), std::string(group.summary)});
  return all;
}

/// The releases in which seccomp changed, and the newest.
Candidates releases() {
  std::set<Release> known{newest_release()};
  for (const KernelChange& change : kernel_changes()) known.insert(change.since);
  Candidates all;
  for (const Release release : known) all.push_back({to_string(release), ""});
  return all;
}

Candidates capabilities() {
  return {{"none", "no capability"},
          {"all", "every capability"},
          {"docker", "Docker's default fourteen"}};
}

Candidates targets() {
  return {{"little", "little-endian"},
          {"big", "big-endian"},
          {"little,low6", "powerpc64le"},
          {"big,low6", "powerpc, s390"}};
}

Candidates runtimes() { return {{"runc", ""}, {"crun", ""}, {"containerd", ""}}; }

Candidates readers() {
  return {{"docker", ""}, {"containerd", ""}, {"podman", ""}, {"runc", ""}, {"crun", ""}};
}

/// What a name takes, besides files.
struct Values {
  std::string_view name;
  Candidates (*all)() = nullptr;
  bool is_list = false;  ///< several, separated by commas
  bool files = false;
};

constexpr std::array value_table = {
    Values{"--arch", arches, true},
    Values{"--caps", capabilities},
    Values{"--kernel", releases},
    Values{"--libseccomp", releases},
    Values{"--machine", arches},
    Values{"--profile", profiles, false, true},
    Values{"--reader", readers},
    Values{"--runtime", runtimes},
    Values{"--target", targets},
    Values{"CALL", calls},
    Values{"FILE", profiles, false, true},
    Values{"POLICY", profiles, false, true},
    Values{"SOURCE", profiles, false, true},
    Values{"SRC", profiles, false, true},
    Values{"WHAT", calls_and_groups},
};

/// The candidates that go on from `typed`; in a list, after its last comma and without those that
/// it has.
Candidates matching(const Values& values, const std::string& typed) {
  const std::size_t comma = values.is_list ? typed.rfind(',') : std::string::npos;
  const std::string before = comma == std::string::npos ? "" : typed.substr(0, comma + 1);
  const std::string word = typed.substr(before.size());
  const std::vector<std::string> named = CLI::detail::split(before, ',');
  Candidates found;
  for (Candidate& one : values.all()) {
    if (!one.text.starts_with(word)) continue;
    if (std::find(named.begin(), named.end(), one.text) != named.end()) continue;
    found.push_back({before + one.text, std::move(one.summary)});
  }
  return found;
}

}  // namespace

Completion complete_value(std::string_view name, const std::string& typed) {
  const auto found = std::find_if(value_table.begin(), value_table.end(),
                                  [&](const Values& values) { return values.name == name; });
  if (found == value_table.end()) return {.candidates = {}, .files = true};
  return {
      .candidates = matching(*found, typed), .files = found->files, .open_ended = found->is_list};
}

}  // namespace callgate::cli

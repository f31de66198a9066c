// The files are those of Documentation/admin-guide/cgroup-v1/{memory,cpuacct,pids}.rst and
// cgroup-v2.rst of Linux 6.12. A file that is not there (no swap accounting, say) is passed by
// where the limit holds without it.
//
// Known weakness: in version 2 the group above ours must hand controllers down
// (cgroup.subtree_control), which only its owner can arrange; where it does not, there is no limit
// by version 2.
#include "judge/cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <map>

#include "callgate/base/unique_fd.h"

namespace callgate::judging {
namespace {

constexpr int most_rounds = 200;       // of killing, and of removing
constexpr useconds_t pause_us = 5000;  // between them

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = std::min(text.find(at), text.size());
    parts.push_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string read_small(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char block[4096];
  ssize_t got = 0;
  while (file.valid() && text.size() < (1u << 20) &&
         (got = ::read(file.get(), block, sizeof block)) > 0) {
    text.append(block, static_cast<std::size_t>(got));
  }
  return text;
}

/// 0 or errno.
int write_small(const std::string& path, std::string_view text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return errno;
  return ::write(file.get(), text.data(), text.size()) < 0 ? errno : 0;
}

std::optional<std::uint64_t> number(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "KEY VALUE" on a line of its own.
std::optional<std::uint64_t> field(std::string_view text, std::string_view key) {
  for (const std::string_view line : split(text, '\n')) {
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ') {
      return number(line.substr(key.size() + 1));
    }
  }
  return std::nullopt;
}

bool lists(std::string_view list, std::string_view name) {
  const auto names = split(list, ',');
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

/// The folder of a group under a mount that shows the hierarchy from `root` on.
std::string folder_of(std::string_view mount, std::string_view root, std::string_view group) {
  if (root != "/" && group.starts_with(root)) group.remove_prefix(root.size());
  std::string folder(mount);
  if (!group.empty() && group != "/") folder += group;
  return folder;
}

std::vector<pid_t> members(const std::vector<std::string>& folders) {
  std::vector<pid_t> all;
  for (const std::string& folder : folders) {
    for (const std::string_view line : split(read_small(folder + "/cgroup.procs"), '\n')) {
      if (const auto process = number(line); process && *process > 0) {
        all.push_back(static_cast<pid_t>(*process));
      }
    }
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace

Hierarchies find_hierarchies(std::string_view groups, std::string_view mounts) {
  std::map<std::string, std::string, std::less<>> group_of;  // by controller; "" is version 2
  for (const std::string_view line : split(groups, '\n')) {
    const auto first = line.find(':');
    const auto second = line.find(':', first == line.npos ? first : first + 1);
    if (second == line.npos) continue;
    for (const std::string_view name : split(line.substr(first + 1, second - first - 1), ',')) {
      group_of[std::string(name)] = line.substr(second + 1);
    }
  }
  Hierarchies found;
  for (const std::string_view line : split(mounts, '\n')) {
    const auto dash = line.find(" - ");
    if (dash == line.npos) continue;
    const auto before = split(line.substr(0, dash), ' ');
    const auto after = split(line.substr(dash + 3), ' ');
    if (before.size() < 5 || after.size() < 3) continue;
    const auto place = [&](std::string_view controller, std::string& folder) {
      const auto group = group_of.find(controller);
      if (group != group_of.end()) folder = folder_of(before[4], before[3], group->second);
    };
    if (after[0] == "cgroup2") place("", found.unified);
    if (after[0] != "cgroup") continue;
    if (lists(after[2], "memory")) place("memory", found.memory);
    if (lists(after[2], "pids")) place("pids", found.pids);
    if (lists(after[2], "cpuacct")) place("cpuacct", found.cpuacct);
  }
  return found;
}

int make_group(const std::string& folder) { return ::mkdir(folder.c_str(), 0755) == 0 ? 0 : errno; }

ControlGroup::ControlGroup(const Hierarchies& hierarchies, const std::string& name,
                           const GroupLimits& limits, MakeGroup make)
    : make_(std::move(make)) {
  if (!hierarchies.unified.empty() && make_v2(hierarchies.unified, name, limits)) return;
  if (memory_.by.empty()) {
    memory_ = make_v1(hierarchies.memory, name);
    if (!memory_.by.empty()) limit_memory_v1(limits.memory);
  }
  if (pids_.by.empty()) {
    pids_ = make_v1(hierarchies.pids, name);
    if (!pids_.by.empty()) limit_pids_v1(limits.processes);
  }
  if (cpu_.by.empty()) cpu_ = make_v1(hierarchies.cpuacct, name);
}

ControlGroup::~ControlGroup() {
  for (const std::string& folder : folders_) {
    for (int round = 0; round < most_rounds; ++round) {
      if (::rmdir(folder.c_str()) == 0 || errno != EBUSY) break;
      ::usleep(pause_us);
    }
  }
}

ControlGroup::Part ControlGroup::make_v1(const std::string& parent, const std::string& name) {
  if (parent.empty()) return {{}, {}, "no hierarchy has the controller"};
  const std::string folder = parent + "/" + name;
  const bool is_known = std::find(folders_.begin(), folders_.end(), folder) != folders_.end();
  if (const int error = is_known ? 0 : make_(folder); error != 0) {
    return {{}, {}, fmt::format("{}: {}", folder, std::strerror(error))};
  }
  if (!is_known) folders_.push_back(folder);
  return {folder, "cgroup v1", {}};
}

void ControlGroup::limit_memory_v1(std::uint64_t bytes) {
  const std::string text = std::to_string(bytes);
  const int error = write_small(memory_.folder + "/memory.limit_in_bytes", text);
  if (error != 0) {
    memory_ = {memory_.folder, {}, fmt::format("memory.limit_in_bytes: {}", std::strerror(error))};
    return;
  }
  // Memory and swap together; without swap accounting nothing of the group is swapped out.
  const std::string both = memory_.folder + "/memory.memsw.limit_in_bytes";
  if (exists(both) && write_small(both, text) == 0) return;
  if (write_small(memory_.folder + "/memory.swappiness", "0") != 0) {
    memory_.missing = "swap is not limited";
  }
}

void ControlGroup::limit_pids_v1(std::uint64_t tasks) {
  const int error = write_small(pids_.folder + "/pids.max", std::to_string(tasks));
  if (error != 0) pids_ = {pids_.folder, {}, fmt::format("pids.max: {}", std::strerror(error))};
}

bool ControlGroup::make_v2(const std::string& parent, const std::string& name,
                           const GroupLimits& limits) {
  const std::string folder = parent + "/" + name;
  if (const int error = make_(folder); error != 0) {
    const std::string why = fmt::format("{}: {}", folder, std::strerror(error));
    memory_.missing = pids_.missing = why;
    return false;
  }
  folders_.push_back(folder);
  const std::string why = parent + "/cgroup.subtree_control does not hand the controller down";
  memory_ = {folder, {}, why};
  pids_ = {folder, {}, why};
  if (write_small(folder + "/memory.max", std::to_string(limits.memory)) == 0) {
    memory_ = {folder, "cgroup v2", {}};
    const std::string swap = folder + "/memory.swap.max";
    if (exists(swap) && write_small(swap, "0") != 0) memory_.missing = "swap is not limited";
    (void)write_small(folder + "/memory.oom.group", "1");
  }
  if (write_small(folder + "/pids.max", std::to_string(limits.processes)) == 0) {
    pids_ = {folder, "cgroup v2", {}};
  }
  if (field(read_small(folder + "/cpu.stat"), "usage_usec")) cpu_ = {folder, "cgroup v2", {}};
  return !memory_.by.empty() && !pids_.by.empty();
}

Result<void> ControlGroup::add(pid_t process) const {
  for (const std::string& folder : folders_) {
    const int error = write_small(folder + "/cgroup.procs", std::to_string(process));
    if (error != 0) return fail(system_error("moving the program to " + folder, error));
  }
  return {};
}

GroupUsage ControlGroup::usage() const {
  GroupUsage usage;
  if (cpu_.by == "cgroup v2") {
    const auto used = field(read_small(cpu_.folder + "/cpu.stat"), "usage_usec");
    if (used) usage.cpu_ns = *used * 1000;
  } else if (!cpu_.by.empty()) {
    usage.cpu_ns = number(read_small(cpu_.folder + "/cpuacct.usage"));
  }
  const bool is_v2 = memory_.by == "cgroup v2";
  if (!memory_.by.empty()) {
    usage.peak_memory = number(
        read_small(memory_.folder + (is_v2 ? "/memory.peak" : "/memory.max_usage_in_bytes")));
    usage.oom_kills =
        field(read_small(memory_.folder + (is_v2 ? "/memory.events" : "/memory.oom_control")),
              "oom_kill")
            .value_or(0);
  }
  if (!pids_.by.empty()) {
    usage.refused_tasks = field(read_small(pids_.folder + "/pids.events"), "max").value_or(0);
  }
  return usage;
}

bool ControlGroup::kill_all() const {
  for (int round = 0; round < most_rounds; ++round) {
    for (const std::string& folder : folders_) (void)write_small(folder + "/cgroup.kill", "1");
    const std::vector<pid_t> inside = members(folders_);
    if (inside.empty()) return true;
    std::vector<UniqueFd> handles;
    for (const pid_t process : inside) {
      handles.emplace_back(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
    }
    // What is still a member was one when its handle was opened, so the handle is of no stranger.
    const std::vector<pid_t> still = members(folders_);
    for (std::size_t i = 0; i < inside.size(); ++i) {
      if (!std::binary_search(still.begin(), still.end(), inside[i])) continue;
      ::syscall(SYS_pidfd_send_signal, handles[i].get(), SIGKILL, nullptr, 0);
    }
    ::usleep(pause_us);
  }
  return members(folders_).empty();
}

}  // namespace callgate::judging

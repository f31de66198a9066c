// Control groups of either version, made below our own for the time of one run.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/base/result.h"

namespace callgate::judging {

/// Folders of our own groups; empty where a controller has no hierarchy here.
struct Hierarchies {
  std::string unified;  ///< version 2
  std::string memory;   ///< version 1, from here on
  std::string pids;
  std::string cpuacct;
};

/// From /proc/self/cgroup and /proc/self/mountinfo (cgroups(7), proc(5)).
[[nodiscard]] Hierarchies find_hierarchies(std::string_view groups, std::string_view mounts);

struct GroupLimits {
  std::uint64_t memory = 0;     ///< bytes, swap included
  std::uint64_t processes = 0;  ///< threads count
};

struct GroupUsage {
  std::optional<std::uint64_t> cpu_ns;
  std::optional<std::uint64_t> peak_memory;
  std::uint64_t oom_kills = 0;
  std::uint64_t refused_tasks = 0;
};

/// Makes a group's folder; 0 or errno.
using MakeGroup = std::function<int(const std::string& folder)>;
[[nodiscard]] int make_group(const std::string& folder);

/// One group in each hierarchy that is needed. Removed by the destructor, when it is empty.
class ControlGroup {
 public:
  ControlGroup() = default;
  /// Never fails as a whole: what could not be had has an empty `*_by` and a reason.
  ControlGroup(const Hierarchies& hierarchies, const std::string& name, const GroupLimits& limits,
               MakeGroup make = make_group);
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;
  ~ControlGroup();

  /// "cgroup v1", "cgroup v2" or empty.
  [[nodiscard]] const std::string& memory_by() const noexcept { return memory_.by; }
  [[nodiscard]] const std::string& processes_by() const noexcept { return pids_.by; }
  [[nodiscard]] const std::string& time_by() const noexcept { return cpu_.by; }
  [[nodiscard]] const std::string& memory_missing() const noexcept { return memory_.missing; }
  [[nodiscard]] const std::string& processes_missing() const noexcept { return pids_.missing; }

  [[nodiscard]] Result<void> add(pid_t process) const;
  [[nodiscard]] GroupUsage usage() const;
  /// SIGKILL to everything inside; false if something is left.
  [[nodiscard]] bool kill_all() const;

 private:
  struct Part {
    std::string folder;
    std::string by;
    std::string missing;
  };
  Part make_v1(const std::string& parent, const std::string& name);
  bool make_v2(const std::string& parent, const std::string& name, const GroupLimits& limits);
  void limit_memory_v1(std::uint64_t bytes);
  void limit_pids_v1(std::uint64_t tasks);

  Part memory_;
  Part pids_;
  Part cpu_;
  MakeGroup make_;
  std::vector<std::string> folders_;  ///< that were made, each once
};

}  // namespace callgate::judging

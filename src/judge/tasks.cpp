// Known weakness: /proc/PID/task/TID/children needs CONFIG_PROC_CHILDREN and may skip children of a
// process that makes and loses some at the time (proc(5)); who needs exactness needs a group.
#include "judge/tasks.h"

#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "supervise/memory.h"

namespace callgate::judging {
namespace {

constexpr std::size_t most_bytes = 1u << 20;
constexpr std::size_t most_processes = 10000;

std::uint64_t resident(pid_t process) {
  const std::string text = supervise::read_proc_file(fmt::format("/proc/{}/statm", process), 4096);
  const auto at = text.find(' ');
  if (at == std::string::npos) return 0;
  return std::strtoull(text.c_str() + at, nullptr, 10) *
         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::vector<pid_t> children_of(pid_t process) {
  std::vector<pid_t> found;
  const std::string folder = fmt::format("/proc/{}/task", process);
  DIR* tasks = ::opendir(folder.c_str());
  if (tasks == nullptr) return found;
  while (const dirent* task = ::readdir(tasks)) {
    if (task->d_name[0] == '.') continue;
    const std::string text =
        supervise::read_proc_file(fmt::format("{}/{}/children", folder, task->d_name), most_bytes);
    const char* at = text.c_str();
    for (char* end = nullptr;; at = end) {
      const long child = std::strtol(at, &end, 10);
      if (end == at || child <= 0) break;
      found.push_back(static_cast<pid_t>(child));
    }
  }
  ::closedir(tasks);
  return found;
}

TaskTotals tasks_of(pid_t program, pid_t init) {
  std::vector<pid_t> all = children_of(init);
  if (std::find(all.begin(), all.end(), program) == all.end()) all.push_back(program);
  TaskTotals totals;
  for (std::size_t i = 0; i < all.size() && i < most_processes; ++i) {
    for (const pid_t child : children_of(all[i])) all.push_back(child);
    totals.memory += resident(all[i]);
    totals.tasks +=
        static_cast<std::uint64_t>(std::max(supervise::status_field(all[i], "Threads"), 0L));
  }
  return totals;
}

}  // namespace callgate::judging

// What a program's processes and threads use, as /proc shows it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace callgate::judging {

/// The children of a process, of all of its threads.
[[nodiscard]] std::vector<pid_t> children_of(pid_t process);

struct TaskTotals {
  std::uint64_t memory = 0;  ///< bytes that are resident; what is shared counts for each process
  std::uint64_t tasks = 0;   ///< threads
};

/// Of `program` and every process below `init` but itself. Processes that come and go meanwhile may
/// be missed.
[[nodiscard]] TaskTotals tasks_of(pid_t program, pid_t init);

}  // namespace callgate::judging

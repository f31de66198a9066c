// The program's side: its namespaces, their init, and the program's process up to execve.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "callgate/judge/judge.h"

namespace callgate::judging {

/// What the program's process needs; all of it made before there is one.
struct SandboxPlan {
  const JudgeRequest& request;
  std::string path;                   ///< of the program
  std::vector<std::string> readable;  ///< by Landlock
  int input = -1;
  int output = -1;
  int errors = -1;
  int channel = -1;  ///< messages to the judge
  bool memory_by_group = false;
};

/// Which namespaces an init was made in.
struct Namespaces {
  int flags = 0;  ///< CLONE_NEW*
  int error = 0;  ///< errno of the first attempt, with all of them
};

/// True unless the caller asked to do without this isolation.
[[nodiscard]] bool may_use(const JudgeRequest& request, std::string_view isolation);

/// Makes the init in as many namespaces as can be had. It waits for a byte on `gate`, then starts
/// the program, which greets on `greeting` with its credentials and waits for a byte there; reaps;
/// and when the program has ended kills what is left, says how it went and ends. -1: errno.
/// `theirs` are the watcher's own descriptors, which the init closes.
[[nodiscard]] pid_t make_init(const SandboxPlan& plan, int gate, int greeting,
                              std::span<const int> theirs, Namespaces& made);

/// Gives the init's user namespace its one user and group. 0 or errno.
[[nodiscard]] int map_user(pid_t init, const JudgeRequest& request);

}  // namespace callgate::judging

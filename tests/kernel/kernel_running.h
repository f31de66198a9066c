// The kernel that runs, as the model describes it: its release, and what its stable branch took
// back.
#pragma once

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "callgate/kernel/task_model.h"

namespace callgate::test {

inline Release running_release() {
  utsname name{};
  uname(&name);
  return parse_release(name.release).value_or(newest_release());
}

/// True if a filter that kills at that number of x86-64 is passed by.
inline bool is_exempt_here(std::uint32_t nr) {
  const Instruction code[] = {
      {0x20, 0, 0, 0}, {0x15, 0, 1, nr}, {0x06, 0, 0, 0x80000000}, {0x06, 0, 0, 0x7fff0000}};
  const struct {
    std::uint16_t length;
    const Instruction* code;
  } program{4, code};
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, 2, &program) != 0) _exit(1);
    syscall(static_cast<long>(nr));
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return !(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) &&
         !(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

inline KernelRelease running_kernel() {
  KernelConfig config;
  if (is_exempt_here(335)) config.backported.push_back(KernelFeature::uretprobe_exempt);
  if (is_exempt_here(336)) config.backported.push_back(KernelFeature::uprobe_exempt);
  return KernelRelease(running_release(), config);
}

}  // namespace callgate::test

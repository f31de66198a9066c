"""A program that ends its supervisor gains nothing: it cannot put a listener of its own in the
place, which could let its denied calls through (the newest filter's USER_NOTIF counts)."""
import os
import subprocess
import unittest

from harness import CALLGATE, main, need, scratch

# Ends the supervisor, installs a filter with a listener of its own for uname, and lets a child's
# uname through. Exit code 0: uname was made; 3: no second listener; 4: denied all the same.
ESCAPER = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
static int ended;
static void end_supervisor(const char *program) {
  DIR *proc = opendir("/proc");
  struct dirent *entry;
  while ((entry = readdir(proc)) != NULL) {
    char path[300];
    int pid = atoi(entry->d_name);
    if (pid <= 1 || pid == getpid()) continue;
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    static char text[1 << 16];
    size_t got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    int ours = memmem(text, got, program, strlen(program)) != NULL;
    if (!ours || strcmp(text + got - strlen(program) - 1, program)) continue;
    ended += kill(pid, SIGKILL) == 0;
  }
  closedir(proc);
  usleep(300000);
}
int main(int argc, char **argv) {
  struct utsname names;
  if (syscall(SYS_uname, &names) == 0 || errno != EPERM) return 5;
  if (argc > 1) end_supervisor(argv[1]);
  if (argc > 1 && ended != 1) return 6;
  if (syscall(SYS_uname, &names) == 0) return 7;
  struct sock_filter code[] = {{0x20, 0, 0, 0}, {0x15, 0, 1, SYS_uname},
                               {0x06, 0, 0, SECCOMP_RET_USER_NOTIF}, {0x06, 0, 0, 0x7fff0000}};
  struct sock_fprog filter = {4, code};
  int listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 8, &filter);
  if (listener < 0) return errno == EBUSY ? 3 : 8;
  pid_t child = fork();
  if (child == 0) _exit(syscall(SYS_uname, &names) == 0 ? 0 : 4);
  static char request[256], answer[256];
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, request) == 0) {
    struct seccomp_notif_resp *reply = (void *)answer;
    reply->id = ((struct seccomp_notif *)request)->id;
    reply->flags = 1;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, answer);
  }
  int status = 9 << 8;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 10;
}
"""


class SecondListener(unittest.TestCase):
    def setUp(self):
        need("cc")
        self.folder = scratch(self)
        source = os.path.join(self.folder, "escaper.c")
        with open(source, "w", encoding="ascii") as file:
            file.write(ESCAPER)
        self.program = os.path.join(self.folder, "escaper")
        subprocess.run(["cc", "-w", "-o", self.program, source], check=True)

    def escape(self, policy, *arguments):
        path = os.path.join(self.folder, "policy")
        with open(path, "w", encoding="ascii") as file:
            file.write(policy)
        done = subprocess.run([CALLGATE, "run", "--profile", path, "--", self.program, *arguments],
                              capture_output=True, text=True, timeout=60,
                              check=False)
        if "cannot" in done.stderr and "listener" in done.stderr:
            self.skipTest("a listener exists already: " + done.stderr)
        return done

    POLICIES = {
        "no call kills": "arches x86_64, i386, x32\n",
        "others kill": "arches x86_64\n",
    }

    def test_supervisor_that_was_ended(self):
        for name, arches in self.POLICIES.items():
            with self.subTest(name):
                # The supervisor is who has this folder's name as the last word of its command line.
                done = self.escape("abi 6.12\notherwise allow\nerrno(EPERM) uname\n" + arches,
                                   self.folder)
                self.assertEqual(done.returncode, 3, done.stderr)

    def test_supervisor_that_lives(self):
        for name, arches in self.POLICIES.items():
            with self.subTest(name):
                done = self.escape("abi 6.12\notherwise allow\nerrno(EPERM) uname\n" + arches)
                self.assertEqual(done.returncode, 3, done.stderr)

    def test_stricter_answers_stay(self):
        """What the policy says of seccomp(2) itself goes before."""
        policy = ("abi 6.12\narches x86_64\notherwise allow\nerrno(EPERM) uname\n"
                  "errno(EACCES) seccomp\n")
        self.assertEqual(self.escape(policy).returncode, 8)
        policy = ("abi 6.12\narches x86_64\notherwise allow\nerrno(EPERM) uname\n"
                  "kill_process seccomp\n")
        self.assertIn(self.escape(policy).returncode, (-31, 128 + 31))


if __name__ == "__main__":
    main()

#!/bin/bash
# What `callgate run` costs, as ratios in one run: allowed calls, denied calls, fork and exec, under
# the bare filter (--report none) and under a supervisor, with and without rows that kill.
# Usage: bench/run_overhead.sh [CALLGATE] [ROUNDS]
set -eu
callgate=${1:-callgate}
rounds=${2:-5}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > loop.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}
int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "getppid";
  const long times = argc > 2 ? atol(argv[2]) : 1000000;
  const double began = now();
  for (long i = 0; i < times; ++i) {
    if (!strcmp(what, "getppid")) syscall(SYS_getppid);
    if (!strcmp(what, "read")) syscall(SYS_read, -1, 0, 0);
    if (!strcmp(what, "mkdir")) mkdir("/nowhere/x", 0);
    if (!strcmp(what, "fork")) {
      const pid_t child = vfork();
      if (child == 0) execl("/bin/true", "true", (char*)0), _exit(1);
      waitpid(child, 0, 0);
    }
  }
  printf("%.1f\n", (now() - began) / times);
}
END
cc -O2 loop.c -o loop

# read is tested on its arguments, so the kernel cannot cache it and runs the filter each time.
head='abi 6.12\narches x86_64, i386, x32\notherwise allow\nerrno(EACCES) mkdir, mkdirat\nerrno(EIO) read if count == 77\n'
printf "$head" > errno.policy
printf "${head}kill_process rename\n" > kill.policy

run() { "$callgate" run --report-file report "$@"; }
once() {
  case $1 in
    unconfined) ./loop "$2" "$3" ;;
    bare) run --profile errno.policy --report none -- ./loop "$2" "$3" ;;
    supervised) run --profile errno.policy -- ./loop "$2" "$3" ;;
    traced) run --profile kill.policy -- ./loop "$2" "$3" ;;
  esac
}

# The least of the rounds, which take turns, so that a busy machine disturbs all alike.
printf '%-18s %12s %12s %12s %12s\n' 'ns a call' unconfined bare supervised traced
for row in 'getppid 2000000' 'read 2000000' 'fork 200' 'mkdir 3000'; do
  read -r call times <<< "$row"
  declare -A least=()
  for _ in $(seq "$rounds"); do
    for how in unconfined bare supervised traced; do
      took=$(once "$how" "$call" "$times")
      least[$how]=$(printf '%s\n' "$took" "${least[$how]:-$took}" | sort -g | head -1)
    done
  done
  printf '%-18s %12s %12s %12s %12s\n' "$call" "${least[unconfined]}" "${least[bare]}" \
    "${least[supervised]}" "${least[traced]}"
  awk -v b="${least[bare]}" -v f="${least[supervised]}" -v t="${least[traced]}" 'BEGIN {
    printf "%-18s %12s %12s %12.2f %12.2f\n", "  ratio to bare", "", "1.00", f / b, t / b }'
done

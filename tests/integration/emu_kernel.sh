#!/bin/bash
# `callgate emu --kernel`: what a release makes of a filter's answer, as text and as JSON.
set -u
callgate=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect WHAT PATTERN COMMAND...: the command succeeds and prints a line that matches.
expect() {
  local what=$1 pattern=$2
  shift 2
  if ! "$@" > "$work/out" 2> "$work/err" || ! grep -qE -- "$pattern" "$work/out"; then
    echo "FAILED: $what: no line matches $pattern"
    cat "$work/out" "$work/err"
    failures=$((failures + 1))
  fi
}

# refuse WHAT PATTERN COMMAND...: the command ends with 2 and says why on standard error.
refuse() {
  local what=$1 pattern=$2
  shift 2
  "$@" > "$work/out" 2> "$work/err"
  local code=$?
  if [ $code -ne 2 ] || ! grep -qE -- "$pattern" "$work/err"; then
    echo "FAILED: $what: exit $code"
    cat "$work/out" "$work/err"
    failures=$((failures + 1))
  fi
}

# ld nr; getpid: kill_process; getppid: log; getuid: errno(4096); else allow
printf '\x20\0\0\0\0\0\0\0\x15\0\0\x01\x27\0\0\0\x06\0\0\0\0\0\0\x80\x15\0\0\x01\x6e\0\0\0\x06\0\0\0\0\0\xfc\x7f\x15\0\0\x01\x66\0\0\0\x06\0\0\0\0\x10\x05\0\x06\0\0\0\0\0\xff\x7f' > "$work/f.bpf"

emu() { "$callgate" emu "$work/f.bpf" --arch x86_64 "$@"; }
expect "4.4 kills one thread" 'on Linux 4\.4: kills the thread with SIGSYS' emu --kernel 4.4 getpid
expect "4.4 lacks KILL_PROCESS" 'since 4\.14 otherwise \(SECCOMP_RET_KILL_PROCESS\)' emu --kernel 4.4 getpid
expect "4.14 kills the process" 'on Linux 4\.14: kills the process' emu --kernel 4.14 getpid
expect "4.13 does not know LOG" 'does not know the action' emu --kernel 4.13 getppid
expect "3.19 does not cap errno" '4096' emu --kernel 3.19 getuid
expect "3.4 has no filters" 'there are no filters' emu --kernel 3.4 getpid
expect "an old release was read" '^Linux 4\.4 was read from source' emu --kernel 4.4 getpid
expect "6.18 ran" '^Linux 6\.18 ran under' emu --kernel 6.18 getpid
expect "JSON" '"since": "4\.14"' emu --kernel 4.4 --json getpid
refuse "no release" '--kernel takes a release, not `four`' emu --kernel four getpid
refuse "an empty release" '--kernel takes a release' emu --kernel=.5 getpid
exit $((failures > 0))

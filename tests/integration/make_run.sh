#!/usr/bin/env bash
# What `make run` shows once the command is built: a program confined, its denial explained, and
# CMD="..." confining another one.
set -euo pipefail
unset CMD PROFILE MAKEFLAGS MAKELEVEL
cd "$CALLGATE_SOURCE_DIR"
fail() { printf 'make_run: %s\n%s\n' "$1" "$2" >&2; exit 1; }

shown=$(make --no-print-directory confine CALLGATE="$CALLGATE" 2>&1)
[[ $shown == *"hello from inside"* ]] || fail "the program did not run" "$shown"
[[ $shown == *"denied socket(domain=AF_INET, type=SOCK_STREAM"*" = EACCES"* ]] || fail "no denial" "$shown"
[[ $shown == *"rule     examples/policies/offline.policy:"* ]] || fail "no rule" "$shown"
[[ $shown == *"main+"* ]] || fail "no stack to main" "$shown"
[[ $shown == *"(exit code 1)" ]] || fail "not the program's own exit code" "$shown"

shown=$(make --no-print-directory confine CALLGATE="$CALLGATE" CMD="sh -c 'echo one; exit 3'" 2>&1)
[[ $shown == *"-- sh -c 'echo one; exit 3'"$'\n'"one"$'\n'"(exit code 3)" ]] || fail "CMD" "$shown"
echo "make_run: the first run shows what it should"

#!/bin/bash
# compile and convert as a user types them: every form, exit codes, and what is refused.
set -uo pipefail
callgate=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0

# expect CODE TEXT COMMAND...: the exit code, and a text in the output ("" for any).
expect() {
  local code=$1 text=$2
  shift 2
  "$@" >out 2>err
  local got=$?
  if [ "$got" != "$code" ] || ! { cat out err; echo; } | grep -F -- "$text" >/dev/null; then
    echo "FAIL: $* gave $got, wanted $code with \"$text\":"
    cat out err
    failures=$((failures + 1))
  fi
}

cat >app.policy <<'POLICY'
policy my-app
abi 6.12
arches x86_64
otherwise errno(EPERM)
allow read, write, exit_group
allow prctl if option == PR_SET_NAME
POLICY
sed '/^arches/d' app.policy >anywhere.policy

expect 0 "" "$callgate" compile app.policy -o app.bpf
[ $(($(stat -c %s app.bpf) % 8)) = 0 ] || { echo "FAIL: app.bpf is no array of instructions"; failures=$((failures + 1)); }
expect 0 "ret allow" "$callgate" compile app.policy -f text
expect 0 '"instructions"' "$callgate" compile app.policy --json
expect 0 "n0: arch ==" "$callgate" compile app.policy --stop-after dag
expect 0 "allow read, write, exit_group" "$callgate" compile app.policy --stop-after policy
expect 0 "ld arch" "$callgate" compile app.policy --stop-after program
expect 0 "proved:" "$callgate" compile app.policy --stop-after proof
expect 0 "neither the policy nor --arch names an architecture" "$callgate" compile anywhere.policy -o any.bpf
expect 0 "" "$callgate" compile app.policy --arch x86_64,i386,x32 -o three.bpf
expect 0 "" "$callgate" compile - -o piped.bpf <app.policy
cmp -s app.bpf piped.bpf || { echo "FAIL: standard input gives other bytes"; failures=$((failures + 1)); }
expect 0 "Examples:" "$callgate" compile --help
expect 0 "Examples:" "$callgate" convert --help

# The header, as C and as C++, holds the very bytes.
expect 0 "" "$callgate" compile app.policy -f header -o my_app.h
cat >embed.c <<'SOURCE'
#include <stdio.h>
#include "my_app.h"
int main(void) {
  return fwrite(my_app, sizeof my_app[0], my_app_length, stdout) == my_app_length ? 0 : 1;
}
SOURCE
cp embed.c embed.cpp
if command -v gcc >/dev/null && command -v g++ >/dev/null; then
  gcc -std=c99 -Wall -Wextra -Wpedantic -Werror embed.c -o embed_c && ./embed_c >c.bpf && cmp c.bpf app.bpf ||
    { echo "FAIL: the header as C"; failures=$((failures + 1)); }
  g++ -std=c++11 -Wall -Wextra -Wpedantic -Werror embed.cpp -o embed_cpp && ./embed_cpp >cpp.bpf && cmp cpp.bpf app.bpf ||
    { echo "FAIL: the header as C++"; failures=$((failures + 1)); }
fi

expect 0 "allow read, write, exit_group" "$callgate" convert app.policy --to text
"$callgate" convert app.policy --to text -o again.policy && "$callgate" convert again.policy --to text | cmp -s - again.policy ||
  { echo "FAIL: text does not print the same twice"; failures=$((failures + 1)); }
"$callgate" convert app.policy --to raw | cmp -s - app.bpf ||
  { echo "FAIL: convert --to raw differs from compile"; failures=$((failures + 1)); }
"$callgate" convert app.bpf --to raw | cmp -s - app.bpf ||
  { echo "FAIL: raw to raw changes bytes"; failures=$((failures + 1)); }
"$callgate" convert app.bpf --to asm | "$callgate" asm - | cmp -s - app.bpf ||
  { echo "FAIL: asm does not assemble to the same bytes"; failures=$((failures + 1)); }
expect 0 "static const struct sock_filter app[" "$callgate" convert app.bpf --to header
expect 0 '"instructions"' "$callgate" convert app.bpf --to json

# Docker's default profile stays small, with and without the ABIs beside x86-64.
profile=${CALLGATE_SHARED:-$root/../shared/data}/moby-default.json
if [ -r "$profile" ]; then
  "$callgate" convert "$profile" --to raw --arch x86_64 --caps none -o moby.bpf 2>/dev/null
  size=$(($(stat -c %s moby.bpf) / 8))
  echo "Docker's default profile, x86_64, no capabilities: $size instructions"
  [ "$size" -gt 20 ] && [ "$size" -le 100 ] || { echo "FAIL: that is not in 21..100"; failures=$((failures + 1)); }
else
  echo "skipped: the size of Docker's default profile ($profile is not there)"
fi

# What is refused.
expect 0 "allow prctl if option == PR_SET_NAME" "$callgate" convert app.bpf --to text
expect 2 "not a policy" "$callgate" compile app.bpf -o x
expect 2 "unknown architecture" "$callgate" compile app.policy --arch x87
expect 2 "named twice" "$callgate" compile app.policy --arch i386,i386
expect 2 "app.policy" "$callgate" compile no/app.policy
expect 2 "" "$callgate" compile
expect 2 "" "$callgate" compile app.policy -f elf
expect 2 "directory" "$callgate" compile "$dir"
expect 2 "" "$callgate" compile app.policy -o "$dir"
printf 'otherwise allow\nallow raed\nallow wirte\n' >bad.policy
expect 2 "bad.policy:2:7: error:" "$callgate" compile bad.policy -o never.bpf
expect 2 "bad.policy:3:7: error:" "$callgate" compile bad.policy -o never.bpf
head -c 12 app.bpf >cut.bpf
expect 2 "cut.bpf" "$callgate" convert cut.bpf --to asm
printf '\0\0\0\0' >nul.policy
expect 2 "nul.policy" "$callgate" compile nul.policy
: >empty.policy
expect 2 "empty policy" "$callgate" compile empty.policy -o never.bpf
expect 2 "" "$callgate" compile app.policy -o /dev/full
[ ! -e never.bpf ] || { echo "FAIL: a failed compile left a file"; failures=$((failures + 1)); }
mkfifo fifo
expect 2 "fifo" timeout 10 "$callgate" compile fifo

[ "$failures" = 0 ] && echo "compile and convert do as they say"
exit $((failures > 0))

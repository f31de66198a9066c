#!/usr/bin/env bash
# callgate check: every mistake at once, on standard output, with exit codes a script can use.
set -u
callgate=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fails=0
fail() { echo "FAIL: $*"; fails=$((fails + 1)); }
expect() {  # CODE COMMAND... : runs it, output in ./out
  local code=$1; shift
  "$@" >out 2>err
  local got=$?
  [ "$got" = "$code" ] || { fail "$* gave $got, not $code"; cat out err; }
}
has() { grep -qF -- "$1" "${2:-out}" || { fail "no '$1' in:"; cat "${2:-out}"; }; }

printf 'abi 6.12\narches x86_64\notherwise errno(EPERM)\nallow read\n' >good.policy
expect 0 "$callgate" check good.policy
has "good.policy: 0 errors, 0 warnings for x86_64"

printf 'abi 6.12\narches x86_64\nallow raed\nalow write\nallow open if flgs == O_CRAET\n' >bad.policy
expect 1 "$callgate" check bad.policy
has 'bad.policy:3:7: error: no system call is named `raed`'
has '        ^~~~'
has 'did you mean `read`?'
has 'bad.policy:4:1: error: no statement begins with `alow`'
has 'bad.policy:5:15: error: open has no parameter `flgs`'
[ -s err ] && fail "something on standard error"

# What only check finds has its line as well.
printf 'abi 6.12\narches x86_64, i386\nallow chmod if mode == 0x10000\n' >wide.policy
expect 1 "$callgate" check wide.policy
has 'wide.policy:3:16: error: `mode` has 16 bits in the kernel; 0x10000 cannot match'
has '  allow chmod if mode == 0x10000'

printf 'arches x86_64\nallow read\nallow read\n' >warn.policy
expect 0 "$callgate" check warn.policy good.policy
has 'warn.policy: 0 errors, 2 warnings'
expect 1 "$callgate" check --strict warn.policy good.policy
expect 0 "$callgate" check --arch i386 good.policy
has 'for i386'
expect 0 "$callgate" check - <good.policy

expect 1 "$callgate" check --json wide.policy
python3 - <<'PY' || fail "the JSON is not as documented"
import json
files = json.load(open("out"))["files"]
assert files[0]["path"] == "wide.policy" and files[0]["arches"] == ["x86_64", "i386"]
finding = files[0]["findings"][0]
assert finding["severity"] == "error" and finding["line"] == 3 and finding["column"] == 16
PY

expect 0 "$callgate" check docker-default good.policy
has "docker-default: 0 errors, 0 warnings"

# Misuse and what cannot be read.
mkfifo fifo
head -c 17000000 /dev/zero | tr '\0' '\n' >huge
for what in nowhere.policy . fifo huge; do
  expect 2 timeout 20 "$callgate" check "$what"
  has "$what" err
done
expect 2 "$callgate" check good.policy --arch sparc
expect 2 "$callgate" check
[ "$fails" = 0 ] && echo "all of callgate check holds"
[ "$fails" = 0 ]

#!/bin/bash
# callgate compile --frequencies: what is declared to run often is decided early, nothing is decided
# otherwise, and a file with mistakes is refused with their places.
set -u
callgate=${CALLGATE:?}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() {
  echo "FAIL: $*"
  failures=$((failures + 1))
}

cat > app.policy <<'POLICY'
abi 6.12
arches x86_64
otherwise errno(EPERM)
allow read, write, close
allow flock, acct, personality, tkill, bpf, ioctl, dup if args[0] == 3
POLICY
echo 'flock 1000000' > flock.counts
printf '# none\nacct 5\nflok 3\nread\n' > bad.counts

"$callgate" compile app.policy -o plain.bpf 2> /dev/null || fail "compile"
"$callgate" compile app.policy --frequencies flock.counts -o flock.bpf 2> /dev/null || fail "compile --frequencies"
cmp -s plain.bpf flock.bpf && fail "the counts changed nothing"
"$callgate" diff plain.bpf flock.bpf > diff.txt || fail "another decision: $(cat diff.txt)"

# ld arch, jeq, ld nr and one comparison come before the argument of what runs most.
"$callgate" compile app.policy --frequencies - -f text < flock.counts 2> /dev/null | sed -n 4p | grep -q 'jeq 73' ||
  fail "flock is not the first number that is tested"

"$callgate" compile app.policy --frequencies bad.counts -o bad.bpf 2> errors.txt
[ $? = 2 ] || fail "bad counts: exit code"
grep -q 'bad.counts:3:1: error: no ABI has a call of this name' errors.txt || fail "place of the name: $(cat errors.txt)"
grep -q 'bad.counts:4:1: error: a call without a count' errors.txt || fail "place of the count"
[ -e bad.bpf ] && fail "something was written"
exit $((failures > 0))

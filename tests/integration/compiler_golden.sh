#!/bin/bash
# The compiler makes of tests/golden/compiler/*.policy what stands beside them, byte for byte.
# `make golden` rewrites them.
set -euo pipefail
callgate=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
golden=$root/tests/golden/compiler
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$root/scripts/refresh-golden" "$callgate" "$out"
count=0
for policy in "$golden"/*.policy; do
  name=$(basename "$policy" .policy)
  for form in dag bpf; do
    diff -u "$golden/$name.$form" "$out/$name.$form"
    count=$((count + 1))
  done
done
echo "$count golden files agree"
[ "$count" -ge 14 ]

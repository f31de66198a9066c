# data/ is what its pinned sources give. Only where the sources lie in the cache already
# (python3 scripts/generate_abi fetches them): tests do not download.
set -u
cache="${XDG_CACHE_HOME:-$HOME/.cache}/callgate-abi"
for tool in clang-14 go; do
  if ! command -v "$tool" >/dev/null; then
    echo "skipped: no $tool"
    exit 77
  fi
done
if ! ls -d "$cache"/linux-source-*/ >/dev/null 2>&1; then
  echo "skipped: no sources in $cache; python3 scripts/generate_abi fetches them"
  exit 77
fi
exec python3 "$CALLGATE_SOURCE_DIR/scripts/generate_abi" --check --cache "$cache"

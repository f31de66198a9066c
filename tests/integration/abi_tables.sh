# The committed C++ tables are what data/ generates, and nothing in them runs at start-up.
set -u
python3 "$CALLGATE_SOURCE_DIR/scripts/generate_abi_tables.py" --check "$CALLGATE_SOURCE_DIR" || exit 1

library="$(dirname "$CALLGATE")/libcallgate_abi.a"
if [ ! -f "$library" ]; then
  echo "skipped: no $library to look into"
  exit 77
fi
symbols="$(nm -C "$library")" || exit 1
if grep -qE '__(asan|tsan|gcov|llvm_profile)_' <<<"$symbols"; then
  echo "skipped: an instrumented library has constructors of its own"
  exit 77
fi
if grep -E '_GLOBAL__sub_I|__cxx_global_var_init' <<<"$symbols"; then
  echo "the tables need code at start-up"
  exit 1
fi

# The two commands: `make run` (a program confined, its denials explained) and `make test`.
# Both install what is missing (scripts/install-deps says what), build, and may be repeated.

PROFILE ?= examples/policies/offline.policy
CMD ?= bash -c 'echo "hello from inside"; cat < /dev/tcp/127.0.0.1/9'
JOBS ?= $(shell nproc)
CALLGATE = build/dev/src/callgate

.PHONY: run confine test e2e build install deb golden fuzz bench tidy asan tsan clang coverage format clean

run: build/dev/build.ninja
	@cmake --build build/dev -j $(JOBS) --target callgate
	@$(MAKE) --no-print-directory confine

# The command as it is typed, then what it prints.
export PROFILE CMD
confine:
	@printf '$$ callgate run --profile %s -- %s\n' "$$PROFILE" "$$CMD"
	@$(CALLGATE) run --profile $(PROFILE) -- $(CMD); echo "(exit code $$?)"

test:
	@scripts/install-deps build test
	@cmake --preset dev -DCALLGATE_TESTS=ON -DCALLGATE_E2E=OFF >/dev/null
	@cmake --build build/dev -j $(JOBS)
	@ctest --test-dir build/dev --output-on-failure -j $(JOBS)

# Whole machines and packages: tests/e2e.
e2e:
	@scripts/install-deps build test e2e deb
	@scripts/fetch-kernels aarch64 mipsel64 ppc64le s390x || echo "make e2e: machines without a kernel are skipped"
	@cmake --preset dev -DCALLGATE_TESTS=ON -DCALLGATE_E2E=ON >/dev/null
	@cmake --build build/dev -j $(JOBS)
	@ctest --test-dir build/dev --output-on-failure -L e2e

build: build/dev/build.ninja
	@cmake --build build/dev -j $(JOBS)

# DESTDIR is honoured; docs/install.md says what goes where.
PREFIX ?= /usr/local
install: build
	@cmake --install build/dev --prefix $(PREFIX)

# Debian packages, in build/deb.
deb:
	@scripts/install-deps build deb
	@packaging/build-deb

# The first configuration builds the command alone; `make test` adds the tests.
build/dev/build.ninja:
	@scripts/install-deps build
	@cmake --preset dev -DCALLGATE_TESTS=OFF >/dev/null

# Rewrites tests/golden from what the compiler does now; look at the difference before you commit.
golden: build/dev/build.ninja
	@cmake --build build/dev -j $(JOBS) --target callgate
	@scripts/refresh-golden $(CALLGATE)

# SECONDS a fuzzer (60), or HOURS in all for each.
HOURS ?=
FUZZ_SECONDS ?= $(if $(HOURS),$(shell echo $$(( $(HOURS) * 3600 ))),60)
fuzz:
	@scripts/install-deps build fuzz
	@cmake --preset fuzz >/dev/null
	@cmake --build build/fuzz -j $(JOBS)
	@CALLGATE_FUZZ_SECONDS=$(FUZZ_SECONDS) ctest --test-dir build/fuzz --output-on-failure -j $(JOBS)

bench:
	@scripts/install-deps build bench
	@cmake --preset release >/dev/null
	@cmake --build build/release -j $(JOBS)
	@bench/run build/release

tidy:
	@scripts/install-deps build tidy
	@cmake --preset tidy >/dev/null
	@cmake --build build/tidy -j $(JOBS)
	@git ls-files '*.h' '*.cpp' | grep -v '^src/abi/tables/' | xargs clang-format-14 --dry-run --Werror

asan tsan clang coverage:
	@scripts/install-deps build test fuzz
	@cmake --preset $@ >/dev/null
	@cmake --build build/$@ -j $(JOBS)
	@ctest --test-dir build/$@ --output-on-failure -j $(JOBS)

format:
	@git ls-files '*.h' '*.cpp' | grep -v '^src/abi/tables/' | xargs clang-format-14 -i

clean:
	rm -rf build

// How compilation grows with the rules of a policy: argument rules over many calls, and values of
// one argument. The proof is timed apart, since a compilation is both.
#include <benchmark/benchmark.h>

#include <random>

#include "compiler/pipeline.h"

namespace callgate {
namespace {

/// `count` rules, rule i on the call that `call_of(i)` numbers.
template <class CallOf>
Policy policy_of(std::size_t count, CallOf call_of) {
  std::mt19937_64 random(count);
  Policy policy;
  policy.abi = Release{6, 12, 0};
  policy.arches = {Arch::x86_64};
  policy.otherwise = deny(1);
  const auto calls = syscalls(Arch::x86_64);
  for (std::size_t i = 0; i < count; ++i) {
    Test test{.operand = {.kind = Operand::Kind::low, .index = 1},
              .values = {{Value::of(random() & 0xffffffff), {}}}};
    policy.rules.push_back({.action = allow,
                            .calls = {Selector::named(std::string(calls[call_of(i)].name))},
                            .condition = Condition::of(std::move(test))});
  }
  return policy;
}

Policy policy_for(const benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  return state.range(1) == 0 ? policy_of(count, [](std::size_t i) { return i % 40; })
                             : policy_of(count, [](std::size_t) { return std::size_t{16}; });
}

void lower_and_emit(benchmark::State& state) {
  const Policy policy = policy_for(state);
  std::size_t size = 0;
  for ([[maybe_unused]] auto _ : state) size = build(policy, policy.arches, {})->program->size();
  state.counters["instructions"] = static_cast<double>(size);
  state.SetComplexityN(state.range(0));
}

void compile_with_proof(benchmark::State& state) {
  const Policy policy = policy_for(state);
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(compile(policy));
  state.SetComplexityN(state.range(0));
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"rules", "one_call"})->Unit(benchmark::kMillisecond);
  for (const int one_call : {0, 1}) {
    for (const int rules : {500, 1000, 2000}) bench->Args({rules, one_call});
  }
}

BENCHMARK(lower_and_emit)->Apply(sizes);
BENCHMARK(compile_with_proof)->Apply(sizes);

}  // namespace
}  // namespace callgate

BENCHMARK_MAIN();

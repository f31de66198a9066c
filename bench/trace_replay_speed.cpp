// callgate replay's inner speed: a binary trace in memory against Docker's default profile, calls a
// second of one core. `trace_recorded` is a trace as programs make them (calls repeat themselves),
// `trace_distinct` one in which no call is like another, `emulate_each` what both are compared
// with: the program run from its start for every call.
#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <random>

#include "callgate/bpf/assembly.h"
#include "callgate/trace/replay.h"
#include "callgate/trace/write.h"

namespace callgate {
namespace {

constexpr std::size_t events = 2'000'000;

/// A filter with the shape of Docker's: a range test for most numbers, arguments tested for three.
Program filter() {
  const char* text =
      "ld arch\njeq AUDIT_ARCH_X86_64, next, kill\nld nr\n"
      "jge 0x40000000, no, next\njeq x86_64:socket, socket, next\njeq x86_64:clone, clone, next\n"
      "jeq x86_64:personality, persona, next\njge 467, no, next\njge 400, yes, next\n"
      "jge 200, high, low\nhigh: jge 300, yes, next\njeq 246, no, next\njeq 250, no, yes\n"
      "low: jge 100, mid, yes\nmid: jeq 139, no, next\njeq 165, no, next\njeq 169, no, yes\n"
      "socket: ld args[0].hi\njeq 0, next, yes\nld args[0].lo\njeq 40, no, yes\n"
      "clone: ld args[0].lo\njset 0x7e020000, no, yes\n"
      "persona: ld args[0].hi\njeq 0, next, no\nld args[0].lo\njeq 0, yes, next\n"
      "jeq 8, yes, next\njeq 0x20000, yes, next\njeq 0xffffffff, yes, no\n"
      "yes: ret allow\nno: ret errno(EPERM)\nkill: ret kill_process\n";
  return *verify(*assemble(text, "bench"));
}

/// Calls as a server makes them: few numbers, most arguments from a small set.
PartialCall server_call(std::mt19937_64& random, bool distinct) {
  constexpr std::uint32_t numbers[] = {0, 1, 3, 7, 9, 20, 41, 45, 56, 135, 202, 232, 257, 262, 288};
  PartialCall call;
  call.data.nr = numbers[random() % std::size(numbers)];
  call.data.arch = arch_info(Arch::x86_64).audit;
  call.data.instruction_pointer = 0x7f0000001000 + 0x40 * call.data.nr;
  call.data.args[0] = random() % 30;
  call.data.args[1] = 0x7ffc00000000 + (distinct ? random() : random() % 8 * 4096);
  call.data.args[2] = random() % 4 * 1024;
  return call;
}

/// The bytes of a trace, made once by the writer itself.
std::string trace_bytes(bool distinct) {
  UniqueFd file(::memfd_create("bench", MFD_CLOEXEC));
  const Arch arches[] = {Arch::x86_64};
  auto writer = TraceWriter::create(UniqueFd(::dup(file.get())), trace_abis(arches));
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < events; ++i) {
    if (!writer->add(server_call(random, distinct), {.thread = 1, .time = 0, .count = 1}))
      std::abort();
  }
  if (!writer->finish()) std::abort();
  std::string bytes(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)), '\0');
  if (::pread(file.get(), bytes.data(), bytes.size(), 0) < 0) std::abort();
  return bytes;
}

void replay_bytes(benchmark::State& state, bool distinct) {
  const std::string bytes = trace_bytes(distinct);
  for (auto _ : state) {
    Replay replay({filter()});
    auto reader = read_trace(bytes, "bench");
    TraceBlock block;
    while (*(*reader)->next(block)) replay.take(block);
    benchmark::DoNotOptimize(replay.events());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(events));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}

void trace_recorded(benchmark::State& state) { replay_bytes(state, false); }
void trace_distinct(benchmark::State& state) { replay_bytes(state, true); }

void emulate_each(benchmark::State& state) {
  const Program program = filter();
  std::mt19937_64 random(1);
  std::vector<SeccompData> calls;
  for (std::size_t i = 0; i < 65'536; ++i) calls.push_back(server_call(random, true).data);
  for (auto _ : state) {
    for (const SeccompData& call : calls) benchmark::DoNotOptimize(emulate(program, call));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls.size()));
}

BENCHMARK(trace_recorded)->Unit(benchmark::kMillisecond);
BENCHMARK(trace_distinct)->Unit(benchmark::kMillisecond);
BENCHMARK(emulate_each)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace callgate

BENCHMARK_MAIN();

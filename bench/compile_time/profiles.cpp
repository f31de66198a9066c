#include "profiles.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <utility>

#include "callgate/formats/builtin.h"
#include "callgate/formats/oci.h"
#include "compiler/emit.h"
#include "compiler/passes/passes.h"
#include "compiler/pipeline.h"
#include "measure.h"
#include "runc_peer.h"

namespace callgate::bench {
namespace {

using test::Libseccomp;
using test::PeerContext;
using test::RuncPeer;

constexpr Arch x86[] = {Arch::x86_64, Arch::i386, Arch::x32};
constexpr std::uint32_t level = 2;

[[noreturn]] void stop(std::string_view what) {
  fmt::print(stderr, "bench_compile_time: {}\n", what);
  std::exit(1);
}

template <class T>
T taken(Result<T> result) {
  if (!result) stop(result.error().text());
  return *std::move(result);
}

/// The stages of one compilation, in microseconds.
struct Stages {
  Series read, check, lower, passes, emit, before_proof, proof, whole;
};

/// Times one compilation. The parts of build() are run once more on their own, so that each has a
/// time; they count in no sum.
void compile_once(const std::function<Policy()>& read, Stages& stages) {
  const double start = now();
  const Policy policy = read();
  const double after_read = now();
  const Checked checked = taken(check_for(policy, {.arches = {std::begin(x86), std::end(x86)}}));
  const double after_check = now();
  const Built built = taken(build(policy, checked.arches, {}));
  const double after_build = now();
  const Answer answer = prove(policy, checked.arches, *built.program, built.chains);
  const double end = now();
  if (!std::holds_alternative<Equal>(answer)) stop("a program is not proved");
  stages.read.add(after_read - start);
  stages.check.add(after_check - after_read);
  stages.before_proof.add(after_build - start);
  stages.proof.add(end - after_build);
  stages.whole.add(end - start);

  const double apart = now();
  Lowered lowered = taken(lower(policy, checked.arches));
  const double after_lower = now();
  const DecisionDag dag = passes::optimise(std::move(lowered.dag));
  const double after_passes = now();
  taken(Program::verify(emit(dag).code, dag.target));
  const double after_emit = now();
  stages.lower.add(after_lower - apart);
  stages.passes.add(after_passes - after_lower);
  stages.emit.add(after_emit - after_passes);
}

/// libseccomp's part of a profile, in microseconds.
struct PeerStages {
  Series rules, export_bpf, calls, whole;
  std::size_t heap = 0;
};

/// Its calls alone, as runc makes them: the JSON is read and the rules selected before the clock
/// starts, the filter is released after it has stopped.
void call_peer(const Libseccomp& library, const RuncPeer& made, PeerStages& stages) {
  const std::size_t before = heap_in_use();
  const int fd = memfd_create("filter", MFD_CLOEXEC);
  const double start = now();
  const Libseccomp::Filter filter = library.init(made.default_action());
  constexpr int attribute_optimise = 8;
  library.attr_set(filter, attribute_optimise, level);
  for (const Arch arch : made.arches()) library.arch_add(filter, Libseccomp::token(arch));
  for (const RuncPeer::Call& call : made.calls()) {
    const int number = library.resolve_name(call.name.c_str());
    library.rule_add_array(filter, call.action, number, static_cast<unsigned>(call.tests.size()),
                           call.tests.data());
  }
  const double after_rules = now();
  if (library.export_bpf(filter, fd) != 0) stop("seccomp_export_bpf failed");
  const double end = now();
  stages.heap = heap_in_use() - before;
  library.release(filter);
  close(fd);
  stages.rules.add(after_rules - start);
  stages.export_bpf.add(end - after_rules);
  stages.calls.add(end - start);
}

/// The whole of it: its reader of JSON is rapidjson's DOM.
void build_peer(const Libseccomp& library, const PeerContext& context, const std::string& json,
                Series& whole) {
  const double start = now();
  taken(RuncPeer(library, context).build(json));
  whole.add(now() - start);
}

/// What memory one compilation takes at most, and of that the proof.
struct Memory {
  std::size_t before_proof = 0, proof = 0;
};

Memory memory_of(const std::function<Policy()>& read) {
  Memory memory;
  const Policy policy = read();
  const Built built = [&] {
    const HeapPeak peak;
    Built made = taken(build(policy, x86, {}));
    memory.before_proof = peak.bytes();
    return made;
  }();
  const HeapPeak peak;
  if (!std::holds_alternative<Equal>(prove(policy, x86, *built.program, built.chains)))
    stop("a program is not proved");
  memory.proof = peak.bytes();
  return memory;
}

/// One source of callgate's, by name.
struct Source {
  std::string name;
  std::function<Policy()> read;
  Stages stages;
};

void print_stages(const Source& source) {
  const Stages& stages = source.stages;
  const Memory memory = memory_of(source.read);
  fmt::print("\n**{}**, microseconds, median (middle half):\n\n", source.name);
  fmt::print("| stage | time |\n|---|---|\n");
  for (const auto& [name, series] : {std::pair{"reading the text", &stages.read},
                                     {"check", &stages.check},
                                     {"lowering, call by call", &stages.lower},
                                     {"passes over the whole", &stages.passes},
                                     {"emission and verification", &stages.emit},
                                     {"**up to the proof**", &stages.before_proof},
                                     {"proof", &stages.proof},
                                     {"**text to proved program**", &stages.whole}})
    fmt::print("| {} | {} |\n", name, text(*series, 0));
  fmt::print("\nHeap at most: {} KiB up to the proof, {} KiB more for the proof.\n",
             memory.before_proof / 1024, memory.proof / 1024);
}

void print_peer(const PeerStages& peer, const std::vector<Source>& sources) {
  fmt::print("\n**libseccomp, level {}**, microseconds:\n\n| stage | time |\n|---|---|\n", level);
  fmt::print("| adding the rules | {} |\n", text(peer.rules, 0));
  fmt::print("| export | {} |\n", text(peer.export_bpf, 0));
  fmt::print("| **its calls alone** | {} |\n", text(peer.calls, 0));
  fmt::print("| **text to program**, JSON by rapidjson | {} |\n", text(peer.whole, 0));
  fmt::print("\nIts heap before the release: {} KiB.\n", peer.heap / 1024);
  fmt::print(
      "\n**How many times faster**, round by round:\n\n"
      "| | than its calls alone | than its text to program |\n|---|---|---|\n");
  for (const Source& source : sources) {
    const Stages& stages = source.stages;
    fmt::print("| {}, up to the proof | {} | {} |\n", source.name,
               text(ratios(peer.calls, stages.before_proof), 1),
               text(ratios(peer.whole, stages.before_proof), 1));
    fmt::print("| {}, with the proof | {} | {} |\n", source.name,
               text(ratios(peer.calls, stages.whole), 1),
               text(ratios(peer.whole, stages.whole), 1));
  }
}

/// Both sides must have done the same work.
void expect_same_filter(const Policy& policy, const Program& theirs) {
  const Program ours = taken(compile(policy)).program;
  if (!std::holds_alternative<Equal>(equal(theirs, ours)))
    stop("libseccomp's filter decides something else");
  fmt::print("Both filters are proved equal: {} instructions, libseccomp's {}.\n", ours.size(),
             theirs.size());
}

std::vector<Source> sources_of(const std::string& json, const OciContext& context) {
  std::vector<Source> sources(2);
  sources[0].name = "moby-default.json";
  sources[0].read = [&json, &context] {
    return taken(read_oci(json, "moby-default.json", context)).policy;
  };
  sources[1].name = "docker-default.policy";
  sources[1].read = [&context] {
    return taken(find_builtin_profile("docker-default", context.capabilities)).policy;
  };
  return sources;
}

}  // namespace

void compare_profiles(const std::string& json, std::size_t rounds) {
  const Libseccomp* library = Libseccomp::get();
  OciContext context;
  context.reader = taken(parse_oci_reader("docker+crun"));
  context.arch = Arch::x86_64;
  context.capabilities = taken(parse_capabilities("docker"));
  if (library != nullptr) context.libseccomp = library->level();
  std::vector<Source> sources = sources_of(json, context);
  PeerContext peer_context{.stub = false, .optimise = level};
  peer_context.capabilities = {context.capabilities.begin(), context.capabilities.end()};
  std::optional<RuncPeer> made;
  if (library != nullptr) {
    made.emplace(*library, peer_context);
    expect_same_filter(sources[0].read(), taken(made->build(json)));
  }
  PeerStages peer;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (Source& source : sources) compile_once(source.read, source.stages);
    if (library == nullptr) continue;
    call_peer(*library, *made, peer);
    build_peer(*library, peer_context, json, peer.whole);
  }
  for (const Source& source : sources) print_stages(source);
  if (library != nullptr)
    print_peer(peer, sources);
  else
    fmt::print("\nlibseccomp.so.2 is not installed: no rows for it.\n");
}

}  // namespace callgate::bench

// Hostile bytecode: whatever a program does, surveying, comparing and lifting it ends soon, every
// witness gets what is said of it, and a lifted policy decides as the program does.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "callgate/bpf/emulate.h"
#include "callgate/meaning/difference.h"
#include "callgate/meaning/lift.h"
#include "callgate/policy/evaluate.h"

namespace {

constexpr callgate::ProofBudget budget{.nodes_per_call = 10'000, .nodes_in_all = 200'000};
/// One ABI: the names of the others only cost time.
const std::vector<callgate::Arch> native{callgate::Arch::x86_64};

void expect(bool holds) {
  if (!holds) std::abort();
}

void check_survey(const callgate::Subject& subject) {
  const auto survey = callgate::survey_of(subject, {.arches = native, .budget = budget});
  if (!survey) return;
  for (const callgate::CallDecision& call : survey->calls)
    for (const callgate::Case& one : call.cases) expect(subject.at(one.witness) == one.ret);
}

void check_lift(const callgate::Subject& subject) {
  const auto policy = callgate::lift(subject, {.arches = native, .budget = budget});
  if (!policy) {
    expect(policy.error().message().find("bug in callgate") == std::string::npos);
    return;
  }
  for (std::uint32_t number = 0; number < 64; ++number) {
    callgate::SeccompData data{.nr = number, .arch = 0xc000003e};
    for (std::size_t i = 0; i < data.args.size(); ++i) data.args[i] = number * (i + 1);
    expect(callgate::normalise(returned(*policy, policy->arches, data)) == subject.at(data));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::vector<callgate::Instruction> code(std::min<std::size_t>(size / 8, 128));
  if (!code.empty()) std::memcpy(code.data(), bytes, code.size() * 8);
  const auto program = callgate::Program::verify(std::move(code));
  if (!program) return 0;
  const callgate::Subject subject{*program};
  check_survey(subject);
  check_lift(subject);
  const auto same = callgate::difference(subject, subject, {.arches = native, .budget = budget});
  expect(!same || same->changes.empty());
  return 0;
}

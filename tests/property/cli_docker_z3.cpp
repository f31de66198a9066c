// Docker's filter as libseccomp builds it against our compiler's: the prover's verdicts and
// witnesses against z3's, on the filters and on mutants of them.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "callgate/base/file.h"
#include "callgate/bpf/emulate.h"
#include "callgate/compiler/compile.h"
#include "callgate/formats/oci.h"
#include "random_program.h"
#include "runc_peer.h"
#include "scale.h"
#include "z3_oracle.h"

namespace callgate::test {
namespace {

constexpr unsigned z3_timeout_ms = 200'000;

std::string docker_profile() {
  const char* shared = std::getenv("CALLGATE_SHARED");
  const std::string folder =
      shared != nullptr ? shared : std::string(CALLGATE_SOURCE_DIR "/../shared/data");
  const auto text = read_file(folder + "/moby-default.json");
  return text ? *text : std::string();
}

/// The same profile for x86-64 alone.
std::string without_other_arches(std::string text) {
  const std::size_t key = text.find("\"archMap\"");
  if (key != std::string::npos) text.replace(key, 9, "\"unused\"");
  return text;
}

class DockerFilters : public ::testing::Test {
 protected:
  void SetUp() override {
    library_ = Libseccomp::get();
    if (library_ == nullptr) GTEST_SKIP() << "libseccomp.so.2 is not installed";
    profile_ = docker_profile();
    if (profile_.empty()) GTEST_SKIP() << "moby-default.json is not there";
  }

  Program libseccomps(const std::string& json, std::uint32_t level) const {
    const PeerContext context{.stub = false, .optimise = level};
    const auto program = RuncPeer(*library_, context).build(json);
    EXPECT_TRUE(program) << program.error().text();
    return *program;
  }

  Program ours(const std::string& json) const {
    OciContext context;
    context.reader = *parse_oci_reader("docker+crun");
    context.arch = Arch::x86_64;
    context.libseccomp = library_->level();
    const auto import = read_oci(json, "moby-default.json", context);
    EXPECT_TRUE(import) << import.error().text();
    const auto built = compile(import->policy);
    EXPECT_TRUE(built) << built.error().text();
    return built->program;
  }

  const Libseccomp* library_ = nullptr;
  std::string profile_;
};

double milliseconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  return took.count();
}

void expect_agreement(const Program& one, const Program& other) {
  Answer answer;
  const double ours = milliseconds_of([&] { answer = equal(one, other); });
  Z3Oracle oracle(z3_timeout_ms);
  Z3Oracle::Outcome outcome;
  const double theirs = milliseconds_of([&] { outcome = oracle.compare(one, other); });
  std::printf("%zu and %zu instructions: %.1f ms, z3 %.0f ms\n", one.size(), other.size(), ours,
              theirs);
  ASSERT_NE(outcome.verdict, Z3Oracle::Verdict::unknown);
  ASSERT_FALSE(std::holds_alternative<Undecided>(answer));
  const auto* differs = std::get_if<Differs>(&answer);
  EXPECT_EQ(differs != nullptr, outcome.verdict == Z3Oracle::Verdict::differs);
  if (differs == nullptr) return;
  EXPECT_EQ(oracle.at(one, differs->witness), differs->left);
  EXPECT_EQ(oracle.at(other, differs->witness), differs->right);
  EXPECT_NE(differs->left, differs->right);
  EXPECT_NE(normalise(emulate(one, outcome.witness)), normalise(emulate(other, outcome.witness)));
}

TEST_F(DockerFilters, TwoCompilersOnX86_64) {
  const std::string json = without_other_arches(profile_);
  const Program theirs = libseccomps(json, 2);
  const Program mine = ours(json);
  EXPECT_TRUE(std::holds_alternative<Equal>(equal(theirs, mine)));
  expect_agreement(theirs, mine);
}

TEST_F(DockerFilters, ThreeArchitectures) {
  const Program theirs = libseccomps(profile_, 1);
  const Program mine = ours(profile_);
  EXPECT_TRUE(std::holds_alternative<Equal>(equal(theirs, mine)));
  EXPECT_TRUE(std::holds_alternative<Equal>(equal(theirs, libseccomps(profile_, 2))));
  expect_agreement(theirs, mine);
}

TEST_F(DockerFilters, Mutants) {
  const std::string json = without_other_arches(profile_);
  const Program theirs = libseccomps(json, 1);
  const Program mine = ours(json);
  Rng rng(9);
  for (std::size_t i = 0; i < scaled(2, 12); ++i) {
    std::vector<Instruction> code(mine.instructions().begin(), mine.instructions().end());
    Instruction& at = code[below(rng, static_cast<std::uint32_t>(code.size()))];
    if (op::is_conditional(at.code) && below(rng, 2) == 0)
      std::swap(at.jt, at.jf);
    else
      at.k = at.code == op::ld_word ? (at.k + 8) % 64 : at.k ^ 1u << below(rng, 4);
    const auto mutant = Program::verify(std::move(code));
    ASSERT_TRUE(mutant);
    expect_agreement(theirs, *mutant);
  }
}

}  // namespace
}  // namespace callgate::test

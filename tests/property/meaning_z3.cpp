// The prover against z3 on pairs of random programs: every verdict and every witness agree.
//
// A program is shaped so that most of its instructions decide: values are cut to a few bits before
// they are multiplied, divided or shifted by, and every block ends in a test of what it computed.
// Its partner is a copy with one change, or a rewriting that means the same.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <optional>

#include "callgate/bpf/emulate.h"
#include "callgate/meaning/proof.h"
#include "meaning/sides.h"
#include "random_program.h"
#include "scale.h"
#include "z3_oracle.h"

namespace callgate::test {
namespace {

using Code = std::vector<Instruction>;

Instruction insn(std::uint16_t code, std::uint32_t k = 0) { return {code, 0, 0, k}; }

constexpr std::array<std::uint32_t, 6> returns = {0x7fff0000, 0x50001,    0x5ffff,
                                                  0x80000000, 0x7ff00002, 0x30003};

/// A = some bits of a word of seccomp_data, or of a constant, or of memory.
void load_some_bits(Rng& rng, Code& code, std::uint32_t stored, unsigned bits) {
  const std::uint32_t kind = below(rng, 10);
  if (kind == 0)
    code.push_back(insn(op::ld_length));
  else if (kind == 1)
    code.push_back(insn(op::ld_constant, interesting(rng)));
  else if (kind < 4 && stored != 0)
    code.push_back(insn(op::ld_scratch, below(rng, stored)));
  else
    code.push_back(insn(op::ld_word, 4 * below(rng, 16)));
  if (below(rng, 3) == 0) code.push_back(insn(op::rsh_k, below(rng, 28)));
  code.push_back(insn(op::and_k, ((1u << bits) - 1) << below(rng, 3)));
}

void load_x(Rng& rng, Code& code, std::uint32_t stored) {
  const std::uint32_t kind = below(rng, 8);
  if (kind == 0) return code.push_back(insn(op::ldx_length));
  if (kind == 1) return code.push_back(insn(op::ldx_constant, interesting(rng)));
  if (kind == 2 && stored != 0) return code.push_back(insn(op::ldx_scratch, below(rng, stored)));
  load_some_bits(rng, code, stored, 4);
  code.push_back(insn(op::tax));
}

void compute(Rng& rng, Code& code) {
  constexpr std::array<std::uint16_t, 20> operations = {
      op::add_k, op::add_x, op::sub_k, op::sub_x, op::mul_k, op::mul_x, op::div_k,
      op::div_x, op::or_k,  op::or_x,  op::and_k, op::and_x, op::lsh_k, op::lsh_x,
      op::rsh_k, op::rsh_x, op::neg,   op::xor_k, op::xor_x, op::txa};
  Instruction chosen = insn(pick(rng, operations), interesting(rng));
  if (chosen.code == op::mul_k || chosen.code == op::div_k) chosen.k = 1 + below(rng, 40);
  if (chosen.code == op::lsh_k || chosen.code == op::rsh_k) chosen.k %= 8;
  code.push_back(chosen);
}

/// A and X where control comes to the end of the code, for some random calls.
struct Sample {
  std::uint32_t a = 0;
  std::uint32_t x = 0;
};

std::vector<Sample> samples_at_end(Rng& rng, const Code& code, Target target) {
  Code for_a = code;
  for_a.push_back(insn(op::ret_a));
  Code for_x = code;
  for_x.push_back(insn(op::txa));
  for_x.push_back(insn(op::ret_a));
  const auto show_a = Program::verify(for_a, target);
  const auto show_x = Program::verify(for_x, target);
  std::vector<Sample> samples;
  if (!show_a || !show_x) return samples;
  for (int i = 0; i < 60; ++i) {
    SeccompData data{.nr = static_cast<std::uint32_t>(rng()),
                     .arch = static_cast<std::uint32_t>(rng()),
                     .instruction_pointer = rng()};
    for (auto& arg : data.args) arg = rng();
    const Trace path = trace(*show_a, data);
    if (path.path.back() == code.size()) samples.push_back({path.result, emulate(*show_x, data)});
  }
  return samples;
}

bool holds(const Instruction& jump, const Sample& sample) {
  const std::uint32_t operand = (jump.code & 8) != 0 ? sample.x : jump.k;
  switch (jump.code & 0xf0) {
    case 0x10: return sample.a == operand;
    case 0x20: return sample.a > operand;
    case 0x30: return sample.a >= operand;
    default: return (sample.a & operand) != 0;
  }
}

/// A jump that goes both ways, or none.
std::optional<Instruction> deciding_jump(Rng& rng, const std::vector<Sample>& samples) {
  constexpr std::array<std::uint16_t, 8> jumps = {op::jeq_k, op::jeq_x, op::jgt_k,  op::jgt_x,
                                                  op::jge_k, op::jge_x, op::jset_k, op::jset_x};
  const auto any = [&] {
    return samples[below(rng, static_cast<std::uint32_t>(samples.size()))].a;
  };
  for (int attempt = 0; attempt < 12 && !samples.empty(); ++attempt) {
    Instruction jump = insn(pick(rng, jumps), any());
    if (jump.code == op::jset_k) jump.k = (any() ^ any()) | (below(rng, 2) << below(rng, 32));
    std::size_t taken = 0;
    for (const Sample& sample : samples) taken += holds(jump, sample);
    if (taken != 0 && taken != samples.size()) return jump;
  }
  return std::nullopt;
}

/// A test of what a block computed, one arm of which may leave. False if nothing can be told apart.
bool decide(Rng& rng, Code& code, Target target) {
  auto jump = deciding_jump(rng, samples_at_end(rng, code, target));
  if (!jump) return false;
  const bool inverted = below(rng, 2) != 0;
  const bool leaves = below(rng, 4) != 0;
  (inverted ? jump->jf : jump->jt) = leaves ? 1 : 3;
  code.push_back(*jump);
  if (leaves) {
    code.push_back(insn(op::ret_k, 0x50001 + static_cast<std::uint32_t>(code.size())));
    return true;
  }
  // A diamond that leaves something behind.
  code.push_back(insn(op::ld_word, 4 * below(rng, 16)));
  code.push_back(insn(op::and_k, 1u << below(rng, 32)));
  code.push_back(insn(op::st, 13));
  return true;
}

Code random_pair_member(Rng& rng, Target target) {
  Code code{insn(op::st, 13)};
  std::uint32_t stored = 0;
  const std::uint32_t blocks = 2 + below(rng, 4);
  for (std::uint32_t block = 0; block < blocks; ++block) {
    const Code before = code;
    const std::uint32_t stored_before = stored;
    if (block == 0 || below(rng, 3) == 0) load_x(rng, code, stored);
    load_some_bits(rng, code, stored, 6);
    for (std::uint32_t i = 1 + below(rng, 2); i-- > 0;) compute(rng, code);
    if (stored < 12 && below(rng, 3) == 0)
      code.push_back(insn(below(rng, 4) == 0 ? op::stx : op::st, stored++));
    if (below(rng, 8) == 0) code.push_back(insn(op::ja, 0));
    if (decide(rng, code, target)) continue;
    code = before;
    stored = stored_before;
  }
  if (below(rng, 3) == 0) {
    code.push_back(insn(op::ret_k, pick(rng, returns)));
    return code;
  }
  code.push_back(insn(op::ld_scratch, 13));
  code.push_back(insn(op::xor_x));
  code.push_back(insn(op::and_k, below(rng, 2) == 0 ? 7 : 0x70000));
  code.push_back(insn(op::or_k, pick(rng, returns)));
  code.push_back(insn(op::ret_a));
  return code;
}

/// Changes one instruction.
void mutate(Rng& rng, Code& code) {
  Instruction& at = code[1 + below(rng, static_cast<std::uint32_t>(code.size()) - 1)];
  if (op::is_conditional(at.code)) {
    if (below(rng, 2) == 0)
      std::swap(at.jt, at.jf);
    else
      at.k ^= 1u << below(rng, 8);
    return;
  }
  switch (at.code) {
    case op::ld_word: at.k = (at.k + 8) % 64; return;
    case op::ret_k: at.k = pick(rng, returns); return;
    case op::st: at.code = op::stx; return;
    case op::stx: at.code = op::st; return;
    case op::tax: at.code = op::txa; return;
    case op::txa: at = insn(op::ld_constant, 5); return;
    case op::ret_a: at = insn(op::ret_k, pick(rng, returns)); return;
    case op::neg: at = insn(op::xor_k, 0xffffffff); return;
    case op::mul_k:
    case op::div_k: at.k += 1; return;
    case op::lsh_k:
    case op::rsh_k: at.k ^= 1; return;
    case op::ld_scratch:
    case op::ldx_scratch: at.k ^= 1; return;
    case op::ja: at = insn(op::ld_constant, 3); return;
    case op::and_k: at.k &= at.k - 1; return;
    default: at.k ^= 1u << below(rng, 8); return;
  }
}

/// Puts an instruction sequence before `index`, and moves the jumps over it.
void insert(Code& code, std::size_t index, const Code& added) {
  for (std::size_t i = 0; i < index; ++i) {
    const auto widen = [&](std::uint8_t& arm) {
      if (i + 1 + arm > index) arm = static_cast<std::uint8_t>(arm + added.size());
    };
    if (op::is_conditional(code[i].code)) {
      widen(code[i].jt);
      widen(code[i].jf);
    }
    if (code[i].code == op::ja && i + 1 + code[i].k > index)
      code[i].k += static_cast<std::uint32_t>(added.size());
  }
  code.insert(code.begin() + static_cast<std::ptrdiff_t>(index), added.begin(), added.end());
}

/// A rewriting that means the same.
void rewrite(Rng& rng, Code& code) {
  const std::uint32_t k = interesting(rng);
  const std::array<Code, 5> idle = {
      Code{insn(op::xor_k, k), insn(op::xor_k, k)}, Code{insn(op::add_k, k), insn(op::sub_k, k)},
      Code{insn(op::neg), insn(op::neg)}, Code{insn(op::st, 15), insn(op::ld_scratch, 15)},
      Code{insn(op::stx, 14), insn(op::ldx_scratch, 14)}};
  for (std::uint32_t i = 1 + below(rng, 3); i-- > 0;)
    insert(code, below(rng, static_cast<std::uint32_t>(code.size())), pick(rng, idle));
}

struct Counts {
  std::size_t mutants = 0;
  std::size_t equal = 0;
  std::size_t differs = 0;
  std::size_t undecided = 0;
  std::size_t z3_gave_up = 0;
  std::map<std::uint16_t, std::size_t> opcodes;
};

void compare_one(Rng& rng, Counts& counts, std::size_t pair) {
  const Target target{.byte_order = below(rng, 4) == 0 ? ByteOrder::big : ByteOrder::little,
                      .shift_rule = below(rng, 2) == 0 ? ShiftRule::low5 : ShiftRule::low6};
  const Code left = random_pair_member(rng, target);
  Code right = left;
  const bool mutated = below(rng, 3) != 0;
  if (mutated) mutate(rng, right);
  if (!mutated || below(rng, 2) == 0) rewrite(rng, right);
  const auto one = Program::verify(left, target);
  const auto other = Program::verify(right, target);
  if (!one || !other) return;  // a mutant may read scratch memory that no one stored
  for (const Instruction& instruction : left) ++counts.opcodes[instruction.code];
  counts.mutants += mutated;

  const Answer ours = equal(*one, *other);
  Z3Oracle oracle(3000);
  const auto theirs = oracle.compare(*one, *other);
  SCOPED_TRACE("pair " + std::to_string(pair));
  if (const auto* differs = std::get_if<Differs>(&ours)) {
    ++counts.differs;
    EXPECT_NE(theirs.verdict, Z3Oracle::Verdict::equal);
    EXPECT_EQ(oracle.at(*one, differs->witness), differs->left);
    EXPECT_EQ(oracle.at(*other, differs->witness), differs->right);
    EXPECT_NE(differs->left, differs->right);
  } else if (std::holds_alternative<Equal>(ours)) {
    ++counts.equal;
    EXPECT_NE(theirs.verdict, Z3Oracle::Verdict::differs);
  } else {
    ++counts.undecided;
  }
  counts.z3_gave_up += theirs.verdict == Z3Oracle::Verdict::unknown;
  if (theirs.verdict == Z3Oracle::Verdict::differs) {
    EXPECT_NE(normalise(emulate(*one, theirs.witness)), normalise(emulate(*other, theirs.witness)));
  }
}

TEST(MeaningAgainstZ3, RandomPairsOfPrograms) {
  Rng rng(20);
  Counts counts;
  const std::size_t pairs = scaled(150, 6000);
  for (std::size_t pair = 0; pair < pairs && !HasFailure(); ++pair) {
    compare_one(rng, counts, pair);
    if (pair % 200 == 199) std::printf("%zu of %zu pairs\n", pair + 1, pairs);
  }
  std::printf("%zu mutants; equal %zu, differing %zu, undecided %zu, z3 gave up on %zu\n",
              counts.mutants, counts.equal, counts.differs, counts.undecided, counts.z3_gave_up);
  EXPECT_GT(counts.equal, pairs / 5);
  EXPECT_GT(counts.differs, counts.mutants * 2 / 5) << "most instructions are to decide";
  EXPECT_LE(counts.undecided, pairs / 50);
  EXPECT_LE(counts.z3_gave_up, pairs / 20);
  for (const std::uint16_t code : seccomp_opcodes)
    EXPECT_GT(counts.opcodes[code], 0u) << "opcode " << code;
}

/// The diagram of a program, taken at one call. None if it does not fit.
std::optional<std::uint32_t> meaning_at(const Program& program, const SeccompData& data) {
  meaning::FirstLayer layer(200'000);
  meaning::ProgramSide side(program, layer);
  const meaning::Assignment point = meaning::assignment_of(data);
  try {
    const auto first = meaning::value_at(layer.store, layer.order, side.layer1(), point);
    meaning::Question question(200'000, side.related(), layer.returns);
    const auto second = side.layer2(first, question);
    return layer.returns.value(meaning::value_at(question.store, question.order, second, point));
  } catch (const meaning::DiagramOverflow&) {
    return std::nullopt;
  }
}

TEST(MeaningOfPrograms, AtEveryPointWhatTheEmulatorSays) {
  Rng rng(21);
  std::size_t overflows = 0;
  const std::size_t programs = scaled(150, 5000);
  for (std::size_t i = 0; i < programs && !HasFailure(); ++i) {
    const Target target{.byte_order = below(rng, 2) == 0 ? ByteOrder::big : ByteOrder::little,
                        .shift_rule = below(rng, 2) == 0 ? ShiftRule::low5 : ShiftRule::low6};
    const auto program = Program::verify(random_pair_member(rng, target), target);
    ASSERT_TRUE(program);
    for (int j = 0; j < 8; ++j) {
      // Zeros often, or nothing would be divided by them.
      const auto word = [&] { return below(rng, 3) == 0 ? 0 : rng() & rng(); };
      SeccompData data{.nr = static_cast<std::uint32_t>(word()),
                       .arch = static_cast<std::uint32_t>(word()),
                       .instruction_pointer = word()};
      for (auto& arg : data.args) arg = word();
      const auto meant = meaning_at(*program, data);
      overflows += !meant;
      if (!meant) break;
      EXPECT_EQ(*meant, normalise(emulate(*program, data))) << "program " << i;
    }
  }
  std::printf("%zu of %zu programs do not fit\n", overflows, programs);
  EXPECT_LE(overflows, programs / 20);
}

}  // namespace
}  // namespace callgate::test

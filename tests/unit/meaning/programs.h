// Small programs and policies for the tests of meaning.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <random>

#include "bpf/opcode.h"
#include "callgate/bpf/emulate.h"
#include "callgate/meaning/proof.h"
#include "callgate/policy/evaluate.h"

namespace callgate::test {

namespace op = opcode;

inline constexpr std::uint32_t audit_x86_64 = 0xc000003e;
inline constexpr std::uint32_t ret_allow = 0x7fff0000;
inline constexpr std::uint32_t ret_kill = 0x80000000;
inline constexpr std::uint32_t ret_eperm = 0x00050001;
inline constexpr std::uint32_t offset_nr = 0;
inline constexpr std::uint32_t offset_arch = 4;
/// Byte offset of the low half of an argument on a little-endian machine.
constexpr std::uint32_t offset_low(unsigned arg) { return 16 + 8 * arg; }
constexpr std::uint32_t offset_high(unsigned arg) { return 20 + 8 * arg; }

/// Reproducible 32-bit numbers.
class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::uint32_t operator()() { return static_cast<std::uint32_t>(engine_()); }
  std::uint64_t wide() { return std::uint64_t{(*this)()} << 32 | (*this)(); }

 private:
  std::mt19937 engine_;
};

/// Instructions with labels: jumps name labels, and verify() is asked at the end.
class Builder {
 public:
  using Label = std::size_t;
  /// Falls through to the next instruction.
  static constexpr Label next = ~std::size_t{0};

  Builder& add(std::uint16_t code, std::uint32_t k = 0) {
    code_.push_back({code, 0, 0, k});
    arms_.push_back({next, next});
    return *this;
  }
  Builder& load(std::uint32_t offset) { return add(op::ld_word, offset); }
  Builder& ret(std::uint32_t value) { return add(op::ret_k, value); }
  Builder& jump(std::uint16_t code, std::uint32_t k, Label yes, Label no) {
    code_.push_back({code, 0, 0, k});
    arms_.push_back({yes, no});
    return *this;
  }
  Label label() {
    labels_.push_back(next);
    return labels_.size() - 1;
  }
  Builder& place(Label label) {
    labels_[label] = code_.size();
    return *this;
  }
  [[nodiscard]] std::size_t here() const { return code_.size(); }

  [[nodiscard]] Program build(Target target = {}) const {
    std::vector<Instruction> code = code_;
    for (std::size_t i = 0; i < code.size(); ++i) {
      const std::size_t yes = distance(arms_[i].first, i);
      const std::size_t no = distance(arms_[i].second, i);
      EXPECT_LT(yes, 256u) << "instruction " << i;
      EXPECT_LT(no, 256u) << "instruction " << i;
      code[i].jt = static_cast<std::uint8_t>(yes);
      code[i].jf = static_cast<std::uint8_t>(no);
    }
    auto program = Program::verify(std::move(code), target);
    EXPECT_TRUE(program) << program.error().text();
    return *program;
  }

 private:
  [[nodiscard]] std::size_t distance(Label label, std::size_t at) const {
    return label == next ? 0 : labels_[label] - at - 1;
  }

  std::vector<Instruction> code_;
  std::vector<std::pair<Label, Label>> arms_;
  std::vector<std::size_t> labels_;
};

/// Operand of a raw argument word.
inline Operand word(std::uint8_t index, Operand::Kind kind = Operand::Kind::word) {
  return {.kind = kind, .index = index};
}
inline Condition test_of(Operand operand, Relation relation, std::uint64_t value,
                         std::optional<std::uint64_t> mask = {}) {
  Test test{.operand = std::move(operand), .relation = relation, .values = {{Value::of(value)}}};
  if (mask) test.mask = Value::of(*mask);
  return Condition::of(std::move(test));
}
inline Condition range_of(Operand operand, std::uint64_t first, std::uint64_t last) {
  return Condition::of({.operand = std::move(operand),
                        .relation = Relation::in,
                        .values = {{Value::of(first), Value::of(last)}}});
}
inline Condition all_of(std::vector<Condition> children) {
  return {.kind = Condition::Kind::all, .children = std::move(children)};
}
inline Condition any_of(std::vector<Condition> children) {
  return {.kind = Condition::Kind::any, .children = std::move(children)};
}

inline std::string describe(const Answer& answer) {
  if (std::holds_alternative<Equal>(answer)) return "equal";
  if (const auto* undecided = std::get_if<Undecided>(&answer))
    return "undecided: " + undecided->call;
  const auto& differs = std::get<Differs>(answer);
  std::string text = "differs: arch " + std::to_string(differs.witness.arch) + " nr " +
                     std::to_string(differs.witness.nr);
  for (const std::uint64_t arg : differs.witness.args) text += " " + std::to_string(arg);
  return text + ": " + std::to_string(differs.left) + " and " + std::to_string(differs.right);
}

inline ::testing::AssertionResult is_equal(const Answer& answer) {
  if (std::holds_alternative<Equal>(answer)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << describe(answer);
}
inline ::testing::AssertionResult is_different(const Answer& answer) {
  if (std::holds_alternative<Differs>(answer)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << describe(answer);
}
inline ::testing::AssertionResult is_undecided(const Answer& answer) {
  if (std::holds_alternative<Undecided>(answer)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << describe(answer);
}

}  // namespace callgate::test

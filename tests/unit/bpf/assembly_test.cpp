#include "callgate/bpf/assembly.h"

#include <gtest/gtest.h>

#include "bpf/opcode.h"
#include "random_program.h"

namespace callgate {
namespace {

using Code = std::vector<Instruction>;

constexpr Instruction allow_insn{opcode::ret_k, 0, 0, 0x7fff0000};

Code must_assemble(std::string_view text, Target target = {}) {
  auto assembly = assemble(text, "t", target);
  EXPECT_TRUE(assembly) << (assembly ? "" : assembly.error().text());
  return assembly ? assembly->instructions : Code{};
}

TEST(Assemble, EveryMnemonic) {
  const std::string text = R"(
    ld nr
    ld len
    ld 5
    st M[1]
    ld M[1]
    ldx len
    ldx 0x10
    ldx M[1]
    stx M[2]
    tax
    txa
    add 1
    add x
    neg
    ret a
    ret 0x7fff0001
  )";
  const Code expected = {{opcode::ld_word, 0, 0, 0},       {opcode::ld_length, 0, 0, 0},
                         {opcode::ld_constant, 0, 0, 5},   {opcode::st, 0, 0, 1},
                         {opcode::ld_scratch, 0, 0, 1},    {opcode::ldx_length, 0, 0, 0},
                         {opcode::ldx_constant, 0, 0, 16}, {opcode::ldx_scratch, 0, 0, 1},
                         {opcode::stx, 0, 0, 2},           {opcode::tax, 0, 0, 0},
                         {opcode::txa, 0, 0, 0},           {opcode::add_k, 0, 0, 1},
                         {opcode::add_x, 0, 0, 0},         {opcode::neg, 0, 0, 0},
                         {opcode::ret_a, 0, 0, 0},         {opcode::ret_k, 0, 0, 0x7fff0001}};
  EXPECT_EQ(must_assemble(text), expected);
}

TEST(Assemble, LabelsAndNext) {
  const Code expected = {{opcode::jeq_k, 1, 0, 3}, {opcode::ja, 0, 0, 1}, allow_insn, allow_insn};
  EXPECT_EQ(must_assemble("jeq 3, yes, next\njmp end\nyes: ret allow\nend: also:\n ret allow"),
            expected);
}

TEST(Assemble, WordsOfSeccompDataFollowTheByteOrder) {
  EXPECT_EQ(must_assemble("ld args[2].lo").front().k, 32u);
  EXPECT_EQ(must_assemble("ld args[2].hi").front().k, 36u);
  EXPECT_EQ(must_assemble(".target big\nld args[2].lo").front().k, 36u);
  EXPECT_EQ(must_assemble("ld ip.hi").front().k, 12u);
  EXPECT_EQ(must_assemble("ld [63]").front().k, 63u);
}

TEST(Assemble, NamesOfActionsArchitecturesAndCalls) {
  EXPECT_EQ(must_assemble("ret errno(EPERM)").front().k, 0x50001u);
  EXPECT_EQ(must_assemble("ret errno(4095)").front().k, 0x50fffu);
  EXPECT_EQ(must_assemble("ret trap").front().k, 0x30000u);
  EXPECT_EQ(must_assemble("ret trace(7)").front().k, 0x7ff00007u);
  EXPECT_EQ(must_assemble("jeq AUDIT_ARCH_X86_64, next, next").front().k, 0xc000003eu);
  EXPECT_EQ(must_assemble("jeq x86_64:openat, next, next").front().k, 257u);
}

TEST(Assemble, EveryMistakeIsToldWithItsPlace) {
  const auto result = assemble(
      "ldd nr\n"
      "ld args[6].lo\n"
      "jeq 1, nowhere, next\n"
      "back: ret alow\n"
      "jmp back\n"
      "add 0x100000000\n"
      "ret allow allow\n"
      "jeq 1\n"
      "tax 5\n"
      "ret allow\n",
      "bad.asm");
  ASSERT_FALSE(result);
  const auto& all = result.error().diagnostics;
  ASSERT_EQ(all.size(), 9u) << result.error().text();
  for (std::uint32_t i = 0; i < 9; ++i) {
    EXPECT_EQ(all[i].place.line, i + 1) << result.error().text();
    EXPECT_EQ(all[i].place.file, "bad.asm");
    EXPECT_FALSE(all[i].source_line.empty());
  }
  EXPECT_EQ(all[0].hint, "did you mean `ld`?");
  EXPECT_EQ(all[1].place.column, 9u);
  EXPECT_EQ(all[2].place.column, 8u);
  EXPECT_EQ(all[3].hint, "did you mean `allow`?");
}

TEST(Assemble, AConditionalJumpReaches255) {
  std::string text = "jeq 1, far, next\n";
  for (int i = 0; i < 255; ++i) text += "tax\n";
  EXPECT_TRUE(assemble(text + "far: ret allow\n", "t"));
  EXPECT_FALSE(assemble(text + "tax\nfar: ret allow\n", "t"));
}

TEST(Assemble, ARefusalIsToldAtItsLine) {
  auto assembly = assemble("ld nr\n\n  lsh 32\nret allow\n", "t.asm");
  ASSERT_TRUE(assembly);
  const auto program = verify(*std::move(assembly));
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().diagnostics.front().place, (Place{"t.asm", 3, 3, 3}));
}

TEST(Disassemble, Golden) {
  const Code code = must_assemble(R"(
      ld arch
      jeq AUDIT_ARCH_X86_64, next, kill
      ld nr
      jge 0x40000000, kill, next
      jeq 39, yes, next
      jeq 41, next, no
      ld args[0].lo
      jeq 2, yes, no
    no: ret errno(EPERM)
    yes: ret allow
    kill: ret kill_process)");
  EXPECT_EQ(disassemble(code, {}),
            "  ld arch                                ; 0\n"
            "  jeq AUDIT_ARCH_X86_64, next, L10       ; 1\n"
            "  ld nr                                  ; 2\n"
            "  jge 0x40000000, L10, next              ; 3: x32\n"
            "  jeq 39, L9, next                       ; 4: getpid\n"
            "  jeq 41, next, L8                       ; 5: socket\n"
            "  ld args[0].lo                          ; 6: domain of socket\n"
            "  jeq 2, L9, next                        ; 7: AF_INET\n"
            "L8:\n"
            "  ret errno(EPERM)                       ; 8\n"
            "L9:\n"
            "  ret allow                              ; 9\n"
            "L10:\n"
            "  ret kill_process                       ; 10\n");
}

TEST(Disassemble, FactsThatPathsDoNotShareAreDropped) {
  const Code code = must_assemble(R"(
      ld arch
      jeq AUDIT_ARCH_X86_64, both, next
      jeq AUDIT_ARCH_I386, both, kill
    both: ld nr
      jeq 39, yes, next
    kill: ret kill_process
    yes: ret allow)");
  const auto notes = instruction_notes(code, {});
  EXPECT_EQ(notes[4], "") << "getpid on one ABI, mkdir on the other";
}

TEST(Disassemble, WhatAMnemonicCannotSayStandsRaw) {
  const Code code = {{opcode::tax, 1, 0, 0},
                     {opcode::ret_a, 0, 0, 3},
                     {0xffff, 1, 2, 3},
                     {opcode::ja, 0, 0, 77},
                     {opcode::ja, 0, 0, 0}};
  EXPECT_EQ(disassemble(code, {}, {.comments = false}),
            "  .insn 0x07, 1, 0, 0x0\n"
            "  .insn 0x16, 0, 0, 0x3\n"
            "  .insn 0xffff, 1, 2, 0x3\n"
            "  .insn 0x05, 0, 0, 0x4d\n"
            "  jmp next\n");
}

TEST(ReturnText, OnlyExactValuesHaveNames) {
  EXPECT_EQ(return_text(0x7fff0000), "allow");
  EXPECT_EQ(return_text(0x7fff0001), "0x7fff0001");
  EXPECT_EQ(return_text(0x50000 | 1), "errno(EPERM)");
  EXPECT_EQ(return_text(0x50000 | 4095), "errno(4095)");
  EXPECT_EQ(return_text(0x00010000), "0x00010000");
  EXPECT_EQ(return_text(0), "kill_thread");
}

void expect_round_trip(const Code& code, Target target) {
  const std::string text = disassemble(code, target);
  const auto again = assemble(text, "t");
  ASSERT_TRUE(again) << again.error().text() << text;
  ASSERT_EQ(again->instructions, code) << text;
  ASSERT_EQ(again->target, target);
}

TEST(RoundTrip, RandomProgramsValidAndNot) {
  test::Rng rng(42);
  for (int i = 0; i < 2000; ++i) {
    const Target target{i % 2 == 0 ? ByteOrder::little : ByteOrder::big,
                        i % 3 == 0 ? ShiftRule::low6 : ShiftRule::low5};
    ASSERT_NO_FATAL_FAILURE(expect_round_trip(test::random_program(rng), target));
  }
}

TEST(RoundTrip, RandomFields) {
  test::Rng rng(43);
  for (int i = 0; i < 2000; ++i) {
    Code code(1 + rng() % 12);
    for (Instruction& insn : code) {
      insn = {static_cast<std::uint16_t>(rng() % 3 == 0 ? rng()
                                                        : test::pick(rng, test::seccomp_opcodes)),
              static_cast<std::uint8_t>(rng() % 6), static_cast<std::uint8_t>(rng() % 6),
              test::interesting(rng)};
    }
    ASSERT_NO_FATAL_FAILURE(expect_round_trip(code, {}));
  }
}

}  // namespace
}  // namespace callgate

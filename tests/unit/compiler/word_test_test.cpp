// What single tests of the policy language mean on words.
#include "compiler/word_test.h"

#include <gtest/gtest.h>

namespace callgate::test {
namespace {

constexpr std::uint64_t top = ~std::uint64_t{0};

Value negative(std::int64_t value) {
  return {.number = static_cast<std::uint64_t>(value), .negative = true};
}

struct Row {
  const char* what;
  Arch arch;
  const char* call;
  callgate::Test test;
  WordTest wanted;
};

callgate::Test on(const char* parameter, Relation relation, std::vector<Interval> values,
                  std::optional<Value> mask = {}) {
  return {.operand = {.name = parameter},
          .mask = std::move(mask),
          .relation = relation,
          .values = std::move(values)};
}
callgate::Test on_raw(Operand::Kind kind, std::uint8_t index, Relation relation,
                      std::vector<Interval> values) {
  return {
      .operand = {.kind = kind, .index = index}, .relation = relation, .values = std::move(values)};
}
Interval one(std::uint64_t value) { return {Value::of(value), {}}; }

const std::vector<Row>& rows() {
  using Kind = Operand::Kind;
  constexpr Arch x86_64 = Arch::x86_64;
  static const std::vector<Row> all = {
      {"16 bits of a mode",
       x86_64,
       "chmod",
       on("mode", Relation::eq, {one(0644)}),
       {6, 6, 0xffff, {{0644, 0644}}}},
      {"what a subset leaves out",
       x86_64,
       "chmod",
       on("mode", Relation::subset, {one(0777)}),
       {6, 6, 0xfe00, {{0, 0}}}},
      {"a signed int",
       x86_64,
       "setpriority",
       on("prio", Relation::ge, {{negative(-5), {}}}),
       {8, 8, 0xffffffff, {{0, 0x7fffffff}, {0xfffffffb, 0xffffffff}}}},
      {"a signed range across zero",
       x86_64,
       "setpriority",
       on("prio", Relation::in, {{negative(-2), Value::of(3)}}),
       {8, 8, 0xffffffff, {{0, 3}, {0xfffffffe, 0xffffffff}}}},
      {"a mask makes it unsigned",
       x86_64,
       "setpriority",
       on("prio", Relation::lt, {one(4)}, Value::of(0xff)),
       {8, 8, 0xff, {{0, 3}}}},
      {"a 64-bit offset",
       x86_64,
       "lseek",
       on("offset", Relation::lt, {one(0)}),
       {6, 7, top, {{top / 2 + 1, top}}}},
      {"a pointer",
       x86_64,
       "execve",
       on("pathname", Relation::ne, {one(0)}),
       {4, 5, top, {{1, top}}}},
      {"no value is below 0",
       x86_64,
       "read",
       on_raw(Kind::word, 2, Relation::lt, {one(0)}),
       {8, 9, top, {}}},
      {"a high half",
       x86_64,
       "read",
       on_raw(Kind::high, 5, Relation::gt, {one(7)}),
       {15, 15, 0xffffffff, {{8, 0xffffffff}}}},
      {"the instruction pointer",
       x86_64,
       "read",
       on_raw(Kind::ip, 0, Relation::not_in, {one(0)}),
       {2, 3, top, {{1, top}}}},
      {"raw words are 64 bits on i386",
       Arch::i386,
       "read",
       on_raw(Kind::word, 0, Relation::eq, {one(1)}),
       {4, 5, top, {{1, 1}}}},
      {"an offset in two words",
       Arch::i386,
       "pread64",
       on("offset", Relation::eq, {one(1)}),
       {10, 12, top, {{1, 1}}}},
  };
  return all;
}

TEST(ResolveTest, MeansTheseWordsAndValues) {
  for (const Row& row : rows()) {
    const Syscall* call = find_syscall(row.arch, std::string_view(row.call));
    const auto got = resolve_test(row.test, row.arch, call);
    ASSERT_TRUE(got) << row.what << ": " << got.error().text();
    EXPECT_EQ(got->low, row.wanted.low) << row.what;
    EXPECT_EQ(got->high, row.wanted.high) << row.what;
    EXPECT_EQ(got->mask, row.wanted.mask) << row.what;
    EXPECT_EQ(got->values, row.wanted.values) << row.what;
  }
}

}  // namespace
}  // namespace callgate::test

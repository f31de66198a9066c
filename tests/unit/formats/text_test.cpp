// The policy language, construct by construct.
#include "callgate/formats/text.h"

#include <gtest/gtest.h>

#include "callgate/abi/syscalls.h"

namespace callgate {
namespace {

Policy read(const std::string& text) {
  auto parsed = parse_policy(text, "t");
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().text());
  return parsed ? std::move(parsed->policy) : Policy{};
}
Rule rule(const std::string& text) {
  Policy policy = read(text);
  EXPECT_EQ(policy.rules.size(), 1u) << text;
  return policy.rules.empty() ? Rule{} : policy.rules[0];
}
Condition condition(const std::string& text) { return rule("allow open if " + text).condition; }
Test test_of(const std::string& text) {
  const Condition read_condition = condition(text);
  EXPECT_EQ(read_condition.kind, Condition::Kind::test) << text;
  return read_condition.test;
}

Test flags(Relation relation, std::vector<Interval> values, std::optional<Value> mask = {}) {
  return {.operand = {.name = "flags"},
          .mask = std::move(mask),
          .relation = relation,
          .values = std::move(values)};
}
Interval single(Value value) { return {std::move(value), {}}; }
Interval number(std::uint64_t value) { return single(Value::of(value)); }
Value names(std::vector<std::string> all) { return {.names = std::move(all)}; }

TEST(Text, Headers) {
  const Policy policy = read(
      "policy docker-default\nabi 6.12\narches amd64, i386\notherwise errno(EPERM)\n"
      "unknown trap(7)\nunlisted kill_thread\non untestable allow\n");
  EXPECT_EQ(policy.name, "docker-default");
  EXPECT_EQ(policy.abi, (Release{6, 12, 0}));
  EXPECT_EQ(policy.arches, (std::vector{Arch::x86_64, Arch::i386}));
  EXPECT_EQ(policy.otherwise, deny(1));
  EXPECT_EQ(policy.unknown, trap(7));
  EXPECT_EQ(policy.unlisted, kill_thread);
  EXPECT_EQ(policy.on_untestable, OnUntestable::allow_);
  EXPECT_EQ(read("abi 2.6.39").abi, (Release{2, 6, 39}));
  EXPECT_EQ(read("policy \"a \\\"b\\\\ \\x0a\xc3\xa9\"").name, "a \"b\\ \n\xc3\xa9");
  EXPECT_TRUE(read("") == Policy{});
}

TEST(Text, Actions) {
  EXPECT_EQ(rule("allow read").action, allow);
  EXPECT_EQ(rule("log read").action, log_);
  EXPECT_EQ(rule("errno(ENOSYS) read").action, deny(38));
  EXPECT_EQ(rule("errno(7) read").action, deny(7));
  EXPECT_EQ(rule("trap read").action, trap());
  EXPECT_EQ(rule("trace(0xffff) read").action, trace_(0xffff));
  EXPECT_EQ(rule("notify read").action, notify);
  EXPECT_EQ(rule("kill_thread read").action, kill_thread);
  EXPECT_EQ(rule("kill_process read").action, kill_process);
}

TEST(Text, Selectors) {
  EXPECT_EQ(rule("allow read, @mmap,\n  451..455, 0x10, *").calls,
            (std::vector{Selector::named("read"), Selector::group("mmap"),
                         Selector::numbers(451, 455), Selector::numbers(16, 16), Selector::any()}));
}

TEST(Text, Relations) {
  EXPECT_EQ(test_of("flags == O_RDWR"), flags(Relation::eq, {single(names({"O_RDWR"}))}));
  EXPECT_EQ(test_of("flags != 0x10"), flags(Relation::ne, {number(16)}));
  EXPECT_EQ(test_of("flags < 010"), flags(Relation::lt, {number(8)}));
  EXPECT_EQ(test_of("flags <= 1"), flags(Relation::le, {number(1)}));
  EXPECT_EQ(test_of("flags > 1"), flags(Relation::gt, {number(1)}));
  EXPECT_EQ(test_of("flags >= -1"),
            flags(Relation::ge, {single({.number = ~std::uint64_t{0}, .negative = true})}));
  EXPECT_EQ(test_of("flags subset O_RDWR|O_CREAT|4"),
            flags(Relation::subset, {single({.names = {"O_RDWR", "O_CREAT"}, .number = 4})}));
  EXPECT_EQ(
      test_of("flags in {1, 3..5, O_RDWR,}"),
      flags(Relation::in, {number(1), {Value::of(3), Value::of(5)}, single(names({"O_RDWR"}))}));
  EXPECT_EQ(test_of("flags not in {}"), flags(Relation::not_in, {}));
}

TEST(Text, MasksAndComplements) {
  const callgate::Test expected = flags(Relation::eq, {number(0)}, names({"O_CREAT", "O_EXCL"}));
  EXPECT_EQ(test_of("flags & (O_CREAT|O_EXCL) == 0"), expected);
  EXPECT_EQ(test_of("(flags & (O_CREAT|O_EXCL)) == 0"), expected);
  const Value all_but{.names = {"O_CREAT"}, .complement = true};
  EXPECT_EQ(test_of("flags & ~O_CREAT != 0"), flags(Relation::ne, {number(0)}, all_but));
  EXPECT_EQ(test_of("flags == ~(1|O_CREAT)"),
            flags(Relation::eq, {single({.names = {"O_CREAT"}, .number = 1, .complement = true})}));
}

TEST(Text, Operands) {
  using Kind = Operand::Kind;
  const auto operand = [](const std::string& text) { return test_of(text + " == 1").operand; };
  EXPECT_EQ(operand("args[5]"), (Operand{.kind = Kind::word, .index = 5}));
  EXPECT_EQ(operand("args[0].lo"), (Operand{.kind = Kind::low}));
  EXPECT_EQ(operand("args[1].hi"), (Operand{.kind = Kind::high, .index = 1}));
  EXPECT_EQ(operand("ip"), (Operand{.kind = Kind::ip}));
  EXPECT_EQ(operand("ip.lo"), (Operand{.kind = Kind::ip_low}));
  EXPECT_EQ(operand("ip.hi"), (Operand{.kind = Kind::ip_high}));
  EXPECT_EQ(rule("allow execve if pathname != null").condition.test.values,
            (std::vector{number(0)}));
}

TEST(Text, Precedence) {
  const auto is = [](std::uint64_t value) {
    return Condition::of(flags(Relation::eq, {number(value)}));
  };
  using Kind = Condition::Kind;
  const auto tree = [](Kind kind, std::vector<Condition> children) {
    return Condition{.kind = kind, .children = std::move(children)};
  };
  const std::string a = "flags == 1", b = "flags == 2", c = "flags == 3";
  EXPECT_EQ(condition(a + " or " + b + " and " + c),
            tree(Kind::any, {is(1), tree(Kind::all, {is(2), is(3)})}));
  EXPECT_EQ(condition("(" + a + " or " + b + ") and " + c),
            tree(Kind::all, {tree(Kind::any, {is(1), is(2)}), is(3)}));
  EXPECT_EQ(condition("not " + a + " and " + b),
            tree(Kind::all, {tree(Kind::negation, {is(1)}), is(2)}));
  EXPECT_EQ(condition(a + " and " + b + " and " + c), tree(Kind::all, {is(1), is(2), is(3)}));
  EXPECT_EQ(condition("(" + a + ")"), is(1));
  EXPECT_EQ(condition("true"), tree(Kind::all, {}));
  EXPECT_EQ(condition("false"), tree(Kind::any, {}));
  EXPECT_EQ(condition("all(" + a + ")"), tree(Kind::all, {is(1)}));
  EXPECT_EQ(condition("any(" + a + ", " + b + ")"), tree(Kind::any, {is(1), is(2)}));
  EXPECT_EQ(condition("not always"), tree(Kind::negation, {Condition{}}));
}

TEST(Text, UntestableAndSections) {
  EXPECT_EQ(rule("allow clone3 if flags == 0 on untestable deny").on_untestable,
            OnUntestable::deny);
  EXPECT_EQ(rule("allow clone3 on untestable error").on_untestable, OnUntestable::error);
  const Policy policy =
      read("on i386, x32 {\n  allow read\n  log write\n}\non arm { trap close }\n");
  ASSERT_EQ(policy.rules.size(), 3u);
  EXPECT_EQ(policy.rules[1].arches, (std::vector{Arch::i386, Arch::x32}));
  EXPECT_EQ(policy.rules[2].arches, (std::vector{Arch::arm}));
}

TEST(Text, LinesGoOn) {
  const Policy policy = read(
      "allow read,\n write\nallow open\n  if flags ==\n 1\n  or flags in {\n 2,\n 3 }\n"
      "  and (flags == 4\n)\nlog open # or\n");
  ASSERT_EQ(policy.rules.size(), 3u);
  EXPECT_EQ(policy.rules[0].calls.size(), 2u);
  EXPECT_EQ(policy.rules[1].condition.children.size(), 2u);
  EXPECT_EQ(policy.rules[1].place.line, 3u);
  EXPECT_EQ(policy.rules[2].place.line, 11u);
}

TEST(Text, CarriageReturnsTabsAndAByteOrderMarkAreAccepted) {
  const Policy policy =
      read("\xef\xbb\xbfpolicy x\r\n\tallow\tread\t# caf\xc3\xa9\r\nallow write\r\n");
  EXPECT_EQ(policy.name, "x");
  ASSERT_EQ(policy.rules.size(), 2u);
  EXPECT_EQ(policy.rules[0].calls[0].place, (Place{"t", 2, 8, 4}));
}

TEST(Text, PlacesOfTests) {
  const Rule read_rule = rule("allow open if flags == 1 and\n  mode & 07 != 0  # no");
  EXPECT_EQ(read_rule.condition.children[0].test.place, (Place{"t", 1, 15, 10}));
  EXPECT_EQ(read_rule.condition.children[1].test.place, (Place{"t", 2, 3, 14}));
}

TEST(Text, CallsNamedLikeActionsAndParametersNamedLikeWords) {
  EXPECT_EQ(rule("allow sched_setscheduler if policy == 1").condition.test.operand.name, "policy");
  const Policy policy = read("allow sched_setscheduler if (pid == 0 and\n  policy == 1)\n");
  EXPECT_EQ(policy.rules.size(), 1u);
}

TEST(Text, NoNameOfTheTablesIsAWordOfTheLanguage) {
  for (const Arch arch : all_arches)
    for (const Syscall& call : syscalls(arch)) {
      EXPECT_EQ(rule("allow " + std::string(call.name)).calls[0].name, call.name);
      for (const Parameter& parameter : call.parameters) {
        const std::string name(parameter.name);
        EXPECT_EQ(rule("allow " + std::string(call.name) + " if " + name + " == 0")
                      .condition.test.operand,
                  (Operand{.name = name}))
            << call.name;
      }
    }
}

TEST(Text, NotesRawWordsThatHaveNames) {
  const auto parsed =
      parse_policy("allow read if args[0].lo == 1 and args[2] == 2 and ip == 1\n", "t");
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->diagnostics.size(), 1u);
  EXPECT_EQ(parsed->diagnostics[0].severity, Severity::note);
  EXPECT_EQ(parsed->diagnostics[0].hint, "the parameter's name, `fd`, tests what the kernel keeps");
  EXPECT_TRUE(parse_policy("allow 451 if args[0] == 1\n", "t")->diagnostics.empty());
}

TEST(Text, PrintsWhatAPersonWouldWrite) {
  const std::string text =
      "policy worker\nabi 6.12\narches x86_64, i386\notherwise errno(EPERM)\nunknown "
      "errno(EACCES)\non untestable deny\n\n"
      "allow read, write, @mmap\n"
      "allow open if (flags & (O_CREAT|O_EXCL) == 0 and not (mode == 5)) or flags == ~O_CREAT\n"
      "on i386 {\n  log 0x1000..0x1fff if args[2].lo in {1, 3..5}\n  trap execve if pathname != "
      "null\n}\n"
      "allow * if (ip.hi == 0 or true) and all(false)\n";
  EXPECT_EQ(print_policy(read(text)), text);
}

TEST(Text, QuotesANameAtWhichALineWouldGoOn) {
  for (const char* name : {"in", "or", "and", "if", "not", "subset"}) {
    const Policy policy{.name = name, .abi = Release{6, 12, 0}};
    const auto again = parse_policy(print_policy(policy), "printed");
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_TRUE(again->policy == policy);
  }
}

TEST(Text, PrintsLongListsOnSeveralLines) {
  Policy policy;
  policy.rules = {{.action = allow, .calls = std::vector(60, Selector::named("process_madvise"))}};
  const std::string text = print_policy(policy);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    EXPECT_LE(end - begin, 100u);
    begin = end + 1;
  }
  EXPECT_TRUE(read(text) == policy);
}

}  // namespace
}  // namespace callgate

// Programs in the style of each well-known generator, written by hand for one small policy: read
// and write, ioctl of TCGETS, mmap that is not executable, socket of three domains. None is
// undecided.
#include "programs.h"

namespace callgate::test {
namespace {

const std::vector<Arch> native{Arch::x86_64};
constexpr std::uint32_t nr_read = 0;
constexpr std::uint32_t nr_write = 1;
constexpr std::uint32_t nr_mmap = 9;
constexpr std::uint32_t nr_ioctl = 16;
constexpr std::uint32_t nr_socket = 41;
constexpr std::uint32_t tcgets = 0x5401;
constexpr std::uint32_t ret_trap = 0x00030000;
constexpr auto next = Builder::next;

Rule rule_for(const char* call, Condition condition = {}) {
  return {.action = allow, .calls = {Selector::named(call)}, .condition = std::move(condition)};
}

/// `kind` is the part of each argument word that is compared.
Policy small_policy(Operand::Kind kind) {
  Policy policy{.abi = Release{6, 12}, .otherwise = deny(1)};
  policy.unknown = deny(1);
  policy.rules = {rule_for("read"), rule_for("write"),
                  rule_for("ioctl", test_of(word(1, kind), Relation::eq, tcgets)),
                  rule_for("mmap", test_of(word(2, kind), Relation::eq, 0, 4)),
                  rule_for("socket", any_of({test_of(word(0, kind), Relation::eq, 1),
                                             test_of(word(0, kind), Relation::eq, 2),
                                             test_of(word(0, kind), Relation::eq, 10)}))};
  return policy;
}

/// The check of the architecture with which every one of them begins, then A = nr; x32 is refused.
void begin(Builder& b, Builder::Label bad_arch) {
  b.load(offset_arch).jump(op::jeq_k, audit_x86_64, next, bad_arch).load(offset_nr);
}

/// libseccomp: a chain of numbers, the high half first, a chain inside a call, shared actions.
TEST(Generators, LibseccompChain) {
  Builder b;
  const auto bad = b.label(), deny_label = b.label(), permit = b.label(), not_x32 = b.label();
  begin(b, bad);
  b.jump(op::jge_k, 0x40000000, next, not_x32).jump(op::jeq_k, 0xffffffff, next, bad);
  b.place(not_x32);
  const auto ioctl = b.label(), mmap = b.label();
  b.jump(op::jeq_k, nr_socket, next, ioctl);
  b.load(offset_high(0)).jump(op::jeq_k, 0, next, deny_label);
  b.load(offset_low(0)).jump(op::jeq_k, 10, permit, next).jump(op::jeq_k, 2, permit, next);
  b.jump(op::jeq_k, 1, permit, deny_label);
  b.place(ioctl).jump(op::jeq_k, nr_ioctl, next, mmap);
  b.load(offset_high(1)).jump(op::jeq_k, 0, next, deny_label);
  b.load(offset_low(1)).jump(op::jeq_k, tcgets, permit, deny_label);
  const auto plain = b.label();
  b.place(mmap).jump(op::jeq_k, nr_mmap, next, plain);
  b.load(offset_high(2)).add(op::and_k, 0).jump(op::jeq_k, 0, next, deny_label);
  b.load(offset_low(2)).add(op::and_k, 4).jump(op::jeq_k, 0, permit, deny_label);
  b.place(plain).jump(op::jeq_k, nr_write, permit, next).jump(op::jeq_k, nr_read, permit, next);
  b.place(deny_label).ret(ret_eperm).place(permit).ret(ret_allow).place(bad).ret(ret_kill);
  EXPECT_TRUE(is_equal(prove(small_policy(Operand::Kind::word), native, b.build())));
}

/// kafel: a tree of ranges by JGE, low halves only.
TEST(Generators, KafelRanges) {
  Builder b;
  const auto bad = b.label(), no = b.label(), permit = b.label(), upper = b.label();
  const auto top = b.label(), middle = b.label(), over = b.label();
  begin(b, bad);
  b.jump(op::jge_k, 16, upper, next).jump(op::jge_k, 9, middle, next);
  b.jump(op::jge_k, 2, no, permit);
  b.place(middle).jump(op::jge_k, 10, no, next).load(offset_low(2)).add(op::and_k, 4);
  b.jump(op::jeq_k, 0, permit, no);
  b.place(upper).jump(op::jge_k, 41, top, next).jump(op::jge_k, 17, no, next);
  b.load(offset_low(1)).jump(op::jeq_k, tcgets, permit, no);
  b.place(top).jump(op::jge_k, 42, over, next).load(offset_low(0));
  b.jump(op::jeq_k, 1, permit, next)
      .jump(op::jeq_k, 2, permit, next)
      .jump(op::jeq_k, 10, permit, no);
  b.place(over).jump(op::jge_k, 0x40000000, next, no).jump(op::jeq_k, 0xffffffff, no, bad);
  b.place(no).ret(ret_eperm).place(permit).ret(ret_allow).place(bad).ret(ret_kill);
  EXPECT_TRUE(is_equal(prove(small_policy(Operand::Kind::low), native, b.build())));
}

/// minijail: a chain of numbers, then one block a call that loads both halves and jumps over them.
TEST(Generators, MinijailBlocks) {
  Builder b;
  const auto bad = b.label(), no = b.label(), permit = b.label();
  const auto ioctl = b.label(), mmap = b.label(), socket = b.label();
  begin(b, bad);
  b.jump(op::jeq_k, nr_read, permit, next).jump(op::jeq_k, nr_write, permit, next);
  b.jump(op::jeq_k, nr_ioctl, ioctl, next).jump(op::jeq_k, nr_mmap, mmap, next);
  b.jump(op::jeq_k, nr_socket, socket, next);
  b.jump(op::jge_k, 0x40000000, next, no).jump(op::jeq_k, 0xffffffff, no, bad);
  b.place(ioctl);
  b.load(offset_low(1)).jump(op::jeq_k, tcgets, next, no);
  b.load(offset_high(1)).jump(op::jeq_k, 0, permit, no);
  b.place(mmap);
  const auto low = b.label();
  b.load(offset_high(2)).jump(op::jset_k, 0, no, low).place(low);
  b.load(offset_low(2)).jump(op::jset_k, 4, no, permit);
  b.place(socket);
  for (const std::uint32_t domain : {1u, 2u, 10u}) {
    const auto other = b.label();
    b.load(offset_low(0)).jump(op::jeq_k, domain, next, other);
    b.load(offset_high(0)).jump(op::jeq_k, 0, permit, other).place(other);
  }
  b.place(no).ret(ret_eperm).place(permit).ret(ret_allow).place(bad).ret(ret_kill);
  EXPECT_TRUE(is_equal(prove(small_policy(Operand::Kind::word), native, b.build())));
}

/// bpf_dsl: an int's high half must be its sign extension or zero, else it traps.
TEST(Generators, BpfDslThirtyTwoBitArguments) {
  Builder b;
  const auto bad = b.label(), no = b.label(), permit = b.label(), trapped = b.label();
  const auto is_int = b.label(), negative = b.label();
  begin(b, bad);
  const auto others = b.label();
  b.jump(op::jge_k, 41, next, others).jump(op::jge_k, 42, others, next);
  b.load(offset_high(0)).jump(op::jeq_k, 0, is_int, next);
  b.jump(op::jeq_k, 0xffffffff, negative, trapped);
  b.place(negative).load(offset_low(0)).jump(op::jset_k, 0x80000000, is_int, trapped);
  b.place(is_int).load(offset_low(0)).jump(op::jeq_k, 0xfffffffe, permit, next);
  b.jump(op::jeq_k, 2, permit, no);
  b.place(others).load(offset_nr).jump(op::jge_k, 0x40000000, next, no);
  b.jump(op::jeq_k, 0xffffffff, no, bad);
  b.place(no).ret(ret_eperm).place(permit).ret(ret_allow);
  b.place(trapped).ret(ret_trap).place(bad).ret(ret_kill);

  Policy policy{.abi = Release{6, 12}, .otherwise = deny(1)};
  policy.unknown = deny(1);
  const auto high = [](std::uint64_t value) {
    return test_of(word(0, Operand::Kind::high), Relation::eq, value);
  };
  Condition extended =
      any_of({high(0), all_of({high(0xffffffff), test_of(word(0, Operand::Kind::low), Relation::ne,
                                                         0, 0x80000000)})});
  Rule not_an_int = rule_for("socket", {.kind = Condition::Kind::negation, .children = {extended}});
  not_an_int.action = trap();
  policy.rules = {
      not_an_int,
      rule_for("socket", any_of({test_of(word(0, Operand::Kind::low), Relation::eq, 2),
                                 test_of(word(0, Operand::Kind::low), Relation::eq, 0xfffffffe)}))};
  EXPECT_TRUE(is_equal(prove(policy, native, b.build())));
}

/// gVisor: hot calls one by one, a tree for the rest; each argument test ends in a jump to the
/// rule's next alternative.
TEST(Generators, GvisorRules) {
  Builder b;
  const auto bad = b.label(), no = b.label(), permit = b.label();
  const auto tree = b.label(), ioctl = b.label(), mmap = b.label(), socket = b.label();
  begin(b, bad);
  b.jump(op::jeq_k, nr_write, permit, next).jump(op::jeq_k, nr_read, permit, tree);
  b.place(tree);
  const auto right = b.label(), beyond = b.label();
  b.jump(op::jgt_k, nr_ioctl, right, next).jump(op::jeq_k, nr_ioctl, ioctl, next);
  b.jump(op::jeq_k, nr_mmap, mmap, no);
  b.place(right).jump(op::jeq_k, nr_socket, socket, beyond);
  b.place(beyond).jump(op::jge_k, 0x40000000, next, no).jump(op::jeq_k, 0xffffffff, no, bad);
  b.place(ioctl);
  b.load(offset_high(1)).jump(op::jeq_k, 0, next, no);
  b.load(offset_low(1)).jump(op::jeq_k, tcgets, permit, no);
  b.place(mmap).load(offset_low(2)).add(op::and_k, 4).jump(op::jeq_k, 0, permit, no);
  b.place(socket);
  for (const std::uint32_t domain : {1u, 2u, 10u}) {
    const auto other = b.label();
    b.load(offset_high(0)).jump(op::jeq_k, 0, next, other);
    b.load(offset_low(0)).jump(op::jeq_k, domain, permit, other).place(other);
  }
  b.place(no).ret(ret_eperm).place(permit).ret(ret_allow).place(bad).ret(ret_kill);
  EXPECT_TRUE(is_equal(prove(small_policy(Operand::Kind::word), native, b.build())));
}

/// Arguments kept in scratch memory before the number is looked at.
TEST(Generators, ArgumentsLoadedBeforeTheNumber) {
  Builder b;
  const auto bad = b.label(), no = b.label(), permit = b.label(), mmap = b.label();
  const auto socket = b.label(), rest = b.label(), ioctl = b.label();
  for (const std::uint32_t arg : {0u, 1u, 2u}) {
    b.load(offset_low(arg)).add(op::st, 2 * arg);
    b.load(offset_high(arg)).add(op::st, 2 * arg + 1);
  }
  begin(b, bad);
  b.jump(op::jeq_k, nr_read, permit, next).jump(op::jeq_k, nr_write, permit, next);
  b.jump(op::jeq_k, nr_ioctl, ioctl, next).jump(op::jeq_k, nr_mmap, mmap, next);
  b.jump(op::jeq_k, nr_socket, socket, rest);
  b.place(ioctl).add(op::ld_scratch, 3).jump(op::jeq_k, 0, next, no);
  b.add(op::ld_scratch, 2).jump(op::jeq_k, tcgets, permit, no);
  b.place(mmap).add(op::ldx_constant, 4).add(op::ld_scratch, 4).jump(op::jset_x, 0, no, permit);
  b.place(socket).add(op::ld_scratch, 1).jump(op::jeq_k, 0, next, no).add(op::ld_scratch, 0);
  b.jump(op::jeq_k, 1, permit, next)
      .jump(op::jeq_k, 2, permit, next)
      .jump(op::jeq_k, 10, permit, no);
  b.place(rest).jump(op::jge_k, 0x40000000, next, no).jump(op::jeq_k, 0xffffffff, no, bad);
  b.place(no).ret(ret_eperm).place(permit).ret(ret_allow).place(bad).ret(ret_kill);
  EXPECT_TRUE(is_equal(prove(small_policy(Operand::Kind::word), native, b.build())));
}

}  // namespace
}  // namespace callgate::test

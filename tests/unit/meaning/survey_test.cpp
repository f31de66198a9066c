// Surveys, differences and lifting of small programs and policies, and of hostile ones.
#include "callgate/meaning/survey.h"

#include <chrono>

#include "callgate/meaning/difference.h"
#include "callgate/meaning/lift.h"
#include "programs.h"

namespace callgate::test {
namespace {

const std::vector<Arch> native{Arch::x86_64};
constexpr auto next = Builder::next;
constexpr std::uint32_t nr_socket = 41;

/// For that call of x86-64 what `body` decides, which may jump to `no` (errno(EPERM)) and `yes`
/// (allow); everything else of x86-64 is allowed, other architectures are killed.
template <class Body>
Program for_call(std::uint32_t number, const Body& body) {
  Builder b;
  const auto kill = b.label(), yes = b.label(), no = b.label();
  b.load(offset_arch).jump(op::jeq_k, audit_x86_64, next, kill);
  b.load(offset_nr).jump(op::jeq_k, number, next, yes);
  body(b, yes, no);
  b.place(no).ret(ret_eperm).place(yes).ret(ret_allow).place(kill).ret(ret_kill);
  return b.build();
}

Survey survey(const Subject& subject, const SurveyOptions& options = {}) {
  auto result = survey_of(subject, options);
  EXPECT_TRUE(result) << result.error().text();
  return result ? *result : Survey{};
}

/// The only test of a call's first case.
callgate::Test only_test(const Survey& survey, std::uint32_t number) {
  const CallDecision* call = survey.find(Arch::x86_64, number);
  EXPECT_NE(call, nullptr);
  if (call == nullptr || call->cases.empty()) return {};
  EXPECT_EQ(call->cases.front().when.kind, Condition::Kind::test);
  return call->cases.front().when.test;
}

TEST(Survey, ATestOfTheLowHalfHasTheNamesOfAnInt) {
  const Program program = for_call(nr_socket, [](Builder& b, auto yes, auto no) {
    b.load(offset_low(0)).jump(op::jeq_k, 1, no, next).jump(op::jeq_k, 16, no, yes);
  });
  const Survey found = survey(Subject{program});
  EXPECT_EQ(found.arches, (std::vector{Arch::x86_64, Arch::x32}));
  const callgate::Test test = only_test(found, nr_socket);
  EXPECT_EQ(test.operand, (Operand{.name = "domain"}));
  EXPECT_EQ(test.relation, Relation::in);
  ASSERT_EQ(test.values.size(), 2u);
  EXPECT_EQ(test.values[0].first.names, std::vector<std::string>{"AF_UNIX"});
  EXPECT_EQ(test.values[1].first.names, std::vector<std::string>{"AF_NETLINK"});
}

TEST(Survey, ATestOfAllBitsOfAnIntStaysRaw) {
  const Program program = for_call(nr_socket, [](Builder& b, auto yes, auto no) {
    b.load(offset_high(0)).jump(op::jeq_k, 0, next, yes);
    b.load(offset_low(0)).jump(op::jeq_k, 1, no, yes);
  });
  const callgate::Test test = only_test(survey(Subject{program}), nr_socket);
  EXPECT_EQ(test.operand, word(0));
  EXPECT_EQ(test.relation, Relation::eq);
  EXPECT_EQ(test.values, (std::vector<Interval>{{Value::of(1), {}}}));
}

TEST(Survey, FlagsStandUnderTheirMask) {
  constexpr std::uint32_t nr_openat = 257;
  const Program program = for_call(nr_openat, [](Builder& b, auto yes, auto no) {
    b.load(offset_low(2)).add(op::and_k, 3).jump(op::jeq_k, 2, no, yes);
  });
  const callgate::Test test = only_test(survey(Subject{program}), nr_openat);
  EXPECT_EQ(test.operand, (Operand{.name = "flags"}));
  ASSERT_TRUE(test.mask);
  EXPECT_EQ(test.mask->number, 3u);
  EXPECT_EQ(test.relation, Relation::eq);
  EXPECT_EQ(test.values.front().first.names, std::vector<std::string>{"O_RDWR"});
}

TEST(Survey, EveryNumberOfAProgramWithoutACheckOfTheArchitecture) {
  Builder b;
  const auto yes = b.label();
  b.load(offset_nr).jump(op::jeq_k, 59, next, yes).ret(ret_kill).place(yes).ret(ret_allow);
  const Survey found = survey(Subject{b.build()});
  EXPECT_GT(found.arches.size(), 5u);
  EXPECT_EQ(found.find(Arch::x86_64, 59)->constant(), ret_kill);
  EXPECT_EQ(found.find(Arch::aarch64, 59)->constant(), ret_kill);
  EXPECT_EQ(found.find(Arch::aarch64, 60)->constant(), ret_allow);
  const auto policy = lift(Subject{b.build()});
  ASSERT_FALSE(policy);
  EXPECT_NE(policy.error().message().find("no policy can say this"), std::string::npos);
}

TEST(Survey, TwoWordsAgainstOneAnotherCannotBeSaid) {
  const Program program = for_call(nr_socket, [](Builder& b, auto yes, auto no) {
    b.load(offset_low(0)).add(op::tax).load(offset_low(1)).jump(op::jeq_x, 0, no, yes);
  });
  const Survey found = survey(Subject{program});
  const CallDecision* call = found.find(Arch::x86_64, nr_socket);
  EXPECT_TRUE(call->undecided);
  EXPECT_FALSE(call->why_undecided.empty());
  const auto policy = lift(Subject{program});
  ASSERT_FALSE(policy);
  EXPECT_NE(policy.error().message().find("x86_64 socket"), std::string::npos);
}

TEST(Difference, WhatCannotBeSaidHasAWitness) {
  const auto compare = [](std::uint16_t code) {
    return for_call(nr_socket, [code](Builder& b, auto yes, auto no) {
      b.load(offset_low(0)).add(op::tax).load(offset_low(1)).jump(code, 0, no, yes);
    });
  };
  const Subject left{compare(op::jeq_x)};
  const Subject right{compare(op::jge_x)};
  const auto found = difference(left, right);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->undecided, std::vector<std::string>{"x86_64 socket"});
  ASSERT_EQ(found->changes.size(), 1u);
  EXPECT_FALSE(found->changes[0].is_complete);
  EXPECT_NE(left.at(found->changes[0].witness), right.at(found->changes[0].witness));
  const auto same = difference(left, left);
  ASSERT_TRUE(same);
  EXPECT_TRUE(same->is_equal());
}

TEST(Difference, OneFlagOfOneCallIsOneChange) {
  const auto refusing = [](std::uint32_t mask) {
    return for_call(56, [mask](Builder& b, auto yes, auto no) {
      b.load(offset_low(0)).jump(op::jset_k, mask, no, yes);
    });
  };
  const auto found = difference(Subject{refusing(0x30000000)}, Subject{refusing(0x10000000)});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->changes.size(), 1u);
  const Change& change = found->changes[0];
  EXPECT_EQ(change.from, ret_eperm);
  EXPECT_EQ(change.to, ret_allow);
  EXPECT_TRUE(is_looser(change));
  ASSERT_EQ(change.when.kind, Condition::Kind::test);
  EXPECT_EQ(change.when.test.operand, (Operand{.name = "flags"}));
  EXPECT_EQ(change.when.test.values[0].first.names, std::vector<std::string>{"CLONE_NEWPID"});
}

TEST(Difference, OfPermissionsOnly) {
  Policy left{.abi = newest_release(), .otherwise = deny(1)};
  Policy right{.abi = newest_release(), .otherwise = kill_process};
  left.unlisted = right.unlisted = kill_process;
  left.unknown = right.unknown = deny(38);
  right.rules = {{.action = notify, .calls = {Selector::named("read")}}};
  const Subject one = PolicySubject{left, native};
  const Subject other = PolicySubject{right, native};
  const auto found = difference(one, other, {.compared = Compared::permission});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->changes.size(), 1u);
  EXPECT_EQ(found->changes[0].call->name, "read");
  EXPECT_GT(difference(one, other)->changes.size(), 300u);
}

TEST(Difference, AcrossArchitecturesByName) {
  const auto policy = [](std::uint64_t domain) {
    Policy result{.abi = newest_release(), .otherwise = deny(1)};
    callgate::Test test{.operand = {.name = "domain"}, .values = {{Value::of(domain), {}}}};
    result.rules = {
        {.action = allow, .calls = {Selector::named("socket")}, .condition = Condition::of(test)},
        {.action = allow, .calls = {Selector::named("read")}}};
    return result;
  };
  const Subject left = PolicySubject{policy(1), {Arch::x86_64}};
  const auto same = difference_across(left, Arch::x86_64, PolicySubject{policy(1), {Arch::aarch64}},
                                      Arch::aarch64);
  ASSERT_TRUE(same) << same.error().text();
  EXPECT_TRUE(same->difference.is_equal());
  EXPECT_TRUE(std::binary_search(same->only_left.begin(), same->only_left.end(), "open"));
  const auto other = difference_across(left, Arch::x86_64,
                                       PolicySubject{policy(2), {Arch::aarch64}}, Arch::aarch64);
  ASSERT_TRUE(other);
  ASSERT_EQ(other->difference.changes.size(), 2u);
  for (const Change& change : other->difference.changes) EXPECT_EQ(change.call->name, "socket");
}

TEST(Subject, TiesGoToTheLastOfTheStrictestAndTheFirstOfTheLoosest) {
  const auto answering = [](std::uint32_t ret) {
    Builder b;
    return Subject{b.ret(ret).build()};
  };
  const std::vector<Subject> parts{answering(0x50001), answering(0x50002), answering(ret_allow)};
  EXPECT_EQ(Subject::strictest(parts).at({}), 0x50002u);
  const std::vector<Subject> denying{answering(0x50001), answering(0x50002)};
  EXPECT_EQ(Subject::loosest(denying).at({}), 0x50001u);
  EXPECT_EQ(Subject::loosest(parts).at({}), ret_allow);
  for (const Subject& subject : {Subject::strictest(parts), Subject::loosest(denying)}) {
    const Survey found = survey(subject);
    for (const CallDecision& call : found.calls) EXPECT_EQ(call.constant(), subject.at({}));
  }
}

TEST(Subject, OfDifferentTargetsIsRefused) {
  Builder b;
  b.ret(ret_allow);
  const Subject mixed =
      Subject::strictest({Subject{b.build()}, Subject{b.build({.byte_order = ByteOrder::big})}});
  EXPECT_FALSE(survey_of(mixed));
  EXPECT_FALSE(lift(mixed));
}

TEST(Lift, AnUnknownActionIsNamedWithItsCall) {
  const Program program = for_call(39, [](Builder& b, auto, auto) { b.ret(0x00010007); });
  const auto policy = lift(Subject{program});
  ASSERT_FALSE(policy);
  EXPECT_NE(policy.error().message().find("x86_64 getpid"), std::string::npos)
      << policy.error().message();
}

TEST(Lift, X32AloneSaysWhatMinusOneGets) {
  Policy source{.abi = newest_release(), .otherwise = deny(1)};
  source.rules = {{.action = allow, .calls = {Selector::named("read")}}};
  const Subject subject = PolicySubject{source, {Arch::x32}};
  const auto policy = lift(subject);
  ASSERT_TRUE(policy) << policy.error().text();
  EXPECT_TRUE(is_equal(equal(subject, PolicySubject{*policy, policy->arches})));
}

/// Questions about hostile programs end soon, whatever the answer.
void expect_quick(const Program& program) {
  const auto start = std::chrono::steady_clock::now();
  static_cast<void>(survey_of(Subject{program}));
  static_cast<void>(lift(Subject{program}));
  static_cast<void>(difference(Subject{program}, Subject{program}));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(took.count(), 60) << "hundreds of times what it should take";
}

TEST(HostilePrograms, RejoiningDiamonds) {
  const Program program = for_call(nr_socket, [](Builder& b, auto yes, auto no) {
    b.load(offset_low(0));
    for (unsigned bit = 0; bit < 20; ++bit) {
      const auto left = b.label(), join = b.label();
      b.jump(op::jset_k, 1u << bit, left, next).add(op::st, 0).add(op::ja, 1);
      b.place(left).add(op::st, 1).place(join);
    }
    b.jump(op::jset_k, 0x80000000, no, yes);
  });
  expect_quick(program);
  const callgate::Test test = only_test(survey(Subject{program}), nr_socket);
  EXPECT_EQ(test.operand, (Operand{.name = "domain"}));
}

TEST(HostilePrograms, CountedBits) {
  // The number of set bits decides: 2^n paths, and nothing that a person would read.
  const Program program = for_call(nr_socket, [](Builder& b, auto yes, auto no) {
    b.add(op::ldx_constant, 0);
    for (unsigned bit = 0; bit < 24; ++bit) {
      const auto skip = b.label();
      b.load(offset_low(0)).jump(op::jset_k, 1u << bit, next, skip);
      b.add(op::txa).add(op::add_k, 1).add(op::tax).place(skip);
    }
    b.add(op::txa).jump(op::jset_k, 1, no, yes);
  });
  expect_quick(program);
  EXPECT_TRUE(survey(Subject{program}).find(Arch::x86_64, nr_socket)->undecided);
}

TEST(HostilePrograms, ManyReturnValues) {
  const Program program = for_call(nr_socket, [](Builder& b, auto, auto) {
    b.load(offset_low(0)).add(op::and_k, 0xfff).add(op::or_k, 0x50000).add(op::ret_a);
  });
  expect_quick(program);
  EXPECT_TRUE(survey(Subject{program}).find(Arch::x86_64, nr_socket)->undecided);
}

TEST(HostilePrograms, EveryNumberApart) {
  Builder b;
  const auto odd = b.label();
  b.load(offset_nr).jump(op::jset_k, 1, odd, next).ret(ret_allow).place(odd).ret(ret_kill);
  const Program program = b.build();
  expect_quick(program);
  EXPECT_FALSE(survey_of(Subject{program}));
}

TEST(HostilePrograms, FourThousandInstructions) {
  std::vector<Instruction> code{{op::ld_word, 0, 0, offset_low(0)}};
  for (std::uint32_t i = 0; code.size() < 4093; ++i) {
    code.push_back({op::jeq_k, 0, 1, 3 * i});
    code.push_back({op::ret_k, 0, 0, 0x50000 + i % 7});
  }
  code.push_back({op::ja, 0, 0, 0});
  code.push_back({op::ret_k, 0, 0, ret_allow});
  const auto program = Program::verify(code);
  ASSERT_TRUE(program) << program.error().text();
  expect_quick(*program);
}

}  // namespace
}  // namespace callgate::test

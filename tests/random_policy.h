// Random policies and the calls that are most likely to tell a wrong reading of them: the one
// source of inputs for every property of evaluate, Meaning, lowering and the text language.
//
//   std::mt19937_64 random(seed);
//   const RandomPolicy sample = random_policy(random);
//   for (const SeccompData& call : interesting_calls(sample.policy, sample.arches, random, 64)) ...
//
// The same seed gives the same policy. `check` finds no error in what random_policy returns.
#pragma once

#include <algorithm>
#include <random>

#include "callgate/abi/groups.h"
#include "callgate/abi/seccomp_data.h"
#include "callgate/policy/resolve.h"

namespace callgate::test {

using Random = std::mt19937_64;

/// 0..count-1. (Distributions of <random> differ between libraries.)
inline std::size_t pick(Random& random, std::size_t count) {
  return static_cast<std::size_t>(random() % count);
}
inline bool chance(Random& random, unsigned percent) { return random() % 100 < percent; }
template <class Container>
const auto& one_of(Random& random, const Container& all) {
  return all[pick(random, std::size(all))];
}

struct RandomPolicyOptions {
  std::size_t max_rules = 10;
  std::size_t max_tests = 6;        ///< in one condition
  std::size_t max_calls = 6;        ///< different calls that the rules of a policy share
  unsigned condition_percent = 75;  ///< of the rules
  bool raw_words = true;
  bool sections = true;
  bool groups = true;
  bool raw_numbers = true;
  std::vector<Arch> arches;  ///< empty: a random choice
};

struct RandomPolicy {
  Policy policy;
  std::vector<Arch> arches;
};

/// A value near which comparisons at that width go wrong.
inline std::uint64_t random_number(Random& random, unsigned bits) {
  const std::uint64_t all = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
  const std::uint64_t bit = std::uint64_t{1} << pick(random, bits);
  switch (pick(random, 8)) {
    case 0: return 0;
    case 1: return bit;
    case 2: return bit - 1;
    case 3: return all;
    case 4: return all >> 1;
    case 5: return random() & all;
    case 6: return (all >> 1) + 1;
    default: return pick(random, 40);
  }
}

class PolicyGenerator {
 public:
  PolicyGenerator(Random& random, RandomPolicyOptions options)
      : random_(random), options_(std::move(options)) {}

  RandomPolicy make() {
    RandomPolicy out;
    choose_arches();
    choose_calls();
    make_header(out.policy);
    const std::size_t count = 1 + pick(random_, options_.max_rules);
    for (std::size_t i = 0; i < count; ++i) {
      Rule rule = make_rule(out.policy);
      if (!has_error(out.policy, {rule})) out.policy.rules.push_back(std::move(rule));
    }
    while (has_error(out.policy, out.policy.rules)) out.policy.rules.pop_back();
    out.arches = arches_;
    return out;
  }

 private:
  void choose_arches() {
    arches_ = options_.arches;
    if (!arches_.empty()) return;
    // ABIs of one byte order; half of the time those of one machine.
    const ArchInfo& first = arch_info(one_of(random_, all_arches));
    const bool one_machine = chance(random_, 50);
    std::vector<Arch> fitting;
    for (const Arch arch : all_arches) {
      const ArchInfo& info = arch_info(arch);
      if (info.target == first.target && (!one_machine || info.native == first.native))
        fitting.push_back(arch);
    }
    for (std::size_t i = 1 + pick(random_, 3); i > 0; --i) {
      const Arch arch = one_of(random_, fitting);
      if (std::find(arches_.begin(), arches_.end(), arch) == arches_.end()) arches_.push_back(arch);
    }
  }

  void choose_calls() {
    const std::size_t count = 1 + pick(random_, options_.max_calls);
    for (std::size_t tries = 0; calls_.size() < count && tries < 200; ++tries) {
      const auto all = syscalls(one_of(random_, arches_));
      const Syscall& call = one_of(random_, all);
      const bool is_wanted =
          chance(random_, 15) || (call.signature_known && !call.parameters.empty());
      if (is_wanted) calls_.push_back(&call);
    }
    if (calls_.empty()) calls_.push_back(&syscalls(arches_.front()).front());
  }

  void make_header(Policy& policy) {
    static constexpr Release levels[] = {{3, 5, 0}, {4, 14, 0}, {5, 3, 0}, {6, 1, 0}, {6, 12, 0}};
    if (chance(random_, 90)) policy.abi = one_of(random_, levels);
    policy.otherwise = random_action();
    if (chance(random_, 40)) policy.unknown = random_action();
    if (chance(random_, 30)) policy.unlisted = random_action();
    policy.on_untestable = chance(random_, 50) ? OnUntestable::deny : OnUntestable::allow_;
    if (chance(random_, 50)) policy.arches = arches_;
    if (chance(random_, 50)) policy.name = "sample";
  }

  Action random_action() {
    switch (pick(random_, 9)) {
      case 0: return kill_process;
      case 1: return kill_thread;
      case 2: return trap(static_cast<std::uint16_t>(pick(random_, 3)));
      case 3: return trace_(static_cast<std::uint16_t>(pick(random_, 3)));
      case 4: return log_;
      case 5: return notify;
      case 6: return deny(static_cast<std::uint16_t>(1 + pick(random_, 40)));
      default: return allow;
    }
  }

  /// The same policy with these rules: does check find an error?
  bool has_error(const Policy& policy, std::vector<Rule> rules) const {
    if (rules.empty()) return false;
    Policy probe = policy;
    probe.rules = std::move(rules);
    return has_errors(check(probe, arches_));
  }

  Rule make_rule(const Policy& policy) {
    Rule rule{.action = random_action()};
    if (options_.sections && chance(random_, 20))
      for (const Arch arch : arches_)
        if (rule.arches.empty() || chance(random_, 50)) rule.arches.push_back(arch);
    if (chance(random_, 15))
      rule.on_untestable = chance(random_, 50) ? OnUntestable::deny : OnUntestable::allow_;
    if (!policy.rules.empty() && chance(random_, 5)) rule = one_of(random_, policy.rules);
    const bool by_name = !options_.raw_words || chance(random_, 65);
    by_name ? select_by_name(rule) : select_anything(rule);
    if (!chance(random_, options_.condition_percent)) return rule;
    std::size_t tests = 1 + pick(random_, options_.max_tests);
    rule.condition = make_condition(by_name, tests, 0);
    return rule;
  }

  void select_by_name(Rule& rule) {
    subject_ = one_of(random_, calls_);
    rule.calls = {Selector::named(std::string(subject_->name))};
    if (!options_.groups || !chance(random_, 25)) return;
    const Group& group = one_of(random_, groups());
    rule.calls = {Selector::group(std::string(group.name))};
    for (const Arch arch : arches_)
      if (const Syscall* form = find_syscall(arch, one_of(random_, group.calls))) subject_ = form;
  }

  void select_anything(Rule& rule) {
    rule.calls.clear();
    const std::size_t count = 1 + pick(random_, 4);
    for (std::size_t i = 0; i < count; ++i) rule.calls.push_back(random_selector());
  }

  Selector random_selector() {
    const auto call = [&] { return one_of(random_, calls_); };
    if (options_.raw_numbers && chance(random_, 30)) {
      const auto base =
          chance(random_, 80) ? call()->number : static_cast<std::uint32_t>(random_());
      const auto length = static_cast<std::uint32_t>(chance(random_, 50) ? 0 : pick(random_, 600));
      return Selector::numbers(base, base + std::min(length, skipped_call - base));
    }
    if (options_.raw_numbers && chance(random_, 5))
      return Selector::numbers(0xfffffff0, skipped_call);
    if (options_.raw_numbers && chance(random_, 6)) return Selector::any();
    if (options_.groups && chance(random_, 20))
      return Selector::group(std::string(one_of(random_, groups()).name));
    return Selector::named(std::string(call()->name));
  }

  Condition make_condition(bool by_name, std::size_t& tests, unsigned depth) {
    if (tests <= 1 || depth > 4 || chance(random_, 25)) {
      if (tests > 0) --tests;
      return make_leaf(by_name);
    }
    Condition out;
    if (chance(random_, 20)) {
      out.kind = Condition::Kind::negation;
      out.children.push_back(make_condition(by_name, tests, depth + 1));
      return out;
    }
    out.kind = chance(random_, 50) ? Condition::Kind::all : Condition::Kind::any;
    const std::size_t count = 1 + pick(random_, 3);
    for (std::size_t i = 0; i < count && tests > 0; ++i)
      out.children.push_back(make_condition(by_name, tests, depth + 1));
    return out;
  }

  Condition make_leaf(bool by_name) {
    if (chance(random_, 3)) return {.kind = Condition::Kind::always};
    if (chance(random_, 3)) return {.kind = one_of(random_, empty_kinds)};
    const bool has_parameter = by_name && !subject_->parameters.empty();
    if (has_parameter && (!options_.raw_words || chance(random_, 80)))
      return Condition::of(make_parameter_test(one_of(random_, subject_->parameters)));
    return options_.raw_words ? Condition::of(make_raw_test()) : Condition{};
  }

  Test make_parameter_test(const Parameter& parameter) {
    Operand operand{.name = std::string(parameter.name)};
    if (parameter.kind == ParameterKind::pointer)
      return {.operand = operand,
              .relation = chance(random_, 50) ? Relation::eq : Relation::ne,
              .values = {{Value{}, {}}}};
    const unsigned bits = parameter.bits == 0 ? 32 : parameter.bits;
    return finish_test(operand, bits, parameter.is_signed, parameter.constants);
  }

  Test make_raw_test() {
    using Kind = Operand::Kind;
    static constexpr Kind kinds[] = {Kind::word, Kind::low,    Kind::high,   Kind::low,
                                     Kind::ip,   Kind::ip_low, Kind::ip_high};
    Operand operand{.kind = one_of(random_, kinds)};
    const bool is_whole = operand.kind == Kind::word || operand.kind == Kind::ip;
    const bool is_ip =
        operand.kind == Kind::ip || operand.kind == Kind::ip_low || operand.kind == Kind::ip_high;
    if (!is_ip)
      operand.index = static_cast<std::uint8_t>(pick(random_, chance(random_, 70) ? 2 : 6));
    return finish_test(operand, is_whole ? 64 : 32, false, nullptr);
  }

  Test finish_test(Operand operand, unsigned bits, bool is_signed, const ConstantSet* set) {
    static constexpr Relation relations[] = {
        Relation::eq, Relation::ne, Relation::lt, Relation::le,     Relation::gt,
        Relation::ge, Relation::in, Relation::in, Relation::not_in, Relation::subset};
    Test test{.operand = std::move(operand), .relation = one_of(random_, relations)};
    if (chance(random_, 30)) test.mask = random_value(bits, false, set);
    const bool is_set = test.relation == Relation::in || test.relation == Relation::not_in;
    const std::size_t count = is_set ? pick(random_, 5) : 1;
    for (std::size_t i = 0; i < count; ++i)
      test.values.push_back(is_set ? random_interval(bits, is_signed && !test.mask, set)
                                   : Interval{random_value(bits, is_signed, set), {}});
    return test;
  }

  Interval random_interval(unsigned bits, bool is_signed, const ConstantSet* set) {
    if (chance(random_, 50)) return {random_value(bits, is_signed, set), {}};
    std::uint64_t first = random_number(random_, bits);
    std::uint64_t last = random_number(random_, bits);
    const std::uint64_t flip = is_signed ? std::uint64_t{1} << (bits - 1) : 0;
    if ((first ^ flip) > (last ^ flip)) std::swap(first, last);
    return {signed_value(first, bits, is_signed), signed_value(last, bits, is_signed)};
  }

  static Value signed_value(std::uint64_t number, unsigned bits, bool is_signed) {
    const bool negative = is_signed && (number >> (bits - 1) & 1) != 0;
    if (!negative) return Value::of(number);
    const std::uint64_t high = bits >= 64 ? 0 : ~std::uint64_t{0} << bits;
    return {.number = number | high, .negative = true};
  }

  Value random_value(unsigned bits, bool is_signed, const ConstantSet* set) {
    Value value;
    if (set != nullptr && chance(random_, 60)) {
      const std::vector<std::string_view> names = constant_names(one_of(random_, arches_), set);
      const std::size_t count = set->is_flags ? 1 + pick(random_, 3) : 1;
      for (std::size_t i = 0; i < count && !names.empty(); ++i)
        value.names.emplace_back(one_of(random_, names));
      if (chance(random_, 15)) value.number = random_number(random_, std::min(bits, 16u));
    } else {
      const bool may_be_negative = is_signed && chance(random_, 50);
      value = signed_value(random_number(random_, bits), bits, may_be_negative);
    }
    value.complement = chance(random_, 10);
    return value;
  }

  static constexpr Condition::Kind empty_kinds[] = {Condition::Kind::all, Condition::Kind::any};

  Random& random_;
  RandomPolicyOptions options_;
  std::vector<Arch> arches_;
  std::vector<const Syscall*> calls_;
  const Syscall* subject_ = nullptr;  ///< the call whose parameters a condition tests
};

inline RandomPolicy random_policy(Random& random, RandomPolicyOptions options = {}) {
  return PolicyGenerator(random, std::move(options)).make();
}

/// Calls at the boundaries of a policy's rules.
class CallGenerator {
 public:
  CallGenerator(const Policy& policy, std::span<const Arch> arches, Random& random)
      : policy_(policy), arches_(arches), random_(random), selection_(policy) {}

  SeccompData make() {
    SeccompData data;
    for (std::uint64_t& word : data.args) word = random_word();
    data.instruction_pointer = random_word();
    Arch arch = arches_.empty() || chance(random_, 4) ? one_of(random_, all_arches)
                                                      : one_of(random_, arches_);
    const Rule* rule = policy_.rules.empty() ? nullptr : &one_of(random_, policy_.rules);
    data.nr = choose_number(rule, arch);
    data.arch = chance(random_, 2) ? static_cast<std::uint32_t>(random_()) : arch_info(arch).audit;
    if (rule == nullptr || chance(random_, 5)) return data;
    const Syscall* call = find_syscall(arch, data.nr);
    meet(rule->condition, arch, call, data);
    if (chance(random_, 20)) dirty_one_bit(data);
    return data;
  }

 private:
  std::uint64_t random_word() {
    const std::uint64_t low = random_number(random_, 32);
    switch (pick(random_, 4)) {
      case 0: return low;
      case 1: return low | 0xffffffff00000000;
      case 2: return random_number(random_, 64);
      default: return low | random_() << 32;
    }
  }

  std::uint32_t choose_number(const Rule* rule, Arch arch) {
    if (chance(random_, 3)) return skipped_call;
    if (chance(random_, 3)) return static_cast<std::uint32_t>(random_());
    const auto all = syscalls(arch);
    if (chance(random_, 8)) {
      const std::uint32_t number = one_of(random_, all).number;
      return number ^ (chance(random_, 50) ? x32_bit : 0);
    }
    if (chance(random_, 5))
      return all.back().number + 1 + static_cast<std::uint32_t>(pick(random_, 9));
    const auto ranges =
        rule == nullptr ? std::vector<NumberRange>{} : selection_.numbers(*rule, arch);
    if (ranges.empty()) return one_of(random_, all).number;
    const NumberRange& range = one_of(random_, ranges);
    switch (pick(random_, 8)) {
      case 0: return range.first - 1;
      case 1: return range.last + 1;
      case 2: return range.last;
      case 3:
        return range.first +
               static_cast<std::uint32_t>(pick(random_, std::size_t{range.last - range.first} + 1));
      default: return range.first;
    }
  }

  /// Puts words near the boundaries of each test; often, not always, so that tests fail as well.
  void meet(const Condition& condition, Arch arch, const Syscall* call, SeccompData& data) {
    for (const Condition& child : condition.children) meet(child, arch, call, data);
    if (condition.kind != Condition::Kind::test || chance(random_, 20)) return;
    const Test& test = condition.test;
    const auto operand = resolve_operand(test.operand, arch, call);
    if (!operand || !operand->testable) return;
    std::uint64_t value = random_number(random_, operand->bits);
    if (!test.values.empty()) {
      const Interval& interval = one_of(random_, test.values);
      const bool from_last = interval.last && chance(random_, 50);
      const auto bound = resolve_value(from_last ? *interval.last : interval.first, arch, *operand);
      if (bound) value = *bound;
      if (chance(random_, 40)) value += chance(random_, 50) ? 1 : ~std::uint64_t{0};
    }
    if (test.mask) value = around_mask(*test.mask, arch, *operand, value);
    if (test.relation == Relation::subset && chance(random_, 50)) value &= random_();
    put(*operand, value, data);
  }

  std::uint64_t around_mask(const Value& mask, Arch arch, const ResolvedOperand& operand,
                            std::uint64_t value) {
    const auto bits = resolve_value(mask, arch, operand);
    if (!bits) return value;
    if (chance(random_, 30)) value ^= *bits & random_();
    return chance(random_, 70) ? value | (random_() & ~*bits) : value;
  }

  /// Writes the bits that count, and into the others of their word what a caller may leave there.
  void put(const ResolvedOperand& operand, std::uint64_t value, SeccompData& data) {
    using Kind = Operand::Kind;
    const bool is_ip =
        operand.kind == Kind::ip || operand.kind == Kind::ip_low || operand.kind == Kind::ip_high;
    std::uint64_t& word = is_ip ? data.instruction_pointer : data.args[operand.low];
    if (operand.kind == Kind::high || operand.kind == Kind::ip_high) {
      word = value << 32 | (word & 0xffffffff);
    } else if (operand.is_pair) {
      word = dirty(value & 0xffffffff, 32);
      data.args[operand.high] = dirty(value >> 32, 32);
    } else if (operand.kind == Kind::low || operand.kind == Kind::ip_low) {
      word = (word & 0xffffffff00000000) | (value & 0xffffffff);
    } else {
      word = dirty(value, operand.bits);
    }
  }

  std::uint64_t dirty(std::uint64_t value, unsigned bits) {
    if (bits >= 64) return value;
    const std::uint64_t low = (std::uint64_t{1} << bits) - 1;
    value &= low;
    switch (pick(random_, 4)) {
      case 0: return value;
      case 1: return value | ~low;
      case 2: return value | (low + 1) << pick(random_, 64 - bits);
      default: return value | (random_() & ~low);
    }
  }

  void dirty_one_bit(SeccompData& data) {
    data.args[pick(random_, 6)] ^= std::uint64_t{1} << pick(random_, 64);
  }

  const Policy& policy_;
  std::span<const Arch> arches_;
  Random& random_;
  Selection selection_;
};

/// `count` calls near the boundaries of the policy's rules: numbers of its selectors and their
/// neighbours, values of its tests and theirs, dirty high halves; also unassigned numbers, ABIs
/// that are not listed, x32's bit and -1.
inline std::vector<SeccompData> interesting_calls(const Policy& policy,
                                                  std::span<const Arch> arches, Random& random,
                                                  std::size_t count) {
  CallGenerator generator(policy, arches, random);
  std::vector<SeccompData> calls;
  calls.reserve(count);
  for (std::size_t i = 0; i < count; ++i) calls.push_back(generator.make());
  return calls;
}

}  // namespace callgate::test

// Policies of many rules with distinct arguments, to see how work grows with their number.
#pragma once

#include <random>
#include <string_view>
#include <utility>

#include "callgate/abi/syscalls.h"
#include "callgate/policy/policy.h"

namespace callgate::test {

/// What the rules of a policy are about.
enum class Shape {
  one_call,    ///< ioctl, another value of one argument in each rule
  many_calls,  ///< 40 calls in turn, another value in each rule
  wide,        ///< 40 calls in turn, another 64-bit value of one of six arguments in each rule
};

inline constexpr std::pair<Shape, std::string_view> shapes[] = {
    {Shape::one_call, "one call, rules with distinct values of one argument"},
    {Shape::many_calls, "40 calls, rules with distinct values of one argument"},
    {Shape::wide, "40 calls, rules with distinct 64-bit values of any argument"},
};

/// For x86-64; always the same for one shape and count.
inline Policy distinct_rules(Shape shape, std::size_t count) {
  constexpr std::size_t ioctl = 16;
  constexpr std::size_t calls_in_turn = 40;
  std::mt19937_64 random(count);
  Policy policy;
  policy.abi = Release{6, 12, 0};
  policy.arches = {Arch::x86_64};
  policy.otherwise = deny(1);
  const auto calls = syscalls(Arch::x86_64);
  for (std::size_t i = 0; i < count; ++i) {
    const bool is_wide = shape == Shape::wide;
    Test test{.operand = {.kind = is_wide ? Operand::Kind::word : Operand::Kind::low, .index = 1}};
    if (is_wide) test.operand.index = static_cast<std::uint8_t>(random() % 6);
    test.values = {{Value::of(is_wide ? random() : random() & 0xffffffff), {}}};
    const std::size_t call = shape == Shape::one_call ? ioctl : i % calls_in_turn;
    policy.rules.push_back({.action = allow,
                            .calls = {Selector::named(std::string(calls[call].name))},
                            .condition = Condition::of(std::move(test))});
  }
  return policy;
}

}  // namespace callgate::test

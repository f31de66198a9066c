#include "scaling.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "compiler/pipeline.h"
#include "distinct_rules.h"
#include "measure.h"

namespace callgate::bench {
namespace {

constexpr Arch arches[] = {Arch::x86_64};
constexpr std::array<std::size_t, 3> fitting{500, 1000, 2000};
constexpr std::size_t too_many = 10'000;

struct Times {
  Series check, build, whole;
  std::size_t instructions = 0;
  std::size_t heap = 0;
};

void measure(const Policy& policy, Times& times) {
  const double start = now();
  const auto checked = check_for(policy, {});
  const double after_check = now();
  const auto built = build(policy, arches, {});
  const double after_build = now();
  const auto compiled = compile(policy);
  const double end = now();
  times.check.add(after_check - start);
  times.build.add(after_build - after_check);
  times.whole.add(end - after_build);
  times.instructions = compiled ? compiled->program.size() : 0;
}

void print_row(std::size_t count, const Times& times) {
  Series proof;
  for (std::size_t i = 0; i < times.whole.values().size(); ++i)
    proof.add(times.whole.values()[i] - times.check.values()[i] - times.build.values()[i]);
  const bool fits = times.instructions != 0;
  fmt::print("| {} | {} | {:.0f} | {:.0f} | {} | {} | {} |\n", count,
             fits ? fmt::format("{}", times.instructions) : "does not fit: error",
             times.check.median(), times.build.median(),
             fits ? fmt::format("{:.0f}", proof.median()) : "", text(times.whole, 0),
             times.heap / 1024);
}

/// The growth of one column over the sizes.
template <class Of>
double growth(const std::array<Times, 4>& all, std::size_t sizes, Of of) {
  std::array<double, 4> counts{};
  std::array<double, 4> medians{};
  for (std::size_t i = 0; i < sizes; ++i) {
    counts[i] = static_cast<double>(i < fitting.size() ? fitting[i] : too_many);
    medians[i] = of(all[i]);
  }
  return exponent(std::span(counts).first(sizes), std::span(medians).first(sizes));
}

void print_shape(test::Shape shape, std::string_view name, std::size_t rounds) {
  std::array<Policy, 4> policies;
  std::array<Times, 4> all;
  const auto size_of = [](std::size_t i) { return i < fitting.size() ? fitting[i] : too_many; };
  for (std::size_t i = 0; i < all.size(); ++i) {
    policies[i] = test::distinct_rules(shape, size_of(i));
    const HeapPeak peak;
    static_cast<void>(compile(policies[i]));
    all[i].heap = peak.bytes();
  }
  for (std::size_t round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < all.size(); ++i) measure(policies[i], all[i]);
  fmt::print("\n**{}**, microseconds:\n\n", name);
  fmt::print(
      "| rules | instructions | check | lower, passes, emit | proof | whole | heap, KiB |\n");
  fmt::print("|---|---|---|---|---|---|---|\n");
  for (std::size_t i = 0; i < all.size(); ++i) print_row(size_of(i), all[i]);
  const auto before_proof = [](const Times& t) { return t.check.median() + t.build.median(); };
  const auto whole = [](const Times& t) { return t.whole.median(); };
  fmt::print("\nExponents: up to the proof {:.2f}, with it {:.2f}, up to the error {:.2f}.\n",
             growth(all, fitting.size(), before_proof), growth(all, fitting.size(), whole),
             growth(all, all.size(), before_proof));
}

}  // namespace

void print_scaling(std::size_t rounds) {
  for (const auto& [shape, name] : test::shapes) print_shape(shape, name, rounds);
  fmt::print("\nn log n from 500 to 2000 rules is an exponent of {:.2f}.\n",
             exponent(std::array{500.0, 1000.0, 2000.0},
                      std::array{500 * 8.966, 1000 * 9.966, 2000 * 10.966}));
}

}  // namespace callgate::bench

#include "compiler/passes/facts.h"

#include <algorithm>
#include <bit>

namespace callgate::passes {
namespace {

/// Each kind of knowledge sharpens the other: a common prefix of the bounds is known bits, known
/// bits move the bounds. Nothing if no value is left.
std::optional<WordFacts> sharpened(WordFacts facts) noexcept {
  if (facts.least > facts.most) return std::nullopt;
  const std::uint32_t differing = facts.least ^ facts.most;
  const std::uint32_t prefix =
      differing == 0 ? 0xffffffff : ~(0xffffffffu >> std::countl_zero(differing));
  facts.ones |= facts.least & prefix;
  facts.zeros |= ~facts.least & prefix;
  if ((facts.ones & facts.zeros) != 0) return std::nullopt;
  facts.least = std::max(facts.least, facts.ones);
  facts.most = std::min(facts.most, ~facts.zeros);
  if (facts.least > facts.most) return std::nullopt;
  return facts;
}

/// The facts of the masked word.
WordFacts masked(WordFacts facts, std::uint32_t mask) noexcept {
  if (mask == no_mask) return facts;
  const WordFacts bits{.zeros = facts.zeros | ~mask, .ones = facts.ones & mask};
  return {bits.ones, ~bits.zeros, bits.zeros, bits.ones};
}

void learn_equal(WordFacts& facts, std::uint32_t mask, std::uint32_t k, bool came_true) noexcept {
  if (came_true) {
    facts.ones |= k;
    facts.zeros |= mask & ~k;
  } else if (std::has_single_bit(mask)) {
    (k == 0 ? facts.ones : facts.zeros) |= mask;
  } else if (mask == no_mask) {
    if (k == facts.least && k != 0xffffffff) ++facts.least;
    if (k == facts.most && k != 0) --facts.most;
  }
}

void learn_set(WordFacts& facts, std::uint32_t bits, bool came_true) noexcept {
  if (!came_true) {
    facts.zeros |= bits;
  } else {
    const std::uint32_t open = bits & ~facts.zeros;
    if (std::has_single_bit(open)) facts.ones |= open;
  }
}

/// (value >= bound) came out so; only an unmasked word has bounds.
void learn_at_least(WordFacts& facts, std::uint32_t bound, bool came_true) noexcept {
  if (came_true) {
    facts.least = std::max(facts.least, bound);
  } else if (bound != 0) {
    facts.most = std::min(facts.most, bound - 1);
  }
}

}  // namespace

std::optional<bool> Facts::outcome(const Node& test) const noexcept {
  const WordFacts facts = masked(words_[test.subject.word], test.subject.mask);
  const std::uint32_t k = test.k;
  switch (test.compare) {
    case Compare::eq:
      if (facts.least == k && facts.most == k) return true;
      if (k < facts.least || k > facts.most || (k & facts.zeros) != 0 || (~k & facts.ones) != 0) {
        return false;
      }
      return std::nullopt;
    case Compare::gt:
      if (facts.least > k) return true;
      if (facts.most <= k) return false;
      return std::nullopt;
    case Compare::ge:
      if (facts.least >= k) return true;
      if (facts.most < k) return false;
      return std::nullopt;
    case Compare::set:
      if ((facts.ones & k) != 0) return true;
      if ((k & ~facts.zeros) == 0) return false;
      return std::nullopt;
  }
  return std::nullopt;
}

void Facts::learn(const Node& test, bool came_true) noexcept {
  WordFacts& known = words_[test.subject.word];
  WordFacts facts = known;
  const std::uint32_t mask = test.subject.mask;
  switch (test.compare) {
    case Compare::eq: learn_equal(facts, mask, test.k, came_true); break;
    case Compare::set: learn_set(facts, test.k & mask, came_true); break;
    case Compare::gt:
      if (mask == no_mask && test.k != 0xffffffff) learn_at_least(facts, test.k + 1, came_true);
      break;
    case Compare::ge:
      if (mask == no_mask) learn_at_least(facts, test.k, came_true);
      break;
  }
  if (const auto sharp = sharpened(facts)) known = *sharp;
}

void Facts::meet(const Facts& other) noexcept {
  for (std::size_t i = 0; i < words_.size(); ++i) {
    WordFacts& mine = words_[i];
    const WordFacts& theirs = other.words_[i];
    mine.least = std::min(mine.least, theirs.least);
    mine.most = std::max(mine.most, theirs.most);
    mine.zeros &= theirs.zeros;
    mine.ones &= theirs.ones;
  }
}

}  // namespace callgate::passes

#include "compiler/word_test.h"

namespace callgate {
namespace {

/// Memory indices of the halves of the 64-bit field that begins at word `first`.
struct Halves {
  std::uint8_t low;
  std::uint8_t high;
};

Halves halves_at(unsigned first, ByteOrder order) {
  const auto one = static_cast<std::uint8_t>(first);
  const auto other = static_cast<std::uint8_t>(first + 1);
  return order == ByteOrder::little ? Halves{one, other} : Halves{other, one};
}

Halves argument(unsigned index, ByteOrder order) { return halves_at(4 + 2 * index, order); }

Halves words_of(const ResolvedOperand& operand, ByteOrder order) {
  constexpr unsigned ip_word = 2;
  const Halves value = argument(operand.low, order);
  const Halves ip = halves_at(ip_word, order);
  if (operand.is_pair) return {value.low, argument(operand.high, order).low};
  switch (operand.kind) {
    case Operand::Kind::high: return {value.high, value.high};
    case Operand::Kind::ip: return ip;
    case Operand::Kind::ip_low: return {ip.low, ip.low};
    case Operand::Kind::ip_high: return {ip.high, ip.high};
    case Operand::Kind::low: return {value.low, value.low};
    case Operand::Kind::parameter:
    case Operand::Kind::word: break;
  }
  return operand.bits > 32 ? value : Halves{value.low, value.low};
}

std::uint64_t ones(unsigned bits) {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

/// What the relations of one test compare with: values in the order of the operand, where a
/// flipped sign bit makes the signed order the unsigned one.
class Comparison {
 public:
  Comparison(const ResolvedOperand& operand, bool is_masked, Arch arch)
      : operand_(operand),
        arch_(arch),
        top_(ones(operand.bits)),
        flip_(operand.is_signed && !is_masked ? std::uint64_t{1} << (operand.bits - 1) : 0) {}

  [[nodiscard]] Result<ValueSet> set_of(const Test& test) const {
    std::vector<ValueRange> ordered;
    for (const Interval& interval : test.values) {
      CALLGATE_TRY(const std::uint64_t first, resolve_value(interval.first, arch_, operand_));
      std::uint64_t last = first;
      if (interval.last) {
        CALLGATE_TRY(last, resolve_value(*interval.last, arch_, operand_));
      }
      ordered.push_back({first ^ flip_, last ^ flip_});
    }
    return unflipped(related(test.relation, merged(std::move(ordered))));
  }

 private:
  /// The values that stand in that relation to the operand's, in flipped order.
  [[nodiscard]] ValueSet related(Relation relation, ValueSet set) const {
    const bool is_ordering = relation == Relation::lt || relation == Relation::le ||
                             relation == Relation::gt || relation == Relation::ge;
    if (is_ordering) {
      const std::uint64_t bound = set.front().first;
      const bool or_equal = relation == Relation::le || relation == Relation::ge;
      if (relation == Relation::lt || relation == Relation::le) return below(bound, or_equal);
      return complement(below(bound, !or_equal), top_);
    }
    const bool is_negated = relation == Relation::ne || relation == Relation::not_in;
    return is_negated ? complement(set, top_) : set;
  }
  [[nodiscard]] static ValueSet below(std::uint64_t bound, bool or_equal) {
    if (or_equal) return {{0, bound}};
    return bound == 0 ? ValueSet{} : ValueSet{{0, bound - 1}};
  }
  /// Back to plain unsigned values: a range across the sign splits in two.
  [[nodiscard]] ValueSet unflipped(const ValueSet& set) const {
    if (flip_ == 0) return set;
    std::vector<ValueRange> plain;
    for (const ValueRange& range : set) {
      if (range.first < flip_ && range.last >= flip_) {
        plain.push_back({range.first ^ flip_, (flip_ - 1) ^ flip_});
        plain.push_back({0, range.last ^ flip_});
      } else {
        plain.push_back({range.first ^ flip_, range.last ^ flip_});
      }
    }
    return merged(std::move(plain));
  }

  const ResolvedOperand& operand_;
  Arch arch_;
  std::uint64_t top_;
  std::uint64_t flip_;
};

}  // namespace

Result<WordTest> resolve_test(const Test& test, Arch arch, const Syscall* call) {
  CALLGATE_TRY(const ResolvedOperand operand, resolve_operand(test.operand, arch, call));
  const Halves words = words_of(operand, arch_info(arch).target.byte_order);
  WordTest result{.low = words.low, .high = words.high, .mask = ones(operand.bits)};
  if (test.mask) {
    CALLGATE_TRY(const std::uint64_t mask, resolve_value(*test.mask, arch, operand));
    result.mask &= mask;
  }
  if (test.relation == Relation::subset) {
    CALLGATE_TRY(const std::uint64_t allowed,
                 resolve_value(test.values.front().first, arch, operand));
    result.mask &= ~allowed;
    result.values = {{0, 0}};
    return result;
  }
  CALLGATE_TRY(result.values, Comparison(operand, test.mask.has_value(), arch).set_of(test));
  return result;
}

}  // namespace callgate

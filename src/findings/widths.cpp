// Parameters that the source compares at another width than the kernel does.
//
// Around each number that a call's conditions compare a word with, values are tried in the forms
// that the kernel takes for the same (dirty upper bits, zero and sign extension) and in forms that
// it takes for different ones (64-bit parameters). Known weakness: numbers that no condition names
// are not tried, and one parameter varies at a time.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "findings/rules.h"

namespace callgate::findings {
namespace {

/// What a call's conditions say of one argument word.
struct WordTests {
  std::set<std::uint64_t> numbers;
  bool is_raw = false;           ///< by `args[i]`, not by the parameter's name
  bool tests_low_alone = false;  ///< `args[i].lo`, but for single bits
  bool tests_high = false;       ///< `args[i].hi` or the whole word
};

/// The low half under a mask down from its top bit: a bound of a power of two.
bool is_low_bound(const Test& test, const Parameter& parameter) {
  const bool is_low = test.operand.kind == Operand::Kind::low ||
                      (parameter.bits == 64 && test.operand.name == parameter.name);
  return is_low && test.mask && !test.mask->complement && test.mask->names.empty() &&
         test.mask->number >> 31 == 1;
}

void add_test(const Test& test, const Parameter& parameter, WordTests& tests) {
  const bool is_bound = is_low_bound(test, parameter);
  const bool is_word = test.operand.kind == Operand::Kind::word;
  const bool is_low = test.operand.kind == Operand::Kind::low;
  const bool is_high = test.operand.kind == Operand::Kind::high;
  const bool is_here = (is_word || is_low || is_high) && test.operand.index == parameter.low;
  if (!is_here && !(is_bound && test.operand.kind == Operand::Kind::parameter)) return;
  tests.is_raw = true;
  if (is_high || is_word) tests.tests_high = true;
  if (is_bound || (is_low && !test.mask)) tests.tests_low_alone = true;
  if (is_bound)
    for (const std::uint64_t more : {0u, 1u})
      tests.numbers.insert((~test.mask->number & 0xffffffff) + more);
  for (const Interval& interval : test.values)
    for (const Value* value : {&interval.first, interval.last ? &*interval.last : nullptr})
      if (value != nullptr && !is_high)
        for (const std::uint64_t near : {value->number - 1, value->number, value->number + 1})
          tests.numbers.insert(near);
}

void add_tests(const Condition& condition, const Parameter& parameter, WordTests& tests) {
  if (condition.kind == Condition::Kind::test) add_test(condition.test, parameter, tests);
  for (const Condition& child : condition.children) add_tests(child, parameter, tests);
}

/// Two calls that the kernel takes for the same, or that it tells apart.
struct Contrast {
  SeccompData first;
  SeccompData second;
};

/// One parameter of one decision.
class Probe {
 public:
  Probe(const Facts& facts, const DecidedCall& decision, const Parameter& parameter)
      : facts_(facts), decision_(decision), parameter_(parameter) {
    for (const DecidedCase& one : decision.cases) add_tests(one.when, parameter, tests_);
  }
  [[nodiscard]] bool is_raw() const { return tests_.is_raw; }

  /// A value that is refused as programs write it and passes with bits set that the kernel drops.
  [[nodiscard]] std::optional<Contrast> evaded() const {
    if (parameter_.bits >= 64) return std::nullopt;
    return search([&](const SeccompData& base, std::uint64_t low) -> std::optional<Contrast> {
      const SeccompData clean = with(base, low);
      if (!denies_return(ret(clean))) return std::nullopt;
      const bool is_negative =
          parameter_.is_signed && (low & std::uint64_t{1} << (parameter_.bits - 1)) != 0;
      for (const std::uint64_t dirt : dirts()) {
        // The other natural form of a negative value is half_negative's.
        if (is_negative && (low | dirt) == (low | ~low_ones(parameter_.bits))) continue;
        const SeccompData dirty = with(base, low | dirt);
        if (permits_return(ret(dirty))) return Contrast{clean, dirty};
      }
      return std::nullopt;
    });
  }

  /// A negative value that passes in one of its two natural forms and not in the other.
  [[nodiscard]] std::optional<Contrast> half_negative() const {
    if (parameter_.bits >= 64 || !parameter_.is_signed) return std::nullopt;
    const std::uint64_t sign = std::uint64_t{1} << (parameter_.bits - 1);
    return search([&](const SeccompData& base, std::uint64_t low) -> std::optional<Contrast> {
      if ((low & sign) == 0) return std::nullopt;
      const SeccompData plain = with(base, low);
      const SeccompData extended = with(base, low | ~low_ones(parameter_.bits));
      if (permits_return(ret(plain)) == permits_return(ret(extended))) return std::nullopt;
      return permits_return(ret(plain)) ? Contrast{plain, extended} : Contrast{extended, plain};
    });
  }

  /// True if the values beside the one that both calls have pass: then what is refused of it is
  /// what the conditions single out.
  [[nodiscard]] bool is_exception(const Contrast& signs) const {
    const std::uint64_t low = signs.first.args[parameter_.low] & low_ones(parameter_.bits);
    return permits_return(ret(with(signs.first, low - 1))) &&
           permits_return(ret(with(signs.first, low + 1)));
  }

  /// Of a 64-bit parameter whose low half alone is tested: a value that passes beside a refused
  /// one, and another that the kernel tells from it and that passes as well.
  [[nodiscard]] std::optional<Contrast> narrowed() const {
    if (parameter_.bits < 64 || !tests_.tests_low_alone || tests_.tests_high) return std::nullopt;
    return search([&](const SeccompData& base, std::uint64_t value) -> std::optional<Contrast> {
      const std::uint64_t low = value & 0xffffffff;
      const SeccompData passes = with(base, low);
      const bool at_edge =
          denies_return(ret(with(base, low + 1))) || denies_return(ret(with(base, low - 1)));
      const SeccompData other = with(base, low | std::uint64_t{1} << 32);
      if (!at_edge || !permits_return(ret(passes)) || !permits_return(ret(other)))
        return std::nullopt;
      return Contrast{passes, other};
    });
  }

  [[nodiscard]] std::uint32_t ret(const SeccompData& data) const {
    return facts_.at(decision_, data);
  }

 private:
  template <class Try>
  std::optional<Contrast> search(const Try& attempt) const {
    for (const DecidedCase& one : decision_.cases) {
      std::set<std::uint64_t> values = tests_.numbers;
      values.insert(one.witness.args[parameter_.low]);
      for (const std::uint64_t value : values)
        if (auto found = attempt(one.witness, value & low_ones(parameter_.bits))) return found;
    }
    return std::nullopt;
  }

  [[nodiscard]] SeccompData with(SeccompData data, std::uint64_t word) const {
    data.args[parameter_.low] = word;
    return data;
  }

  /// Bits above the parameter's: the lowest, all of the upper half, the highest.
  [[nodiscard]] std::vector<std::uint64_t> dirts() const {
    return {std::uint64_t{1} << parameter_.bits, std::uint64_t{1} << 32, 0xffffffff00000000,
            std::uint64_t{1} << 63};
  }

  const Facts& facts_;
  const DecidedCall& decision_;
  const Parameter& parameter_;
  WordTests tests_;
};

Place place_of(const Facts& facts, const DecidedCall& decision) {
  for (const DecidedCase& one : decision.cases)
    if (Place place = facts.place_of(one);
        place.line > 0 && one.when.kind != Condition::Kind::always)
      return place;
  return {};
}

void report(const Facts& facts, const DecidedCall& decision, const Parameter& parameter,
            Findings& out) {
  const Probe probe(facts, decision, parameter);
  if (!probe.is_raw()) return;
  const std::string subject = fmt::format("{} {}", call_label(decision), parameter.name);
  const auto add = [&](std::string id, Severity severity, std::string message, std::string fix,
                       const SeccompData& witness) {
    out.push_back({.id = std::move(id),
                   .severity = severity,
                   .message = std::move(message),
                   .subject = subject,
                   .place = place_of(facts, decision),
                   .witness = witness_of(facts, witness),
                   .fix = std::move(fix)});
  };
  const std::string by_name = fmt::format("test the parameter by its name, `{}`", parameter.name);
  const auto signs = probe.half_negative();
  const auto evaded = probe.evaded();
  if (evaded)
    add("compared-wider", Severity::error,
        fmt::format("{}: `{}` has {} bits in the kernel and is compared with more: {:#x} is "
                    "refused, and passes as {:#x}",
                    call_label(decision), parameter.name, parameter.bits,
                    evaded->first.args[parameter.low], evaded->second.args[parameter.low]),
        by_name, evaded->second);
  else if (signs)
    add("sign-extended", probe.is_exception(*signs) ? Severity::error : Severity::warning,
        fmt::format("{}: `{}` passes as {:#x} and not as {:#x}, which is the same to the kernel",
                    call_label(decision), parameter.name, signs->first.args[parameter.low],
                    signs->second.args[parameter.low]),
        by_name, probe.is_exception(*signs) ? signs->first : signs->second);
  if (const auto narrow = probe.narrowed())
    add("compared-narrower", Severity::warning,
        fmt::format("{}: `{}` has 64 bits in the kernel, of which the low 32 are compared: what "
                    "passes as {:#x} passes as {:#x} as well",
                    call_label(decision), parameter.name, narrow->first.args[parameter.low],
                    narrow->second.args[parameter.low]),
        by_name, narrow->second);
}

}  // namespace

void find_widths(const Facts& facts, Findings& out) {
  for (const DecidedCall& decision : facts.calls()) {
    if (decision.call == nullptr || !decision.arch || decision.cases.size() < 2) continue;
    for (const Parameter& parameter : decision.call->parameters)
      if (parameter.kind == ParameterKind::integer && parameter.placement == Placement::word &&
          parameter.bits != 0)
        report(facts, decision, parameter, out);
  }
}

}  // namespace callgate::findings

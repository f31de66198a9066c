#include "findings/named_tests.h"

#include <algorithm>

#include "findings/rules.h"

namespace callgate::findings {
namespace {

class Renaming {
 public:
  Renaming(const Rule& rule, std::span<const Arch> arches, Selection& selection) {
    for (const Arch arch : arches)
      for (const NumberRange& range : selection.numbers(rule, arch))
        for (std::uint64_t number = range.first; number <= range.last; ++number) {
          const Syscall* call = find_syscall(arch, static_cast<std::uint32_t>(number));
          if (call == nullptr) {
            fail();
            return;
          }
          calls_.push_back(call);
        }
    failed_ = calls_.empty();
  }

  std::optional<Condition> run(Condition condition) {
    rename(condition);
    if (failed_ || !changed_) return std::nullopt;
    return condition;
  }

 private:
  void fail() { failed_ = true; }

  void rename(Condition& condition) {
    if (failed_) return;
    if (condition.kind == Condition::Kind::test) rename(condition.test);
    for (Condition& child : condition.children) rename(child);
  }

  void rename(Test& test) {
    const Operand::Kind kind = test.operand.kind;
    if (kind == Operand::Kind::parameter) return;
    if (kind != Operand::Kind::word && kind != Operand::Kind::low) return fail();
    const Parameter* parameter = parameter_in(test.operand.index);
    if (parameter == nullptr) return fail();
    if (test.mask) cut(*test.mask, *parameter);
    for (Interval& interval : test.values) {
      cut(interval.first, *parameter);
      if (interval.last) cut(*interval.last, *parameter);
    }
    test.operand = {.kind = Operand::Kind::parameter, .name = std::string(parameter->name)};
    changed_ = true;
  }

  /// The integer that every call holds in that word, under one name and width.
  [[nodiscard]] const Parameter* parameter_in(std::uint8_t index) const {
    const Parameter* common = nullptr;
    for (const Syscall* call : calls_) {
      const auto found =
          std::find_if(call->parameters.begin(), call->parameters.end(), [&](const Parameter& one) {
            return one.placement == Placement::word && one.low == index && one.bits != 0 &&
                   one.kind == ParameterKind::integer;
          });
      if (found == call->parameters.end()) return nullptr;
      if (common != nullptr && (common->name != found->name || common->bits != found->bits ||
                                common->is_signed != found->is_signed))
        return nullptr;
      common = &*found;
    }
    return common;
  }

  /// A number as the parameter has it; a negative one may be extended to the word.
  void cut(Value& value, const Parameter& parameter) {
    const std::uint64_t low = low_ones(parameter.bits);
    const std::uint64_t above = value.number & ~low;
    const bool is_negative = parameter.bits < 64 && above == ~low;
    if (!value.names.empty() || value.complement || (above != 0 && !is_negative)) return fail();
    value = Value::of(value.number & low);
  }

  std::vector<const Syscall*> calls_;
  bool failed_ = false;
  bool changed_ = false;
};

}  // namespace

std::optional<Condition> condition_by_names(const Rule& rule, std::span<const Arch> arches,
                                            Selection& selection) {
  return Renaming(rule, arches, selection).run(rule.condition);
}

}  // namespace callgate::findings

// The line that would allow a refused call: it says no more than the policy itself cares about, or,
// where no rule tests this call, than its first enumeration (socket's domain, prctl's option).
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "callgate/abi/constants.h"
#include "callgate/abi/syscalls.h"
#include "callgate/policy/resolve.h"
#include "callgate/supervise/denial.h"

namespace callgate {
namespace {

/// Enumerations that tell operations apart, as the manual pages name them.
constexpr std::array<std::string_view, 9> deciding = {
    "domain", "cmd", "op", "option", "request", "operation", "call", "futex_op", "advice"};

void collect_parameters(const Condition& condition, std::vector<std::string>& names) {
  if (condition.kind == Condition::Kind::test &&
      condition.test.operand.kind == Operand::Kind::parameter &&
      std::find(names.begin(), names.end(), condition.test.operand.name) == names.end()) {
    names.push_back(condition.test.operand.name);
  }
  for (const Condition& child : condition.children) collect_parameters(child, names);
}

bool selects(const Policy& policy, const Rule& rule, Arch arch, std::uint32_t number) {
  for (const NumberRange& range : selected_numbers(policy, rule, arch)) {
    if (range.first <= number && number <= range.last) return true;
  }
  return false;
}

std::vector<std::string> tested_parameters(const Policy& policy, Arch arch, const Syscall& call) {
  std::vector<std::string> names;
  for (const Rule& rule : policy.rules) {
    if (selects(policy, rule, arch, call.number)) collect_parameters(rule.condition, names);
  }
  if (!names.empty()) return names;
  for (const std::string_view name : deciding) {
    const Parameter* parameter = find_parameter(call, name);
    if (parameter != nullptr && parameter->constants != nullptr) return {std::string(name)};
  }
  return names;
}

std::string value_text(Arch arch, const Parameter& parameter, const SeccompData& data) {
  std::uint64_t value = data.args[parameter.low];
  if (parameter.placement == Placement::word_pair) {
    value = (value & 0xffffffff) | data.args[parameter.high] << 32;
  }
  if (parameter.bits < 64) value &= (std::uint64_t{1} << parameter.bits) - 1;
  if (parameter.kind == ParameterKind::pointer) return value == 0 ? "== null" : "!= null";
  return "== " +
         format_value(arch, parameter.constants, value, parameter.bits, parameter.is_signed);
}

std::string listing_line(std::span<const Arch> arches, Arch missing) {
  std::string line = "arches ";
  for (const Arch arch : arches) line += fmt::format("{}, ", arch_info(arch).name);
  return line + std::string(arch_info(missing).name);
}

}  // namespace

std::string allowing_line(const Policy& policy, std::span<const Arch> arches,
                          const SeccompData& data) {
  const auto arch = classify(data.arch, data.nr);
  if (!arch) return {};
  if (std::find(arches.begin(), arches.end(), *arch) == arches.end()) {
    return listing_line(arches, *arch);
  }
  const Syscall* call = find_syscall(*arch, data.nr);
  if (call == nullptr) return fmt::format("allow {}", data.nr);
  std::string conditions;
  for (const std::string& name : tested_parameters(policy, *arch, *call)) {
    const Parameter* parameter = find_parameter(*call, name);
    if (parameter == nullptr || parameter->kind == ParameterKind::unknown ||
        (parameter->placement != Placement::word && parameter->placement != Placement::word_pair)) {
      continue;
    }
    conditions += fmt::format("{}{} {}", conditions.empty() ? " if " : " and ", name,
                              value_text(*arch, *parameter, data));
  }
  return fmt::format("allow {}{}", call->name, conditions);
}

}  // namespace callgate

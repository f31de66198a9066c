#include "policy/rule_names.h"

#include <algorithm>

#include "callgate/abi/groups.h"

namespace callgate::policy {

namespace {

/// Every constant name of every ABI, sorted. Built once: a static of constant data.
const std::vector<std::string_view>& all_constants() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const Arch arch : all_arches) {
      const std::vector<std::string_view> here = constant_names(arch, nullptr);
      all.insert(all.end(), here.begin(), here.end());
    }
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }();
  return names;
}

std::vector<std::string_view> set_constants(const ConstantSet& set) {
  std::vector<std::string_view> all;
  for (const Arch arch : all_arches) {
    const std::vector<std::string_view> here = constant_names(arch, &set);
    all.insert(all.end(), here.begin(), here.end());
  }
  return all;
}

bool has_constant(const ConstantSet& set, std::string_view name) {
  return std::any_of(all_arches.begin(), all_arches.end(),
                     [&](Arch arch) { return find_constant(arch, set, name).has_value(); });
}

std::string quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

}  // namespace

NameFault arch_fault(std::string_view name) {
  std::vector<std::string_view> names;
  names.reserve(std::size(all_arches));
  for (const Arch arch : all_arches) names.push_back(arch_info(arch).name);
  std::string hint = did_you_mean(name, names);
  if (hint.empty()) hint = "known are " + arch_list(all_arches);
  return {"no ABI is named " + quoted(name), std::move(hint)};
}

void RuleNames::collect_calls() {
  if (std::exchange(is_collected_, true)) return;
  const auto add = [&](std::string_view name) {
    for (const Arch arch : all_arches) {
      const bool excluded =
          !rule_.arches.empty() &&
          std::find(rule_.arches.begin(), rule_.arches.end(), arch) == rule_.arches.end();
      const Syscall* call = excluded ? nullptr : find_syscall(arch, name);
      if (call == nullptr) continue;
      calls_.push_back(call);
      is_open_ = is_open_ || !call->signature_known;
    }
  };
  for (const Selector& selector : rule_.calls) {
    if (selector.kind == Selector::Kind::name) add(selector.name);
    if (selector.kind == Selector::Kind::group)
      if (const Group* group = find_group(selector.name))
        for (const std::string_view form : group->calls) add(form);
    if (selector.kind == Selector::Kind::numbers || selector.kind == Selector::Kind::any)
      is_open_ = true;
  }
  is_open_ = is_open_ || calls_.empty();
}

const RuleNames::Facts& RuleNames::facts(const std::string& parameter) {
  collect_calls();
  const auto [entry, is_new] = facts_.try_emplace(parameter);
  if (!is_new) return entry->second;
  Facts& out = entry->second;
  for (const Syscall* call : calls_) {
    const Parameter* found = find_parameter(*call, parameter);
    if (found == nullptr) continue;
    out.is_known = true;
    out.is_pointer = out.is_pointer || found->kind == ParameterKind::pointer;
    if (found->constants == nullptr)
      out.takes_any = true;
    else if (std::find(out.sets.begin(), out.sets.end(), found->constants) == out.sets.end())
      out.sets.push_back(found->constants);
  }
  return out;
}

std::optional<NameFault> RuleNames::parameter_fault(const std::string& parameter) {
  if (facts(parameter).is_known || is_open_) return {};
  std::vector<std::string_view> names;
  for (const Syscall* call : calls_)
    for (const Parameter& each : call->parameters)
      if (std::find(names.begin(), names.end(), each.name) == names.end())
        names.push_back(each.name);
  std::string hint = did_you_mean(parameter, names);
  if (hint.empty())
    for (const std::string_view name : names)
      hint += (hint.empty() ? "there is " : ", ") + std::string(name);
  const bool one = rule_.calls.size() == 1;
  return NameFault{
      one ? std::string(calls_.front()->name) + " has no parameter " + quoted(parameter)
          : "no call of this rule has a parameter " + quoted(parameter),
      hint.empty() ? "it has none" : hint};
}

std::optional<NameFault> RuleNames::constant_fault(const std::string& parameter,
                                                   std::string_view constant) {
  static const Facts nothing;
  const Facts& known = parameter.empty() ? nothing : facts(parameter);
  const bool is_bound = known.is_known && !known.takes_any && !is_open_ && !known.sets.empty();
  if (!is_bound) {
    const auto& names = all_constants();
    if (std::binary_search(names.begin(), names.end(), constant)) return {};
    return NameFault{"no constant is named " + quoted(constant), did_you_mean(constant, names)};
  }
  std::vector<std::string_view> names;
  std::string sets;
  for (const ConstantSet* set : known.sets) {
    if (has_constant(*set, constant)) return {};
    const std::vector<std::string_view> here = set_constants(*set);
    names.insert(names.end(), here.begin(), here.end());
    sets += (sets.empty() ? "" : " and ") + std::string(set->name);
  }
  return NameFault{"no constant " + quoted(constant) + " among " + sets,
                   did_you_mean(constant, names)};
}

bool RuleNames::is_pointer(const std::string& parameter) { return facts(parameter).is_pointer; }

std::string_view RuleNames::parameter_in_word(std::uint8_t index) {
  collect_calls();
  for (const Syscall* call : calls_)
    for (const Parameter& each : call->parameters)
      if (each.kind == ParameterKind::integer && each.placement == Placement::word &&
          each.low == index)
        return each.name;
  return {};
}

}  // namespace callgate::policy

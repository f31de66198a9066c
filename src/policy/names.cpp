#include "policy/names.h"

#include <vector>

#include "callgate/abi/groups.h"
#include "callgate/abi/syscalls.h"
#include "callgate/base/diagnostic.h"

namespace callgate::policy {

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates,
                         std::string_view prefix) {
  const std::string_view likely = nearest(word, candidates);
  if (likely.empty()) return {};
  return "did you mean `" + std::string(prefix) + std::string(likely) + "`?";
}

std::optional<NameFault> call_fault(std::string_view name) {
  if (is_syscall_name(name)) return {};
  std::string hint = find_group(name) != nullptr ? "a group is written @" + std::string(name)
                                                 : did_you_mean(name, syscall_names());
  return NameFault{"no system call is named `" + std::string(name) + "`", std::move(hint)};
}

std::optional<NameFault> group_fault(std::string_view name) {
  if (find_group(name) != nullptr) return {};
  std::vector<std::string_view> names;
  for (const Group& group : groups()) names.push_back(group.name);
  std::string hint = is_syscall_name(name)
                         ? "the call is written " + std::string(name) + ", without the @"
                         : did_you_mean(name, names, "@");
  return NameFault{"there is no group `@" + std::string(name) + "`", std::move(hint)};
}

std::string arch_list(std::span<const Arch> arches) {
  std::string text;
  for (const Arch arch : arches) {
    if (!text.empty()) text += ", ";
    text += arch_info(arch).name;
  }
  return text;
}

}  // namespace callgate::policy

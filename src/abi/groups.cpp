// Operation groups. A name stands in a group if it performs the group's operation on some ABI.
#include "callgate/abi/groups.h"

#include <algorithm>

namespace callgate {
namespace {

using Names = const std::string_view[];

constexpr Names clone_calls = {"clone", "clone3"};
constexpr Names fork_calls = {"fork", "vfork", "clone", "clone3"};
constexpr Names mmap_calls = {"mmap", "mmap2"};
constexpr Names open_calls = {"creat", "open", "openat", "openat2"};
constexpr Names sigreturn_calls = {"sigreturn", "rt_sigreturn"};
constexpr Names socket_calls = {"socket", "socketcall"};

constexpr Group all_groups[] = {
    {"clone", "a new process or thread with flags", clone_calls},
    {"fork", "a new process or thread by any call", fork_calls},
    {"mmap", "map memory", mmap_calls},
    {"open", "open a file by name", open_calls},
    {"sigreturn", "return from a signal handler", sigreturn_calls},
    {"socket", "make a socket", socket_calls},
};

}  // namespace

std::span<const Group> groups() noexcept { return all_groups; }

const Group* find_group(std::string_view name) noexcept {
  const auto* found = std::ranges::find(all_groups, name, &Group::name);
  return found != std::end(all_groups) ? found : nullptr;
}

}  // namespace callgate

// Look-ups allocate nothing: this program counts what operator new hands out.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <new>

#include "callgate/abi/constants.h"
#include "callgate/abi/groups.h"

namespace {
std::size_t allocations = 0;
}

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size != 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace callgate {
namespace {

TEST(Allocation, LookUpsNeedNone) {
  const std::size_t before = allocations;
  std::size_t found = 0;
  for (const Arch arch : all_arches) {
    for (const std::string_view name : syscall_names()) {
      const Syscall* call = find_syscall(arch, name);
      if (call == nullptr) continue;
      found += find_syscall(arch, call->number) == call ? 1 : 0;
      for (const Parameter& parameter : call->parameters)
        found += find_parameter(*call, parameter.name) == &parameter ? 1 : 0;
    }
    found += find_constant(arch, "CLONE_NEWUSER") ? 1 : 0;
    found += find_errno("EPERM") && find_group("mmap") != nullptr ? 1 : 0;
    found += find_arch(arch_info(arch).oci_name) && parse_release("6.12") ? 1 : 0;
  }
  EXPECT_EQ(allocations, before);
  EXPECT_GT(found, 5000u);
  const auto counted = std::make_unique<int>(1);
  EXPECT_GT(allocations, before) << "the counter does not count";
}

}  // namespace
}  // namespace callgate

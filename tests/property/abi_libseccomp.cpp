// Numbers of every ABI that Debian's libseccomp knows, name by name.
#include <gtest/gtest.h>

#include "callgate/abi/syscalls.h"
#include "libseccomp_peer.h"

namespace callgate::test {
namespace {

class EachArch : public testing::TestWithParam<Arch> {};
INSTANTIATE_TEST_SUITE_P(Numbers, EachArch, testing::ValuesIn(all_arches),
                         [](const auto& each) { return std::string(arch_info(each.param).name); });

/// Calls that socketcall and ipc carry: libseccomp gives them negative numbers of its own.
bool is_carried(Arch arch, std::string_view name) {
  for (const std::string_view carrier : {"socketcall", "ipc"}) {
    const Syscall* call = find_syscall(arch, carrier);
    if (call == nullptr) continue;
    for (const Multiplexed& carried : call->multiplexes)
      if (carried.name == name) return true;
  }
  return false;
}

TEST_P(EachArch, AsLibseccompResolvesThem) {
  const Libseccomp* library = Libseccomp::get();
  if (library == nullptr) GTEST_SKIP() << "libseccomp is not installed";
  const Arch arch = GetParam();
  const std::uint32_t token = Libseccomp::token(arch);
  if (library->resolve_name_arch(token, "read") < 0)
    GTEST_SKIP() << "this libseccomp does not know " << arch_info(arch).name;
  const Release level{5, 17};  // the oldest libseccomp that is looked at, 2.5.4, knows that much
  std::size_t equal = 0;
  for (const std::string_view name : syscall_names()) {
    const int theirs = library->resolve_name_arch(token, std::string(name).c_str());
    const Syscall* ours = find_syscall(arch, name);
    // A call of the 32-bit ABI alone (arch/parisc/kernel/syscalls/syscall.tbl of Linux 6.12).
    if (arch == Arch::parisc64 && name == "_llseek") continue;
    if (theirs >= 0) {
      ASSERT_NE(ours, nullptr) << name << " is " << theirs << " to libseccomp";
      EXPECT_EQ(ours->number, static_cast<std::uint32_t>(theirs)) << name;
      ++equal;
    } else if (ours != nullptr && ours->since <= level) {
      EXPECT_TRUE(is_carried(arch, name)) << name << " is " << ours->number << " to callgate";
    }
  }
  EXPECT_GT(equal, 250u);
}

}  // namespace
}  // namespace callgate::test

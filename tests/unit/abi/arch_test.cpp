#include "callgate/abi/arch.h"

#include <gtest/gtest.h>

#include "callgate/abi/action.h"

namespace callgate {
namespace {

TEST(Classify, EdgesOfX32) {
  const std::uint32_t x86 = arch_info(Arch::x86_64).audit;
  EXPECT_EQ(classify(x86, 0), Arch::x86_64);
  EXPECT_EQ(classify(x86, 0x3fffffff), Arch::x86_64);
  EXPECT_EQ(classify(x86, 0x40000000), Arch::x32);
  EXPECT_EQ(classify(x86, 0x80000000), Arch::x32);
  EXPECT_EQ(classify(x86, 0xfffffffe), Arch::x32);
  EXPECT_EQ(classify(x86, skipped_call), Arch::x86_64);
}

TEST(Classify, OtherAudits) {
  EXPECT_EQ(classify(0x40000003, 0x40000000), Arch::i386);
  EXPECT_EQ(classify(0xc00000b7, 63), Arch::aarch64);
  EXPECT_EQ(classify(0x40000028, 0xf0005), Arch::arm);
  EXPECT_EQ(classify(0, 0), std::nullopt);
  EXPECT_EQ(classify(0x80000016, 1), std::nullopt);
}

TEST(FindArch, EveryName) {
  for (const Arch arch : all_arches) {
    EXPECT_EQ(find_arch(arch_info(arch).name), arch);
    EXPECT_EQ(find_arch(arch_info(arch).oci_name), arch);
    EXPECT_EQ(arch_info(arch).arch, arch);
  }
  EXPECT_EQ(find_arch("amd64"), Arch::x86_64);
  EXPECT_EQ(find_arch("arm64"), Arch::aarch64);
  EXPECT_EQ(find_arch("i686"), Arch::i386);
  EXPECT_EQ(find_arch("armv7l"), Arch::arm);
  EXPECT_EQ(find_arch(""), std::nullopt);
  EXPECT_EQ(find_arch("X86_64"), std::nullopt);
}

TEST(Releases, ReadAndWritten) {
  EXPECT_EQ(parse_release("6.12"), (Release{6, 12}));
  EXPECT_EQ(parse_release("2.6.39"), (Release{2, 6, 39}));
  EXPECT_EQ(parse_release("6.18.44-fc-v669"), (Release{6, 18, 44}));
  EXPECT_EQ(parse_release("6.12-rc1"), (Release{6, 12}));
  EXPECT_EQ(parse_release("6.1.0-28-cloud-amd64"), (Release{6, 1, 0}));
  for (const std::string_view bad :
       {"", "6", "6.", ".6", "a.b", "6.x", "70000.1", "6.12x", "-1.2", "6.12.", " 6.12"})
    EXPECT_EQ(parse_release(bad), std::nullopt) << bad;
  EXPECT_EQ(to_string(Release{6, 12}), "6.12");
  EXPECT_EQ(to_string(Release{2, 6, 12}), "2.6.12");
  EXPECT_LT((Release{2, 6, 39}), (Release{3, 0}));
}

TEST(Actions, Texts) {
  EXPECT_EQ(to_string(allow), "allow");
  EXPECT_EQ(to_string(log_), "log");
  EXPECT_EQ(to_string(deny(1)), "errno(EPERM)");
  EXPECT_EQ(to_string(deny(999)), "errno(999)");
  EXPECT_EQ(to_string(Action{ActionKind::errno_, 0}), "errno(0)");
  EXPECT_EQ(to_string(trap()), "trap");
  EXPECT_EQ(to_string(trap(3)), "trap(3)");
  EXPECT_EQ(to_string(trace_(0)), "trace(0)");
  EXPECT_EQ(to_string(trace_(7)), "trace(7)");
  EXPECT_EQ(to_string(notify), "notify");
  EXPECT_EQ(to_string(kill_thread), "kill_thread");
  EXPECT_EQ(to_string(kill_process), "kill_process");
}

TEST(Actions, ReturnValues) {
  for (const Action action : {allow, log_, deny(38), trap(5), trace_(6), notify, kill_thread,
                              kill_process, Action{ActionKind::allow, 1}})
    EXPECT_EQ(action_of(action.ret()), action);
  EXPECT_EQ(action_of(0x7fff0001), (Action{ActionKind::allow, 1}));
  EXPECT_EQ(action_of(0x00010000), std::nullopt);
  EXPECT_EQ(action_of(0xffffffff), std::nullopt);
}

}  // namespace
}  // namespace callgate

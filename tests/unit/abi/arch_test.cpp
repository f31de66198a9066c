#include "callgate/abi/arch.h"

#include <gtest/gtest.h>
#include <linux/audit.h>

#include <utility>

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
  EXPECT_EQ(classify(0x80000016, 1), Arch::s390x);
  EXPECT_EQ(classify(0x00000008, 4001), Arch::mips);
  EXPECT_EQ(classify(0xe0000008, 6000), Arch::mipsel64n32);
  EXPECT_EQ(classify(0x80000015, 1), Arch::ppc64);
  EXPECT_EQ(classify(0x00000015, 1), std::nullopt);
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
  EXPECT_EQ(find_arch("mips64"), Arch::mips64);
  EXPECT_EQ(find_arch("mips64el"), Arch::mipsel64);
  EXPECT_EQ(find_arch("ppc64el"), Arch::ppc64le);
  EXPECT_EQ(find_arch("hppa"), Arch::parisc);
}

/// AUDIT_ARCH_* of <linux/audit.h>.
TEST(ArchInfo, AuditNumbersOfTheHeader) {
  const std::pair<Arch, std::uint32_t> rows[] = {{Arch::x86_64, AUDIT_ARCH_X86_64},
                                                 {Arch::i386, AUDIT_ARCH_I386},
                                                 {Arch::x32, AUDIT_ARCH_X86_64},
                                                 {Arch::aarch64, AUDIT_ARCH_AARCH64},
                                                 {Arch::arm, AUDIT_ARCH_ARM},
                                                 {Arch::loongarch64, AUDIT_ARCH_LOONGARCH64},
                                                 {Arch::m68k, AUDIT_ARCH_M68K},
                                                 {Arch::mips, AUDIT_ARCH_MIPS},
                                                 {Arch::mips64, AUDIT_ARCH_MIPS64},
                                                 {Arch::mips64n32, AUDIT_ARCH_MIPS64N32},
                                                 {Arch::mipsel, AUDIT_ARCH_MIPSEL},
                                                 {Arch::mipsel64, AUDIT_ARCH_MIPSEL64},
                                                 {Arch::mipsel64n32, AUDIT_ARCH_MIPSEL64N32},
                                                 {Arch::parisc, AUDIT_ARCH_PARISC},
                                                 {Arch::parisc64, AUDIT_ARCH_PARISC64},
                                                 {Arch::ppc, AUDIT_ARCH_PPC},
                                                 {Arch::ppc64, AUDIT_ARCH_PPC64},
                                                 {Arch::ppc64le, AUDIT_ARCH_PPC64LE},
                                                 {Arch::s390, AUDIT_ARCH_S390},
                                                 {Arch::s390x, AUDIT_ARCH_S390X},
                                                 {Arch::riscv64, AUDIT_ARCH_RISCV64},
                                                 {Arch::sheb, AUDIT_ARCH_SH},
                                                 {Arch::sh, AUDIT_ARCH_SHEL}};
  EXPECT_EQ(std::size(rows), all_arches.size());
  for (const auto& [arch, audit] : rows)
    EXPECT_EQ(arch_info(arch).audit, audit) << arch_info(arch).name;
}

TEST(ArchInfo, MachinesAreOfOneByteOrder) {
  for (const Arch arch : all_arches) {
    const ArchInfo& info = arch_info(arch);
    EXPECT_EQ(info.target, arch_info(info.native).target) << info.name;
    EXPECT_EQ(arch_info(info.native).native, info.native) << info.name;
    const bool is_little = info.target.byte_order == ByteOrder::little;
    EXPECT_EQ((info.audit & 0x40000000) != 0, is_little) << info.name;
    EXPECT_EQ((info.audit & 0x80000000) != 0, info.word_bits == 64) << info.name;
  }
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

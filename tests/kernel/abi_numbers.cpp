// What the tables call unassigned, the running kernel does not have: every number of a gap, and
// those past the end, give ENOSYS.
#include <gtest/gtest.h>
#include <sys/utsname.h>

#include "kernel/abi_entry.h"

namespace callgate {
namespace {

/// A number that the kernel answers though the tables do not assign it; none if there is no such.
/// The child that asks gives it as its status; arguments are all ones, so that little can work.
std::optional<std::uint32_t> stranger(Arch arch, std::uint32_t first, std::uint32_t last) {
  for (std::uint32_t number = first; number <= last; ++number) {
    if (find_syscall(arch, number) != nullptr) continue;
    const pid_t child = ::fork();
    if (child == 0) {
      test::Words words;
      words.fill(~std::uint64_t{0});
      ::_exit(test::enter(arch, number, words) == -ENOSYS ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (status != 0) return number;
  }
  return std::nullopt;
}

TEST(Numbers, GapsAreGaps) {
  utsname name{};
  ASSERT_EQ(::uname(&name), 0);
  const std::optional<Release> running = parse_release(name.release);
  ASSERT_TRUE(running) << name.release;
  const Release newest = newest_release();
  if (std::pair(running->major, running->minor) > std::pair(newest.major, newest.minor))
    GTEST_SKIP() << "the kernel is " << name.release << ", the tables end at " << to_string(newest);
  EXPECT_EQ(stranger(native_arch(), 0, 700), std::nullopt);
  if (native_arch() != Arch::x86_64) return;
  if (!test::has_abi(Arch::i386)) GTEST_SKIP() << "this kernel does not serve i386";
  EXPECT_EQ(stranger(Arch::i386, 0, 700), std::nullopt);
}

}  // namespace
}  // namespace callgate

// Each allocation of the C API fails once: no exception leaves, nothing is half done.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string_view>

#include "callgate.h"
#include "scale.h"

namespace {
/// Allocations of this thread until one fails; negative: none does.
thread_local long left = -1;

void* allocate(std::size_t size) {
  if (left == 0) throw std::bad_alloc();
  if (left > 0) --left;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace callgate {
namespace {

constexpr std::string_view text =
    "policy worker\nabi 6.12\notherwise errno(EPERM)\nallow @stdio\nallow socket if domain in {1, "
    "2}\n";

/// Runs `call`, which returns whether it succeeded, with the n-th allocation failing and all behind
/// it, for growing n until it succeeds.
template <class Call>
long failures_of(Call&& call) {
  const long growth = static_cast<long>(test::scaled(8, 64));
  long failed = 0;
  for (long n = 0; n < 100'000'000; n += 1 + n / growth) {
    callgate_error* why = nullptr;
    left = n;
    const bool done = call(&why);
    left = -1;
    if (done) {
      EXPECT_EQ(why, nullptr);
      return failed;
    }
    EXPECT_STREQ(callgate_error_text(why), "error: out of memory\n") << n;
    callgate_error_free(why);
    ++failed;
    if (testing::Test::HasFailure()) break;
  }
  return -1;
}

TEST(Memory, ItsLackIsAnErrorEverywhere) {
  callgate_policy* policy = nullptr;
  EXPECT_GT(failures_of([&](auto why) {
              policy = callgate_policy_parse(text.data(), text.size(), "w.policy", why);
              return policy != nullptr;
            }),
            5);
  EXPECT_GT(
      failures_of([&](auto why) { return callgate_policy_add(policy, "allow getpid", why) == 0; }),
      5);
  char* said = nullptr;
  EXPECT_GT(failures_of([&](auto why) {
              said = callgate_policy_check(policy, nullptr, why);
              return said != nullptr;
            }),
            2);
  callgate_text_free(said);
  callgate_program* program = nullptr;
  EXPECT_GT(failures_of([&](auto why) {
              program = callgate_compile(policy, nullptr, why);
              return program != nullptr;
            }),
            20);
  callgate_program_free(program);
  callgate_policy_free(policy);
  callgate_policy* promised = nullptr;
  EXPECT_GT(failures_of([&](auto why) {
              promised = callgate_policy_promised("stdio inet", why);
              return promised != nullptr;
            }),
            5);
  callgate_policy_free(promised);
}

}  // namespace
}  // namespace callgate

// callgate.h as a caller sees it, without putting anything into force.
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <string>

#include "callgate.h"
#include "callgate/abi/syscalls.h"
#include "callgate/bpf/program.h"
#include "callgate/policy/builder.h"

namespace callgate {
namespace {

struct Free {
  void operator()(callgate_error* error) const { callgate_error_free(error); }
  void operator()(callgate_policy* policy) const { callgate_policy_free(policy); }
  void operator()(callgate_program* program) const { callgate_program_free(program); }
  void operator()(char* text) const { callgate_text_free(text); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

/// Calls with a place for the error, and gives its text.
template <class Call>
std::string error_of(Call&& call) {
  callgate_error* why = nullptr;
  call(&why);
  const Owned<callgate_error> owned(why);
  return callgate_error_text(why);
}

Owned<callgate_policy> parsed(std::string_view text, callgate_error** why = nullptr) {
  return Owned<callgate_policy>(callgate_policy_parse(text.data(), text.size(), "w.policy", why));
}

constexpr std::string_view worker =
    "policy worker\nabi 6.12\notherwise errno(EPERM)\nallow read, write\n";

TEST(CApi, APolicyIsReadExtendedAndPrinted) {
  const auto policy = parsed(worker);
  ASSERT_TRUE(policy);
  EXPECT_EQ(callgate_policy_add(policy.get(), "kill_process ptrace\nallow getpid", nullptr), 0);
  const Owned<char> text(callgate_policy_text(policy.get()));
  const auto again = parsed(text.get());
  ASSERT_TRUE(again);
  const Owned<char> twice(callgate_policy_text(again.get()));
  EXPECT_STREQ(text.get(), twice.get());
  EXPECT_NE(std::strstr(text.get(), "ptrace"), nullptr);
}

TEST(CApi, AProgramDecidesAsThePolicySays) {
  const auto policy = parsed(worker);
  const Owned<callgate_program> program(callgate_compile(policy.get(), nullptr, nullptr));
  ASSERT_TRUE(program);
  size_t size = 0;
  ASSERT_NE(callgate_program_bytes(program.get(), &size), nullptr);
  EXPECT_EQ(size % 8, 0u);
  EXPECT_GT(size, 8u * 4);
  const auto verdict = [&](std::string_view call) {
    return callgate_program_verdict(program.get(), arch_info(native_arch()).audit,
                                    find_syscall(native_arch(), call)->number, 0, nullptr);
  };
  EXPECT_EQ(verdict("read"), allow.ret());
  EXPECT_EQ(verdict("openat"), deny(EPERM).ret());
}

TEST(CApi, ArgumentsAreLookedAt) {
  const auto policy = parsed("abi 6.12\notherwise errno(EPERM)\nallow close if fd == 7\n");
  const Owned<callgate_program> program(callgate_compile(policy.get(), "x86_64", nullptr));
  ASSERT_TRUE(program);
  const auto verdict = [&](std::uint64_t fd) {
    const std::uint64_t arguments[6] = {fd};
    return callgate_program_verdict(program.get(), arch_info(Arch::x86_64).audit,
                                    find_syscall(Arch::x86_64, "close")->number, 0, arguments);
  };
  EXPECT_EQ(verdict(7), allow.ret());
  EXPECT_EQ(verdict(8), deny(EPERM).ret());
}

TEST(CApi, CheckSaysWhatThereIsToSay) {
  const auto policy = parsed("abi 6.12\notherwise errno(EPERM)\nallow read\nallow read\n");
  const Owned<char> said(callgate_policy_check(policy.get(), "x86_64,aarch64", nullptr));
  EXPECT_NE(std::strstr(said.get(), "w.policy:4:"), nullptr) << said.get();
  const auto good = parsed(worker);
  const Owned<char> nothing(callgate_policy_check(good.get(), nullptr, nullptr));
  EXPECT_STREQ(nothing.get(), "");
}

TEST(CApi, EveryMistakeIsSaid) {
  const auto policy = parsed(worker);
  struct Row {
    std::string said, expected;
  };
  const Row rows[] = {
      {error_of([](auto why) { parsed("otherwise errno(EPERM)\nallow raed\n", why); }),
       "w.policy:2:7: error:"},
      {error_of([](auto why) { callgate_policy_read("/nonexistent/x.policy", why); }),
       "/nonexistent/x.policy"},
      {error_of([](auto why) { callgate_policy_promised("stdio inett", why); }), "inett"},
      {error_of([&](auto why) { callgate_policy_add(policy.get(), "otherwise allow", why); }),
       "what is added can only be rules"},
      {error_of([&](auto why) { callgate_compile(policy.get(), "x86_65", why); }), "`x86_65`"},
      {error_of([](auto why) { callgate_policy_parse(nullptr, 0, nullptr, why); }), "no text"},
      {error_of([](auto why) { callgate_policy_read(nullptr, why); }), "no path"},
      {error_of([](auto why) { callgate_policy_check(nullptr, nullptr, why); }), "no policy"},
      {error_of([](auto why) { callgate_compile(nullptr, nullptr, why); }), "no policy"},
      {error_of([](auto why) { callgate_confine(nullptr, nullptr, why); }), "no promises"},
      {error_of([](auto why) { callgate_confine_policy(nullptr, nullptr, why); }), "no policy"},
      {error_of([](auto why) { callgate_program_install(nullptr, nullptr, why); }), "no program"},
      {error_of([](auto why) { callgate_shared_memory(0, why); }), "Invalid argument"},
  };
  for (const Row& row : rows)
    EXPECT_NE(row.said.find(row.expected), std::string::npos) << row.expected << ": " << row.said;
  // The policy that could not be extended is as it was.
  const Owned<char> text(callgate_policy_text(policy.get()));
  const Owned<char> whole(callgate_policy_text(parsed(worker).get()));
  EXPECT_STREQ(text.get(), whole.get());
}

TEST(CApi, NothingIsAValidObjectToFree) {
  callgate_error_free(nullptr);
  callgate_policy_free(nullptr);
  callgate_program_free(nullptr);
  callgate_text_free(nullptr);
  callgate_shared_memory_free(nullptr, 0);
  EXPECT_STREQ(callgate_error_text(nullptr), "");
  EXPECT_EQ(callgate_policy_text(nullptr), nullptr);
  EXPECT_EQ(callgate_program_bytes(nullptr, nullptr), nullptr);
  EXPECT_EQ(callgate_program_verdict(nullptr, 0, 0, 0, nullptr), kill_process.ret());
}

/// A caller that was compiled against a later release.
struct Later {
  callgate_options known{};
  int added = 0;
};

TEST(CApi, OptionsOfOtherReleasesAreNotGuessedAt) {
  const auto said = [](const callgate_options& options) {
    return error_of([&](auto why) { EXPECT_EQ(callgate_confine("nothing", &options, why), -1); });
  };
  // Right options get as far as the promise that there is not.
  const std::string past = "`nothing`";
  EXPECT_NE(said({.size = sizeof(callgate_options)}).find(past), std::string::npos);
  EXPECT_NE(said({.size = 4}).find("callgate_options.size"), std::string::npos);
  EXPECT_NE(said({.size = 1u << 30}).find("callgate_options.size"), std::string::npos);
  EXPECT_NE(said({.size = sizeof(callgate_options), .log = 2}).find("neither 0 nor 1"),
            std::string::npos);
  EXPECT_NE(said({.size = sizeof(callgate_options), .debug_fd = -1}).find("negative"),
            std::string::npos);
  Later later;
  later.known.size = sizeof later;
  EXPECT_NE(said(later.known).find(past), std::string::npos);
  later.added = 1;
  EXPECT_NE(said(later.known).find("does not know"), std::string::npos);
}

TEST(CApi, AProgramHasNoRulesToReport) {
  const auto policy = parsed(worker);
  const Owned<callgate_program> program(callgate_compile(policy.get(), nullptr, nullptr));
  const callgate_options options{.size = sizeof options, .debug = 1};
  EXPECT_NE(error_of([&](auto why) {
              callgate_program_install(program.get(), &options, why);
            }).find("use callgate_confine_policy"),
            std::string::npos);
}

std::int64_t sum(void* memory, size_t size, void* context) {
  auto* bytes = static_cast<unsigned char*>(memory);
  std::int64_t total = *static_cast<int*>(context);
  for (size_t i = 0; i + 1 < size; ++i) total += bytes[i];
  bytes[size - 1] = 0xee;
  return total;
}
std::int64_t open_a_file(void*, size_t, void*) { return std::fopen("/etc/passwd", "r") != nullptr; }

class Strict : public testing::TestWithParam<int> {
 protected:
  callgate_strict_options options_{.size = sizeof options_, .by_filter = GetParam()};
  callgate_strict_outcome outcome_{};
};
INSTANTIATE_TEST_SUITE_P(Both, Strict, testing::Values(0, 1));

TEST_P(Strict, AFunctionReturnsAndWritesToTheMemory) {
  void* memory = callgate_shared_memory(64, nullptr);
  ASSERT_NE(memory, nullptr);
  std::memset(memory, 2, 64);
  int start = 100;
  const std::string why = error_of([&](auto place) {
    callgate_strict_call(sum, &start, memory, 64, &options_, &outcome_, place);
  });
  if (why.find("strict mode is refused") != std::string::npos) GTEST_SKIP() << why;
  ASSERT_EQ(why, "");
  EXPECT_EQ(outcome_.end, CALLGATE_RETURNED);
  EXPECT_EQ(outcome_.value, 100 + 63 * 2);
  EXPECT_EQ(static_cast<unsigned char*>(memory)[63], 0xee);
  callgate_shared_memory_free(memory, 64);
}

TEST_P(Strict, ADeathNamesTheCall) {
  const std::string why = error_of([&](auto place) {
    callgate_strict_call(open_a_file, nullptr, nullptr, 0, &options_, &outcome_, place);
  });
  if (why.find("strict mode is refused") != std::string::npos) GTEST_SKIP() << why;
  ASSERT_EQ(why, "");
  if (outcome_.unwatched == 1) GTEST_SKIP() << "ptrace is refused here";
  EXPECT_EQ(outcome_.end, CALLGATE_DENIED);
#ifdef __x86_64__
  ASSERT_EQ(outcome_.has_call, 1);
  EXPECT_EQ(outcome_.call, find_syscall(Arch::x86_64, "openat")->number);
#endif
}

TEST(CApi, StrictOptionsAreLookedAt) {
  callgate_strict_outcome outcome{};
  const auto said = [&](const callgate_strict_options& options) {
    return error_of(
        [&](auto why) { callgate_strict_call(sum, nullptr, nullptr, 0, &options, &outcome, why); });
  };
  constexpr size_t size = sizeof(callgate_strict_options);
  EXPECT_NE(said({.size = 1}).find("callgate_strict_options.size"), std::string::npos);
  EXPECT_NE(said({.size = size, .by_filter = 3}).find("neither 0 nor 1"), std::string::npos);
  EXPECT_NE(said({.size = size, .descriptor_count = 1}).find("descriptors is null"),
            std::string::npos);
}

}  // namespace
}  // namespace callgate

// Reading a profile takes no longer than n log n of its rules.
#include <gtest/gtest.h>

#include "callgate/formats/oci.h"
#include "growth.h"

namespace callgate::test {
namespace {

constexpr std::size_t few = 1000;
constexpr std::size_t many = 4 * few;

/// A rule for each value of one argument.
std::string profile_of(std::size_t count) {
  std::string json = R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [)";
  for (std::size_t i = 0; i < count; ++i) {
    json += i == 0 ? "" : ", ";
    json += R"({"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": )" +
            std::to_string(i * 7919) + R"(, "op": "SCMP_CMP_EQ"}]})";
  }
  return json + "]}";
}

TEST(Scaling, ReadingAProfile) {
  OciContext context;
  context.reader = *parse_oci_reader("runc");
  context.arch = Arch::x86_64;
  const std::string less = profile_of(few);
  const std::string more = profile_of(many);
  EXPECT_TRUE(read_oci(more, "profile.json", context));
  expect_n_log_n("reading", few, many, [&](std::size_t n) {
    (void)read_oci(n == few ? less : more, "profile.json", context);
  });
}

}  // namespace
}  // namespace callgate::test

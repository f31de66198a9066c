// What is written for which runtime, and what is refused with which words.
#include "callgate/formats/oci_write.h"

#include <gtest/gtest.h>

#include "callgate/formats/text.h"
#include "callgate/policy/evaluate.h"
#include "formats/oci_cubes.h"

namespace callgate {
namespace {

Result<OciExport> write(const std::string& text, std::string_view runtime, bool stricter = false,
                        std::vector<Arch> arches = {Arch::x86_64}) {
  const auto parsed = parse_policy(text, "p.policy");
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().text());
  return write_oci(parsed->policy, {.reader = *parse_oci_reader(runtime),
                                    .arches = std::move(arches),
                                    .approximate_stricter = stricter});
}

const std::string allowing = "abi 6.12\notherwise allow\nunlisted kill_thread\n";
const std::string denying = "abi 6.12\notherwise errno(EPERM)\nunlisted kill_thread\n";

TEST(OciWriter, RangesBecomePrefixes) {
  const auto written = write(allowing + "errno(EACCES) socket if domain in {4..7}\n", "runc");
  ASSERT_TRUE(written.has_value()) << written.error().text();
  EXPECT_EQ(written->json, R"({
  "defaultAction": "SCMP_ACT_ALLOW",
  "architectures": [
    "SCMP_ARCH_X86_64"
  ],
  "syscalls": [
    {
      "names": [
        "socket"
      ],
      "action": "SCMP_ACT_ERRNO",
      "errnoRet": 13,
      "args": [
        {
          "index": 0,
          "value": 4294967292,
          "valueTwo": 4,
          "op": "SCMP_CMP_MASKED_EQ"
        }
      ]
    }
  ]
}
)");
  EXPECT_TRUE(written->diagnostics.empty());
}

TEST(OciWriter, UnknownNumbersGetTheDefaultAction) {
  const auto written = write(denying + "allow read\n", "runc");
  ASSERT_TRUE(written.has_value()) << written.error().text();
  EXPECT_NE(written->json.find("\"defaultErrnoRet\": 38"), std::string::npos);
  EXPECT_NE(written->json.find("\"reboot\""), std::string::npos);
  ASSERT_EQ(written->diagnostics.size(), 1u);
  EXPECT_NE(written->diagnostics[0].message.find("number -1"), std::string::npos);
}

struct Refused {
  std::string text;
  std::string_view runtime;
  std::vector<Arch> arches;
  std::string_view message;
  bool stricter_helps;
};

TEST(OciWriter, WhatCannotBeExpressedIsSaid) {
  const std::vector<Arch> one = {Arch::x86_64};
  const std::vector<Arch> three = {Arch::x86_64, Arch::i386, Arch::x32};
  const Refused all[] = {
      {"abi 6.12\notherwise allow\n", "runc", one, "architecture that is not listed", false},
      {"abi 6.12\notherwise allow\nunlisted errno(1)\n", "runc", one, "not listed", true},
      {"abi 6.12\notherwise allow\nunlisted allow\n", "runc", one, "not listed", false},
      {allowing + "errno(1) read if ip > 5\n", "crun", one, "instruction pointer", true},
      {allowing + "trap(7) read\n", "crun", one, "trap with a value", false},
      {allowing + "notify read\n", "crun", one, "listener", false},
      {allowing + "on i386 { errno(1) read }\n", "runc", three, "read on i386", true},
      {denying + "unknown errno(EPERM)\nallow read\n", "runc@1.1.15", one, "number 0x", true},
      {allowing + "errno(1) 500..600\n", "crun", one, "number 0x1f4", false},
  };
  for (const Refused& each : all) {
    const auto written = write(each.text, each.runtime, false, each.arches);
    ASSERT_FALSE(written.has_value()) << each.text;
    EXPECT_NE(written.error().message().find(each.message), std::string::npos)
        << written.error().text();
    const auto narrowed = write(each.text, each.runtime, true, each.arches);
    EXPECT_EQ(narrowed.has_value(), each.stricter_helps)
        << each.text << (narrowed ? "" : narrowed.error().text());
    EXPECT_TRUE(!narrowed || !narrowed->diagnostics.empty());
  }
}

TEST(OciCubes, PrefixesCoverTheRangeAndNothingElse) {
  for (std::uint64_t first = 0; first < 32; ++first) {
    for (std::uint64_t last = first; last < 32; ++last) {
      const auto parts = oci::prefixes(first, last, 5);
      for (std::uint64_t x = 0; x < 32; ++x) {
        const auto hits = std::count_if(parts.begin(), parts.end(), [&](const oci::Masked& part) {
          return (x & part.mask) == part.value;
        });
        EXPECT_EQ(hits, first <= x && x <= last ? 1 : 0);
      }
    }
  }
  EXPECT_EQ(oci::prefixes(0, ~std::uint64_t{0}, 64).size(), 1u);
  EXPECT_EQ(oci::prefixes(1, ~std::uint64_t{0} - 1, 64).size(), 126u);
}

TEST(OciCubes, ComplementAndSubtraction) {
  const oci::Masked set{0b10110, 0b00100};
  const auto rest = oci::complement(set);
  for (std::uint64_t x = 0; x < 32; ++x) {
    const auto hits = std::count_if(rest.begin(), rest.end(), [&](const oci::Masked& part) {
      return (x & part.mask) == part.value;
    });
    EXPECT_EQ(hits, (x & set.mask) == set.value ? 0 : 1);
  }
  oci::Cube left;
  left.words[1] = set;
  const auto none_left = oci::subtract({left}, {oci::Cube{}}, 10);
  ASSERT_TRUE(none_left.has_value());
  EXPECT_TRUE(none_left->empty());
  EXPECT_FALSE(oci::subtract({oci::Cube{}}, {left}, 1).has_value());
}

}  // namespace
}  // namespace callgate

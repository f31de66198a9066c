// Each reader's quirks by example, and what is wrong with a profile by table.
#include <gtest/gtest.h>

#include "callgate/abi/syscalls.h"
#include "callgate/formats/oci.h"
#include "callgate/policy/evaluate.h"

namespace callgate {
namespace {

OciContext read_by(std::string_view reader) {
  OciContext context;
  context.reader = *parse_oci_reader(reader);
  context.arch = Arch::x86_64;
  return context;
}

/// The verdict for one call of an imported profile.
Action verdict(const std::string& json, std::string_view reader, const SeccompData& call,
               std::vector<std::string> caps = {}) {
  OciContext context = read_by(reader);
  context.capabilities = std::move(caps);
  const auto import = read_oci(json, "p.json", context);
  EXPECT_TRUE(import.has_value()) << (import ? "" : import.error().text());
  return import ? evaluate(import->policy, import->policy.arches, call).action : Action{};
}

SeccompData call_of(std::string_view name, std::uint64_t first = 0, std::uint64_t second = 0,
                    Arch arch = Arch::x86_64) {
  SeccompData data{.nr = find_syscall(arch, name)->number, .arch = arch_info(arch).audit};
  data.args[0] = first;
  data.args[1] = second;
  return data;
}

/// A profile with these rules and ERRNO by default.
std::string with_rules(const std::string& rules, const std::string& more = "") {
  return R"({"defaultAction": "SCMP_ACT_ERRNO", )" + more + R"("syscalls": [)" + rules + "]}";
}

TEST(OciRead, AnArgumentTestedTwiceTurnsAndIntoOr) {
  const std::string json = with_rules(
      R"({"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [
          {"index": 0, "op": "SCMP_CMP_GE", "value": 5}, {"index": 0, "op": "SCMP_CMP_LE", "value": 3},
          {"index": 1, "op": "SCMP_CMP_EQ", "value": 9}]})");
  EXPECT_EQ(verdict(json, "crun", call_of("read", 6)), allow);
  EXPECT_EQ(verdict(json, "crun", call_of("read", 2)), allow);
  EXPECT_EQ(verdict(json, "crun", call_of("read", 4, 9)), allow);
  EXPECT_EQ(verdict(json, "crun", call_of("read", 4)), deny(1));
}

TEST(OciRead, DistinctArgumentsAreJoinedByAnd) {
  const std::string json = with_rules(
      R"({"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [
          {"index": 0, "op": "SCMP_CMP_EQ", "value": 5}, {"index": 1, "op": "SCMP_CMP_EQ", "value": 9}]})");
  EXPECT_EQ(verdict(json, "crun", call_of("read", 5, 9)), allow);
  EXPECT_EQ(verdict(json, "crun", call_of("read", 5, 8)), deny(1));
}

TEST(OciRead, UnconditionalRulesEraseConditionalOnes) {
  const std::string refused =
      R"({"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5,
          "args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": 1}]})";
  const std::string allowed = R"({"names": ["read"], "action": "SCMP_ACT_ALLOW"})";
  EXPECT_EQ(verdict(with_rules(refused + "," + allowed), "crun", call_of("read", 1)), allow);
  EXPECT_EQ(verdict(with_rules(allowed + "," + refused), "crun", call_of("read", 1)), allow);
  const std::string logged = R"({"names": ["read"], "action": "SCMP_ACT_LOG"})";
  EXPECT_EQ(verdict(with_rules(logged + "," + allowed), "crun", call_of("read")), log_);
}

TEST(OciRead, RulesEqualToTheDefaultAreSkipped) {
  const std::string json = with_rules(
      R"({"names": ["read"], "action": "SCMP_ACT_ERRNO"}, {"names": ["read"], "action": "SCMP_ACT_ALLOW"})");
  EXPECT_EQ(verdict(json, "crun", call_of("read")), allow);
}

TEST(OciRead, KillKillsTheThreadAndSoDoesAnUnlistedArchitecture) {
  const std::string json = with_rules(R"({"names": ["read"], "action": "SCMP_ACT_KILL"})");
  EXPECT_EQ(verdict(json, "crun", call_of("read")), kill_thread);
  EXPECT_EQ(verdict(json, "crun", call_of("write", 0, 0, Arch::i386)), kill_thread);
}

TEST(OciRead, RuncAnswersEnosysPastTheLargestNumber) {
  const std::string listed =
      with_rules(R"({"names": ["read", "getpid"], "action": "SCMP_ACT_ALLOW"})",
                 R"("architectures": ["SCMP_ARCH_X86_64"], )");
  const std::string native =
      with_rules(R"({"names": ["read", "getpid"], "action": "SCMP_ACT_ALLOW"})");
  EXPECT_EQ(verdict(listed, "runc", call_of("mseal")), deny(38));
  EXPECT_EQ(verdict(listed, "runc", call_of("write")), deny(1));
  EXPECT_EQ(verdict(native, "runc@1.1.5", call_of("mseal")), deny(1));
  EXPECT_EQ(verdict(native, "runc@1.1.15", call_of("mseal")), deny(38));
  EXPECT_EQ(verdict(listed, "crun", call_of("mseal")), deny(1));
}

TEST(OciRead, ThirtyTwoBitAbisCompareTheLowHalvesInSilence) {
  const std::string json = with_rules(
      R"({"names": ["read"], "action": "SCMP_ACT_ALLOW",
          "args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": 4294967297}]})",
      R"("architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"], )");
  EXPECT_EQ(verdict(json, "crun", call_of("read", 1)), deny(1));
  EXPECT_EQ(verdict(json, "crun", call_of("read", 0x100000001)), allow);
  EXPECT_EQ(verdict(json, "crun", call_of("read", 1, 0, Arch::i386)), allow);
  EXPECT_EQ(verdict(json, "crun", call_of("read", 0x700000001, 0, Arch::x32)), allow);
}

TEST(OciRead, SocketCallsOfI386GoThroughTheirMultiplexerToo) {
  const std::string json = with_rules(
      R"({"names": ["socket"], "action": "SCMP_ACT_ALLOW",
          "args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": 16}]})",
      R"("architectures": ["SCMP_ARCH_X86"], )");
  EXPECT_EQ(verdict(json, "crun", call_of("socketcall", 1, 0, Arch::i386)), allow);
  EXPECT_EQ(verdict(json, "crun", call_of("socketcall", 2, 0, Arch::i386)), deny(1));
  EXPECT_EQ(verdict(json, "crun", call_of("socket", 16, 0, Arch::i386)), allow);
  EXPECT_EQ(verdict(json, "crun", call_of("socket", 2, 0, Arch::i386)), deny(1));
}

TEST(OciRead, ExtensionsCountForTheirReadersOnly) {
  const std::string json = with_rules(
      R"({"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
         {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_BPF", "CAP_KILL"]}},
         {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "99.1"}},
         {"name": "acct", "action": "SCMP_ACT_ALLOW"})");
  EXPECT_EQ(verdict(json, "docker", call_of("mount")), deny(1));
  EXPECT_EQ(verdict(json, "docker", call_of("mount"), {"CAP_SYS_ADMIN"}), allow);
  EXPECT_EQ(verdict(json, "docker", call_of("bpf")), allow);
  EXPECT_EQ(verdict(json, "docker", call_of("bpf"), {"CAP_KILL"}), deny(1));
  EXPECT_EQ(verdict(json, "docker", call_of("ptrace")), deny(1));
  EXPECT_EQ(verdict(json, "podman", call_of("ptrace")), allow);
  EXPECT_EQ(verdict(json, "docker", call_of("acct")), allow);
  EXPECT_EQ(verdict(json, "containerd", call_of("mount")), allow);
  EXPECT_EQ(verdict(json, "containerd", call_of("acct")), deny(1));
}

TEST(OciRead, ContainersCommonNamesItsErrnos) {
  const std::string json =
      R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "defaultErrno": "ENOSYS", "syscalls": [
          {"names": ["read"], "action": "SCMP_ACT_ERRNO", "errno": "EACCES", "errnoRet": 1}]})";
  EXPECT_EQ(verdict(json, "podman", call_of("write")), deny(38));
  EXPECT_EQ(verdict(json, "podman", call_of("read")), deny(13));
  EXPECT_EQ(verdict(json, "docker", call_of("write")), deny(1));
}

TEST(OciRead, NamesThatLibseccompDoesNotKnowAreSkippedAndSaid) {
  OciContext context = read_by("crun");
  context.libseccomp = {6, 7, 0};
  const auto import = read_oci(
      with_rules(R"({"names": ["mseal", "redd"], "action": "SCMP_ACT_ALLOW"})"), "p.json", context);
  ASSERT_TRUE(import.has_value());
  EXPECT_TRUE(import->policy.rules.empty());
  ASSERT_EQ(import->diagnostics.size(), 2u);
  EXPECT_NE(import->diagnostics[0].message.find("newer than 6.7"), std::string::npos);
  EXPECT_EQ(import->diagnostics[1].hint, "did you mean read?");
}

TEST(OciRead, NeitherDefaultNorRules) {
  EXPECT_EQ(verdict("{}", "runc", call_of("reboot")), allow);
  EXPECT_EQ(verdict("{}", "runc", call_of("write", 0, 0, Arch::i386)), allow);
  EXPECT_FALSE(read_oci("{}", "p.json", read_by("crun")).has_value());
}

TEST(OciRead, TheSectionOfABundle) {
  const std::string json = R"({"ociVersion": "1.0.2", "linux": {"seccomp":
      {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL_PROCESS"}]}}})";
  EXPECT_EQ(verdict(json, "runc", call_of("read")), kill_process);
  EXPECT_FALSE(read_oci(R"({"ociVersion": "1.0.2"})", "c.json", read_by("runc")).has_value());
}

/// What is wrong, where, and a part of what is said.
struct Bad {
  std::string json;
  std::string_view reader;
  std::uint32_t line;
  std::uint32_t column;
  std::string_view message;
};

TEST(OciRead, EveryMistakeHasItsPlace) {
  const std::string rule = R"({"names": ["read"], "action": "SCMP_ACT_ALLOW")";
  const auto arg = [&](const std::string& text) {
    return with_rules("\n" + rule + R"(, "args": [)" + text + "]}");
  };
  const Bad all[] = {
      {"", "runc", 1, 1, "empty"},
      {"[]", "runc", 1, 1, "must be an object"},
      {"{\"defaultAction\"", "runc", 1, 17, "not JSON"},
      {"{}x", "runc", 1, 3, "not JSON"},
      {std::string("{\n\0}", 4), "runc", 2, 1, "NUL"},
      {"{\"a\": \"\xff\"}", "runc", 1, 8, "UTF-8"},
      {"\xef\xbb\xbf{}", "runc", 1, 1, "byte order mark"},
      {std::string(70, '['), "runc", 1, 65, "deep"},
      {"{\"syscalls\": [],\n\"syscalls\": []}", "runc", 2, 1, "twice"},
      {"{\"DefaultAction\": \"SCMP_ACT_ALLOW\"}", "runc", 1, 2, "case only"},
      {"{\"defaultAction\": 7}", "runc", 1, 19, "must be a string"},
      {"{\"defaultAction\": \"SCMP_ACT_DENY\"}", "runc", 1, 19, "is not an action"},
      {with_rules(""), "runc", 0, 0, ""},
      {arg(R"({"index": 6, "op": "SCMP_CMP_EQ", "value": 1})"), "runc", 2, 68, "at most 5"},
      {arg(R"({"index": 0, "op": "SCMP_CMP_EQ", "value": -1})"), "runc", 2, 101, "negative"},
      {arg(R"({"index": 0, "op": "SCMP_CMP_EQ", "value": 1e3})"), "runc", 2, 101, "whole number"},
      {arg(R"({"index": 0, "op": "SCMP_CMP_EQ", "value": 18446744073709551616})"), "runc", 2, 101,
       "at most"},
      {arg(R"({"index": 0, "op": "EQ", "value": 1})"), "runc", 2, 77, "is not an operator"},
      {arg(R"({"index": 0, "value": 1})"), "runc", 2, 58, "without `op`"},
      {with_rules(R"({"names": [""], "action": "SCMP_ACT_ALLOW"})"), "runc", 1, 61, "empty name"},
      {with_rules(R"({"names": ["read"]})"), "runc", 1, 50, "without `action`"},
      {R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4095})", "runc", 1, 56, "4094"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1})", "crun", 1, 56, "takes none"},
      {R"({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"]})", "runc", 1,
       47, "refuses filter flags"},
      {R"({"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/x"})", "runc", 1, 19, "NOTIFY"},
      {R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_S390X"]})", "runc", 1,
       55, "another byte order"},
      {R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_VAX"]})", "runc", 1, 55,
       "no architecture"},
      {R"({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"],
           "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]})",
       "docker", 2, 23, "both"},
      {with_rules(R"({"name": "read", "names": ["write"], "action": "SCMP_ACT_ALLOW"})"), "docker",
       1, 59, "both"},
      {with_rules(rule + R"(, "includes": {"minKernel": "four"}})"), "docker", 1, 124,
       "kernel version"},
      {with_rules(R"({"names": ["read"], "action": "SCMP_ACT_ERRNO", "errno": "ENOPE"})"), "podman",
       1, 107, "no errno"},
      {with_rules(rule + R"(, "args": [{"index": 0, "op": "SCMP_CMP_LE", "value": 5}]},
         {"names": ["read"], "action": "SCMP_ACT_LOG", "args": [{"index": 0, "op": "SCMP_CMP_GE", "value": 5}]})"),
       "runc", 2, 10, "leaves open"},
  };
  for (const Bad& bad : all) {
    const auto import = read_oci(bad.json, "p.json", read_by(bad.reader));
    if (bad.message.empty()) {
      EXPECT_TRUE(import.has_value()) << bad.json;
      continue;
    }
    ASSERT_FALSE(import.has_value()) << bad.json;
    const auto& found = import.error().diagnostics;
    const auto error = std::find_if(found.begin(), found.end(), [](const Diagnostic& each) {
      return each.severity == Severity::error;
    });
    ASSERT_NE(error, found.end());
    EXPECT_NE(error->message.find(bad.message), std::string::npos) << error->message << "\n"
                                                                   << bad.json;
    EXPECT_EQ(error->place.line, bad.line) << error->message << "\n" << bad.json;
    EXPECT_EQ(error->place.column, bad.column) << error->message << "\n" << bad.json;
  }
}

TEST(OciRead, UnknownKeysAreSaid) {
  const auto import =
      read_oci(R"({"defaultAction": "SCMP_ACT_ALLOW", "sycalls": []})", "p.json", read_by("runc"));
  ASSERT_TRUE(import.has_value());
  ASSERT_EQ(import->diagnostics.size(), 1u);
  EXPECT_EQ(import->diagnostics[0].hint, "did you mean \"syscalls\"?");
  EXPECT_EQ(import->diagnostics[0].place.column, 37u);
}

TEST(OciReader, Names) {
  for (const std::string text : {"docker+runc@1.1.5", "podman+crun@1.8.1", "containerd+runc@1.2.0",
                                 "runc@1.1.15", "crun@1.8.1"}) {
    EXPECT_EQ(to_string(parse_oci_reader(text).value()), text);
  }
  EXPECT_EQ(to_string(parse_oci_reader("podman").value()), "podman+crun@1.8.1");
  for (const char* bad : {"", "dokcer", "docker+", "docker+lxc", "runc+crun", "runc@x"}) {
    EXPECT_FALSE(parse_oci_reader(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_capabilities("kill,CAP_CHOWN").value(),
            (std::vector<std::string>{"CAP_CHOWN", "CAP_KILL"}));
  EXPECT_EQ(parse_capabilities("docker").value().size(), 14u);
  EXPECT_FALSE(parse_capabilities("CAP_SYS_ADMINN").has_value());
}

}  // namespace
}  // namespace callgate

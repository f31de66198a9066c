// The filter that Debian's runc installs, taken from a running container, against our reading of
// the same section: by proof.
#include <elf.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "callgate/base/file.h"
#include "callgate/formats/builtin.h"
#include "callgate/formats/oci_write.h"
#include "callgate/meaning/proof.h"

namespace callgate {
namespace {

namespace fs = std::filesystem;

constexpr int get_filter = 0x420c;  // PTRACE_SECCOMP_GET_FILTER of <linux/ptrace.h>
constexpr Release debian_libseccomp{6, 7, 0};

/// Its oldest filter, or none.
std::optional<Program> filter_of(pid_t process) {
  if (ptrace(PTRACE_SEIZE, process, nullptr, nullptr) != 0) return std::nullopt;
  ptrace(PTRACE_INTERRUPT, process, nullptr, nullptr);
  int status = 0;
  waitpid(process, &status, __WALL);
  std::vector<Instruction> code(max_instructions);
  const auto request = static_cast<__ptrace_request>(get_filter);
  const long size = ptrace(request, process, nullptr, code.data());
  ptrace(PTRACE_DETACH, process, nullptr, nullptr);
  if (size <= 0) return std::nullopt;
  code.resize(static_cast<std::size_t>(size));
  auto program = Program::verify(std::move(code));
  return program ? std::optional(*std::move(program)) : std::nullopt;
}

/// A container of busybox that sleeps, with a filter.
class Container {
 public:
  explicit Container(const std::string& section) {
    char folder[] = "/tmp/callgate-runc-XXXXXX";
    folder_ = mkdtemp(folder);
    fs::create_directories(folder_ / "rootfs/bin");
    fs::create_directories(folder_ / "rootfs/proc");
    fs::copy_file("/bin/busybox", folder_ / "rootfs/bin/busybox");
    std::ofstream(folder_ / "config.json") << R"({"ociVersion": "1.0.2",
      "process": {"terminal": false, "user": {"uid": 0, "gid": 0}, "cwd": "/", "noNewPrivileges": true,
                  "args": ["/bin/busybox", "sleep", "100"], "env": ["PATH=/bin"]},
      "root": {"path": "rootfs"},
      "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
      "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}],
                "seccomp": )" << section << "}}";
    started_ = runc("run -d -b " + folder_.string() + " --pid-file " + (folder_ / "pid").string() +
                    " callgate-" + std::to_string(getpid()) + " < /dev/null > /dev/null 2>&1") == 0;
  }
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  ~Container() {
    runc("delete --force callgate-" + std::to_string(getpid()) + " > /dev/null 2>&1");
    fs::remove_all(folder_);
  }
  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] pid_t pid() const {
    pid_t number = 0;
    std::ifstream(folder_ / "pid") >> number;
    return number;
  }

 private:
  int runc(const std::string& arguments) const {
    return std::system(("runc --root " + (folder_ / "state").string() + " " + arguments).c_str());
  }
  fs::path folder_;
  bool started_ = false;
};

class Runc : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    if (std::system("runc --version > /dev/null 2>&1") != 0)
      GTEST_SKIP() << "runc is not installed";
    if (!fs::exists("/bin/busybox")) GTEST_SKIP() << "busybox is not installed";
    if (native_arch() != Arch::x86_64) GTEST_SKIP() << "written for x86-64";
    if (!Container(R"({"defaultAction": "SCMP_ACT_ALLOW"})").started()) {
      GTEST_SKIP() << "runc runs no container here";
    }
  }

  static void expect_as_read(const std::string& section, const std::string& what) {
    SCOPED_TRACE(what);
    const Container container(section);
    ASSERT_TRUE(container.started());
    const std::optional<Program> installed = filter_of(container.pid());
    ASSERT_TRUE(installed.has_value());
    OciContext context;
    context.reader = *parse_oci_reader("runc@1.1.5");
    context.libseccomp = debian_libseccomp;
    const auto import = read_oci(section, what, context);
    ASSERT_TRUE(import.has_value()) << import.error().text();
    EXPECT_TRUE(
        std::holds_alternative<Equal>(prove(import->policy, import->policy.arches, *installed)));
  }
};

TEST_F(Runc, InstallsWhatWeReadOfDockerDefault) {
  for (const char* caps : {"none", "all"}) {
    for (const std::vector<Arch>& arches :
         {std::vector{Arch::x86_64}, {Arch::x86_64, Arch::i386, Arch::x32}}) {
      const auto profile = find_builtin_profile("docker-default", parse_capabilities(caps).value());
      const auto written = write_oci(profile->policy, {.reader = *parse_oci_reader("runc@1.1.5"),
                                                       .arches = arches,
                                                       .libseccomp = debian_libseccomp,
                                                       .approximate_stricter = true});
      ASSERT_TRUE(written.has_value()) << written.error().text();
      expect_as_read(written->json, caps);
    }
  }
}

TEST_F(Runc, InstallsWhatWeReadOfRealProfilesLeftAsTheyAre) {
  const char* shared = std::getenv("CALLGATE_SHARED");
  const std::string folder = shared != nullptr ? shared : CALLGATE_SOURCE_DIR "/../shared/data";
  for (const char* name : {"moby-default.json", "containers-common.json"}) {
    const auto json = read_file(folder + "/" + name);
    if (!json) GTEST_SKIP() << name << " is not there";
    expect_as_read(*json, name);
  }
}

}  // namespace
}  // namespace callgate

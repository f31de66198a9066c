// The widths of the tables against the running kernel: bits that are said not to count are set,
// and the call must do the same; bits that are said to count are flipped, and it must not.
// i386 is entered by int 0x80 with dirty high halves, x32 by its own numbers, where the kernel has
// them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "callgate/abi/constants.h"
#include "kernel/abi_entry.h"

namespace callgate {
namespace {

using test::enter;
using test::has_abi;
using test::Words;

std::string outcome(long result) {
  if (result >= 0) return "ok";
  const std::string_view name = errno_name(static_cast<std::uint16_t>(-result));
  return name.empty() ? std::to_string(result) : std::string(name);
}

/// An empty folder to work in, memory below 4 GiB, and one ABI's entry.
class Bench {
 public:
  explicit Bench(Arch arch) : arch_(arch) {
    char path[] = "/tmp/callgate-widths-XXXXXX";
    EXPECT_NE(::mkdtemp(path), nullptr);
    folder_ = path;
    EXPECT_EQ(::chdir(path), 0);
    ::umask(0);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_32BIT
    flags |= MAP_32BIT;
#endif
    memory_ = static_cast<char*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, flags, -1, 0));
    EXPECT_NE(memory_, MAP_FAILED);
  }
  ~Bench() {
    clear();
    ::munmap(memory_, 4096);
    EXPECT_EQ(::chdir("/"), 0);
    ::rmdir(folder_.c_str());
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  template <class... Word>
  long call(std::string_view name, Word... words) {
    const Syscall* found = find_syscall(arch_, name);
    return found != nullptr ? enter(arch_, found->number, {static_cast<std::uint64_t>(words)...})
                            : -ENOSYS;
  }
  /// The word that points to the text "f", the file that probes make.
  std::uint64_t file() { return text("f", 0); }
  std::uint64_t text(const char* content, std::size_t at) {
    std::strcpy(memory_ + at, content);
    return reinterpret_cast<std::uint64_t>(memory_ + at);
  }
  char* memory() { return memory_; }
  /// Removes what a probe left.
  void clear() {
    ::unlink("f");
    ::rmdir("f");
  }
  /// A file of that content; it is open for reading and writing.
  int make(std::string_view content = "") {
    clear();
    const int fd = ::open("f", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    EXPECT_EQ(::pwrite(fd, content.data(), content.size(), 0),
              static_cast<ssize_t>(content.size()));
    return fd;
  }

 private:
  Arch arch_;
  std::string folder_;
  char* memory_ = nullptr;
};

/// Mode, owner and group of "f".
std::string attributes(long result) {
  struct stat now {};
  if (::lstat("f", &now) != 0) return outcome(result) + " no file";
  return outcome(result) + " " + std::to_string(now.st_mode) + " " + std::to_string(now.st_uid) +
         " " + std::to_string(now.st_gid);
}

/// Closes what a call opened and tells how the file looks.
std::string opened(long result) {
  if (result >= 0) ::close(static_cast<int>(result));
  return attributes(result);
}

constexpr std::uint64_t tmpfile_alone = 0x400000;  // O_TMPFILE without O_DIRECTORY: EINVAL
constexpr std::uint64_t here = 0xffffff9c;         // AT_FDCWD as a 32-bit word
constexpr std::uint64_t low_bits(unsigned bits) {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

struct Probe {
  std::string_view call, parameter;
  std::uint64_t clean;  ///< a word that makes the call do its work
  /// Bits whose flip changes what it does; a width of more than 16 bits is shown by one in its
  /// upper half.
  std::uint64_t counts;
  std::string (*effect)(Bench& bench, std::uint64_t word);
};

const Probe probes[] = {
    // umode_t: 16 bits.
    {"open", "mode", 0640, 07777,
     [](Bench& b, std::uint64_t w) {
       b.clear();
       return opened(b.call("open", b.file(), O_CREAT | O_EXCL | O_WRONLY, w));
     }},
    {"openat", "mode", 0640, 07777,
     [](Bench& b, std::uint64_t w) {
       b.clear();
       return opened(b.call("openat", here, b.file(), O_CREAT | O_EXCL | O_WRONLY, w));
     }},
    {"creat", "mode", 0640, 07777,
     [](Bench& b, std::uint64_t w) {
       b.clear();
       return opened(b.call("creat", b.file(), w));
     }},
    {"mkdir", "mode", 0750, 01777,
     [](Bench& b, std::uint64_t w) {
       b.clear();
       return attributes(b.call("mkdir", b.file(), w));
     }},
    {"mkdirat", "mode", 0750, 01777,
     [](Bench& b, std::uint64_t w) {
       b.clear();
       return attributes(b.call("mkdirat", here, b.file(), w));
     }},
    {"mknod", "mode", S_IFIFO | 0640, 07777,
     [](Bench& b, std::uint64_t w) {
       b.clear();
       return attributes(b.call("mknod", b.file(), w, 0));
     }},
    {"mknodat", "mode", S_IFIFO | 0640, 07777,
     [](Bench& b, std::uint64_t w) {
       b.clear();
       return attributes(b.call("mknodat", here, b.file(), w, 0));
     }},
    {"chmod", "mode", 0640, 07777,
     [](Bench& b, std::uint64_t w) {
       ::close(b.make());
       return attributes(b.call("chmod", b.file(), w));
     }},
    {"fchmod", "mode", 0640, 07777,
     [](Bench& b, std::uint64_t w) {
       const int fd = b.make();
       const long result = b.call("fchmod", fd, w);
       ::close(fd);
       return attributes(result);
     }},
    {"fchmodat", "mode", 0640, 07777,
     [](Bench& b, std::uint64_t w) {
       ::close(b.make());
       return attributes(b.call("fchmodat", here, b.file(), w));
     }},
    {"fchmodat2", "mode", 0640, 07777,
     [](Bench& b, std::uint64_t w) {
       ::close(b.make());
       return attributes(b.call("fchmodat2", here, b.file(), w, 0));
     }},
    {"mq_open", "mode", 0640, 0777,
     [](Bench& b, std::uint64_t w) {
       const std::string name = "callgate-widths-" + std::to_string(::getpid());
       b.call("mq_unlink", b.text(name.c_str(), 64));
       const long fd = b.call("mq_open", b.text(name.c_str(), 64), O_CREAT | O_RDWR, w, 0);
       struct stat now {};
       if (fd >= 0) ::fstat(static_cast<int>(fd), &now);
       if (fd >= 0) ::close(static_cast<int>(fd));
       b.call("mq_unlink", b.text(name.c_str(), 64));
       return outcome(fd) + " " + std::to_string(now.st_mode);
     }},
    // The old ids: 16 bits on i386, 32 elsewhere.
    {"chown", "owner", 1000, 0x7fff7fff,
     [](Bench& b, std::uint64_t w) {
       ::close(b.make());
       return attributes(b.call("chown", b.file(), w, 1000));
     }},
    {"lchown", "group", 1000, 0x7fff7fff,
     [](Bench& b, std::uint64_t w) {
       ::close(b.make());
       return attributes(b.call("lchown", b.file(), 1000, w));
     }},
    {"fchown", "owner", 1000, 0x7fff7fff,
     [](Bench& b, std::uint64_t w) {
       const int fd = b.make();
       const long result = b.call("fchown", fd, w, 1000);
       ::close(fd);
       return attributes(result);
     }},
    {"fchownat", "owner", 1000, 0x7fffffff,
     [](Bench& b, std::uint64_t w) {
       ::close(b.make());
       return attributes(b.call("fchownat", here, b.file(), w, 1000, 0));
     }},
    // int and unsigned int: 32 bits.
    {"openat", "dirfd", here, 0x10001,
     [](Bench& b, std::uint64_t w) {
       ::close(b.make());
       return opened(b.call("openat", w, b.file(), O_RDONLY, 0));
     }},
    {"open", "flags", O_RDONLY, tmpfile_alone,
     [](Bench& b, std::uint64_t w) {
       ::close(b.make());
       return opened(b.call("open", b.file(), w, 0));
     }},
    {"openat", "flags", O_RDONLY, tmpfile_alone,
     [](Bench& b, std::uint64_t w) {
       ::close(b.make());
       return opened(b.call("openat", here, b.file(), w, 0));
     }},
    {"socket", "domain", AF_UNIX, 0x40000000,
     [](Bench& b, std::uint64_t w) {
       const long fd = b.call("socket", w, SOCK_STREAM, 0);
       if (fd >= 0) ::close(static_cast<int>(fd));
       return outcome(fd);
     }},
    {"socket", "type", SOCK_STREAM, SOCK_CLOEXEC,
     [](Bench& b, std::uint64_t w) {
       const long fd = b.call("socket", AF_UNIX, w, 0);
       const int flags = fd >= 0 ? ::fcntl(static_cast<int>(fd), F_GETFD) : 0;
       if (fd >= 0) ::close(static_cast<int>(fd));
       return outcome(fd) + " " + std::to_string(flags);
     }},
    {"socket", "protocol", 0, 0x40000000,
     [](Bench& b, std::uint64_t w) {
       const long fd = b.call("socket", AF_UNIX, SOCK_STREAM, w);
       if (fd >= 0) ::close(static_cast<int>(fd));
       return outcome(fd);
     }},
    {"close", "fd", 77, 0x10000,
     [](Bench& b, std::uint64_t w) {
       ::dup2(2, 77);
       const long result = b.call("close", w);
       ::close(77);
       return outcome(result);
     }},
    {"dup2", "newfd", 77, 0x40000003,
     [](Bench& b, std::uint64_t w) {
       const long fd = b.call("dup2", 2, w);
       if (fd > 2) ::close(static_cast<int>(fd));
       return std::to_string(fd);
     }},
    {"fcntl", "cmd", F_GETFD, 0x10000,
     [](Bench& b, std::uint64_t w) { return std::to_string(b.call("fcntl", 2, w, 0)); }},
    {"ioctl", "request", 0x541b /* FIONREAD */, 0x40000000,
     [](Bench& b, std::uint64_t w) {
       const int fd = b.make("abc");
       const long result = b.call("ioctl", fd, w, b.text("", 128));
       ::close(fd);
       return outcome(result);
     }},
    {"prctl", "option", PR_GET_DUMPABLE, 0x10000,
     [](Bench& b, std::uint64_t w) { return std::to_string(b.call("prctl", w, 0, 0, 0, 0)); }},
    {"personality", "persona", 0xffffffff /* asks only */, 0x20000,
     [](Bench& b, std::uint64_t w) {
       const pid_t child = ::fork();
       if (child == 0) ::_exit(b.call("personality", w) == b.call("personality", 0xffffffff));
       int status = 0;
       ::waitpid(child, &status, 0);
       return std::to_string(status);
     }},
    {"kill", "sig", 0, 0x10000,
     [](Bench& b, std::uint64_t w) { return outcome(b.call("kill", ::getpid(), w)); }},
    {"madvise", "advice", MADV_NORMAL, 0x10000,
     [](Bench& b, std::uint64_t w) {
       return outcome(b.call("madvise", reinterpret_cast<std::uint64_t>(b.memory()), 4096, w));
     }},
    {"memfd_create", "flags", 0, 0x40000000,
     [](Bench& b, std::uint64_t w) {
       const long fd = b.call("memfd_create", b.file(), w);
       if (fd >= 0) ::close(static_cast<int>(fd));
       return outcome(fd);
     }},
    {"getrandom", "flags", 0, 0x40000000,
     [](Bench& b, std::uint64_t w) { return outcome(b.call("getrandom", b.text("", 256), 1, w)); }},
    {"lseek", "whence", SEEK_SET, 0x10000,
     [](Bench& b, std::uint64_t w) {
       const int fd = b.make("abc");
       const long at = b.call("lseek", fd, 2, w);
       ::close(fd);
       return std::to_string(at);
     }},
    // What the kernel cuts just after entry (data/hand/kinds.tsv).
    {"clone", "flags", SIGCHLD, 0x10000 /* CLONE_THREAD alone: EINVAL */,
     [](Bench& b, std::uint64_t w) {
       const long child = b.call("clone", w, 0, 0, 0, 0);
       if (child == 0) ::_exit(7);
       int status = 0;
       if (child > 0) ::waitpid(static_cast<pid_t>(child), &status, 0);
       return outcome(child) + " " + std::to_string(status);
     }},
    {"readv", "iovcnt", 1, 0x10000 /* past UIO_MAXIOV: EINVAL */,
     [](Bench& b, std::uint64_t w) {
       const int fd = b.make("abc");
       std::memset(b.memory() + 512, 0, 16);
       const long result = b.call("readv", fd, b.text("", 512), w);
       ::close(fd);
       return outcome(result);
     }},
    {"readv", "fd", 77, 0x10100,
     [](Bench& b, std::uint64_t w) {
       const int fd = b.make("abc");
       ::dup2(fd, 77);
       ::close(fd);
       std::memset(b.memory() + 512, 0, 16);  // an iovec of no bytes, of either width
       const long result = b.call("readv", w, b.text("", 512), 1);
       ::close(77);
       return outcome(result);
     }},
    {"mmap", "fd", 77, 0x10100,
     [](Bench& b, std::uint64_t w) {
       const int fd = b.make("abc");
       ::dup2(fd, 77);
       ::close(fd);
       const long at = b.call("mmap", 0, 4096, PROT_READ, MAP_PRIVATE, w, 0);
       const bool mapped = at > 0;
       if (mapped) ::munmap(reinterpret_cast<void*>(at), 4096);
       ::close(77);
       return outcome(at);
     }},
    {"ipc", "call", 13 /* MSGGET */, 0x1,
     [](Bench& b, std::uint64_t w) {
       const long id = b.call("ipc", w, 0 /* IPC_PRIVATE */, 0600, 0, 0, 0);
       if (id >= 0) b.call("ipc", 14 /* MSGCTL */, id, 0 /* IPC_RMID */, 0, 0, 0);
       return outcome(id);
     }},
    // Whole words.
    {"lseek", "offset", 2, 0x100010002,
     [](Bench& b, std::uint64_t w) {
       const int fd = b.make("abc");
       const long at = b.call("lseek", fd, w, SEEK_SET);
       ::close(fd);
       return std::to_string(at);
     }},
    {"unshare", "flags", 0, 0xf80000000,
     [](Bench& b, std::uint64_t w) { return outcome(b.call("unshare", w)); }},
    {"mprotect", "prot", PROT_READ | PROT_WRITE, 0xf40000000,
     [](Bench& b, std::uint64_t w) {
       return outcome(b.call("mprotect", reinterpret_cast<std::uint64_t>(b.memory()), 4096, w));
     }},
};

class Widths : public testing::TestWithParam<Arch> {};

/// Flips of the word's bits from `parameter.bits` on change nothing; of `counts` below, something.
void hold(Bench& bench, const Probe& probe, const Parameter& parameter) {
  const std::string clean = probe.effect(bench, probe.clean);
  const auto differs = [&](std::uint64_t flip) {
    return probe.effect(bench, probe.clean ^ flip) != clean;
  };
  for (unsigned bit = parameter.bits; bit < 64; ++bit)
    EXPECT_FALSE(differs(std::uint64_t{1} << bit)) << "bit " << bit << " counts; clean: " << clean;
  EXPECT_TRUE(parameter.bits == 64 || !differs(~low_bits(parameter.bits))) << clean;
  const std::uint64_t counts = probe.counts & low_bits(parameter.bits);
  EXPECT_TRUE(parameter.bits == 16 || (counts >> (parameter.bits / 2)) != 0)
      << "nothing shows that " << unsigned{parameter.bits} << " bits count";
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((counts >> bit & 1) == 0) continue;
    EXPECT_TRUE(differs(std::uint64_t{1} << bit)) << "bit " << bit << " is ignored: " << clean;
  }
}

TEST_P(Widths, AsTheKernelKeepsThem) {
  if (!has_abi(GetParam()))
    GTEST_SKIP() << "this kernel does not serve " << arch_info(GetParam()).name;
  Bench bench(GetParam());
  std::string left_out;
  for (const Probe& probe : probes) {
    const Syscall* call = find_syscall(GetParam(), probe.call);
    if (call == nullptr) continue;
    const Parameter* parameter = find_parameter(*call, probe.parameter);
    ASSERT_NE(parameter, nullptr) << probe.call << " " << probe.parameter;
    if (parameter->placement != Placement::word) continue;
    SCOPED_TRACE(std::string(probe.call) + " " + std::string(probe.parameter));
    const std::string clean = probe.effect(bench, probe.clean);
    const bool refused = clean.starts_with("ENOSYS") || clean.starts_with("EPERM");
    if (refused) left_out += " " + std::string(probe.call) + " (" + clean + ")";
    if (!refused) hold(bench, probe, *parameter);
  }
  std::printf("not probed here:%s\n", left_out.empty() ? " nothing" : left_out.c_str());
}

/// pread64's offset in two words: each half moves the reading position.
TEST(Pairs, BothHalvesCount) {
  if (native_arch() != Arch::x86_64 || !has_abi(Arch::i386))
    GTEST_SKIP() << "this kernel does not serve i386";
  const Syscall* call = find_syscall(Arch::i386, "pread64");
  const Parameter* offset = find_parameter(*call, "offset");
  ASSERT_NE(offset, nullptr);
  ASSERT_EQ(offset->placement, Placement::word_pair);
  Bench bench(Arch::i386);
  const int fd = bench.make("low");
  ASSERT_EQ(::pwrite(fd, "high", 4, std::int64_t{1} << 32), 4);
  const auto read_at = [&](std::uint64_t low, std::uint64_t high) {
    Words words = {static_cast<std::uint64_t>(fd), bench.text("", 0), 1};
    words[offset->low] = low;
    words[offset->high] = high;
    const long result = enter(Arch::i386, call->number, words);
    return result == 1 ? bench.memory()[0] : '?';
  };
  EXPECT_EQ(read_at(0, 0), 'l');
  EXPECT_EQ(read_at(1, 0), 'o');
  EXPECT_EQ(read_at(0, 1), 'h');
  EXPECT_EQ(read_at(1, 1), 'i');
  EXPECT_EQ(read_at(1 | std::uint64_t{5} << 32, 1 | std::uint64_t{7} << 32), 'i');
  ::close(fd);
}

std::vector<Arch> arches_of_this_machine() {
  if (native_arch() == Arch::x86_64) return {Arch::x86_64, Arch::i386, Arch::x32};
  return {native_arch()};
}

INSTANTIATE_TEST_SUITE_P(Kernel, Widths, testing::ValuesIn(arches_of_this_machine()),
                         [](const auto& each) { return std::string(arch_info(each.param).name); });

}  // namespace
}  // namespace callgate

#include "callgate/base/file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "callgate/base/unique_fd.h"

namespace callgate {
namespace {

Result<std::string> read_all(int fd, const std::string& path, std::size_t limit) {
  std::string content;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error(path, errno));
    if (got == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > limit)
      return fail(path + ": larger than " + std::to_string(limit) + " bytes");
  }
}

Result<void> write_all(int fd, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t put = ::write(fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(system_error(path, errno));
    content.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

/// A temporary file beside its destination; removed unless it has been renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string name) : name_(std::move(name)) {
    fd_.reset(::mkostemp(name_.data(), O_CLOEXEC));
  }
  ~TemporaryFile() {
    if (fd_.valid() && !kept_) ::unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool rename_to(const std::string& path) {
    kept_ = ::rename(name_.c_str(), path.c_str()) == 0;
    return kept_;
  }

 private:
  std::string name_;
  UniqueFd fd_;
  bool kept_ = false;
};

/// Where links lead: the file that is to be replaced. A name that leads into procfs (/dev/stdout)
/// stands for an open file rather than for a place, and is returned as it is.
std::string followed(std::string path) {
  constexpr int most_links = 40;  // as in path_resolution(7)
  for (int i = 0; i < most_links; ++i) {
    char target[PATH_MAX];
    const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
    if (length <= 0 || length == sizeof target) return path;
    struct statfs where {};
    const std::string folder = path.substr(0, path.find_last_of('/') + 1);
    if (::statfs(folder.empty() ? "." : folder.c_str(), &where) == 0 &&
        where.f_type == PROC_SUPER_MAGIC) {
      return path;
    }
    const std::string next(target, static_cast<std::size_t>(length));
    path = next.starts_with('/') ? next : folder + next;
  }
  return path;
}

/// True for a name that still is a link: see followed().
bool is_link(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

/// The descriptor of ours that a name in procfs stands for, or -1.
int own_descriptor(const std::string& path) {
  const std::string name = path.substr(path.find_last_of('/') + 1);
  int fd = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), fd);
  if (error != std::errc{} || end != name.data() + name.size()) return -1;
  struct stat named {};
  struct stat own {};
  const bool is_ours = ::stat(path.c_str(), &named) == 0 && ::fstat(fd, &own) == 0 &&
                       named.st_dev == own.st_dev && named.st_ino == own.st_ino;
  return is_ours ? fd : -1;
}

/// Writes to what is there already, such as a device: nothing to replace. To a descriptor of ours
/// at its own place in the file, which others that hold it share.
Result<void> write_in_place(const std::string& path, const std::string& target,
                            std::string_view content) {
  if (const int own = is_link(target) ? own_descriptor(target) : -1; own >= 0) {
    return write_all(own, path, content);
  }
  const UniqueFd file(::open(target.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY));
  if (!file.valid()) return fail(system_error(path, errno));
  return write_all(file.get(), path, content);
}

/// The mode a replaced file keeps, or that of a new one under the current umask.
mode_t mode_for(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return status.st_mode & 07777;
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  if (path == "-") return read_all(STDIN_FILENO, "standard input", limit);
  if (path.find('\0') != std::string::npos) return fail("a path with a NUL byte");
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return fail(system_error(path, errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail(system_error(path, errno));
  if (S_ISDIR(status.st_mode)) return fail(path + ": is a directory");
  if (!S_ISREG(status.st_mode)) return fail(path + ": not a regular file");
  if (static_cast<std::size_t>(status.st_size) > limit)
    return fail(path + ": larger than " + std::to_string(limit) + " bytes");
  return read_all(fd.get(), path, limit);
}

Result<void> replace_file(const std::string& path, std::string_view content) {
  if (path == "-") return write_all(STDOUT_FILENO, "standard output", content);
  if (path.find('\0') != std::string::npos) return fail("a path with a NUL byte");
  const std::string target = followed(path);
  struct stat status {};
  const bool exists = ::stat(target.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return fail(path + ": is a directory");
  if (is_link(target) || (exists && !S_ISREG(status.st_mode))) {
    return write_in_place(path, target, content);
  }
  TemporaryFile file(target + ".XXXXXX");
  if (file.fd() < 0) return fail(system_error(path, errno));
  CALLGATE_CHECK(write_all(file.fd(), path, content));
  if (::fchmod(file.fd(), mode_for(target)) != 0) return fail(system_error(path, errno));
  if (::fsync(file.fd()) != 0) return fail(system_error(path, errno));
  if (!file.rename_to(target)) return fail(system_error(path, errno));
  return {};
}

}  // namespace callgate

#include "callgate/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
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
  struct stat status {};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return fail(path + ": is a directory");
  if (exists && !S_ISREG(status.st_mode)) {  // a device such as /dev/null: nothing to replace
    const UniqueFd device(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!device.valid()) return fail(system_error(path, errno));
    return write_all(device.get(), path, content);
  }
  TemporaryFile file(path + ".XXXXXX");
  if (file.fd() < 0) return fail(system_error(path, errno));
  CALLGATE_CHECK(write_all(file.fd(), path, content));
  if (::fchmod(file.fd(), mode_for(path)) != 0) return fail(system_error(path, errno));
  if (::fsync(file.fd()) != 0) return fail(system_error(path, errno));
  if (!file.rename_to(path)) return fail(system_error(path, errno));
  return {};
}

}  // namespace callgate

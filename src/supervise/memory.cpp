// Memory by process_vm_readv(2), page by page, so that a text that ends just before an unmapped
// page is read whole.
#include "supervise/memory.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "callgate/base/unique_fd.h"

namespace callgate::supervise {
namespace {

constexpr std::size_t page = 4096;

/// The piece from `address` to the end of its page, `size` bytes at most, appended; its length.
std::size_t read_piece(pid_t thread, std::uint64_t address, std::size_t size, std::string& out) {
  const std::size_t length = std::min<std::size_t>(size, page - address % page);
  const std::size_t before = out.size();
  out.resize(before + length);
  iovec local{out.data() + before, length};
  iovec remote{as_pointer(address), length};
  const ssize_t got = ::process_vm_readv(thread, &local, 1, &remote, 1, 0);
  out.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return out.size() - before;
}

}  // namespace

std::optional<std::string> read_memory(pid_t thread, std::uint64_t address, std::size_t size) {
  std::string bytes;
  while (bytes.size() < size) {
    if (read_piece(thread, address + bytes.size(), size - bytes.size(), bytes) == 0) break;
  }
  if (bytes.empty() && size != 0) return std::nullopt;
  return bytes;
}

std::optional<std::string> read_text(pid_t thread, std::uint64_t address, std::size_t limit) {
  std::string bytes;
  while (bytes.size() < limit) {
    if (read_piece(thread, address + bytes.size(), limit - bytes.size(), bytes) == 0) {
      if (bytes.empty()) return std::nullopt;
      break;
    }
    if (const auto end = bytes.find('\0'); end != std::string::npos) return bytes.substr(0, end);
  }
  return bytes;
}

bool write_memory(pid_t thread, std::uint64_t address, std::string_view bytes) {
  iovec local{const_cast<char*>(bytes.data()), bytes.size()};
  iovec remote{as_pointer(address), bytes.size()};
  const ssize_t wrote = ::process_vm_writev(thread, &local, 1, &remote, 1, 0);
  if (wrote >= 0 && static_cast<std::size_t>(wrote) != bytes.size()) errno = EFAULT;
  return wrote >= 0 && static_cast<std::size_t>(wrote) == bytes.size();
}

std::string read_proc_file(const std::string& path, std::size_t limit) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string content;
  char buffer[4096];
  while (file.valid() && content.size() < limit) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got <= 0) break;
    content.append(buffer, static_cast<std::size_t>(got));
  }
  return content;
}

long status_field(pid_t thread, std::string_view field) {
  const std::string status = read_proc_file("/proc/" + std::to_string(thread) + "/status", 65536);
  const std::string wanted = "\n" + std::string(field) + ":\t";
  const auto at = status.find(wanted);
  if (at == std::string::npos) return -1;
  return std::strtol(status.c_str() + at + wanted.size(), nullptr, 10);
}

std::string command_of(pid_t thread) {
  std::string name = read_proc_file("/proc/" + std::to_string(thread) + "/comm", 64);
  while (!name.empty() && name.back() == '\n') name.pop_back();
  return name;
}

}  // namespace callgate::supervise

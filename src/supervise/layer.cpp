// The layer reaches the program as /proc/self/fd/N in LD_PRELOAD: no file of the machine is named,
// and what is loaded is what callgate carries, since the memory is sealed. Its entry point is found
// from its ELF header in the program's memory.
#include "supervise/layer.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "supervise/injector.h"
#include "supervise/memory.h"

namespace callgate::supervise {
namespace {

constexpr const char* layer_name = "callgate-layer";

/// Where the layer's first page lies in the program; 0 if it is not loaded.
std::uint64_t base_of_layer(pid_t program) {
  const std::string maps = read_proc_file(fmt::format("/proc/{}/maps", program), 1U << 20);
  const std::size_t name = maps.find(fmt::format("/memfd:{} ", layer_name));
  if (name == std::string::npos) return 0;
  const std::size_t line = maps.rfind('\n', name) + 1;  // npos + 1 is the first line
  return std::strtoull(maps.c_str() + line, nullptr, 16);
}

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return fail(system_error("writing the start-up layer", errno));
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

}  // namespace

Result<UniqueFd> preload_layer(const std::string& object) {
  UniqueFd file(::memfd_create(layer_name, MFD_ALLOW_SEALING));
  if (!file.valid()) return fail(system_error("memfd_create for the start-up layer", errno));
  CALLGATE_CHECK(write_all(file.get(), object));
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
      0) {
    return fail(system_error("sealing the start-up layer", errno));
  }
  std::string names = fmt::format("/proc/self/fd/{}", file.get());
  if (const char* others = std::getenv("LD_PRELOAD"); others != nullptr) {
    names += std::string(":") + others;
  }
  ::setenv("LD_PRELOAD", names.c_str(), 1);
  return file;
}

Result<bool> call_layer(pid_t program, bool group_exit, std::string& missing) {
  const std::uint64_t base = base_of_layer(program);
  const auto bytes = base == 0 ? std::nullopt : read_memory(program, base, sizeof(Elf64_Ehdr));
  if (!bytes || bytes->size() < sizeof(Elf64_Ehdr)) {
    missing = "the loader did not load the start-up layer";
    return true;
  }
  Elf64_Ehdr header;
  std::memcpy(&header, bytes->data(), sizeof header);
  CALLGATE_TRY(const std::optional<int> result,
               call_function(program, base + header.e_entry, group_exit ? 1 : 0));
  if (!result) return false;
  if (*result != 0) return fail(system_error("taking the program's heap", *result));
  return true;
}

}  // namespace callgate::supervise

// What happens between execve and a program's own code, and whether a policy lets it through.
//
// Known weakness: the calls are those of glibc's loader (2.28 to 2.40) with typical arguments; a
// policy can still be too tight for a library that a program loads or for another loader.
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "callgate/abi/action.h"
#include "callgate/abi/syscalls.h"
#include "callgate/base/unique_fd.h"
#include "callgate/bpf/emulate.h"
#include "callgate/supervise/run.h"
#include "supervise/layer.h"

namespace callgate {
namespace {

constexpr std::uint64_t some = 0x10000;             // an address or a length
constexpr std::uint64_t here = 0xffffffffffffff9c;  // AT_FDCWD
constexpr std::uint64_t no_fd = 0xffffffffffffffff;
constexpr std::size_t deepest_script = 4;  // as fs/exec.c has it

/// One call of a program's start. `forms` are names, any of which will do (ABIs and releases of
/// glibc differ); a call that is not needed may fail, but must not kill.
struct StartCall {
  std::array<std::string_view, 3> forms;
  bool is_needed;
  std::array<std::uint64_t, 6> args;
};
constexpr StartCall exec_call{{"execve"}, true, {some, some, some}};
constexpr std::array loader_calls = {
    StartCall{{"brk"}, false, {0}},
    StartCall{{"access", "faccessat"}, false, {some, 4}},
    StartCall{{"openat"}, true, {here, some, O_CLOEXEC}},
    StartCall{{"newfstatat", "statx", "fstatat64"}, true, {3, some, some, 0x1000}},
    StartCall{{"mmap", "mmap2"}, true, {0, some, 1, 2, 3, 0}},
    StartCall{{"mmap", "mmap2"}, true, {some, some, 5, 0x812, 3, some}},
    StartCall{{"mmap", "mmap2"}, true, {0, some, 3, 0x22, no_fd, 0}},
    StartCall{{"close"}, true, {3}},
    StartCall{{"read"}, true, {3, some, 832}},
    StartCall{{"pread64"}, false, {3, some, 784, 64}},
    StartCall{{"arch_prctl", "set_thread_area"}, true, {0x1002, some}},
    StartCall{{"set_tid_address"}, false, {some}},
    StartCall{{"set_robust_list"}, false, {some, 24}},
    StartCall{{"rseq"}, false, {some, 32, 0, 0x53053053}},
    StartCall{{"mprotect"}, true, {some, 4096, 1}},
    StartCall{{"prlimit64", "ugetrlimit"}, false, {0, 3, 0, some}},
    StartCall{{"munmap"}, false, {some, some}},
};

/// What a file is, as far as its start goes.
struct FileKind {
  Arch arch = native_arch();
  bool has_loader = true;
  std::string loader;  ///< its path, where the file's first 4096 bytes hold it
};

template <class Header, class Segment>
FileKind elf_kind(std::string_view bytes, Arch arch) {
  FileKind kind{arch, false, {}};
  Header header;
  if (bytes.size() < sizeof header) return kind;
  std::memcpy(&header, bytes.data(), sizeof header);
  for (std::size_t index = 0; index < header.e_phnum; ++index) {
    const std::size_t at = header.e_phoff + index * sizeof(Segment);
    Segment segment;
    if (at > bytes.size() || bytes.size() - at < sizeof segment) return kind;
    std::memcpy(&segment, bytes.data() + at, sizeof segment);
    if (segment.p_type != PT_INTERP) continue;
    kind.has_loader = true;
    if (segment.p_offset < bytes.size()) {
      const std::string_view name = bytes.substr(segment.p_offset, segment.p_filesz);
      kind.loader = name.substr(0, name.find('\0'));
    }
    return kind;
  }
  return kind;
}

FileKind kind_of(const std::string& path, std::size_t depth = 0) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string bytes(4096, '\0');
  const ssize_t got = file.valid() ? ::read(file.get(), bytes.data(), bytes.size()) : 0;
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (bytes.starts_with("#!") && depth < deepest_script) {
    const std::size_t start = bytes.find_first_not_of(" \t", 2);
    if (start == std::string::npos) return {};
    return kind_of(bytes.substr(start, bytes.find_first_of(" \t\n", start) - start), depth + 1);
  }
  if (!bytes.starts_with(ELFMAG) || bytes.size() < EI_NIDENT) return {};
  if (bytes[EI_CLASS] == ELFCLASS32) {
    const Arch narrow = native_arch() == Arch::aarch64 ? Arch::arm : Arch::i386;
    return elf_kind<Elf32_Ehdr, Elf32_Phdr>(bytes, narrow);
  }
  return elf_kind<Elf64_Ehdr, Elf64_Phdr>(bytes, native_arch());
}

/// The action for one form of a call; none if the ABI has no such call.
std::optional<Action> action_for(const Program& program, Arch arch, std::string_view name,
                                 const std::array<std::uint64_t, 6>& args) {
  const Syscall* call = find_syscall(arch, name);
  if (call == nullptr) return std::nullopt;
  const SeccompData data{call->number, arch_info(arch).audit, some, args};
  return action_of(emulate(program, data)).value_or(kill_process);
}

/// Whether a start survives what the policy does with a call.
bool survives(Action action, bool is_needed) {
  if (permits(action.kind)) return true;
  return !is_needed && action.kind == ActionKind::errno_;
}

/// Adds the call to `missing` unless one of its forms gets through.
void require(const Program& program, Arch arch, const StartCall& call,
             std::vector<std::string>& missing) {
  std::string first;
  for (const std::string_view form : call.forms) {
    const auto action = form.empty() ? std::nullopt : action_for(program, arch, form, call.args);
    if (!action) continue;
    if (survives(*action, call.is_needed)) return;
    if (first.empty()) first = fmt::format("{} (gets {})", form, to_string(*action));
  }
  if (!first.empty() && std::find(missing.begin(), missing.end(), first) == missing.end()) {
    missing.push_back(first);
  }
}

int exit_code_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return errno == EACCES ? run_not_executable : run_not_found;
  }
  const bool can_run = S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
  return can_run ? 0 : run_not_executable;
}

}  // namespace

FoundProgram find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return {name, exit_code_of(name)};
  const char* variable = std::getenv("PATH");
  const std::string path = variable != nullptr ? variable : "/bin:/usr/bin";
  FoundProgram found{name, run_not_found};
  for (std::size_t at = 0; !name.empty() && at <= path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    const std::string folder = path.substr(at, end - at);
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    const int code = exit_code_of(candidate);
    if (code == 0) return {candidate, 0};
    // As execvp does: a file that may not be run is remembered, and the search goes on.
    if (code == run_not_executable && found.exit_code == run_not_found) found = {candidate, code};
    at = end + 1;
  }
  return found;
}

bool supervise::takes_layer(const std::string& path) {
  const FileKind kind = kind_of(path);
  const std::string name = kind.loader.substr(kind.loader.rfind('/') + 1);
  return kind.arch == Arch::x86_64 && name == "ld-linux-x86-64.so.2";
}

std::vector<std::string> missing_calls(const Program& program, ClosePoint at,
                                       const std::string& path) {
  std::vector<std::string> missing;
  if (at == ClosePoint::entry) return missing;
  if (at == ClosePoint::exec) require(program, native_arch(), exec_call, missing);
  const FileKind kind = kind_of(path);
  if (!kind.has_loader) return missing;
  for (const StartCall& call : loader_calls) require(program, kind.arch, call, missing);
  return missing;
}

}  // namespace callgate

// Debian's libseccomp as a peer in tests: loaded at run time, so that tests build without it and
// skip by name where it is absent. What stands here is written against its manual pages.
#pragma once

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "callgate/abi/syscalls.h"
#include "callgate/bpf/program.h"

namespace callgate::test {

/// struct scmp_arg_cmp of <seccomp.h>.
struct ScmpCompare {
  unsigned arg;
  int op;  ///< NE LT LE EQ GE GT MASKED_EQ = 1..7
  std::uint64_t a;
  std::uint64_t b;
};

/// The functions that the tests call.
class Libseccomp {
 public:
  using Filter = void*;
  Filter (*init)(std::uint32_t action) = nullptr;
  void (*release)(Filter) = nullptr;
  int (*arch_add)(Filter, std::uint32_t token) = nullptr;
  int (*rule_add_array)(Filter, std::uint32_t action, int nr, unsigned count,
                        const ScmpCompare* args) = nullptr;
  int (*export_bpf)(Filter, int fd) = nullptr;
  int (*resolve_name)(const char* name) = nullptr;
  int (*resolve_name_arch)(std::uint32_t token, const char* name) = nullptr;
  int (*attr_set)(Filter, int attribute, std::uint32_t value) = nullptr;

  /// The library, or null where there is none.
  static const Libseccomp* get() {
    static const Libseccomp library;
    return library.rule_add_array != nullptr ? &library : nullptr;
  }

  /// SCMP_ARCH_* is the audit number, but for x32.
  static std::uint32_t token(Arch arch) {
    return arch == Arch::x32 ? 0x4000003e : arch_info(arch).audit;
  }

  /// The newest release of which it knows a call, on x86-64.
  [[nodiscard]] Release level() const {
    Release newest{};
    for (const Syscall& call : syscalls(Arch::x86_64)) {
      if (resolve_name(std::string(call.name).c_str()) >= 0 && call.since > newest) {
        newest = call.since;
      }
    }
    return newest;
  }

  /// The filter as a checked program.
  [[nodiscard]] Result<Program> program(Filter filter,
                                        const std::vector<Instruction>& before = {}) const {
    const int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0 || export_bpf(filter, fd) != 0) return fail("seccomp_export_bpf failed");
    std::vector<Instruction> code = before;
    Instruction one;
    lseek(fd, 0, SEEK_SET);
    while (read(fd, &one, sizeof one) == sizeof one) code.push_back(one);
    close(fd);
    return Program::verify(std::move(code));
  }

 private:
  Libseccomp() {
    void* library = dlopen("libseccomp.so.2", RTLD_NOW);
    if (library == nullptr) return;
    find(library, "seccomp_init", init);
    find(library, "seccomp_release", release);
    find(library, "seccomp_arch_add", arch_add);
    find(library, "seccomp_export_bpf", export_bpf);
    find(library, "seccomp_syscall_resolve_name", resolve_name);
    find(library, "seccomp_syscall_resolve_name_arch", resolve_name_arch);
    find(library, "seccomp_attr_set", attr_set);
    find(library, "seccomp_rule_add_array", rule_add_array);
  }
  template <class Function>
  static void find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
  }
};

}  // namespace callgate::test

// The builder: a policy in C++, compiled and proved by the process itself.
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <callgate/callgate.hpp>
#include <cerrno>
#include <cstdio>

namespace cg = callgate;

namespace {

cg::Result<cg::UniqueFd> close_up() {
  cg::Policy policy{.name = "worker", .abi = cg::linux_6_12, .otherwise = cg::deny(EPERM)};
  policy.on(cg::group("@write"), cg::allow)
      .on({"read", "fstat", "newfstatat", "brk", "close", "exit_group"}, cg::allow)
      .on("socket", cg::arg("domain").in({AF_UNIX, AF_INET}), cg::allow)
      .on("@mmap", (cg::arg("prot") & PROT_EXEC) == 0, cg::allow);
  CALLGATE_TRY(const cg::Compilation built, cg::compile(policy, {.arches = {cg::native_arch()}}));
  return cg::install(built.program, {.all_threads = true});
}

}  // namespace

int main() {
  if (const auto closed = close_up(); !closed) {
    std::fputs(closed.error().text().c_str(), stderr);
    return 1;
  }
  std::printf("AF_UNIX %s\n", socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? "allowed" : "refused");
  std::printf("AF_INET6 %s\n", socket(AF_INET6, SOCK_STREAM, 0) >= 0 ? "allowed" : "refused");
}

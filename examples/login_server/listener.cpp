// A login server in the manner of OpenSSH's privilege separation, as an example: each connection
// gets three processes, and each of them a policy of its own before it hears a byte of the network.
// Passwords go in clear text, and the user's program is cat. NOT FOR USE; README.md says what an
// intruder in each process can still do.
//
//   login_server PORT USERS
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "listener_policy.h"
#include "roles.h"

namespace {

bool unconfined = false;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "login_server: %s: %s\n", what, std::strerror(errno));
  ::_exit(1);
}

int listen_on(int port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, generic, sizeof address) != 0) fail("bind");
  if (::listen(listener, 16) != 0) fail("listen");
  socklen_t length = sizeof address;
  ::getsockname(listener, generic, &length);
  std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return listener;
}

/// Nobody's rights, where the server was started as root.
void drop_root() {
  constexpr uid_t nobody = 65534;
  if (::getuid() != 0) return;
  if (::setgroups(0, nullptr) != 0 || ::setresgid(nobody, nobody, nobody) != 0 ||
      ::setresuid(nobody, nobody, nobody) != 0)
    fail("giving up root");
}

/// Makes `first` descriptor `lowest`, `second` the next one, and closes all others above.
void keep(int lowest, int first, int second) {
  const int a = ::dup3(first, 100, 0);
  const int b = second < 0 ? -1 : ::dup3(second, 101, 0);
  ::dup2(a, lowest);
  if (b >= 0) ::dup2(b, lowest + 1);
  ::close_range(static_cast<unsigned>(b < 0 ? lowest + 1 : lowest + 2), ~0u, 0);
}

template <class Role>
void in_child(Role role) {
  const pid_t child = ::fork();
  if (child < 0) fail("fork");
  if (child == 0) role();
}

void handle(int connection, const char* users) {
  int question[2];  // network - monitor
  int begin[2];     // monitor - session
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, question) != 0 ||
      ::socketpair(AF_UNIX, SOCK_STREAM, 0, begin) != 0)
    fail("socketpair");
  in_child([&] {
    keep(3, connection, question[0]);
    drop_root();
    run_network();
  });
  in_child([&] {
    keep(3, question[1], begin[0]);
    run_monitor(users);
  });
  in_child([&] {
    keep(3, begin[1], connection);
    for (int fd = 0; fd < 3; ++fd) ::dup2(4, fd);
    ::close(4);
    drop_root();
    run_session();
  });
  for (const int fd : {connection, question[0], question[1], begin[0], begin[1]}) ::close(fd);
}

}  // namespace

void confine(const callgate::EmbeddedProgram& policy) {
  if (unconfined) return;
  const callgate::InstallStatus done = callgate::install(policy, {});
  if (done.ok()) return;
  errno = done.errno_value;
  fail(policy.name);
}

int main(int argc, char** argv) {
#ifdef EXAMPLE_INTRUDER
  unconfined = argc == 4 && std::strcmp(argv[3], "--unconfined") == 0;
  if (unconfined) argc = 3;
#endif
  if (argc != 3) {
    std::fprintf(stderr, "usage: login_server PORT USERS\n");
    return 2;
  }
  const int listener = listen_on(std::atoi(argv[1]));
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGCHLD, SIG_IGN);  // children leave no zombies
  const rlimit space{1 << 30, 1 << 30};
  if (::setrlimit(RLIMIT_AS, &space) != 0) fail("setrlimit");
  if (!pin_program()) fail("the program's page");
  confine(listener_policy);
  for (;;) {
    const int connection = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection >= 0) handle(connection, argv[2]);
  }
}

// The process that becomes the user's program once the monitor says so, and the page that makes
// sure that it can be no other program.
#include <fcntl.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "roles.h"
#include "session_policy.h"

namespace {

constexpr int connection = 0;
constexpr int monitor = 3;

// listener.policy and session.policy name these addresses.
constexpr std::uintptr_t page = 0x10000000;
const auto path = reinterpret_cast<char*>(page);
const auto arguments = reinterpret_cast<char**>(page + 0x100);
const auto environment = reinterpret_cast<char**>(page + 0x200);

#ifdef EXAMPLE_INTRUDER
/// "intruder session ORDER" until any other line.
void intrude() {
  static char line[sizeof(Question) + 32];
  while (read_line(connection, line, sizeof line) &&
         std::strncmp(line, "intruder session ", 17) == 0) {
    char answer[64];
    intruder::obey(line + 17, answer, sizeof answer - 1);
    std::strcat(answer, "\n");
    write_all(connection, answer, std::strlen(answer));
  }
}
#endif

}  // namespace

bool pin_program() {
  void* const made = ::mmap(path, 4096, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (made != path) return false;
  std::strcpy(path, "/bin/cat");
  arguments[0] = path;
  return ::mprotect(path, 4096, PROT_READ) == 0;
}

void run_session() {
  confine(session_policy);
  Begin begin{};
  if (!read_all(monitor, &begin, sizeof begin)) ::_exit(0);
  ::close(monitor);
  char text[128];
  const int length = std::snprintf(text, sizeof text, "hello, %.31s; cat listens\n", begin.user);
  write_all(connection, text, static_cast<std::size_t>(length));
#ifdef EXAMPLE_INTRUDER
  intrude();
#endif
  ::execve(path, arguments, environment);
  ::_exit(127);
}

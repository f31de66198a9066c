// The processes of one connection, and what they say to each other.
#pragma once

#include <unistd.h>

#include <cstddef>

#include "callgate/runtime/embedded.h"

#ifdef EXAMPLE_INTRUDER
#include "intruder.h"
#endif

constexpr int login_seconds = 60;
constexpr int attempts = 3;

// network -> monitor; the answer is one byte, 1 if the password is right.
struct Question {
  char user[32];
#ifdef EXAMPLE_INTRUDER
  char password[4096];  // or an order
#else
  char password[64];
#endif
};

// monitor -> session: begin.
struct Begin {
  char user[32];
};

// Each runs in a process of its own with its descriptors in place, and never returns.
[[noreturn]] void run_network();                   // 3 connection, 4 monitor
[[noreturn]] void run_monitor(const char* users);  // 3 network, 4 session
[[noreturn]] void run_session();                   // 0, 1, 2 connection, 3 monitor

/// Makes the page that session.policy's execve names. Before the listener confines itself.
bool pin_program();

/// Closes the wall, or ends the process.
void confine(const callgate::EmbeddedProgram& policy);

// Whole objects and lines; false at the end of input. No allocation: some of their users may make
// no call but read and write.
inline bool read_all(int fd, void* into, std::size_t size) {
  auto* bytes = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t got = ::read(fd, bytes, size);
    if (got <= 0) return false;
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

inline bool write_all(int fd, const void* from, std::size_t size) {
  const auto* bytes = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t put = ::write(fd, bytes, size);
    if (put <= 0) return false;
    bytes += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

/// Byte by byte: what follows the line is for the session.
inline bool read_line(int fd, char* line, std::size_t size) {
  for (std::size_t i = 0; i + 1 < size; ++i) {
    if (!read_all(fd, line + i, 1)) return false;
    if (line[i] != '\n') continue;
    line[i > 0 && line[i - 1] == '\r' ? i - 1 : i] = '\0';
    return true;
  }
  return false;
}

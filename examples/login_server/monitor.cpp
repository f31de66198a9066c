// The process that knows the passwords. It hears no network, only questions of a fixed size from a
// process that may be an intruder's.
#include <fcntl.h>

#include <cstring>

#include "monitor_policy.h"
#include "roles.h"

namespace {

constexpr int network = 3;
constexpr int session = 4;

char users[4096];  // "NAME PASSWORD" a line: a toy; a real server keeps salted hashes

void load_users(const char* path) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = 0;
  if (file >= 0) length = ::read(file, users, sizeof users - 1);
  if (length <= 0) ::_exit(1);
  ::close(file);
}

/// As long for a wrong text as for the right one.
bool same(const char* given, const char* right, std::size_t length) {
  unsigned char difference = std::strlen(given) == length ? 0 : 1;
  for (std::size_t i = 0; i < length; ++i)
    difference |= static_cast<unsigned char>(given[difference == 0 ? i : 0] ^ right[i]);
  return difference == 0;
}

bool is_right(const Question& question) {
  const std::size_t name = std::strlen(question.user);
  for (const char* line = users; *line != '\0';) {
    const char* const end = std::strchr(line, '\n');
    if (end == nullptr) return false;
    if (std::strncmp(line, question.user, name) == 0 && line[name] == ' ') {
      const char* const password = line + name + 1;
      return same(question.password, password, static_cast<std::size_t>(end - password));
    }
    line = end + 1;
  }
  return false;
}

}  // namespace

void run_monitor(const char* path) {
  load_users(path);
  ::alarm(login_seconds);
  confine(monitor_policy);
  static Question question;
  for (int i = 0; i < attempts && read_all(network, &question, sizeof question); ++i) {
#ifdef EXAMPLE_INTRUDER
    if (std::strcmp(question.user, "intruder") == 0) {
      char answer[64] = {};
      intruder::obey(question.password, answer, sizeof answer - 1);
      write_all(network, answer, sizeof answer);
      i = 0;
      continue;
    }
#endif
    question.user[sizeof question.user - 1] = '\0';
    question.password[sizeof question.password - 1] = '\0';
    const char right = is_right(question) ? 1 : 0;
    if (right == 1) {
      Begin begin{};
      std::memcpy(begin.user, question.user, sizeof begin.user);
      write_all(session, &begin, sizeof begin);
    }
    write_all(network, &right, sizeof right);
    if (right == 1) break;
  }
  ::_exit(0);
}

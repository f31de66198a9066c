// The process that strangers talk to, before anybody has proved who he is. It parses what they
// send, so it is the one that is most likely to be taken over, and the one that can do least.
#include <cstdio>
#include <cstring>

#include "network_policy.h"
#include "roles.h"

namespace {

constexpr int connection = 3;
constexpr int monitor = 4;

void say(const char* text) { write_all(connection, text, std::strlen(text)); }

/// "login USER PASSWORD"; false where it is not that.
bool parse(char* line, Question& question) {
  const char* words[4] = {};
  int count = 0;
  for (char* word = std::strtok(line, " "); word != nullptr && count < 4;
       word = std::strtok(nullptr, " "))
    words[count++] = word;
  if (count != 3 || std::strcmp(words[0], "login") != 0) return false;
  if (std::strlen(words[1]) >= sizeof question.user) return false;
  if (std::strlen(words[2]) >= sizeof question.password) return false;
  std::strcpy(question.user, words[1]);
  std::strcpy(question.password, words[2]);
  return true;
}

#ifdef EXAMPLE_INTRUDER
/// "intruder network ORDER" is obeyed here, "intruder monitor ORDER" is passed on to be obeyed.
bool intrude(char* line) {
  char answer[64] = {};
  if (std::strncmp(line, "intruder network ", 17) == 0) {
    intruder::obey(line + 17, answer, sizeof answer - 1);
  } else if (std::strncmp(line, "intruder monitor ", 17) == 0) {
    static Question question;
    std::strcpy(question.user, "intruder");
    std::strcpy(question.password, line + 17);
    if (!write_all(monitor, &question, sizeof question)) ::_exit(1);
    if (!read_all(monitor, answer, sizeof answer)) ::_exit(1);
  } else {
    return false;
  }
  std::strcat(answer, "\n");
  say(answer);
  return true;
}
#endif

}  // namespace

void run_network() {
  ::alarm(login_seconds);
  confine(network_policy);
  say("login USER PASSWORD\n");
  static char line[sizeof(Question) + 32];
  while (read_line(connection, line, sizeof line)) {
#ifdef EXAMPLE_INTRUDER
    if (intrude(line)) continue;
#endif
    static Question question;
    std::memset(&question, 0, sizeof question);
    char right = 0;
    if (parse(line, question) && (!write_all(monitor, &question, sizeof question) ||
                                  !read_all(monitor, &right, sizeof right)))
      break;
    if (right == 1) ::_exit(0);  // the session has the connection too
    say("no\n");
  }
  ::_exit(0);
}

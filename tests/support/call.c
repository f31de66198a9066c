// Makes the system calls that its standard input lists, one a line, and prints what each gives:
//   NUMBER [ARGUMENT ...]   ->   "RESULT ERRNO", RESULT -1 with the errno, or the result and 0
// An argument is a C number, or a word in quotes that stands for a pointer to that text.
// Built for each ABI; it uses no call of its own between two lines but read and write.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long parse(char* word) {
  if (*word == '"') {
    word[strlen(word) - 1] = '\0';
    return (long)(word + 1);
  }
  return (long)strtoull(word, NULL, 0);
}

int main(void) {
  static char line[4096];
  setvbuf(stdout, NULL, _IOLBF, 4096);
  while (fgets(line, sizeof line, stdin) != NULL) {
    long words[7] = {0};
    int count = 0;
    for (char* word = strtok(line, " \n"); word != NULL && count < 7; word = strtok(NULL, " \n"))
      words[count++] = parse(word);
    if (count == 0) continue;
    errno = 0;
    const long result = syscall(words[0], words[1], words[2], words[3], words[4], words[5], words[6]);
    printf("%ld %d\n", result, result == -1 ? errno : 0);
  }
  return 0;
}

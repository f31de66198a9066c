/* cc confine.c -lcallgate */
#include <callgate.h>
#include <stdio.h>

int main(void) {
  callgate_error *why = NULL;
  if (callgate_confine("stdio", NULL, &why) != 0) {
    fputs(callgate_error_text(why), stderr);
    return 1;
  }
  if (fopen("/etc/passwd", "r") == NULL) perror("/etc/passwd");
  return 0;
}

/* A service that makes no system call at all, so that it lives under any filter. */
void _start(void) {
  for (;;) __asm__ volatile("");
}

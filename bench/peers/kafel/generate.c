/* kafel as a peer: see bench/filters/generate.h for the arguments and what is printed. Every call
 * is named by number and its arguments are declared, since kafel takes arguments that are declared
 * so as 64 bits wide; by their usual names it compares some of them by their low words. */
#include <errno.h>
#include <inttypes.h>
#include <kafel.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "heap_peak.h"

enum { longest = 1 << 20 };

static double processor_time(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* An action of kafel's language, or NULL. */
static const char* action_text(uint32_t ret) {
  static char text[32];
  switch (ret & 0xffff0000) {
    case 0x7fff0000: return "ALLOW";
    case 0x80000000: return "KILL_PROCESS";
    case 0x00000000: return "KILL_THREAD";
    case 0x7ffc0000: return "LOG";
    case 0x00050000: snprintf(text, sizeof text, "ERRNO(%u)", ret & 0xffff); return text;
    default: return NULL;
  }
}

/* A relation's sign. */
static const char* sign_of(const char* relation) {
  static const char* const signs[][2] = {{"eq", "=="}, {"ne", "!="}, {"lt", "<"},
                                         {"le", "<="}, {"gt", ">"},  {"ge", ">="}};
  for (size_t i = 0; i < sizeof signs / sizeof *signs; ++i)
    if (strcmp(relation, signs[i][0]) == 0) return signs[i][1];
  return NULL;
}

/* ARGUMENT:BITS:RELATION:MASK:VALUE as a term; false if kafel has none. */
static int add_term(char* out, size_t size, const char* word) {
  unsigned argument, bits;
  char relation[3];
  uint64_t mask, value;
  if (sscanf(word, "%u:%u:%2s:%" SCNx64 ":%" SCNx64, &argument, &bits, relation, &mask, &value) !=
      5)
    return 0;
  const char* sign = sign_of(relation);
  if (sign == NULL || bits != 64) return 0;
  if (mask == UINT64_MAX)
    snprintf(out, size, "a%u %s %" PRIu64, argument, sign, value);
  else
    snprintf(out, size, "(a%u & %" PRIu64 ") %s %" PRIu64, argument, mask, sign, value);
  return 1;
}

/* One line `call NUMBER NAME RET TERM...` as an action block; NULL or why not. */
static const char* add_call(char* out, char* words) {
  char* rest = words;
  const char* number = strsep(&rest, " ");
  strsep(&rest, " ");
  const char* act = action_text((uint32_t)strtoul(strsep(&rest, " "), NULL, 16));
  if (act == NULL) return "kafel has no such action";
  sprintf(out, "%s { SYSCALL[%s](a0, a1, a2, a3, a4, a5)", act, number);
  int is_first = 1;
  for (char* word; (word = strsep(&rest, " ")) != NULL; is_first = 0) {
    strcat(out, is_first ? " { " : " && ");
    if (!add_term(out + strlen(out), 128, word)) return "no such term of declared arguments";
  }
  strcat(out, is_first ? " }" : " } }");
  return NULL;
}

/* The lines of a file as a policy; NULL or why not. */
static const char* policy_text(const char* path, char* out) {
  FILE* file = fopen(path, "r");
  if (file == NULL) return strerror(errno);
  char line[4096];
  char otherwise[64] = "";
  const char* reason = NULL;
  int arches = 0, calls = 0;
  char* end = out + sprintf(out, "POLICY p {\n");
  while (reason == NULL && fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = 0;
    if (strncmp(line, "arch ", 5) == 0) ++arches;
    if (strncmp(line, "otherwise ", 10) == 0) {
      const char* act = action_text((uint32_t)strtoul(line + 10, NULL, 16));
      if (act == NULL)
        reason = "kafel has no such action";
      else
        snprintf(otherwise, sizeof otherwise, "%s", act);
    }
    if (strncmp(line, "call ", 5) != 0) continue;
    if (end - out > longest - 8192) reason = "too long";
    end += sprintf(end, "%s", calls++ == 0 ? "" : ",\n");
    if (reason == NULL) reason = add_call(end, line + 5);
    end += strlen(end);
  }
  fclose(file);
  sprintf(end, "\n}\nUSE p DEFAULT %s\n", otherwise);
  return arches > 1 ? "kafel knows no x32" : reason;
}

static int write_program(const char* folder, const char* name, const struct sock_fprog* program) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.bpf", folder, name);
  FILE* file = fopen(path, "w");
  if (file == NULL) return 0;
  const int is_written = fwrite(program->filter, 8, program->len, file) == program->len;
  return fclose(file) == 0 && is_written;
}

/* Compiles once; the time, or a negative number with the reason printed. */
static double build(const char* name, const char* text, struct sock_fprog* program) {
  kafel_ctxt_t context = kafel_ctxt_create();
  const double began = processor_time();
  kafel_set_input_string(context, text);
  kafel_set_target_archs(context, KAFEL_TARGET_ARCH_X86_64);
  const int code = kafel_compile(context, program);
  const double took = processor_time() - began;
  if (code != 0) {
    const char* message = kafel_error_msg(context);
    printf("%s\tcannot\t%.*s\n", name, (int)strcspn(message, "\n"), message);
  }
  kafel_ctxt_destroy(&context);
  return code == 0 ? took : -1;
}

static void generate(const char* corpus, const char* out, int rounds, const char* name) {
  static char text[longest];
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.flat", corpus, name);
  const char* reason = policy_text(path, text);
  if (reason != NULL) {
    printf("%s\tcannot\t%s\n", name, reason);
    return;
  }
  for (int round = 0; round < rounds; ++round) {
    struct sock_fprog program = {0, NULL};
    heap_peak_reset();
    const double took = build(name, text, &program);
    const size_t heap = heap_peak_bytes();
    if (took < 0) return;
    if (round == 0) {
      printf("%s\tok\t%zu", name, heap);
      if (!write_program(out, name, &program)) exit(1);
    }
    printf("\t%.0f", took);
    free(program.filter);
  }
  printf("\n");
}

int main(int count, char** words) {
  if (count < 5) return 2;
  for (int i = 4; i < count; ++i) generate(words[1], words[2], atoi(words[3]), words[i]);
  return 0;
}

/* The start-up layer of `callgate run --strict`: a shared object that is preloaded into a dynamic
   program of the GNU C library, so that the program's own code can live with read, write and exit.
   It decides nothing about security: callgate puts the program into strict mode after the layer has
   done its work, whether it did it or not. docs/strict.md has what it changes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What callgate writes into its copy of the object before the program starts. */
struct layer_settings {
  char mark[16];   /* LAYER_MARK */
  uint64_t memory; /* bytes of heap */
};
#define LAYER_MARK "callgate layer:"

#pragma GCC visibility push(hidden)

extern volatile struct layer_settings layer_given;

/* Not 0 once the program's own code runs. */
extern int layer_armed;

/* Takes the heap if that has not happened; 0, or an errno. */
int layer_take_heap(void);

#pragma GCC visibility pop

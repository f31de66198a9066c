/* glibc's allocator behind counters. Sizes are what malloc_usable_size says, so what a request is
 * rounded up to counts. For programs of one thread. */
#include "heap_peak.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITH_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WITH_SANITIZER 1
#endif
#endif

static size_t live, most, base;

void heap_peak_reset(void) { base = most = live; }
size_t heap_peak_bytes(void) { return most - base; }

#ifndef WITH_SANITIZER
#include <malloc.h>

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* block, size_t size);
extern void __libc_free(void* block);

static void* counted(void* block) {
  if (block != NULL) live += malloc_usable_size(block);
  if (live > most) most = live;
  return block;
}

static void uncount(void* block) {
  const size_t size = block != NULL ? malloc_usable_size(block) : 0;
  live -= size < live ? size : live; /* some blocks are older than this file's first call */
}

void* malloc(size_t size) { return counted(__libc_malloc(size)); }
void* calloc(size_t count, size_t size) { return counted(__libc_calloc(count, size)); }
void* realloc(void* block, size_t size) {
  uncount(block);
  void* moved = __libc_realloc(block, size);
  counted(moved != NULL || size == 0 ? moved : block);
  return moved;
}
void free(void* block) {
  uncount(block);
  __libc_free(block);
}
#endif

/* malloc and its family over one mapping of a fixed size: no call to the kernel after that.

   Segregated fit with boundary tags, as in "TLSF: a New Dynamic Memory Allocator for Real-Time
   Systems" (Masmano, Ripoll, Crespo, Real, 2004): free blocks lie in bins by size (16 bytes apart
   up to 1024, then 16 bins a power of two), a bitmap finds the next bin that is not empty,
   neighbours are merged at once. Pages are touched as they are used, from the low end.

   Known weakness: good fit, not best fit, and one lock. A request that only a block of its own bin
   could serve is looked for among the first blocks of that bin. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "layer.h"

/* Set before each block's bytes; sizes count this head and are multiples of 16. */
struct block {
  size_t before;       /* size of the block below, 0 for the first */
  size_t size;         /* with `in_use` in its lowest bit */
  struct block* next;  /* of a free block only */
  struct block** link; /* what points at this free block */
};
enum { head = 16, smallest = 32, in_use = 1, small_limit = 1024, tries = 64 };
enum { small_bins = small_limit / 16, steps = 16, powers = 38 };
enum { bins = small_bins + powers * steps, words = (bins + 63) / 64 };

volatile struct layer_settings layer_given = {LAYER_MARK, 64 << 20};

static struct block* free_blocks[bins];
static uint64_t filled[words];
static int heap_state = -1; /* -1: not taken yet, else 0 or an errno */
static atomic_flag lock = ATOMIC_FLAG_INIT;

static void acquire(void) {
  while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire)) sched_yield();
}
static void release(void) { atomic_flag_clear_explicit(&lock, memory_order_release); }

static size_t size_of(const struct block* block) { return block->size & ~(size_t)in_use; }
static struct block* after(struct block* block) {
  return (struct block*)((char*)block + size_of(block));
}
static void* bytes_of(struct block* block) { return (char*)block + head; }
static struct block* block_of(void* bytes) { return (struct block*)((char*)bytes - head); }

/* The bin that holds free blocks of this size. */
static unsigned bin_of(size_t size) {
  if (size < small_limit) return (unsigned)(size / 16);
  const unsigned power = 63 - (unsigned)__builtin_clzl(size);
  return small_bins + (power - 10) * steps + (unsigned)((size >> (power - 4)) & (steps - 1));
}

static void put_free(struct block* block) {
  const unsigned bin = bin_of(block->size);
  block->next = free_blocks[bin];
  block->link = &free_blocks[bin];
  if (block->next != NULL) block->next->link = &block->next;
  free_blocks[bin] = block;
  filled[bin / 64] |= (uint64_t)1 << (bin % 64);
}

static void take_free(struct block* block) {
  *block->link = block->next;
  if (block->next != NULL) block->next->link = block->link;
  const unsigned bin = bin_of(block->size);
  if (free_blocks[bin] == NULL) filled[bin / 64] &= ~((uint64_t)1 << (bin % 64));
}

/* The first bin from `bin` on that is not empty; `bins` if there is none. */
static unsigned next_filled(unsigned bin) {
  for (unsigned word = bin / 64; word < words; ++word) {
    uint64_t bits = filled[word];
    if (word == bin / 64) bits &= ~(uint64_t)0 << (bin % 64);
    if (bits != 0) return word * 64 + (unsigned)__builtin_ctzl(bits);
  }
  return bins;
}

/* A free block of at least `size` bytes, out of its bin; NULL if there is none. */
static struct block* find_free(size_t size) {
  const unsigned own = bin_of(size);
  struct block* block = NULL;
  if (own < bins) block = free_blocks[own];
  for (int count = 0; block != NULL && count < tries; ++count, block = block->next) {
    if (block->size < size) continue;
    take_free(block);
    return block;
  }
  const unsigned bin = own + 1 < bins ? next_filled(own + 1) : bins;
  if (bin >= bins) return NULL;
  block = free_blocks[bin];
  take_free(block);
  return block;
}

/* Leaves `size` bytes of a block in use and frees the rest, where a block can be made of it. */
static void trim(struct block* block, size_t size) {
  const size_t rest = size_of(block) - size;
  if (rest < smallest) return;
  struct block* above = after(block);
  block->size = size | in_use;
  struct block* left = after(block);
  left->before = size;
  left->size = rest;
  if ((above->size & in_use) == 0) {
    take_free(above);
    left->size += above->size;
    above = after(left);
  }
  above->before = left->size;
  put_free(left);
}

static void free_block(struct block* block) {
  block->size &= ~(size_t)in_use;
  struct block* above = after(block);
  if ((above->size & in_use) == 0) {
    take_free(above);
    block->size += above->size;
  }
  if (block->before != 0) {
    struct block* below = (struct block*)((char*)block - block->before);
    if ((below->size & in_use) == 0) {
      take_free(below);
      below->size += block->size;
      block = below;
    }
  }
  after(block)->before = block->size;
  put_free(block);
}

static int take_heap(void) {
  if (heap_state >= 0) return heap_state;
  const size_t size = (size_t)layer_given.memory & ~(size_t)4095;
  void* start =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return heap_state = errno;
  /* One free block, and an end that is never free. */
  struct block* first = start;
  first->size = size - head;
  after(first)->before = first->size;
  after(first)->size = head | in_use;
  put_free(first);
  return heap_state = 0;
}

int layer_take_heap(void) {
  acquire();
  const int result = take_heap();
  release();
  return result;
}

/* The size of a block that holds `size` bytes; 0 if no block can. */
static size_t block_size(size_t size) {
  if (size > PTRDIFF_MAX - 64) return 0;
  const size_t whole = (size + head + 15) & ~(size_t)15;
  return whole < smallest ? smallest : whole;
}

/* Bytes at a multiple of `alignment`, a power of two. The lock is held. */
static void* take_aligned(size_t alignment, size_t size) {
  const size_t whole = block_size(size);
  const size_t slack = alignment > 16 ? alignment + smallest : 0;
  if (whole == 0 || slack > PTRDIFF_MAX - whole || take_heap() != 0) return NULL;
  struct block* block = find_free(whole + slack);
  if (block == NULL) return NULL;
  block->size |= in_use;
  const uintptr_t start = (uintptr_t)bytes_of(block);
  uintptr_t wanted = (start + alignment - 1) & ~(uintptr_t)(alignment - 1);
  if (wanted != start && wanted - start < smallest) wanted += alignment;
  if (wanted != start) {
    struct block* low = block;
    const size_t total = size_of(block);
    block = block_of((char*)low + head + (wanted - start));
    low->size = (wanted - start) | in_use;
    block->before = wanted - start;
    block->size = (total - block->before) | in_use;
    after(block)->before = size_of(block);
    free_block(low);
  }
  trim(block, whole);
  return bytes_of(block);
}

static void* allocate(size_t alignment, size_t size) {
  acquire();
  void* bytes = take_aligned(alignment, size);
  release();
  if (bytes == NULL) errno = ENOMEM;
  return bytes;
}

void* malloc(size_t size) { return allocate(16, size); }

void free(void* bytes) {
  if (bytes == NULL) return;
  acquire();
  free_block(block_of(bytes));
  release();
}

void* calloc(size_t count, size_t size) {
  size_t total = 0;
  if (__builtin_mul_overflow(count, size, &total)) {
    errno = ENOMEM;
    return NULL;
  }
  void* bytes = allocate(16, total);
  return bytes == NULL ? NULL : memset(bytes, 0, total);
}

/* Makes a block larger where the one above it is free; 1 if that was enough. */
static int grow(struct block* block, size_t whole) {
  struct block* above = after(block);
  if ((above->size & in_use) != 0 || size_of(block) + above->size < whole) return 0;
  take_free(above);
  block->size += above->size;
  after(block)->before = size_of(block);
  return 1;
}

void* realloc(void* bytes, size_t size) {
  if (bytes == NULL) return malloc(size);
  if (size == 0) {
    free(bytes);
    return NULL;
  }
  const size_t whole = block_size(size);
  if (whole == 0) {
    errno = ENOMEM;
    return NULL;
  }
  acquire();
  struct block* block = block_of(bytes);
  const size_t had = size_of(block) - head;
  const int fits = size_of(block) >= whole || grow(block, whole);
  if (fits) trim(block, whole);
  release();
  if (fits) return bytes;
  void* moved = malloc(size);
  if (moved == NULL) return NULL;
  memcpy(moved, bytes, had);
  free(bytes);
  return moved;
}

static int is_power(size_t value) { return value != 0 && (value & (value - 1)) == 0; }

void* aligned_alloc(size_t alignment, size_t size) {
  if (is_power(alignment)) return allocate(alignment < 16 ? 16 : alignment, size);
  errno = EINVAL;
  return NULL;
}
void* memalign(size_t alignment, size_t size) { return aligned_alloc(alignment, size); }
int posix_memalign(void** out, size_t alignment, size_t size) {
  if (!is_power(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  const int before = errno;
  void* bytes = aligned_alloc(alignment, size);
  errno = before;
  if (bytes == NULL) return ENOMEM;
  *out = bytes;
  return 0;
}
void* valloc(size_t size) { return allocate(4096, size); }
void* pvalloc(size_t size) { return allocate(4096, (size + 4095) & ~(size_t)4095); }
size_t malloc_usable_size(void* bytes) {
  return bytes == NULL ? 0 : size_of(block_of(bytes)) - head;
}

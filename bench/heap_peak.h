/* How much heap a piece of a C or C++ program has at most at one time. heap_peak.c takes malloc's
 * place for that; under a sanitizer, which does so itself, every answer is 0. */
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Starts anew: the peak is what is allocated now. */
void heap_peak_reset(void);
/* The most bytes above what was allocated at heap_peak_reset(). */
size_t heap_peak_bytes(void);

#ifdef __cplusplus
}
#endif

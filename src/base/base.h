/* SPDX-License-Identifier: MIT */
/*
 * The vocabulary every file uses: attributes, array length, and MUST.
 *
 * MUST asserts facts about our own code, in every build. Input is never asserted.
 */
#ifndef SIDELIGHT_BASE_BASE_H
#define SIDELIGHT_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK __attribute__((warn_unused_result))
#define UNUSED __attribute__((unused))
#define NOINLINE __attribute__((noinline)) /* rare work, kept out of a hot function's registers */
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define CACHE_LINE 64

/* The struct that holds `member` at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define MUST(cond) ((cond) ? (void)0 : must_failed(#cond, __FILE__, __LINE__))
_Noreturn void must_failed(const char *cond, const char *file, int line);

/*
 * calloc/realloc that never return NULL: running out of memory ends the process (so does libh2o).
 */
MUST_CHECK void *must_calloc(size_t n, size_t size);
MUST_CHECK void *must_realloc(void *p, size_t size);

#endif

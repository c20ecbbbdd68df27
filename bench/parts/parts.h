/* SPDX-License-Identifier: MIT */
/*
 * What each part of a request costs, in instructions a call, counted by valgrind's callgrind. A
 * group sets up what its parts need and calls `part` for each. parts.py runs it and prints the
 * table.
 *
 * The parts call the library as the server's own code does, but without optimization of the program
 * as a whole: what that saves shows in `make bench-gate` only.
 */
#ifndef SIDELIGHT_BENCH_PARTS_H
#define SIDELIGHT_BENCH_PARTS_H

#include "base/base.h"

/* The work, `n` times. */
typedef void part_fn(void *ctx, unsigned n);

/*
 * Runs `fn` once to warm up, then counts one run of `n` calls, each of which stands for `units`
 * things (the series of a page). `name` is without '|'.
 */
void part(const char *name, part_fn *fn, void *ctx, unsigned n, unsigned units);

static inline void parts_forget(void)
{
    __asm__ volatile("" ::: "memory");
}

/* The loop of a part. The compiler knows nothing of memory from one turn to the next. */
#define REPEAT(i, n) for (unsigned i = 0; i < (n); parts_forget(), i++)
/* For a result that nobody needs. */
#define USED(x) __asm__ volatile("" : : "r"(x) : "memory")

void parts_base(void);
void parts_metrics(void);
void parts_page(void);
void parts_http(void);
void parts_api(void);

#endif

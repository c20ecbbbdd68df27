/* SPDX-License-Identifier: MIT */
/* Runs all groups. Outside of valgrind it counts nothing. */
#include "bench/parts/parts.h"

#include <stdio.h>
#include <valgrind/callgrind.h>

static void empty(UNUSED void *ctx, unsigned n)
{
    REPEAT(i, n);
}

void part(const char *name, part_fn *fn, void *ctx, unsigned n, unsigned units)
{
    char title[128];

    (void)snprintf(title, sizeof(title), "%s|%u", name, n * units);
    fn(ctx, n);
    CALLGRIND_ZERO_STATS;
    fn(ctx, n);
    CALLGRIND_DUMP_STATS_AT(title);
}

int main(void)
{
    /* What the loop itself costs, for parts.py to take off. */
    part("the loop", empty, NULL, 100000, 1);
    parts_base();
    parts_metrics();
    parts_page();
    parts_http();
    parts_api();
    return 0;
}

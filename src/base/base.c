/* SPDX-License-Identifier: MIT */
/* What happens when a fact about our own code is wrong, or when memory runs out: the end. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void must_failed(const char *cond, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: MUST(%s) does not hold\n", file, line, cond);
    abort();
}

void *must_calloc(size_t n, size_t size)
{
    void *p = calloc(n, size);

    MUST(p != NULL || n == 0 || size == 0);
    return p;
}

void *must_realloc(void *p, size_t size)
{
    MUST(size > 0); /* realloc(p, 0) would free */
    p = realloc(p, size);
    MUST(p != NULL);
    return p;
}

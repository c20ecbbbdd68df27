/* SPDX-License-Identifier: MIT */
/* A binary heap of due times. Who fills and empties it: bridge.c and loop.c. */
#include "http/delay.h"

#include "base/clock.h"

#include <stdlib.h>

enum { DELAYS_FIRST = 64 };

void delays_add(struct delays *d, uint64_t due_ns, struct pending *p)
{
    size_t i = d->n++;

    if (i == d->cap) {
        d->cap = d->cap > 0 ? 2 * d->cap : DELAYS_FIRST;
        d->items = must_realloc(d->items, d->cap * sizeof(*d->items));
    }
    for (size_t up; i > 0 && d->items[up = (i - 1) / 2].due_ns > due_ns; i = up)
        d->items[i] = d->items[up];
    d->items[i] = (struct delay){due_ns, p};
}

/* The earlier child of `i`; not below d->n when it has none. */
static size_t child_of(const struct delays *d, size_t i)
{
    size_t left = 2 * i + 1;

    return left + 1 < d->n && d->items[left + 1].due_ns < d->items[left].due_ns ? left + 1 : left;
}

struct pending *delays_take(struct delays *d, uint64_t now_ns)
{
    struct pending *first;
    struct delay last;
    size_t i = 0;

    if (d->n == 0 || d->items[0].due_ns > now_ns)
        return NULL;
    first = d->items[0].pending;
    last = d->items[--d->n];
    for (size_t c; (c = child_of(d, i)) < d->n && d->items[c].due_ns < last.due_ns; i = c)
        d->items[i] = d->items[c];
    d->items[i] = last; /* also when it was the only one: outside of the heap, and harmless */
    return first;
}

int delays_wait_ms(const struct delays *d, uint64_t now_ns, int max_ms)
{
    uint64_t left_ns;

    if (d->n == 0)
        return max_ms;
    if (d->items[0].due_ns <= now_ns)
        return 0;
    left_ns = d->items[0].due_ns - now_ns;
    if (left_ns >= (uint64_t)max_ms * NS_PER_MS)
        return max_ms;
    return (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS);
}

void delays_release(struct delays *d)
{
    free(d->items);
    *d = (struct delays)DELAYS_INIT;
}

/* SPDX-License-Identifier: MIT */
/*
 * Rings of recent errors. Each entry stands under a sequence lock, as exemplars do
 * (metrics/exemplar.c says why there are no fences): the writer never waits, a reader that came in
 * between tries again.
 */
#include "http/recent.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { TRIES = 8, ID_WORDS = CORRELATION_ID_MAX / 8 };

struct entry {
    _Atomic uint32_t seq;  /* odd while it is written; 0: never was */
    _Atomic uint32_t what; /* status, method and length of the ID */
    _Atomic uint64_t ended_ns, ended_ms, duration_ns;
    _Atomic(const char *) endpoint;
    _Atomic uint64_t id[ID_WORDS];
};

struct recent_ring {
    _Atomic size_t next; /* where the next one goes */
    struct entry entries[RECENT_KEPT];
};

struct recent {
    size_t n;
    struct recent_ring *rings[];
};

struct recent *recent_new(size_t rings)
{
    struct recent *r = must_calloc(1, sizeof(*r) + rings * sizeof(struct recent_ring *));

    for (r->n = 0; r->n < rings; r->n++)
        r->rings[r->n] = must_calloc(1, sizeof(struct recent_ring));
    return r;
}

void recent_free(struct recent *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n; i++)
        free(r->rings[i]);
    free(r);
}

struct recent_ring *recent_ring(struct recent *r, size_t i)
{
    if (r == NULL)
        return NULL;
    MUST(i < r->n);
    return r->rings[i];
}

static uint32_t pack(const struct recent_error *e)
{
    return e->status | (uint32_t)e->method << 16 | (uint32_t)e->id.n << 24;
}

void recent_put(struct recent_ring *ring, const struct recent_error *e)
{
    size_t next = atomic_load_explicit(&ring->next, memory_order_relaxed);
    struct entry *to = &ring->entries[next];
    uint32_t seq = atomic_load_explicit(&to->seq, memory_order_relaxed);

    MUST(e->id.n <= CORRELATION_ID_MAX && e->status <= UINT16_MAX);
    atomic_store_explicit(&ring->next, (next + 1) % RECENT_KEPT, memory_order_relaxed);
    atomic_store_explicit(&to->seq, seq + 1, memory_order_relaxed);
    atomic_store_explicit(&to->what, pack(e), memory_order_release);
    atomic_store_explicit(&to->ended_ns, e->ended_ns, memory_order_release);
    atomic_store_explicit(&to->ended_ms, e->ended_ms, memory_order_release);
    atomic_store_explicit(&to->duration_ns, e->duration_ns, memory_order_release);
    atomic_store_explicit(&to->endpoint, e->endpoint, memory_order_release);
    for (size_t at = 0; at < e->id.n; at += 8) {
        uint64_t w = 0;

        memcpy(&w, e->id.p + at, e->id.n - at < 8 ? e->id.n - at : 8);
        atomic_store_explicit(&to->id[at / 8], w, memory_order_release);
    }
    atomic_store_explicit(&to->seq, seq + 2, memory_order_release);
}

static bool read_once(const struct entry *from, struct recent_error *ret)
{
    uint32_t seq = atomic_load_explicit(&from->seq, memory_order_acquire), what;

    if (seq % 2 != 0)
        return false;
    what = atomic_load_explicit(&from->what, memory_order_acquire);
    ret->status = what & UINT16_MAX;
    ret->method = (enum http_method)(what >> 16 & 0xff);
    ret->id.n = what >> 24;
    ret->ended_ns = atomic_load_explicit(&from->ended_ns, memory_order_acquire);
    ret->ended_ms = atomic_load_explicit(&from->ended_ms, memory_order_acquire);
    ret->duration_ns = atomic_load_explicit(&from->duration_ns, memory_order_acquire);
    ret->endpoint = atomic_load_explicit(&from->endpoint, memory_order_acquire);
    for (size_t i = 0; i < ID_WORDS; i++) {
        uint64_t w = atomic_load_explicit(&from->id[i], memory_order_acquire);

        memcpy(ret->id_text + 8 * i, &w, 8);
    }
    return atomic_load_explicit(&from->seq, memory_order_relaxed) == seq;
}

static bool read_entry(const struct entry *from, struct recent_error *ret)
{
    bool whole = false;

    if (atomic_load_explicit(&from->seq, memory_order_relaxed) == 0)
        return false;
    for (int i = 0; i < TRIES && !whole; i++)
        whole = read_once(from, ret);
    return whole;
}

/* Puts `e` in its place among the `n` newest so far; returns how many there are then. */
static size_t insert(struct recent_error *list, size_t n, const struct recent_error *e)
{
    size_t i = n;

    if (n == RECENT_KEPT && e->ended_ns <= list[n - 1].ended_ns)
        return n;
    if (n == RECENT_KEPT)
        i = --n;
    for (; i > 0 && list[i - 1].ended_ns < e->ended_ns; i--)
        list[i] = list[i - 1];
    list[i] = *e;
    return n + 1;
}

/* The newest first, so that most go to the end of the list. */
static size_t add_ring(const struct recent_ring *ring, struct recent_error *list, size_t n)
{
    size_t next = atomic_load_explicit(&ring->next, memory_order_relaxed);
    struct recent_error e;

    for (size_t back = 1; back <= RECENT_KEPT; back++)
        if (read_entry(&ring->entries[(next + RECENT_KEPT - back) % RECENT_KEPT], &e))
            n = insert(list, n, &e);
    return n;
}

size_t recent_list(const struct recent *r, struct recent_error ret[RECENT_KEPT])
{
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        n = add_ring(r->rings[i], ret, n);
    for (size_t i = 0; i < n; i++)
        ret[i].id.p = ret[i].id_text;
    return n;
}

/* SPDX-License-Identifier: MIT */
/*
 * Exemplars under a sequence lock: one writer per slot, the shard's own thread, which never waits;
 * readers try again. Every field is an atomic, and the order comes from release stores and acquire
 * loads on the fields themselves: a reader that saw any part of a newer write also sees the newer
 * sequence number. (No fences: ThreadSanitizer does not know them.)
 */
#include "metrics/family.h"

static void put_text(_Atomic uint64_t *words, struct slice s)
{
    for (size_t at = 0; at < s.n; at += 8) {
        uint64_t w = 0;

        memcpy(&w, s.p + at, s.n - at < 8 ? s.n - at : 8);
        atomic_store_explicit(&words[at / 8], w, memory_order_release);
    }
}

static void get_text(const _Atomic uint64_t *words, char *dst, size_t n)
{
    for (size_t at = 0; at < n; at += 8) {
        uint64_t w = atomic_load_explicit(&words[at / 8], memory_order_acquire);

        memcpy(dst + at, &w, 8);
    }
}

void exemplar_put(struct exemplar *e, uint64_t v, struct exemplar_ids ids, uint64_t wall_ms)
{
    if (ids.id.n == 0 || ids.id.n > sizeof(e->id))
        return;
    if (ids.trace.n > sizeof(e->trace))
        ids.trace = SLICE_NONE;
    uint32_t seq = atomic_load_explicit(&e->seq, memory_order_relaxed);
    atomic_store_explicit(&e->seq, seq + 1, memory_order_relaxed);
    atomic_store_explicit(&e->wall_ms, wall_ms, memory_order_release);
    atomic_store_explicit(&e->value, v, memory_order_release);
    atomic_store_explicit(&e->id_len, (uint8_t)ids.id.n, memory_order_release);
    atomic_store_explicit(&e->trace_len, (uint8_t)ids.trace.n, memory_order_release);
    put_text(e->id, ids.id);
    put_text(e->trace, ids.trace);
    atomic_store_explicit(&e->seq, seq + 2, memory_order_release);
}

static bool read_once(const struct exemplar *e, struct exemplar_copy *ret)
{
    uint32_t seq = atomic_load_explicit(&e->seq, memory_order_acquire);

    if (seq % 2 != 0)
        return false;
    ret->wall_ms = atomic_load_explicit(&e->wall_ms, memory_order_acquire);
    ret->value = atomic_load_explicit(&e->value, memory_order_acquire);
    ret->id_len = atomic_load_explicit(&e->id_len, memory_order_acquire);
    ret->trace_len = atomic_load_explicit(&e->trace_len, memory_order_acquire);
    get_text(e->id, ret->id, ret->id_len);
    get_text(e->trace, ret->trace, ret->trace_len);
    return atomic_load_explicit(&e->seq, memory_order_relaxed) == seq;
}

bool exemplar_newest(const struct registry *r, size_t slot, struct exemplar_copy *ret)
{
    enum { TRIES = 8 }; /* a writer that was stopped half-way must not stop the page */
    struct exemplar_copy copy;
    bool found = false;

    for (size_t i = 0; i < r->n_shards; i++) {
        const struct exemplar *e = &r->shards[i].exemplars[slot];
        uint64_t wall_ms = atomic_load_explicit(&e->wall_ms, memory_order_relaxed);
        bool whole = false;

        if (wall_ms == 0 || (found && wall_ms <= ret->wall_ms))
            continue;
        for (int k = 0; k < TRIES && !whole; k++)
            whole = read_once(e, &copy);
        if (!whole)
            continue;
        *ret = copy;
        found = true;
    }
    return found;
}

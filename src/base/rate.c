/* SPDX-License-Identifier: MIT */
/* The cell rate algorithm on one atomic timestamp, and the table that keeps one per client. */
#include "base/rate.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SETS = RATE_SLOTS / RATE_WAYS };
_Static_assert((SETS & (SETS - 1)) == 0, "a set is chosen by a mask");

struct slot {
    _Atomic uint64_t key; /* hash of the client; 0: never used */
    struct rate_bucket bucket;
};

struct rate_table {
    struct slot slots[SETS][RATE_WAYS];
    _Atomic uint64_t evictions;
    unsigned char secret[crypto_shorthash_KEYBYTES];
};

bool rate_bucket_take(struct rate_bucket *b,
                      const struct rate *rate,
                      uint64_t now_ns,
                      uint64_t *ret_wait_ns)
{
    if (rate->count == 0)
        return true;
    uint64_t step = (rate->per_ns + rate->count - 1) / rate->count;
    uint64_t full = now_ns + step * rate->count; /* no debt is greater; after a reload it may be */
    uint64_t tat = atomic_load_explicit(&b->tat, memory_order_relaxed), base;

    do {
        base = tat < now_ns ? now_ns : tat;
        if (base > full)
            base = full;
        if (base + step > full) {
            *ret_wait_ns = base + step - full;
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&b->tat, &tat, base + step,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

struct rate_table *rate_table_new(void)
{
    MUST(sodium_init() >= 0);
    struct rate_table *t = must_calloc(1, sizeof(*t));

    randombytes_buf(t->secret, sizeof(t->secret));
    return t;
}

void rate_table_free(struct rate_table *t)
{
    free(t);
}

uint64_t rate_table_evictions(const struct rate_table *t)
{
    return atomic_load_explicit(&t->evictions, memory_order_relaxed);
}

static uint64_t key_of(const struct rate_table *t, const struct ip *client)
{
    unsigned char hash[crypto_shorthash_BYTES];
    uint64_t key;

    _Static_assert(sizeof(hash) == sizeof(key), "a key is one hash");
    MUST(crypto_shorthash(hash, client->b, sizeof(client->b), t->secret) == 0);
    memcpy(&key, hash, sizeof(key));
    return key != 0 ? key : 1;
}

/* The slot of `key`, claimed if it has none and one was never used; else NULL. */
static struct slot *find(struct slot *set, uint64_t key)
{
    for (size_t i = 0; i < RATE_WAYS; i++) {
        uint64_t seen = atomic_load_explicit(&set[i].key, memory_order_relaxed);

        /* Ways fill up in order: when another client wins this one, the next may be free. */
        if (seen == 0 && atomic_compare_exchange_strong_explicit(
                             &set[i].key, &seen, key, memory_order_relaxed, memory_order_relaxed))
            return &set[i];
        if (seen == key)
            return &set[i];
    }
    return NULL;
}

/* Gives `key` the slot with the smallest debt; NULL when another thread was faster. */
static struct slot *evict(struct rate_table *t, struct slot *set, uint64_t key, uint64_t now_ns)
{
    struct slot *victim = NULL;
    uint64_t least = UINT64_MAX;

    for (size_t i = 0; i < RATE_WAYS; i++) {
        uint64_t tat = atomic_load_explicit(&set[i].bucket.tat, memory_order_relaxed);

        if (victim == NULL || tat < least) {
            victim = &set[i];
            least = tat;
        }
    }
    uint64_t old = atomic_load_explicit(&victim->key, memory_order_relaxed);
    if (old == key)
        return victim;
    if (!atomic_compare_exchange_strong_explicit(&victim->key, &old, key, memory_order_relaxed,
                                                 memory_order_relaxed))
        return NULL;
    /* Only if nobody took from it since: a take that came first must not be forgotten. */
    (void)atomic_compare_exchange_strong_explicit(&victim->bucket.tat, &least, 0,
                                                  memory_order_relaxed, memory_order_relaxed);
    if (least > now_ns)
        atomic_fetch_add_explicit(&t->evictions, 1, memory_order_relaxed);
    return victim;
}

bool rate_take(struct rate_table *t,
               const struct rate *rate,
               const struct ip *client,
               uint64_t now_ns,
               uint64_t *ret_wait_ns)
{
    if (rate->count == 0)
        return true;
    uint64_t key = key_of(t, client);
    struct slot *set = t->slots[key & (SETS - 1)], *slot = NULL;

    while (slot == NULL) {
        slot = find(set, key);
        if (slot == NULL)
            slot = evict(t, set, key, now_ns);
    }
    return rate_bucket_take(&slot->bucket, rate, now_ns, ret_wait_ns);
}

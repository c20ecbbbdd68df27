/* SPDX-License-Identifier: MIT */
/*
 * Which vitals were counted in the last hour: a ring of keyed hashes in order of arrival, and a
 * table of chains through it.
 *
 * A repetition is a browser's (a page that is shown again, a request that was sent twice), so the
 * first one counts: a histogram takes nothing back. Two IDs that share a hash (64 bits) are taken
 * for one; nobody can make that happen who does not know the key.
 */
#include "api/rum.h"
#include "base/clock.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

enum { CHAINS = RUM_IDS_MAX }; /* a power of 2 */
_Static_assert((CHAINS & (CHAINS - 1)) == 0, "a hash is masked to its chain");

struct seen {
    uint64_t hash, at_ns;
    uint32_t next; /* in its chain: index + 1; 0 is the end */
    bool used;
};

struct rum_ids {
    pthread_mutex_t lock;
    unsigned char key[crypto_shorthash_KEYBYTES];
    size_t at; /* the oldest, which the next one replaces */
    struct seen ring[RUM_IDS_MAX];
    uint32_t chains[CHAINS]; /* index + 1 of the newest; 0: empty */
};

/* Zeroed memory that is not touched is not taken, so an unused table costs nothing. */
struct rum_ids *rum_ids_new(void)
{
    struct rum_ids *x = must_calloc(1, sizeof(*x));

    MUST(pthread_mutex_init(&x->lock, NULL) == 0);
    crypto_shorthash_keygen(x->key);
    return x;
}

void rum_ids_free(struct rum_ids *x)
{
    if (x == NULL)
        return;
    MUST(pthread_mutex_destroy(&x->lock) == 0);
    free(x);
}

static uint64_t hash_of(const struct rum_ids *x, enum rum_vital_name name, struct slice id)
{
    unsigned char text[1 + RUM_ID_MAX] = {(unsigned char)name}, out[crypto_shorthash_BYTES];
    uint64_t hash;

    MUST(id.n <= RUM_ID_MAX);
    memcpy(text + 1, id.p, id.n);
    (void)crypto_shorthash(out, text, 1 + id.n, x->key);
    memcpy(&hash, out, sizeof(hash));
    return hash;
}

/* Signed: of two workers, one may be a little ahead of what the other wrote. */
static bool is_fresh(const struct seen *s, uint64_t now_ns)
{
    return (int64_t)(now_ns - s->at_ns) < (int64_t)(RUM_IDS_SECONDS * NS_PER_SEC);
}

static bool has(const struct rum_ids *x, uint64_t hash, uint64_t now_ns)
{
    for (uint32_t i = x->chains[hash & (CHAINS - 1)]; i != 0; i = x->ring[i - 1].next)
        if (x->ring[i - 1].hash == hash && is_fresh(&x->ring[i - 1], now_ns))
            return true;
    return false;
}

/* Takes the entry at `at` out of its chain, of which it is the last: it is the oldest. */
static void unlink_oldest(struct rum_ids *x)
{
    uint32_t *link = &x->chains[x->ring[x->at].hash & (CHAINS - 1)];

    while (*link != x->at + 1)
        link = &x->ring[*link - 1].next;
    *link = 0;
}

static enum rum_seen add(struct rum_ids *x, uint64_t hash, uint64_t now_ns)
{
    struct seen *s = &x->ring[x->at];
    uint32_t *chain = &x->chains[hash & (CHAINS - 1)];
    bool lost = s->used && is_fresh(s, now_ns);

    if (s->used)
        unlink_oldest(x);
    *s = (struct seen){hash, now_ns, *chain, true};
    *chain = (uint32_t)x->at + 1;
    x->at = (x->at + 1) % RUM_IDS_MAX;
    return lost ? RUM_NEW_FOR_OLD : RUM_NEW;
}

enum rum_seen rum_ids_add(struct rum_ids *x,
                          enum rum_vital_name name,
                          struct slice id,
                          uint64_t now_ns)
{
    uint64_t hash = hash_of(x, name, id);
    enum rum_seen seen = RUM_SEEN;

    MUST(pthread_mutex_lock(&x->lock) == 0);
    if (!has(x, hash, now_ns))
        seen = add(x, hash, now_ns);
    MUST(pthread_mutex_unlock(&x->lock) == 0);
    return seen;
}

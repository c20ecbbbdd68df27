/* SPDX-License-Identifier: MIT */
/* A hash table of a day's visitors, and a ring of seconds. */
#include "api/visitors.h"

#include <sodium.h>
#include <stdlib.h>

enum { CAP_FIRST = 64 };

/* ---- the last five minutes ---- */

/* Empties the seconds between the last `now` and this one. */
static void advance(struct visitors_recent *r, uint32_t now)
{
    uint32_t passed = now > r->now ? now - r->now : 0;

    if (passed > VISITORS_RECENT_S)
        passed = VISITORS_RECENT_S;
    for (uint32_t i = 0; i < passed; i++) {
        uint32_t *second = &r->seen[(now - i) % VISITORS_RECENT_S];

        r->sum -= *second;
        *second = 0;
    }
    if (now > r->now)
        r->now = now;
}

/* `*last` is when that visitor was seen before. */
static void see_now(struct visitors_recent *r, uint32_t *last)
{
    if (*last != 0 && r->now - *last < VISITORS_RECENT_S) {
        r->seen[*last % VISITORS_RECENT_S]--;
        r->sum--;
    }
    *last = r->now;
    r->seen[r->now % VISITORS_RECENT_S]++;
    r->sum++;
}

size_t visitors_recent(struct visitors *v, uint32_t now_s)
{
    advance(&v->recent, now_s);
    return v->recent.sum;
}

/* ---- the day ---- */

static void forget(struct visitors *v)
{
    if (v->n > 0)
        sodium_memzero(v->hashes, v->n * sizeof(v->hashes[0]));
    sodium_memzero(v->salt, sizeof(v->salt));
    free(v->hashes);
    free(v->last);
    free(v->slots);
    *v = (struct visitors){.recent = v->recent};
}

void visitors_release(struct visitors *v)
{
    forget(v);
    v->recent = (struct visitors_recent){.now = 0};
}

void visitors_new_day(struct visitors *v, uint64_t day)
{
    forget(v);
    v->day = day;
    randombytes_buf(v->salt, sizeof(v->salt));
}

uint64_t visitors_hash(const uint8_t salt[STORE_SALT],
                       const struct ip *client,
                       struct slice user_agent)
{
    const struct ip key = ip_client_key(client);
    crypto_generichash_state state;
    unsigned char hash[crypto_generichash_BYTES];
    uint64_t ret;

    MUST(crypto_generichash_init(&state, salt, STORE_SALT, sizeof(hash)) == 0);
    (void)crypto_generichash_update(&state, key.b, sizeof(key.b));
    (void)crypto_generichash_update(&state, (const unsigned char *)user_agent.p, user_agent.n);
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    memcpy(&ret, hash, sizeof(ret));
    sodium_memzero(&state, sizeof(state));
    return ret;
}

/* The slot of `hash`, or the free one where it belongs. The hash is as good as random. */
static uint32_t *find(const struct visitors *v, uint64_t hash)
{
    size_t mask = 2 * v->cap - 1, at = hash & mask;

    while (v->slots[at] != 0 && v->hashes[v->slots[at] - 1] != hash)
        at = (at + 1) & mask;
    return &v->slots[at];
}

/* By hand, since realloc would leave hashes behind in memory that was given back. */
static void grow(struct visitors *v)
{
    size_t cap = v->cap > 0 ? 2 * v->cap : CAP_FIRST;
    uint64_t *hashes = must_calloc(cap, sizeof(hashes[0]));

    if (v->n > 0) {
        memcpy(hashes, v->hashes, v->n * sizeof(hashes[0]));
        sodium_memzero(v->hashes, v->n * sizeof(hashes[0]));
    }
    free(v->hashes);
    free(v->slots);
    v->hashes = hashes;
    v->last = must_realloc(v->last, cap * sizeof(v->last[0]));
    v->slots = must_calloc(2 * cap, sizeof(v->slots[0]));
    v->cap = cap;
    for (size_t i = 0; i < v->n; i++)
        *find(v, hashes[i]) = (uint32_t)i + 1;
}

/* The visitor's number, or VISITORS_MAX when there is no room for it. */
static size_t number_of(struct visitors *v, uint64_t hash, bool *ret_new)
{
    uint32_t *slot;

    if (v->n == v->cap)
        grow(v);
    slot = find(v, hash);
    *ret_new = *slot == 0;
    if (*slot != 0)
        return *slot - 1;
    if (v->n == VISITORS_MAX)
        return VISITORS_MAX;
    v->hashes[v->n] = hash;
    v->last[v->n] = 0;
    *slot = (uint32_t)++v->n;
    return v->n - 1;
}

void visitors_load(struct visitors *v, const struct store_visits *stored)
{
    bool new;

    MUST(v->n == 0 && stored->first == 0);
    v->day = stored->day;
    memcpy(v->salt, stored->salt, sizeof(v->salt));
    for (size_t i = 0; i < stored->visitors; i++)
        (void)number_of(v, stored->hashes[i], &new);
}

enum visitor visitors_see(struct visitors *v, uint64_t hash, uint32_t now_s)
{
    bool new = false;
    size_t i;

    advance(&v->recent, now_s);
    i = number_of(v, hash, &new);
    if (i == VISITORS_MAX)
        return VISITOR_UNCOUNTED;
    see_now(&v->recent, &v->last[i]);
    return new ? VISITOR_NEW : VISITOR_AGAIN;
}

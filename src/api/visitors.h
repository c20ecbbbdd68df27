/* SPDX-License-Identifier: MIT */
/*
 * Private to api/: the different visitors of one UTC day, and those of the last five minutes, as
 * numbers that cannot be led back to anybody: the keyed hash of address and browser, under a salt
 * that is made for the day and overwritten with all hashes when it ends.
 *
 * Threads: one at a time (visits.c has the lock), but visitors_hash, which is a pure function.
 * Memory: 20 to 40 bytes a visitor; it grows by doubling and goes with the day.
 */
#ifndef SIDELIGHT_API_VISITORS_H
#define SIDELIGHT_API_VISITORS_H

#include "base/net.h"
#include "store/store.h"

enum {
    /* of one day; one more is VISITOR_UNCOUNTED, counted in website_visitors_uncounted_total */
    VISITORS_MAX = STORE_VISITORS_MAX,
    VISITORS_RECENT_S = 300, /* "now" for the gauge website_visitors */
};

/* How many were last seen in each of the last VISITORS_RECENT_S seconds. */
struct visitors_recent {
    uint32_t now; /* monotonic seconds; 0: nothing was ever seen */
    uint32_t seen[VISITORS_RECENT_S];
    size_t sum;
};

struct visitors {
    uint64_t day; /* days since 1970-01-01; 0: not begun */
    uint8_t salt[STORE_SALT];
    size_t n;
    uint64_t *hashes; /* in the order in which they came */
    uint32_t *last;   /* when each was seen last: monotonic seconds, 0: before the start */
    size_t cap;       /* of both; a power of two */
    uint32_t *slots;  /* 2 * cap of them: number + 1 of the visitor whose hash leads here */
    struct visitors_recent recent;
};

/* A zero-filled struct is empty. */
void visitors_release(struct visitors *v); /* overwrites salt and hashes */

/*
 * Begins a day: another salt, nobody seen. The gauge's numbers stay, so who comes again within five
 * minutes of midnight is in it twice.
 */
void visitors_new_day(struct visitors *v, uint64_t day);
/* Goes on with a stored day, of which at most VISITORS_MAX hashes are taken. `v` must be empty. */
void visitors_load(struct visitors *v, const struct store_visits *stored);

/*
 * 64 bits of BLAKE2b (RFC 7693), keyed with the salt, over the address (an IPv6 client's /64) and
 * the User-Agent. Two of 200,000 visitors share one with a chance of one in a billion.
 */
uint64_t visitors_hash(const uint8_t salt[STORE_SALT],
                       const struct ip *client,
                       struct slice user_agent);

enum visitor {
    VISITOR_NEW,       /* the first time that day */
    VISITOR_AGAIN,     /* seen before */
    VISITOR_UNCOUNTED, /* there are VISITORS_MAX others */
};
/* `now_s` is the monotonic clock; one earlier than the last counts as the last. */
enum visitor visitors_see(struct visitors *v, uint64_t hash, uint32_t now_s);

/* Visitors seen within VISITORS_RECENT_S seconds up to now. */
size_t visitors_recent(struct visitors *v, uint32_t now_s);

#endif

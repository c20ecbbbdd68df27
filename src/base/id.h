/* SPDX-License-Identifier: MIT */
/*
 * UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then random bits, so that IDs sort by time.
 *
 * A struct id_source belongs to one thread. Its generator (xoshiro256**, seeded from the kernel) is
 * for uniqueness, not for secrets. IDs of one source are strictly increasing, also within a
 * millisecond and when the wall clock steps back.
 */
#ifndef SIDELIGHT_BASE_ID_H
#define SIDELIGHT_BASE_ID_H

#include "base/slice.h"

enum { ID_LEN = 36 }; /* xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx */

struct id_source {
    uint64_t rng[4];
    uint64_t last_ms;
    uint16_t seq; /* the 12 bits of rand_a, counted up within one millisecond */
    /* The upper 32 of the 48 bits of time, and their digits. */
    uint32_t epoch;
    char epoch_text[8];
};

/* Ends the process when the kernel gives no random bytes. */
void id_source_init(struct id_source *src);
/* Writes exactly ID_LEN bytes, no NUL. */
void id_make(struct id_source *src, uint64_t unix_ms, char dst[ID_LEN]);

/*
 * A UUID as people write it, its letters in either case; *ret gets them in lower case,
 * NUL-terminated.
 */
MUST_CHECK bool id_parse(struct slice s, char ret[ID_LEN + 1]);

/* A correlation ID: [A-Za-z0-9._-]{1,64}. */
enum { CORRELATION_ID_MAX = 64 };
bool correlation_id_valid(struct slice s);

/*
 * The trace ID (32 hex digits) of a valid W3C traceparent (Trace Context level 1, 3.2.2), else
 * false.
 */
enum { TRACE_ID_LEN = 32 };
MUST_CHECK bool traceparent_trace_id(struct slice header, struct slice *ret);

#endif

/* SPDX-License-Identifier: MIT */
/* IDs and rate limits. */
#include "base/clock.h"
#include "base/id.h"
#include "base/rate.h"
#include "bench/parts/parts.h"

enum { CALLS = 2000, PER_MS = 8 };

static void make_ids(void *ctx, unsigned n)
{
    struct id_source *src = ctx;
    char text[ID_LEN];

    REPEAT(i, n)
    id_make(src, UINT64_C(1760000000000) + i / PER_MS, text);
}

static void check_ids(void *ctx, unsigned n)
{
    const struct slice *id = ctx;

    REPEAT(i, n)
    USED(correlation_id_valid(*id));
}

static void check_traces(void *ctx, unsigned n)
{
    const struct slice *header = ctx;
    struct slice trace;

    REPEAT(i, n)
    USED(traceparent_trace_id(*header, &trace));
}

struct limiter {
    struct rate_table *table;
    struct rate rate;
    uint64_t now_ns;
};

/* Clients that come again, in turn. */
static void take(void *ctx, unsigned n)
{
    struct limiter *l = ctx;
    struct ip client = {
        {0x20, 0x01}
    };
    uint64_t wait;

    REPEAT(i, n)
    {
        client.b[15] = (uint8_t)i;
        l->now_ns += NS_PER_MS;
        USED(rate_take(l->table, &l->rate, &client, l->now_ns, &wait));
    }
}

void parts_base(void)
{
    struct slice uuid = SLICE_LIT("019a3f4e-7c1d-7b52-9d0e-5a8c1f2b3e4d");
    struct slice trace = SLICE_LIT("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    struct limiter fits = {
        rate_table_new(), {1000000, NS_PER_SEC},
         NS_PER_SEC
    };
    struct limiter refuses = {
        rate_table_new(), {1, 3600 * NS_PER_SEC},
         NS_PER_SEC
    };
    struct id_source ids;

    id_source_init(&ids);
    part("make a correlation ID", make_ids, &ids, CALLS, 1);
    part("check a client's ID of 36 bytes", check_ids, &uuid, CALLS, 1);
    part("check a traceparent", check_traces, &trace, CALLS, 1);
    part("rate limit, fits", take, &fits, CALLS, 1);
    part("rate limit, refuses", take, &refuses, CALLS, 1);
    rate_table_free(fits.table);
    rate_table_free(refuses.table);
}

/* SPDX-License-Identifier: MIT */
/* One thread; it never asserts. */
#include "tests/stack/lib/traffic.h"

#include <pthread.h>
#include <stdatomic.h>

struct traffic {
    pthread_t thread;
    unsigned pause_ms;
    _Atomic bool stop;
    _Atomic uint64_t received, refused, lost;
};

static void send_one(struct traffic *t, unsigned n)
{
    struct reply r = {.status = 0};
    char visitor[64];
    const struct ask ask = {.path = "/contact",
                            .headers = HEADERS(JSON_TYPE, visitor),
                            .body = ADA,
                            .host = EDGE_CADDY,
                            .netns = "cloudflared"};

    (void)snprintf(visitor, sizeof(visitor), "CF-Connecting-IP: 10.%u.%u.%u", n >> 16 & 255U,
                   n >> 8 & 255U, n & 255U);
    if (ask_port(80, &ask, &r) != SENT_ANSWERED)
        atomic_fetch_add(&t->lost, 1);
    else if (r.status == 201)
        atomic_fetch_add(&t->received, 1);
    else
        atomic_fetch_add(r.status == 503 ? &t->refused : &t->lost, 1);
    reply_release(&r);
}

static void *traffic_main(void *arg)
{
    struct traffic *t = arg;

    for (unsigned n = 1; !atomic_load(&t->stop); n++) {
        send_one(t, n);
        clock_sleep_ms(t->pause_ms);
    }
    return NULL;
}

static void stop(void *arg)
{
    struct traffic *t = arg;

    atomic_store(&t->stop, true);
    (void)pthread_join(t->thread, NULL);
}

struct traffic *traffic_start(struct stack *s, unsigned pause_ms)
{
    struct traffic *t = keep(s->f, sizeof(*t));

    t->pause_ms = pause_ms;
    MUST(pthread_create(&t->thread, NULL, traffic_main, t) == 0);
    at_end(s->f, stop, t);
    return t;
}

uint64_t traffic_received(const struct traffic *t)
{
    return atomic_load(&t->received);
}

uint64_t traffic_refused(const struct traffic *t)
{
    return atomic_load(&t->refused);
}

uint64_t traffic_lost(const struct traffic *t)
{
    return atomic_load(&t->lost);
}

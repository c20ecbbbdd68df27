/* SPDX-License-Identifier: MIT */
/* A crowd that is turned by a thread of its own. */
#include "tests/faults/lib/flood.h"

#include "tests/faults/lib/crowd.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct flood {
    struct flood_options opt;
    struct crowd *crowd;
    struct buf request;
    size_t *idle, n_idle; /* clients with nothing under way */
    size_t under_way;
    struct flood_result result;
    uint32_t *waits_us; /* of good answers */
    size_t n_waits, waits_cap, ids_cap;
    pthread_t thread;
    bool ended;
    _Atomic bool stop;
    _Atomic uint64_t asked, good;
};

static void note_wait(struct flood *l, uint64_t ns)
{
    if (l->n_waits == l->waits_cap) {
        l->waits_cap = 2 * l->waits_cap + 4096;
        l->waits_us = must_realloc(l->waits_us, l->waits_cap * sizeof(*l->waits_us));
    }
    l->waits_us[l->n_waits++] = (uint32_t)(ns / 1000);
}

/* {"id":"...","status":"received"} */
static void note_id(struct flood *l, struct slice body)
{
    static const char start[] = "{\"id\":\"";
    enum { START = sizeof(start) - 1 };
    struct flood_result *r = &l->result;
    char *id;

    if (body.n < START + ID_LEN || memcmp(body.p, start, START) != 0)
        return;
    if (r->n_ids == l->ids_cap) {
        l->ids_cap = 2 * l->ids_cap + 4096;
        r->ids = must_realloc(r->ids, l->ids_cap * sizeof(*r->ids));
    }
    id = r->ids[r->n_ids++];
    memcpy(id, body.p + START, ID_LEN);
    id[ID_LEN] = '\0';
}

static void note_refusal(struct flood_result *r, const struct crowd_answer *a)
{
    static const char unsure[] = "\"store_unavailable\"";
    bool told = a->retry_s > 0 && a->retry_s <= RETRY_MAX_S;

    r->refused += told;
    r->rude += !told;
    r->unsure += memmem(a->body.p, a->body.n, unsure, sizeof(unsure) - 1) != NULL;
}

static void note(struct flood *l, const struct crowd_answer *a)
{
    struct flood_result *r = &l->result;

    if (a->status == 0) {
        r->broken++;
    } else if ((a->status >= 200 && a->status < 300) || a->status == 303) {
        r->good++;
        atomic_fetch_add(&l->good, 1);
        note_wait(l, a->waited_ns);
        note_id(l, a->body);
    } else if (a->status == 429 || a->status == 503) {
        note_refusal(r, a);
    } else if (r->other++ == 0) {
        r->first_other = a->status;
    }
}

/* Client `i`, which has nothing under way. */
static void ask_by(struct flood *l, size_t i)
{
    unsigned depth = l->opt.depth > 1 ? l->opt.depth : 1;

    l->result.asked += depth;
    atomic_fetch_add(&l->asked, depth);
    l->under_way++;
    if (crowd_ask(l->crowd, i, (struct slice){l->request.data, l->request.len}, depth))
        return;
    l->under_way--;
    l->result.broken += depth;
    l->idle[l->n_idle++] = i;
}

static void answered(void *ctx, size_t i, const struct crowd_answer *a)
{
    struct flood *l = ctx;

    note(l, a);
    if (crowd_busy(l->crowd, i))
        return;
    l->under_way--;
    l->idle[l->n_idle++] = i;
}

/* Requests that are due, as far as there are clients for them. */
static void ask_due(struct flood *l, uint64_t began_ns)
{
    double due = (double)(clock_mono_ns() - began_ns) / 1e9 * l->opt.rate;

    while (l->n_idle > 0 && (l->opt.rate <= 0 || (double)l->result.asked < due))
        ask_by(l, l->idle[--l->n_idle]);
}

static void *flood_main(void *arg)
{
    struct flood *l = arg;
    uint64_t began_ns = clock_mono_ns(), end_ns;

    while (!atomic_load(&l->stop)) {
        ask_due(l, began_ns);
        crowd_turn(l->crowd, l->opt.rate > 0 ? 1 : POLL_MS);
    }
    l->result.seconds = (double)(clock_mono_ns() - began_ns) / 1e9;
    end_ns = clock_mono_ns() + DEADLINE_MS * NS_PER_MS;
    while (l->under_way > 0 && clock_mono_ns() < end_ns)
        crowd_turn(l->crowd, POLL_MS);
    l->result.broken += l->under_way;
    return NULL;
}

void flood_stop(struct flood *l)
{
    atomic_store(&l->stop, true);
}

static void join(struct flood *l)
{
    flood_stop(l);
    if (!l->ended)
        (void)pthread_join(l->thread, NULL);
    l->ended = true;
}

static void end(void *arg)
{
    struct flood *l = arg;

    join(l);
    crowd_free(l->crowd);
    buf_release(&l->request);
    free(l->idle);
    free(l->waits_us);
    free(l->result.ids);
    free(l);
}

struct flood *flood_start(struct server *s, const struct flood_options *opt)
{
    struct flood *l = must_calloc(1, sizeof(*l));

    l->opt = *opt;
    l->crowd = crowd_new(&(struct crowd_options){s->public_port, opt->connections, answered, l});
    l->idle = must_calloc(opt->connections, sizeof(*l->idle));
    for (size_t i = opt->connections; i > 0; i--)
        l->idle[l->n_idle++] = i - 1;
    for (unsigned i = 0; i == 0 || i < opt->depth; i++)
        buf_add_str(&l->request, opt->request);
    MUST(pthread_create(&l->thread, NULL, flood_main, l) == 0);
    at_end(s->f, end, l);
    return l;
}

uint64_t flood_asked(const struct flood *l)
{
    return atomic_load(&l->asked);
}

uint64_t flood_good(const struct flood *l)
{
    return atomic_load(&l->good);
}

static int by_size(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* That long or less waited `percent` of them; in order. */
static double wait_ms(const struct flood *l, size_t percent)
{
    size_t rank = l->n_waits * percent / 100;

    return l->waits_us[rank < l->n_waits ? rank : l->n_waits - 1] / 1e3;
}

struct flood_result flood_end(struct flood *l)
{
    struct flood_result *r = &l->result;

    join(l);
    crowd_free(l->crowd); /* its connections count towards the server's limit */
    l->crowd = NULL;
    if (l->n_waits == 0)
        return *r;
    qsort(l->waits_us, l->n_waits, sizeof(*l->waits_us), by_size);
    r->median_ms = wait_ms(l, 50);
    r->p99_ms = wait_ms(l, 99);
    r->longest_ms = wait_ms(l, 100);
    return *r;
}

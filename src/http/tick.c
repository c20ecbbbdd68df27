/* SPDX-License-Identifier: MIT */
/*
 * What a loop does twice a second by the monotonic clock: libh2o's timers follow the wall clock, so
 * a step back stops them all, and it has none for a request that is worked on.
 */
#include "base/clock.h"
#include "http/bridge.h"
#include "http/ended.h"
#include "http/guard.h"
#include "http/loop.h"

#include <sys/socket.h>

int evloop_tick_wait(const struct evloop *l)
{
    return l->tick_ns <= l->now_ns ? 0 : (int)((l->tick_ns - l->now_ns) / NS_PER_MS) + 1;
}

/*
 * More than a head may have, and its end is not in sight. libh2o would take some 480 KB before it
 * gives up. A body may follow a head that ended: it waits in the same buffer.
 */
static bool head_endless(const struct conn *c)
{
    const h2o_buffer_t *in = c->sock->input;

    return in->size > HEAD_MAX && memmem(in->bytes, HEAD_MAX, "\n\r\n", 3) == NULL &&
           memmem(in->bytes, HEAD_MAX, "\n\n", 2) == NULL;
}

/*
 * Idle, or in the middle of a head or a body, for longer than libh2o should have let it; or with
 * more of a head than there may be.
 */
static void sweep_waiting(const struct evloop *l, struct conn *c)
{
    uint64_t limit_ns = (l->ctx.globalconf->http1.req_timeout + SWEEP_SLACK_MS) * NS_PER_MS;
    const struct http_metrics *m = l->base.service->conns;
    bool endless = head_endless(c), late = l->now_ns > c->waiting_ns + limit_ns;

    if (c->cut || (!endless && !late))
        return;
    if (!endless)
        ended_cut(c);
    else if (m != NULL)
        metric_add(l->base.shard, m->rejected[REFUSED_HEAD_TOO_LARGE], 1);
    c->cut = true;
    /* The loop will see the end; nothing may be freed in here. */
    (void)shutdown(c->fd, SHUT_RDWR);
}

/*
 * What a connection counts when some must make room: the highest ranks go first. Weight 0: it may
 * stay.
 */
struct load {
    uint64_t rank, weight;
};
typedef struct load weigh_fn(const struct conn *c);

/* Idle: longest first. Between two requests, or before the first. */
static struct load by_wait(const struct conn *c)
{
    bool idle = !c->cut && c->rq == NULL && c->sock->input->size == 0;

    return (struct load){(c->loop->now_ns - c->waiting_ns) / NS_PER_MS, idle ? 1 : 0};
}

/* What it has sent: largest first, and none whose request is worked on. */
static struct load by_input(const struct conn *c)
{
    bool may = !c->cut && (c->rq == NULL || c->rq->status != 0);
    size_t n = may ? c->sock->input->size : 0;

    return (struct load){n, n};
}

/* Ranks in powers of two: told apart well enough without sorting thousands. */
enum { RANKS = 65 };

static unsigned rank_of(struct load load)
{
    return load.rank == 0 ? 0 : 64 - (unsigned)__builtin_clzll(load.rank);
}

static uint64_t weigh_all(const struct evloop *l, weigh_fn *weigh, uint64_t by_rank[RANKS])
{
    uint64_t all = 0;

    for (h2o_linklist_t *n = l->conns.next; n != &l->conns; n = n->next) {
        struct load load = weigh(CONTAINER_OF(n, struct conn, link));

        by_rank[rank_of(load)] += load.weight;
        all += load.weight;
    }
    return all;
}

static void shed(struct conn *c, enum conn_shed why)
{
    const struct loop *l = &c->loop->base;

    if (l->service->conns != NULL)
        metric_add(l->shard, l->service->conns->shed[why], 1);
    c->cut = true;
    /* The loop will see the end, after what has come meanwhile from one that was idle. */
    (void)shutdown(c->fd, why == CONN_SHED_IDLE ? SHUT_RD : SHUT_RDWR);
}

/* Those of the highest ranks go, until `excess` of all the weight is gone. */
static void shed_most(const struct evloop *l,
                      weigh_fn *weigh,
                      const uint64_t by_rank[RANKS],
                      uint64_t excess,
                      enum conn_shed why)
{
    unsigned least = RANKS - 1; /* some of this rank go, and all above it */

    for (; least > 0 && by_rank[least] < excess; least--)
        excess -= by_rank[least];
    for (h2o_linklist_t *n = l->conns.next; n != &l->conns; n = n->next) {
        struct conn *c = CONTAINER_OF(n, struct conn, link);
        struct load load = weigh(c);
        unsigned rank = rank_of(load);

        if (load.weight == 0 || rank < least || (rank == least && excess == 0))
            continue;
        if (rank == least)
            excess -= load.weight < excess ? load.weight : excess;
        shed(c, why);
    }
}

/* A share at a time: who comes in for them may be all there are. */
static void make_room(const struct evloop *l)
{
    enum { SHARE = 16 };
    uint64_t by_rank[RANKS] = {0};
    uint64_t idle = weigh_all(l, by_wait, by_rank);

    if (idle > 0)
        shed_most(l, by_wait, by_rank, (idle + SHARE - 1) / SHARE, CONN_SHED_IDLE);
}

/*
 * Whoever has sent less than half of what each might stays, however much others have sent: what is
 * below that, all together, is not too much. True when there is much, and the next look urgent.
 */
static bool bound_input(const struct evloop *l)
{
    uint64_t by_rank[RANKS] = {0};
    uint64_t held = weigh_all(l, by_input, by_rank);

    if (held > l->input_max)
        shed_most(l, by_input, by_rank, held - l->input_max, CONN_SHED_MEMORY);
    return held > l->input_max / 4;
}

/*
 * A late answer finishes its request, and may close the connection, so the next one is remembered
 * first.
 */
static void sweep(struct evloop *l)
{
    h2o_linklist_t *next;

    for (h2o_linklist_t *n = l->conns.next; n != &l->conns; n = next) {
        struct conn *c = CONTAINER_OF(n, struct conn, link);

        next = n->next;
        ended_watch(c);
        if (c->rq == NULL)
            sweep_waiting(l, c);
        else if (c->rq->pending != NULL && l->now_ns > c->rq->start_ns + SUSPEND_MAX_MS * NS_PER_MS)
            bridge_late(c->rq->pending);
    }
}

/*
 * What libh2o visits while it drains: `close_idle` is not NULL once the grace is over. A request in
 * progress gets Connection: close, but not once its head is out: that said keep-alive, and the
 * client may have sent the next request.
 */
static int wind_down(h2o_req_t *req, void *close_idle)
{
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    const struct conn *c = sock != NULL ? sock->on_close.data : NULL;

    if (c == NULL)
        return 0;
    if (req->version != 0 && (c->rq == NULL || c->rq->status == 0))
        req->http1_is_persistent = 0;
    else if (req->version == 0 && close_idle != NULL && sock->input->size == 0)
        (void)shutdown(c->fd, SHUT_RD);
    return 0;
}

static void wind_down_all(struct evloop *l)
{
    l->ctx.globalconf->http1.callbacks.foreach_request(&l->ctx, wind_down,
                                                       l->now_ns >= l->drain_ns ? l : NULL);
}

void evloop_drain(struct evloop *l, unsigned grace_ms)
{
    if (l->draining)
        return;
    l->draining = true;
    l->drain_ns = l->now_ns + grace_ms * NS_PER_MS;
    l->tick_ns = l->now_ns + TICK_DRAIN_MS * NS_PER_MS;
    h2o_context_request_shutdown(&l->ctx);
    wind_down_all(l);
}

void evloop_tick(struct evloop *l)
{
    const struct loop *base = &l->base;
    bool soon = l->draining;

    if (base->service->metrics != NULL)
        histogram_observe(base->shard, base->service->metrics->loop_lag, bounds_lag, N_BOUNDS_LAG,
                          l->now_ns - l->tick_ns);
    /* So late, the whole process was stopped; what came in or was answered meanwhile is first. */
    if (l->now_ns - l->tick_ns < TICK_LATE_MS * NS_PER_MS)
        sweep(l);
    if (l->crowded != NULL && l->crowded(l->crowded_arg))
        make_room(l);
    if (l->input_max > 0 && bound_input(l))
        soon = true;
    if (l->draining)
        wind_down_all(l);
    l->tick_ns = l->now_ns + (soon ? TICK_DRAIN_MS : TICK_PERIOD_MS) * NS_PER_MS;
}

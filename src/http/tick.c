/* SPDX-License-Identifier: MIT */
/*
 * What a loop does twice a second by the monotonic clock: libh2o's timers follow the wall clock, so
 * a step back stops them all, and it has none for a request that is worked on.
 */
#include "base/clock.h"
#include "http/bridge.h"
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
    const struct http_metrics *m = l->base.service->metrics;
    bool endless = !c->cut && head_endless(c);

    if (endless && m != NULL)
        metric_add(l->base.shard, m->rejected[REFUSED_HEAD_TOO_LARGE], 1);
    c->cut = c->cut || endless;
    /* The loop will see the end; nothing may be freed in here. */
    if (endless || l->now_ns > c->waiting_ns + limit_ns)
        (void)shutdown(c->fd, SHUT_RDWR);
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
    uint64_t period_ns = (l->draining ? TICK_DRAIN_MS : TICK_PERIOD_MS) * NS_PER_MS;

    if (base->service->metrics != NULL)
        histogram_observe(base->shard, base->service->metrics->loop_lag, bounds_lag, N_BOUNDS_LAG,
                          l->now_ns - l->tick_ns);
    /* So late, the whole process was stopped; what came in or was answered meanwhile is first. */
    if (l->now_ns - l->tick_ns < TICK_LATE_MS * NS_PER_MS)
        sweep(l);
    if (l->draining)
        wind_down_all(l);
    l->tick_ns = l->now_ns + period_ns;
}

/* SPDX-License-Identifier: MIT */
/*
 * What libh2o leaves behind is sock->bytes_read: the bytes of its last read, so 0 when that found
 * the end of the connection or an error. It only writes it, so NOTHING_READ stays until a read.
 * The kernel leaves nothing, as whoever reads or writes first takes the error: so ticks remember
 * since when nothing was acknowledged.
 */
#include "http/ended.h"

#include "base/clock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static const size_t NOTHING_READ = SIZE_MAX;

enum {
    WATCH_BEFORE_MS = 2 * TICK_PERIOD_MS, /* a connection's answer is looked at from here */
    WATCH_AFTER_MS = 4 * TICK_PERIOD_MS,  /* to here, around its time to be acknowledged */
    US_PER_MS = 1000,
};

static void count(const struct conn *c, enum conn_timeout why)
{
    const struct loop *l = &c->loop->base;

    if (l->service->conns != NULL)
        metric_add(l->shard, l->service->conns->timed_out[why], 1);
}

void ended_begin(struct conn *c)
{
    c->sock->bytes_read = NOTHING_READ;
}

/*
 * Milliseconds that nothing of what was sent has been acknowledged, or, when the client takes no
 * more, that nothing could be sent; 0 when nothing waits. False when the connection is dead.
 *
 * Not since the last acknowledgement that came: a client that hears nothing sends again, and
 * repeats an old one. Between the first sending and the last repetition lie rto/2 + rto/4 + ...,
 * as each waits twice as long (RFC 6298, 5.5).
 */
static bool stalled_ms(const struct conn *c, uint64_t *ret)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 || info.tcpi_state == TCP_CLOSE)
        return false;
    if (info.tcpi_unacked > 0)
        *ret = info.tcpi_last_data_sent +
               (info.tcpi_rto - (info.tcpi_rto >> info.tcpi_backoff % 32)) / US_PER_MS;
    else
        *ret = c->rq != NULL || info.tcpi_backoff > 0 ? info.tcpi_last_data_sent : 0;
    return true;
}

/* Whether the kernel may give up on what was sent before the next tick. */
static bool due(const struct conn *c)
{
    const struct evloop *l = c->loop;
    uint64_t since_ns = c->rq != NULL ? c->rq->start_ns : c->waiting_ns;
    uint64_t due_ns = since_ns + l->write_timeout_ms * NS_PER_MS;

    if (c->rq != NULL && c->rq->status == 0)
        return false;
    return l->now_ns + WATCH_BEFORE_MS * NS_PER_MS >= due_ns &&
           (c->rq != NULL || l->now_ns <= due_ns + WATCH_AFTER_MS * NS_PER_MS);
}

/* A look at the moment when the kernel gives up finds nothing unacknowledged: one is no proof. */
static void watch_stall(struct conn *c)
{
    uint64_t ms;

    if ((c->stalled_ns == 0 && !due(c)) || !stalled_ms(c, &ms))
        return;
    if (ms >= c->loop->write_timeout_ms / 2) {
        c->stalled_ns = c->loop->now_ns - ms * NS_PER_MS;
        c->moved = false;
    } else if (c->moved) {
        c->stalled_ns = 0;
    } else {
        c->moved = true;
    }
}

void ended_watch(struct conn *c)
{
    if (c->rq == NULL && c->sock->input->size == 0)
        c->sock->bytes_read = NOTHING_READ;
    watch_stall(c);
}

void ended_cut(const struct conn *c)
{
    count(c, c->sock->input->size == 0 ? CONN_TIMEOUT_IDLE : CONN_TIMEOUT_REQUEST);
}

/*
 * About: libh2o's timer goes by the wall clock, which may be slewed, and what the kernel says of a
 * stall is rough.
 */
static bool reached(uint64_t ns, uint64_t limit_ms)
{
    return ns >= (limit_ms - limit_ms / 8) * NS_PER_MS;
}

/* What else makes libh2o close by itself follows an answer at once, or bytes that came. */
void ended_count(const struct conn *c)
{
    uint64_t now_ns = clock_mono_ns(), limit_ms = c->loop->ctx.globalconf->http1.req_timeout;

    if (c->stalled_ns != 0 && reached(now_ns - c->stalled_ns, c->loop->write_timeout_ms))
        count(c, CONN_TIMEOUT_WRITE);
    else if (c->sock->bytes_read != 0 && reached(now_ns - c->waiting_ns, limit_ms))
        count(c, c->sock->bytes_read == NOTHING_READ ? CONN_TIMEOUT_IDLE : CONN_TIMEOUT_REQUEST);
}

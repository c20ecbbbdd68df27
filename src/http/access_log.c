/* SPDX-License-Identifier: MIT */
/*
 * The request's log line, formatted once, straight into the ring. No query, no body, no header but
 * User-Agent gets in.
 */
#include "base/clock.h"
#include "http/guard.h"
#include "http/service.h"

/*
 * Longer ones are cut: escaped at six bytes a byte, both must fit LOG_LINE_MAX with everything
 * else.
 */
enum { PATH_LOGGED_MAX = 512, AGENT_LOGGED_MAX = 256 };

#define PUT(p, lit) ((char *)memcpy((p), lit, sizeof(lit) - 1) + sizeof(lit) - 1)

static struct slice cut(struct slice s, size_t max)
{
    return (struct slice){s.p, s.n < max ? s.n : max};
}

static char *put_client(char *p, const struct request *rq)
{
    struct ip ip = rq->client;

    switch (rq->live->log_client_ip) {
    case LOG_CLIENT_IP_NONE:
        return p;
    case LOG_CLIENT_IP_PREFIX:
        ip = ip_prefix(&ip);
        break;
    case LOG_CLIENT_IP_FULL:
        break;
    }
    p = PUT(p, ",\"client_ip\":\"");
    if (rq->client_is_peer && rq->live->log_client_ip == LOG_CLIENT_IP_FULL)
        p = fmt_slice(p, rq->peer_text);
    else
        p = ip_format(&ip, p);
    *p++ = '"';
    return p;
}

static char *put_where(char *p, const struct request *rq)
{
    p = PUT(p, "\",\"method\":\"");
    p = fmt_slice(p, slice_str(http_method_name(rq->head.method)));
    if (rq->endpoint != NULL) {
        p = PUT(p, "\",\"endpoint\":\"");
        p = fmt_slice(p, slice_str(rq->endpoint->label));
    }
    p = PUT(p, "\",\"path\":\"");
    return fmt_json(p, cut(rq->head.path, PATH_LOGGED_MAX));
}

void access_log(struct log_ring *ring,
                const struct request *rq,
                unsigned status,
                uint64_t duration_ns,
                uint64_t bytes_out)
{
    char *p = log_write_start(ring);

    if (p == NULL)
        return;
    p = PUT(p, "{\"ts\":\"");
    p = fmt_ts(p, rq->start_ms + duration_ns / NS_PER_MS);
    p = fmt_slice(p, rq->loop->service->internal ? SLICE_LIT("\",\"level\":\"debug")
                                                 : SLICE_LIT("\",\"level\":\"info"));
    p = PUT(p, "\",\"event\":\"request\",\"correlation_id\":\"");
    p = fmt_slice(p, rq->correlation_id);
    p = put_where(p, rq);
    p = PUT(p, "\",\"status\":");
    p = fmt_u64(p, status);
    if (rq->refusal != REFUSED_NOT) {
        p = PUT(p, ",\"reason\":\"");
        p = fmt_slice(p, slice_str(refusal_rows[rq->refusal].label));
        *p++ = '"';
    }
    p = PUT(p, ",\"duration_ms\":");
    p = fmt_ms(p, duration_ns);
    p = PUT(p, ",\"bytes_in\":");
    p = fmt_u64(p, rq->body.n);
    p = PUT(p, ",\"bytes_out\":");
    p = fmt_u64(p, bytes_out);
    p = put_client(p, rq);
    if (rq->head.user_agent.n > 0) {
        p = PUT(p, ",\"user_agent\":\"");
        p = fmt_json(p, cut(rq->head.user_agent, AGENT_LOGGED_MAX));
        *p++ = '"';
    }
    if (rq->trace_id.n > 0) {
        p = PUT(p, ",\"trace_id\":\"");
        p = fmt_slice(p, rq->trace_id);
        *p++ = '"';
    }
    p = PUT(p, "}\n");
    log_write_commit(ring, p);
}

/* SPDX-License-Identifier: MIT */
/*
 * The request's log line, formatted once, straight into the ring. No query, no body, no header but
 * User-Agent gets in.
 *
 * It costs some 400 instructions: what the lines of an endpoint have in common is rendered when the
 * server starts (saves 175), the second of `ts` once a second (saves 100).
 */
#include "base/clock.h"
#include "http/guard.h"
#include "http/service.h"

#include <stdlib.h>

/*
 * Longer ones are cut: escaped at six bytes a byte, both must fit LOG_LINE_MAX with everything
 * else.
 */
enum { PATH_LOGGED_MAX = 512, AGENT_LOGGED_MAX = 256 };
enum { REST_MAX = 1024 }; /* names, numbers and the endpoint */
_Static_assert(FMT_JSON_BYTE *(PATH_LOGGED_MAX + AGENT_LOGGED_MAX) + REST_MAX <= LOG_LINE_MAX,
               "the longest line fits");

#define PUT(p, lit) ((char *)memcpy((p), lit, sizeof(lit) - 1) + sizeof(lit) - 1)

/* From the method to the status, by method; empty: nothing is served by it. */
struct log_pieces {
    struct slice where[HTTP_METHODS];
    char text[];
};

static struct slice cut(struct slice s, size_t max)
{
    return (struct slice){s.p, s.n < max ? s.n : max};
}

/* Out of line: with it, everybody pays for its stack (10 instructions). */
static NOINLINE char *put_ip(char *p, struct ip ip, bool whole)
{
    if (!whole)
        ip = ip_prefix(&ip);
    return ip_format(&ip, p);
}

static char *put_client(char *p, const struct request *rq)
{
    const bool whole = rq->live->log_client_ip == LOG_CLIENT_IP_FULL;

    if (rq->live->log_client_ip == LOG_CLIENT_IP_NONE)
        return p;
    p = PUT(p, ",\"client_ip\":\"");
    p = whole && rq->client_is_peer ? fmt_slice(p, rq->peer_text) : put_ip(p, rq->client, whole);
    *p++ = '"';
    return p;
}

static char *put_where(char *p, enum http_method method, const char *label, struct slice path)
{
    p = fmt_slice(p, SLICE_LIT("\",\"method\":\""));
    p = fmt_slice(p, slice_str(http_method_name(method)));
    if (label != NULL) {
        p = fmt_slice(p, SLICE_LIT("\",\"endpoint\":\""));
        p = fmt_slice(p, slice_str(label));
    }
    p = fmt_slice(p, SLICE_LIT("\",\"path\":\""));
    p = fmt_json(p, cut(path, PATH_LOGGED_MAX));
    return fmt_slice(p, SLICE_LIT("\",\"status\":"));
}

void access_log_prepare(struct endpoint *e)
{
    const struct slice path = slice_str(e->path);
    const size_t each = sizeof("','method':'OPTIONS','endpoint':'','path':'','status':") +
                        strlen(e->label) + FMT_JSON_BYTE * path.n;
    char *p;

    e->log = must_calloc(1, sizeof(*e->log) + HTTP_METHODS * each);
    p = e->log->text;
    for (unsigned m = 0; m < HTTP_METHODS; m++) {
        char *start = p;

        if (e->by_method[m] == NULL)
            continue;
        p = put_where(p, (enum http_method)m, e->label, path);
        e->log->where[m] = (struct slice){start, (size_t)(p - start)};
    }
}

/* An endpoint with pieces is there for exactly its path. */
static char *put_request(char *p, const struct request *rq)
{
    const struct endpoint *e = rq->endpoint;
    const enum http_method method = rq->head.method;

    if (rq->route != NULL && e->log != NULL)
        return fmt_slice(p, e->log->where[method]);
    return put_where(p, method, e != NULL ? e->label : NULL, rq->head.path);
}

static char *put_agent(char *p, const struct request *rq)
{
    p = PUT(p, ",\"user_agent\":\"");
    p = fmt_json(p, cut(rq->head.user_agent, AGENT_LOGGED_MAX));
    *p++ = '"';
    return p;
}

static char *put_text(char *p, struct slice name, struct slice text)
{
    p = fmt_slice(p, name);
    p = fmt_slice(p, text);
    *p++ = '"';
    return p;
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
    p = log_write_ts(ring, p, rq->start_ms + duration_ns / NS_PER_MS);
    if (rq->loop->service->internal)
        p = PUT(p, "\",\"level\":\"debug\",\"event\":\"request\",\"correlation_id\":\"");
    else
        p = PUT(p, "\",\"level\":\"info\",\"event\":\"request\",\"correlation_id\":\"");
    p = fmt_slice(p, rq->correlation_id);
    p = put_request(p, rq);
    p = fmt_u64(p, status);
    if (rq->refusal != REFUSED_NOT)
        p = put_text(p, SLICE_LIT(",\"reason\":\""), slice_str(refusal_rows[rq->refusal].label));
    p = PUT(p, ",\"duration_ms\":");
    p = fmt_ms(p, duration_ns);
    p = PUT(p, ",\"bytes_in\":");
    p = fmt_u64(p, rq->body.n);
    p = PUT(p, ",\"bytes_out\":");
    p = fmt_u64(p, bytes_out);
    p = put_client(p, rq);
    if (rq->head.user_agent.n > 0)
        p = put_agent(p, rq);
    if (rq->trace_id.n > 0)
        p = put_text(p, SLICE_LIT(",\"trace_id\":\""), rq->trace_id);
    p = PUT(p, "}\n");
    log_write_commit(ring, p);
}

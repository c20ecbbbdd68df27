/* SPDX-License-Identifier: MIT */
/*
 * A request as handlers see it, and how they answer. Nothing here shows libh2o: a test calls a
 * handler with a fake transport.
 *
 * A handler answers exactly once: at once, or later after request_suspend. Everything belongs to
 * the loop (thread) that the request came in on; only pending_resume may be called elsewhere.
 *
 * Memory: slices of the request live until it is finished; request_alloc gives memory that does,
 * too. Body and header values given to answer_* are copied unless they say otherwise.
 */
#ifndef SIDELIGHT_HTTP_REQUEST_H
#define SIDELIGHT_HTTP_REQUEST_H

#include "base/buf.h"
#include "base/id.h"
#include "base/net.h"
#include "http/head.h"
#include "metrics/registry.h"

struct loop;
struct route;
struct request;
struct http_live;

typedef void finish_fn(void *arg, bool sent);

/* Of one answer; CORS takes up to six of them. The next one is a MUST. */
enum { ANSWER_HEADERS_MAX = 12 };

struct answer_header {
    const char *name; /* lower case, static */
    struct slice value;
};

/* How an answer leaves: libh2o in the server, a recorder in tests. */
struct transport {
    void *(*alloc)(struct request *rq, size_t n); /* until the request is finished; never NULL */
    void (*send)(struct request *rq);             /* status, headers and body are set */
};

/*
 * What has to be zero at first comes first (REQUEST_ZEROED bytes); request_begin and the answer
 * fill the rest before anybody reads it.
 */
struct request {
    /* Where it went. */
    const struct route *route; /* NULL: none */
    struct endpoint *endpoint; /* never NULL once routed */
    enum refusal refusal;      /* REFUSED_NOT: it was routed */
    bool limited;              /* a per-client limit refused it (429): excluded from SLOs */
    bool client_gone;          /* the client had left before the answer: 499 */
    bool close;                /* the answer says Connection: close */
    unsigned status;           /* 0 until answered */
    struct pending *pending;   /* suspended */
    finish_fn *on_finish;
    void *on_finish_arg;
    size_t n_headers;
    struct slice trace_id; /* of a valid traceparent, else empty */

    /* Set by who opens it, before request_begin. */
    const struct transport *transport;
    struct loop *loop;
    void *native;           /* the transport's own handle */
    struct slice body;      /* p == NULL: none was announced */
    struct ip peer;         /* the other end of the connection */
    struct slice peer_text; /* formatted once per connection */

    /* What came in. */
    const struct http_live *live; /* the configuration it began with; alive until it is finished */
    struct head head;
    struct ip client; /* the peer, or what a trusted peer says */
    bool client_is_peer;
    struct slice correlation_id; /* taken or made; always valid */
    char correlation_text[CORRELATION_ID_MAX];
    uint64_t start_ns; /* monotonic: the request was complete */
    uint64_t start_ms; /* Unix time of the same moment */

    /* What goes out, once status is not 0. */
    struct slice content_type;
    struct slice answer; /* the body; not sent for HEAD, though its length is */
    struct answer_header headers[ANSWER_HEADERS_MAX];
};
#define REQUEST_ZEROED offsetof(struct request, transport)

void *request_alloc(struct request *rq, size_t n);
struct slice request_copy(struct request *rq, struct slice s); /* into request_alloc memory */
struct shard *request_shard(const struct request *rq);         /* the loop's own */
struct id_source *request_ids(const struct request *rq);       /* the loop's own */
/*
 * Whether the request's Origin may use what is open to scripts: it came once, and it stands in
 * cors.origins, or it is the request's own site, "http://" or "https://" followed by the Host
 * field's value (letters in any case; a default port written out is another value). False without
 * an Origin (head.origin_count == 0), which no browser leaves out of a POST.
 */
bool request_origin_allowed(const struct request *rq);
/* What the application hangs on the live configuration (http_live.app). */
const void *request_app_live(const struct request *rq);
struct shard *loop_shard(struct loop *loop); /* for a pending whose request is gone */

/*
 * Runs `fn` once when the request is finished: after its answer was handed to the kernel, or when
 * the connection broke first (`sent` false). At most one per request.
 */
void request_on_finish(struct request *rq, finish_fn *fn, void *arg);

/*
 * Adds a header to the coming answer. `name` is static and lower case; the value is borrowed until
 * the request is finished, and must hold no byte below 0x20 and no 0x7f (a MUST).
 *
 * A name that is a list may come again, as a line of its own (RFC 9110, 5.3): a handler whose
 * answer varies adds its own "vary", whether or not CORS has added one.
 */
void answer_header(struct request *rq, const char *name, struct slice value);

/* `body` is copied. Statuses 204 and 304 take no body. */
void answer(struct request *rq, unsigned status, const char *content_type, struct slice body);
/* `body` is borrowed until the request is finished (static, or request_alloc memory). */
void answer_typed(struct request *rq,
                  unsigned status,
                  struct slice content_type, /* static; SLICE_NONE: none */
                  struct slice body);
/* Inline, so that the length of a literal is known: 40 instructions. */
static inline void answer_borrowed(struct request *rq,
                                   unsigned status,
                                   const char *content_type,
                                   struct slice body)
{
    answer_typed(rq, status, content_type != NULL ? slice_str(content_type) : SLICE_NONE, body);
}
void answer_json(struct request *rq, unsigned status, struct slice json);
/* 303 to `location`, which is static or from the configuration, never from the request. */
void answer_see_other(struct request *rq, struct slice location);

/* A field of the input and what is wrong with it: static texts, so that no input is echoed. */
struct field_error {
    const char *field;
    const char *reason;
};

/*
 * {"error":{"code":..,"message":..,"fields":{..}},"correlation_id":..}; "fields" only when n is not
 * 0. `code` and `message` are static: no file name, errno, version or echo of input gets into an
 * answer.
 */
void answer_error(struct request *rq, unsigned status, const char *code, const char *message);
void answer_error_fields(struct request *rq,
                         unsigned status,
                         const char *code,
                         const char *message,
                         const struct field_error *fields,
                         size_t n);
/* answer_error with Retry-After (seconds, rounded up, at least 1). */
void answer_retry(
    struct request *rq, unsigned status, const char *code, const char *message, uint64_t wait_ns);

/*
 * An answer that comes later. Embed a struct pending in the job, call request_suspend instead of
 * answering; whoever finishes the job calls pending_resume once (from any thread), and `fn` then
 * runs on the request's own loop. `rq` is NULL when the request is gone for good; `fn` still runs,
 * to free the job.
 */
typedef void resume_fn(struct request *rq, struct pending *p);
struct pending {
    void *link[2]; /* the loop's; zero-filled */
    int kind;      /* the loop's */
    struct loop *loop;
    struct request *rq;
    resume_fn *fn;
    /*
     * NULL, or set after request_suspend: answers after SUSPEND_MAX_MS; `fn` still runs, without a
     * request.
     */
    resume_fn *late;
};
void request_suspend(struct request *rq, struct pending *p, resume_fn *fn);
void pending_resume(struct pending *p);

/*
 * request_suspend, and the loop itself resumes it after `ms` (1..DELAY_MAX_MS) of the monotonic
 * clock, at most a millisecond late when it has nothing else to do; nobody calls pending_resume. A
 * drain waits for it. How many may wait is for the caller to bound.
 */
enum { DELAY_MAX_MS = 5000 };
void request_delay(struct request *rq, struct pending *p, unsigned ms, resume_fn *fn);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * h2o_req_t on one side, struct request on the other: the handler that begins a request, the filter
 * that puts our shape on what libh2o refuses by itself (413, 417, a bad Content-Length), and the
 * logger that ends every request.
 */
#include "http/bridge.h"

#include "base/clock.h"
#include "http/guard.h"
#include "http/loop.h"

#include <errno.h>
#include <sys/socket.h>

static struct conn *conn_of(h2o_req_t *req)
{
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);

    return sock->on_close.data;
}

static void *h2o_alloc(struct request *rq, size_t n)
{
    h2o_req_t *req = rq->native;

    return h2o_mem_alloc_pool(&req->pool, n);
}

/*
 * An answer's header fields as libh2o wants them: where the next one goes, and where its name does.
 * h2o_add_header_by_str would look each name up, take memory for it and grow the array on the way:
 * 690 instructions more for GET /health.
 */
struct fields {
    h2o_header_t *next;
    h2o_iovec_t *name;
};

static inline void put_field(struct fields *f, struct slice name, struct slice value)
{
    *f->name = h2o_iovec_init(name.p, name.n);
    *f->next++ = (h2o_header_t){f->name++, NULL, h2o_iovec_init(value.p, value.n)};
}

/*
 * Content-Length as a field like any other, spelled and placed as libh2o does. libh2o would
 * print it with sprintf: 380 instructions a request more.
 */
static void put_length(struct fields *f, size_t n, char text[FMT_U64])
{
    put_field(f, SLICE_LIT("Content-Length"),
              (struct slice){text, (size_t)(fmt_u64(text, n) - text)});
}

/* Those of the handler and of CORS. */
static void put_answer_headers(struct fields *f, const struct request *rq)
{
    for (size_t i = 0; i < rq->n_headers; i++) {
        struct slice name = slice_str(rq->headers[i].name);

        put_field(f, name, rq->headers[i].value);
        /* libh2o looks for its own token: MSIE must not see this field (flatten_headers). */
        if (slice_eq(name, SLICE_LIT("vary")))
            f->next[-1].name = &H2O_TOKEN_VARY->buf;
    }
}

/* Status and header fields of an answer, into libh2o's hands. */
static void set_head(h2o_req_t *req, const struct request *rq)
{
    enum { OWN = 4 }; /* length, type, ID, nosniff */
    size_t max = OWN + rq->n_headers;
    h2o_header_t *first = h2o_mem_alloc_pool(
        &req->pool, max * (sizeof(h2o_header_t) + sizeof(h2o_iovec_t)) + FMT_U64);
    struct fields f = {first, (h2o_iovec_t *)(first + max)};

    req->res.status = (int)rq->status;
    req->res.reason = http_reason(rq->status);
    if (rq->status != 204 && rq->status != 304)
        put_length(&f, rq->answer.n, (char *)(f.name + max));
    if (rq->content_type.n > 0)
        put_field(&f, SLICE_LIT("content-type"), rq->content_type);
    put_field(&f, SLICE_LIT("x-correlation-id"), rq->correlation_id);
    put_field(&f, SLICE_LIT("x-content-type-options"), SLICE_LIT("nosniff"));
    put_answer_headers(&f, rq);
    req->res.headers.entries = first;
    req->res.headers.size = (size_t)(f.next - first);
    req->res.headers.capacity = max;
    /* Else libh2o keeps a copy of the fields, for error pages that we don't have: 120 more. */
    req->res.original.status = (int)rq->status;
    if (rq->close)
        req->http1_is_persistent = 0;
}

static void h2o_answer(struct request *rq)
{
    h2o_req_t *req = rq->native;
    struct evloop *l = CONTAINER_OF(rq->loop, struct evloop, base);
    h2o_iovec_t body = h2o_iovec_init(rq->answer.p, rq->answer.n);

    set_head(req, rq);
    h2o_start_response(req, &l->generator);
    /* A generator's body is sent as given, so HEAD must give none. */
    h2o_send(req, &body, rq->head.method == HTTP_HEAD || body.len == 0 ? 0 : 1,
             H2O_SEND_STATE_FINAL);
}

const struct transport h2o_transport = {h2o_alloc, h2o_answer};

/*
 * An answer to what libh2o refused: it is sending already, so only the head is ours to set and the
 * body to swap.
 */
static void refusal_answer(struct request *rq)
{
    h2o_req_t *req = rq->native;

    req->res.content_length = SIZE_MAX; /* set_head says it */
    set_head(req, rq);
}

static const struct transport refusal_transport = {h2o_alloc, refusal_answer};

/* A quarter of a pool's chunk of 4 KB: what is larger, libh2o takes from malloc. */
_Static_assert(sizeof(struct request) < 1000, "a request comes from its pool");

static struct request *request_open(struct conn *c,
                                    h2o_req_t *req,
                                    const struct transport *transport)
{
    struct request *rq = h2o_mem_alloc_pool(&req->pool, sizeof(*rq));

    memset(rq, 0, REQUEST_ZEROED); /* all of it would be 130 instructions more */
    rq->transport = transport;
    rq->loop = &c->loop->base;
    rq->native = req;
    rq->peer = c->peer;
    rq->peer_text = (struct slice){c->peer_text, c->peer_text_len};
    rq->body = (struct slice){req->entity.base, req->entity.len};
    c->rq = rq;
    c->slot = c->loop->slot;
    c->slot->requests++;
    request_begin(rq, (struct slice){c->sock->input->bytes, c->sock->input->size});
    return rq;
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    serve(request_open(conn_of(req), req, &h2o_transport));
    return 0;
}

struct swap_stream {
    h2o_ostream_t super;
    h2o_iovec_t body;
};

/* Sends our body in place of whatever comes. */
static void swap_send(
    h2o_ostream_t *base, h2o_req_t *req, h2o_iovec_t *bufs, size_t n, h2o_send_state_t state)
{
    struct swap_stream *self = (struct swap_stream *)(void *)base;

    (void)bufs;
    (void)n;
    if (h2o_send_state_is_in_progress(state))
        h2o_ostream_send_next(base, req, NULL, 0, state);
    else
        h2o_ostream_send_next(base, req, &self->body, self->body.len > 0 ? 1 : 0, state);
}

/*
 * The last filter, as h2o_setup_next_ostream is not called: behind it would come libh2o's chunked
 * encoder, which takes an answer without res.content_length for one of unknown length.
 */
static void on_answer(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    struct conn *c = conn_of(req);

    (void)self;
    if (c->rq == NULL) { /* no handler saw it: libh2o answers by itself */
        struct request *rq = request_open(c, req, &refusal_transport);
        enum refusal found = rq->head.refusal;
        struct swap_stream *swap;

        if (found == REFUSED_NOT || refusal_rows[found].status != (unsigned)req->res.status)
            found = guard_from_status((unsigned)req->res.status);
        rq->refusal = found;
        rq->body = SLICE_NONE;
        guard_refuse(rq);
        swap = (struct swap_stream *)(void *)h2o_add_ostream(req, sizeof(*swap), slot);
        swap->super.do_send = swap_send;
        swap->body = h2o_iovec_init(rq->answer.p, rq->head.method == HTTP_HEAD ? 0 : rq->answer.n);
    }
}

static void on_end(h2o_logger_t *self, h2o_req_t *req)
{
    struct conn *c = conn_of(req);
    struct request *rq = c->rq;
    bool sent;

    (void)self;
    c->written = c->sock->bytes_written;
    c->waiting_ns = c->loop->now_ns;
    if (rq == NULL)
        return;
    c->rq = NULL;
    sent = rq->status != 0 && !h2o_timeval_is_null(&req->timestamps.response_end_at);
    if (rq->pending != NULL)
        c->loop->n_suspended--;
    finish(rq, sent, req->bytes_sent);
    live_slot_drop(c->slot);
}

void bridge_register(h2o_globalconf_t *conf)
{
    h2o_hostconf_t *host =
        h2o_config_register_host(conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);

    h2o_create_handler(&host->fallback_path, sizeof(h2o_handler_t))->on_req = on_request;
    h2o_create_filter(&host->fallback_path, sizeof(h2o_filter_t))->on_setup_ostream = on_answer;
    h2o_create_logger(&host->fallback_path, sizeof(h2o_logger_t))->log_access = on_end;
}

void request_suspend(struct request *rq, struct pending *p, resume_fn *fn)
{
    struct evloop *l = CONTAINER_OF(rq->loop, struct evloop, base);

    MUST(rq->status == 0 && rq->pending == NULL);
    *p = (struct pending){.kind = LOOP_RESUME, .loop = rq->loop, .rq = rq, .fn = fn};
    rq->pending = p;
    l->n_suspended++;
}

void request_delay(struct request *rq, struct pending *p, unsigned ms, resume_fn *fn)
{
    struct evloop *l = CONTAINER_OF(rq->loop, struct evloop, base);

    MUST(ms > 0 && ms <= DELAY_MAX_MS);
    request_suspend(rq, p, fn);
    delays_add(&l->delays, clock_mono_ns() + ms * NS_PER_MS, p);
}

/*
 * A FIN or reset that has arrived while nobody read: libh2o does not look at the socket while a
 * request is worked on.
 */
static bool client_gone(const struct request *rq)
{
    h2o_req_t *req = rq->native;
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    char c;
    ssize_t n = recv(h2o_socket_get_fd(sock), &c, 1, MSG_PEEK | MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void bridge_resume(struct pending *p)
{
    struct request *rq = p->rq;
    struct evloop *l = CONTAINER_OF(p->loop, struct evloop, base);

    if (rq != NULL) {
        rq->pending = NULL;
        rq->client_gone = client_gone(rq);
        l->n_suspended--;
    }
    p->fn(rq, p);
}

void bridge_late(struct pending *p)
{
    struct request *rq = p->rq;

    if (p->late == NULL)
        return;
    rq->pending = NULL;
    p->rq = NULL; /* the job itself comes back to nobody */
    CONTAINER_OF(p->loop, struct evloop, base)->n_suspended--;
    p->late(rq, p);
}

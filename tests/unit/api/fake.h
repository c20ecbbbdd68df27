/* SPDX-License-Identifier: MIT */
/*
 * A request without a server: a transport that records, a loop that resumes when told, and a store that answers what the
 * test wants. answer.c, the registry and the rate limits are the real ones. Included by one file per program.
 */
#ifndef SIDELIGHT_TESTS_API_FAKE_H
#define SIDELIGHT_TESTS_API_FAKE_H

#include "tests/unit/unit.h"

#include "api/api.h"
#include "base/clock.h"
#include "http/live.h"
#include "metrics/metrics.h"

#include <stdlib.h>

enum { FAKE_START_NS = 1000000000 };

/* What request.h leaves opaque. */
struct loop {
    struct shard *shard;
    struct id_source ids;
    struct pending *resumed; /* handed to pending_resume, not yet run */
    unsigned delay_ms;       /* of the last request_delay */
};

/* The store: hands back what it was given when the test says so. */
struct store {
    struct store_health health;
    enum store_refusal refusal;
    struct store_job *job;      /* taken, not yet done */
    struct store_visits visits; /* what store_take_visits gives */
};

struct fake {
    struct request rq;
    struct loop loop;
    struct http_live http;
    struct api_live live;
    struct store store;
    struct api api;
    unsigned sent;
    void *blocks[64]; /* the request's memory */
    size_t n_blocks;
};

static void *fake_alloc(struct request *rq, size_t n)
{
    struct fake *f = rq->native;

    assert_true(f->n_blocks < ARRAY_LEN(f->blocks));
    f->blocks[f->n_blocks] = must_calloc(1, n > 0 ? n : 1);
    return f->blocks[f->n_blocks++];
}

static void fake_send(struct request *rq)
{
    ((struct fake *)rq->native)->sent++;
}

static const struct transport fake_transport = {fake_alloc, fake_send};

struct shard *request_shard(const struct request *rq)
{
    return rq->loop->shard;
}

struct shard *loop_shard(struct loop *loop)
{
    return loop->shard;
}

struct id_source *request_ids(const struct request *rq)
{
    return &rq->loop->ids;
}

const void *request_app_live(const struct request *rq)
{
    return rq->live->app;
}

void request_suspend(struct request *rq, struct pending *p, resume_fn *fn)
{
    assert_null(rq->pending);
    assert_int_equal(rq->status, 0);
    p->loop = rq->loop;
    p->rq = rq;
    p->fn = fn;
    rq->pending = p;
}

void request_delay(struct request *rq, struct pending *p, unsigned ms, resume_fn *fn)
{
    assert_in_range(ms, 1, DELAY_MAX_MS);
    request_suspend(rq, p, fn);
    rq->loop->delay_ms = ms;
}

void pending_resume(struct pending *p)
{
    assert_null(p->loop->resumed);
    p->loop->resumed = p;
}

enum store_refusal store_submit(struct store *s, struct store_job *job)
{
    assert_null(s->job);
    assert_non_null(job->done);
    if (s->refusal == STORE_ACCEPTED)
        s->job = job;
    return s->refusal;
}

void store_take_visits(struct store *s, struct store_visits *ret)
{
    *ret = s->visits;
    s->visits = (struct store_visits){.views = 0};
}

void store_visits_release(struct store_visits *v)
{
    free(v->hashes);
    *v = (struct store_visits){.views = 0};
}

void store_health(const struct store *s, struct store_health *ret)
{
    *ret = s->health;
}

/* The next request: the last one's memory is gone, the server goes on. */
static UNUSED void fake_request(struct fake *f, enum http_method method)
{
    assert_null(f->loop.resumed);
    while (f->n_blocks > 0)
        free(f->blocks[--f->n_blocks]);
    memset(&f->rq, 0, sizeof(f->rq));
    f->sent = 0;
    f->rq.transport = &fake_transport;
    f->rq.native = f;
    f->rq.loop = &f->loop;
    f->rq.live = &f->http;
    f->rq.head.method = method;
    f->rq.correlation_id = SLICE_LIT("test-id");
    f->rq.start_ns = FAKE_START_NS + 12345 * NS_PER_MS;
    f->rq.start_ms = UINT64_C(1760000000123);
    f->rq.client.b[10] = f->rq.client.b[11] = 0xff;
    f->rq.client.b[15] = 1;
}

static UNUSED void fake_init(struct fake *f)
{
    struct registry *r = registry_new(metric_table, METRIC_FAMILIES,
                                      &(struct registry_options){1, METRICS_MAX_SAMPLES});

    memset(f, 0, sizeof(*f));
    f->live.contact_max_message = CONTACT_MESSAGE_CEILING;
    f->live.contact_redirect = SLICE_LIT("/contact/thanks");
    f->http.app = &f->live;
    f->loop.shard = registry_shard(r, 0);
    id_source_init(&f->loop.ids);
    f->store.health = (struct store_health){true, 123456};
    f->api.store = &f->store;
    f->api.registry = r;
    f->api.shard = f->loop.shard;
    f->api.rum_keep = 1000;
    f->api.clients = rate_table_new();
    f->api.senders = rate_table_new();
    f->api.version = "1.2.3";
    f->api.service = SLICE_LIT("sidelight");
    f->api.start_ns = FAKE_START_NS;
    f->api.start_unix_ns = UINT64_C(1760000000) * NS_PER_SEC + 5;
    api_init(&f->api);
    fake_request(f, HTTP_GET);
}

static UNUSED void fake_release(struct fake *f)
{
    fake_request(f, HTTP_GET);
    api_release(&f->api);
    rate_table_free(f->api.clients);
    rate_table_free(f->api.senders);
    registry_free(f->api.registry);
}

/* The value of an answer's header; NULL: it has none. */
static UNUSED const char *fake_header(const struct fake *f, const char *name)
{
    static char text[1024];

    for (size_t i = 0; i < f->rq.n_headers; i++) {
        const struct answer_header *h = &f->rq.headers[i];

        if (strcmp(h->name, name) != 0)
            continue;
        assert_true(h->value.n < sizeof(text));
        memcpy(text, h->value.p, h->value.n);
        text[h->value.n] = '\0';
        return text;
    }
    return NULL;
}

static UNUSED void expect_header(const struct fake *f, const char *name, const char *value)
{
    const char *found = fake_header(f, name);

    assert_non_null(found);
    assert_string_equal(found, value);
}

static UNUSED bool answer_has(const struct fake *f, const char *part)
{
    return memmem(f->rq.answer.p, f->rq.answer.n, part, strlen(part)) != NULL;
}

static UNUSED void expect_answer(const struct fake *f, unsigned status, const char *body)
{
    assert_int_equal(f->sent, 1);
    assert_int_equal(f->rq.status, status);
    if (!slice_eq(f->rq.answer, slice_str(body)))
        print_error("answer: %.*s\n", (int)f->rq.answer.n, f->rq.answer.p);
    assert_true(slice_eq(f->rq.answer, slice_str(body)));
}

/* The value of a counter with one label or none (NULL). */
static UNUSED uint64_t fake_count(const struct fake *f,
                                  enum metric_family family,
                                  const char *value)
{
    struct metric m = value == NULL
                          ? series_plain(f->api.registry, family)
                          : series_get(f->api.registry, family, (struct slice[]){slice_str(value)});

    return metric_value(f->api.registry, m);
}

#endif

/* SPDX-License-Identifier: MIT */
/* What happens on purpose: an echo, errors at a rate, users that come late. */
#include "api/drills.h"

#include "api/api.h"
#include "base/clock.h"
#include "base/parse.h"
#include "http/form.h"
#include "http/json.h"
#include "metrics/metrics.h"

#include <math.h>
#include <stdlib.h>

enum { ERRORS_SEED = 3, USERS_SEED = 4, NORMAL_TERMS = 12 };

#define ALWAYS NS_PER_SEC /* a share of 1, in billionths */

struct drills {
    _Atomic uint64_t errors_thrown, users_thrown;
    _Atomic unsigned sleepers;
    struct metric refusals;
};

struct drills *drills_new(struct registry *r)
{
    struct drills *d = must_calloc(1, sizeof(*d));

    d->refusals = series_plain(r, METRIC_DRILL_REFUSALS);
    return d;
}

void drills_free(struct drills *d)
{
    free(d);
}

/* A page of another site may ask from the browser of somebody who is among the allowed. */
static bool from_another_site(const struct request *rq)
{
    struct slice site = rq->head.sec_fetch_site;

    return slice_eq(site, SLICE_LIT("cross-site")) || slice_eq(site, SLICE_LIT("same-site")) ||
           (rq->head.origin_count > 0 && !request_origin_allowed(rq));
}

/*
 * A proxy among the allowed (on loopback, say) must be no way in for others. So the peer counts,
 * too, and what came by a proxy is refused when nobody we believe says for whom.
 */
bool drills_open(const struct request *rq, UNUSED void *ctx)
{
    const struct api_live *live = request_app_live(rq);
    bool by_proxy = rq->head.forwarded || rq->head.proxied;

    return live->drills_enabled && !(by_proxy && rq->client_is_peer) && !from_another_site(rq) &&
           ip_net_has(live->drills_allow, live->n_drills_allow, &rq->client) &&
           ip_net_has(live->drills_allow, live->n_drills_allow, &rq->peer);
}

/* ---- dice ---- */

uint64_t drill_throw(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + (n + 1) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

bool drill_hits(uint64_t bits, uint64_t nano)
{
    return ((bits >> 32) * NS_PER_SEC) >> 32 < nano;
}

/* The sum of twelve even numbers of 0..1 has the variance 1; less 6, its mean is 0. */
static double normal(uint64_t bits)
{
    double sum = 0;

    for (uint64_t i = 0; i < NORMAL_TERMS; i++)
        sum += (double)(drill_throw(bits, i) >> 11) * 0x1p-53;
    return sum - NORMAL_TERMS / 2.0;
}

unsigned drill_latency_ms(uint64_t bits)
{
    double ms = DRILL_LATENCY_MEDIAN_MS * exp(0.7 * normal(bits)) + 0.5;

    if (ms < DRILL_LATENCY_MIN_MS)
        return DRILL_LATENCY_MIN_MS;
    return ms < DRILL_LATENCY_MAX_MS ? (unsigned)ms : DRILL_LATENCY_MAX_MS;
}

/* ---- POST /api/echo ---- */

static void refuse_type(struct request *rq, const char *name, const char *value, const char *why)
{
    answer_header(rq, name, slice_str(value));
    answer_error(rq, 415, "unsupported_media_type", why);
}

/* Whether the body is JSON as far as its head says; else it is answered. */
static bool says_json(struct request *rq)
{
    const struct head *h = &rq->head;

    if (rq->body.p == NULL)
        answer_error(rq, 400, "malformed", "The request has no body.");
    else if (!body_is_plain(h))
        refuse_type(rq, "accept-encoding", "identity", "The body must not be compressed.");
    else if (h->type_count != 1 || !media_type_is(h->content_type, "application/json"))
        refuse_type(rq, "accept", "application/json", "The body must be JSON.");
    else if (!media_type_utf8(h->content_type))
        refuse_type(rq, "accept", "application/json", "The body must be UTF-8.");
    else
        return true;
    return false;
}

static void answer_echo(struct request *rq)
{
    const struct slice before = SLICE_LIT("{\"status\":\"success\",\"data\":");
    char *text = request_alloc(rq, before.n + rq->body.n + 1);
    char *end = fmt_slice(fmt_slice(text, before), rq->body);

    *end++ = '}';
    answer_borrowed(rq, 200, "application/json", (struct slice){text, (size_t)(end - text)});
}

void echo_post(struct request *rq, UNUSED void *ctx)
{
    const char *message = NULL;
    struct json *doc = NULL;

    if (!says_json(rq))
        return;
    switch (json_parse(rq->body, &doc, &message)) {
    case JSON_OK:
        json_free(doc); /* the text goes back, not what was read from it */
        answer_echo(rq);
        break;
    case JSON_MALFORMED:
        answer_error(rq, 400, "malformed", message);
        break;
    case JSON_DUPLICATE:
    case JSON_NUL:
        answer_error(rq, 422, "invalid", message);
        break;
    }
}

/* ---- GET /api/error ---- */

struct fault {
    bool client; /* 400, else 500 */
    uint64_t nano;
};

/* NULL, or what is wrong with the query. */
static const char *read_fault(const struct form *query, struct fault *ret)
{
    struct slice type = form_get(query, "type"), rate = form_get(query, "rate");
    struct fault fault = {.nano = ALWAYS};

    fault.client = slice_eq(type, SLICE_LIT("client"));
    if (rate.p != NULL && !parse_ratio(rate, &fault.nano, NULL))
        return "rate must be a decimal number from 0 to 1, like 0.25.";
    *ret = fault;
    return NULL;
}

static void fail(struct request *rq, struct drills *d, struct fault fault)
{
    uint64_t n = atomic_fetch_add_explicit(&d->errors_thrown, 1, memory_order_relaxed);

    answer_header(rq, "cache-control", SLICE_LIT("no-store"));
    if (!drill_hits(drill_throw(ERRORS_SEED, n), fault.nano))
        answer_borrowed(rq, 200, "application/json", SLICE_LIT("{\"status\":\"success\"}"));
    else if (fault.client)
        answer_error(rq, 400, "drill", "A drill: this error of the client was asked for.");
    else
        answer_error(rq, 500, "drill", "A drill: this error of the server was asked for.");
}

void error_get(struct request *rq, void *ctx)
{
    const struct api *api = ctx;
    struct fault fault = {.nano = ALWAYS};
    struct form query = FORM_INIT;
    const char *wrong = NULL;

    if (rq->head.query.n > 0 && form_parse(rq->head.query, &query, &wrong) != FORM_OK) {
        answer_error(rq, 400, "invalid",
                     "The query may have type and rate, each once, as in type=server&rate=0.25.");
        return;
    }
    wrong = read_fault(&query, &fault);
    form_release(&query);
    if (wrong != NULL)
        answer_error(rq, 400, "invalid", wrong);
    else
        fail(rq, api->drills, fault);
}

/* ---- GET /api/users ---- */

static const char users[] = "{\"users\":[{\"id\":1,\"name\":\"Ada Lovelace\"},"
                            "{\"id\":2,\"name\":\"Alan Turing\"}]}";

struct sleeper {
    struct pending pending;
    struct drills *drills;
};

static void wake(struct request *rq, struct pending *p)
{
    struct sleeper *s = CONTAINER_OF(p, struct sleeper, pending);

    atomic_fetch_sub_explicit(&s->drills->sleepers, 1, memory_order_relaxed);
    free(s);
    if (rq == NULL)
        return;
    answer_header(rq, "cache-control", SLICE_LIT("no-store"));
    answer_borrowed(rq, 200, "application/json", slice_str(users));
}

static bool bed_is_free(struct drills *d)
{
    if (atomic_fetch_add_explicit(&d->sleepers, 1, memory_order_relaxed) < DRILL_SLEEPERS_MAX)
        return true;
    atomic_fetch_sub_explicit(&d->sleepers, 1, memory_order_relaxed);
    return false;
}

void users_get(struct request *rq, void *ctx)
{
    const struct api *api = ctx;
    struct drills *d = api->drills;
    struct sleeper *s;
    uint64_t n;

    if (!bed_is_free(d)) {
        metric_add(request_shard(rq), d->refusals, 1);
        answer_retry(rq, 503, "drill_busy", "Too many drills are waiting already.", NS_PER_SEC);
        return;
    }
    n = atomic_fetch_add_explicit(&d->users_thrown, 1, memory_order_relaxed);
    s = must_calloc(1, sizeof(*s));
    s->drills = d;
    request_delay(rq, &s->pending, drill_latency_ms(drill_throw(USERS_SEED, n)), wake);
}

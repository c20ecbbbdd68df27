/* SPDX-License-Identifier: MIT */
/*
 * POST /api/metrics: limits, then the body, then its rules; then every report of it is counted, or
 * none.
 *
 * What a stranger can make of it is bounded: labels come from the configuration alone, values are
 * plausible ones, and everything that is left out is counted.
 */
#include "api/rum.h"

#include <stdatomic.h>
#include <stdlib.h>

struct rum {
    struct rum_ids *ids;
    struct rum_recent *recent;
    struct registry *registry;
    struct shard *shard; /* the main thread's, for the collector */
    struct metric outcomes[RUM_OUTCOMES], ignored[RUM_IGNORED], errors[RUM_ERRORS];
    struct metric received, forgotten, lists_refused, load, memory, memory_distribution;
    _Atomic uint64_t memory_last;
    _Atomic unsigned lists; /* answers of GET /api/metrics under way */
};

static const char *const outcome_names[RUM_OUTCOMES] = {
    [RUM_ACCEPTED] = "accepted",       [RUM_REPEATED] = "duplicate",
    [RUM_INVALID] = "invalid",         [RUM_MALFORMED] = "malformed",
    [RUM_MEDIA_TYPE] = "media_type",   [RUM_TOO_LARGE] = "too_large",
    [RUM_RATE_CLIENT] = "rate_client", [RUM_ORIGIN] = "origin",
};

static const char *const ignored_names[RUM_IGNORED] = {
    [RUM_UNKNOWN_KEY] = "unknown_key", [RUM_UNKNOWN_VITAL] = "unknown_vital",
    [RUM_IMPLAUSIBLE] = "implausible", [RUM_DUPLICATE] = "duplicate",
    [RUM_TOO_MANY] = "too_many",
};

static void resolve(
    struct registry *r, size_t family, const char *const *names, size_t n, struct metric *ret)
{
    for (size_t i = 0; i < n; i++)
        ret[i] = series_get(r, family, (struct slice[]){slice_str(names[i])});
}

/* Of all workers' reports the last one, so no worker's shard can hold it. */
static void collect(void *ctx)
{
    struct rum *x = ctx;

    metric_set(x->shard, x->memory,
               (int64_t)atomic_load_explicit(&x->memory_last, memory_order_relaxed));
}

struct rum *rum_new(struct api *api)
{
    struct rum *x = must_calloc(1, sizeof(*x));
    struct registry *r = api->registry;

    x->registry = r;
    x->shard = api->shard;
    x->ids = rum_ids_new();
    x->recent = rum_recent_new(api->rum_keep);
    resolve(r, METRIC_RUM_REPORTS, outcome_names, RUM_OUTCOMES, x->outcomes);
    resolve(r, METRIC_RUM_IGNORED, ignored_names, RUM_IGNORED, x->ignored);
    resolve(r, METRIC_RUM_ERRORS, rum_error_names, RUM_ERRORS, x->errors);
    x->received = series_plain(r, METRIC_RECEIVED_METRICS);
    x->forgotten = series_plain(r, METRIC_RUM_IDS_FORGOTTEN);
    x->lists_refused = series_plain(r, METRIC_RUM_LISTS_REFUSED);
    x->load = series_plain(r, METRIC_PAGE_LOAD);
    x->memory = series_plain(r, METRIC_MEMORY_USAGE);
    x->memory_distribution = series_plain(r, METRIC_MEMORY_DISTRIBUTION);
    registry_on_collect(r, collect, x);
    return x;
}

void rum_free(struct rum *x)
{
    if (x == NULL)
        return;
    rum_recent_free(x->recent);
    rum_ids_free(x->ids);
    free(x);
}

void rum_prepare(struct rum *x, const struct api_live *live)
{
    for (size_t i = 0; i < live->n_rum_pages; i++)
        for (unsigned k = 0; k < RUM_VITALS; k++)
            (void)series_get(x->registry, rum_vitals[k].family, &live->rum_pages[i]);
}

struct rum_recent *rum_recent_of(const struct rum *x)
{
    return x->recent;
}

static void list_finished(void *arg, UNUSED bool sent)
{
    struct rum *x = arg;

    atomic_fetch_sub_explicit(&x->lists, 1, memory_order_relaxed);
}

bool rum_list_begin(struct rum *x, struct request *rq)
{
    if (atomic_fetch_add_explicit(&x->lists, 1, memory_order_relaxed) < RUM_LISTS_MAX) {
        request_on_finish(rq, list_finished, x);
        return true;
    }
    atomic_fetch_sub_explicit(&x->lists, 1, memory_order_relaxed);
    metric_add(request_shard(rq), x->lists_refused, 1);
    return false;
}

static void count_outcome(const struct rum *x, struct shard *s, enum rum_outcome outcome)
{
    metric_add(s, x->outcomes[outcome], 1);
}

void rum_too_large(struct request *rq, void *ctx)
{
    const struct api *api = ctx;

    count_outcome(api->rum, request_shard(rq), RUM_TOO_LARGE);
}

/* Takes out the vitals that came before. */
static void drop_repeated(struct rum *x, struct shard *s, struct rum_report *r, uint64_t now_ns)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_vitals; i++) {
        const struct rum_vital *v = &r->vitals[i];
        enum rum_seen seen =
            v->id.p == NULL ? RUM_NEW : rum_ids_add(x->ids, v->name, v->id, now_ns);

        metric_add(s, x->forgotten, seen == RUM_NEW_FOR_OLD);
        if (seen == RUM_SEEN)
            r->ignored[RUM_DUPLICATE]++;
        else
            r->vitals[n++] = *v;
    }
    r->n_vitals = n;
}

/*
 * All of its vitals came before, so it is the same page view once more (a request that was sent
 * twice): nothing of it counts, also not what has no ID.
 */
static bool is_repeated(const struct rum_report *r)
{
    return r->ignored[RUM_DUPLICATE] > 0 && r->n_vitals == 0;
}

/* The page's own correlation ID stands beside it, so that it leads to the log line of that page. */
static void observe(
    struct request *rq, size_t family, struct metric m, uint64_t v, struct slice correlation_id)
{
    const struct metric_desc *d = &metric_table[family];
    struct shard *s = request_shard(rq);
    size_t i = histogram_observe(s, m, d->bounds, d->n_bounds, v);

    exemplar_offer(s, m, i, v, (struct exemplar_ids){correlation_id, SLICE_NONE}, rq->start_ms);
}

static void count_vitals(struct rum *x, struct request *rq, const struct rum_report *r)
{
    for (size_t i = 0; i < r->n_vitals; i++) {
        const struct rum_vital *v = &r->vitals[i];
        enum metric_family family = rum_vitals[v->name].family;

        observe(rq, family, series_get(x->registry, family, &v->label), v->value,
                r->correlation_id);
    }
}

static void count_values(struct rum *x, struct request *rq, const struct rum_report *r)
{
    struct shard *s = request_shard(rq);

    metric_add(s, x->received, 1);
    if (r->has_load)
        observe(rq, METRIC_PAGE_LOAD, x->load, r->load_ns, r->correlation_id);
    if (r->has_memory) {
        (void)histogram_observe(s, x->memory_distribution, bounds_memory, N_BOUNDS_MEMORY,
                                r->memory_bytes);
        atomic_store_explicit(&x->memory_last, r->memory_bytes, memory_order_relaxed);
    }
    for (unsigned i = 0; i < RUM_ERRORS; i++)
        metric_add(s, x->errors[i], r->errors[i]);
    count_vitals(x, rq, r);
}

static void take_report(struct rum *x, struct request *rq, struct rum_report *r)
{
    struct shard *s = request_shard(rq);
    struct buf text = BUF_INIT;
    bool repeated;

    drop_repeated(x, s, r, rq->start_ns);
    repeated = is_repeated(r);
    for (unsigned i = 0; i < RUM_IGNORED; i++)
        metric_add(s, x->ignored[i], r->ignored[i]);
    count_outcome(x, s, repeated ? RUM_REPEATED : RUM_ACCEPTED);
    if (repeated)
        return;
    rum_label_pages(request_app_live(rq), r);
    count_values(x, rq, r);
    rum_list_add(r, rq->start_ms, &text);
    rum_recent_add(x->recent, (struct slice){text.data, text.len});
    buf_release(&text);
}

static void refuse(struct rum *x, struct request *rq, const struct rum_refusal *why)
{
    struct field_error fields[RUM_FIELDS];

    count_outcome(x, request_shard(rq), why->outcome);
    if (why->hint.name != NULL)
        answer_header(rq, why->hint.name, why->hint.value);
    answer_error_fields(rq, why->status, why->code, why->message, fields,
                        rum_field_errors(why->fields, fields));
}

/* Refused requests use up the limit, too: it is the cheapest refusal, so it comes first. */
static bool within_rate(struct api *api, struct request *rq)
{
    const struct api_live *live = request_app_live(rq);
    struct ip client = ip_client_key(&rq->client);
    uint64_t wait_ns = 0;

    if (rate_take(api->senders, &live->rum_rate, &client, rq->start_ns, &wait_ns))
        return true;
    rq->limited = true;
    count_outcome(api->rum, request_shard(rq), RUM_RATE_CLIENT);
    answer_retry(rq, 429, "rate_limited", "Too many reports from this address.", wait_ns);
    return false;
}

void rum_post(struct request *rq, void *ctx)
{
    struct api *api = ctx;
    struct rum *x = api->rum;
    struct rum_refusal why;
    struct rum_batch batch;

    if (!within_rate(api, rq))
        return;
    if (!rum_read(rq, &batch, &why)) {
        refuse(x, rq, &why);
        return;
    }
    for (size_t i = 0; i < batch.n; i++)
        take_report(x, rq, &batch.reports[i]);
    rum_batch_release(&batch);
    answer_borrowed(rq, 200, "application/json", SLICE_LIT("{\"message\":\"Metrics received\"}"));
}

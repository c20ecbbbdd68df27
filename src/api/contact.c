/* SPDX-License-Identifier: MIT */
/*
 * POST /contact: limits, then the body, then its rules, then the store; the answer goes out after
 * the commit.
 *
 * A submission is counted when it is stored, also when its sender has left by then.
 */
#include "api/contact.h"
#include "base/clock.h"
#include "metrics/metrics.h"

#include <stdlib.h>

struct contact_metrics {
    struct metric rejections[CONTACT_REJECTIONS];
    struct metric replays;
};

static const char *const rejection_names[CONTACT_REJECTIONS] = {
    [REJECTED_INVALID] = "invalid",         [REJECTED_MALFORMED] = "malformed",
    [REJECTED_MEDIA_TYPE] = "media_type",   [REJECTED_TOO_LARGE] = "too_large",
    [REJECTED_RATE_CLIENT] = "rate_client", [REJECTED_RATE_TOTAL] = "rate_total",
    [REJECTED_KEY_REUSED] = "key_reused",   [REJECTED_STORE] = "store",
};

static const char store_down[] = "Submissions cannot be stored at the moment.";
static const struct slice default_source = {"website", 7};

struct contact_metrics *contact_metrics_new(struct registry *r, struct slice service)
{
    struct contact_metrics *m = must_calloc(1, sizeof(*m));

    for (size_t i = 0; i < CONTACT_REJECTIONS; i++)
        m->rejections[i] = series_get(r, METRIC_CONTACT_REJECTIONS,
                                      (struct slice[]){slice_str(rejection_names[i])});
    m->replays = series_plain(r, METRIC_CONTACT_REPLAYS);
    /* The one series of submissions that is known before the first. */
    (void)series_get(r, METRIC_CONTACT_SUBMISSIONS, (struct slice[]){default_source, service});
    return m;
}

void contact_metrics_free(struct contact_metrics *m)
{
    free(m);
}

struct contact_job {
    struct pending pending;
    struct store_job store;
    struct api *api;
    enum store_refusal refusal; /* store.result counts when this is STORE_ACCEPTED */
    bool late;                  /* answered 503 already; it may have been stored all the same */
    bool html;
    char text[]; /* what the submission's slices point into */
};

static void count_rejection(const struct api *api, struct shard *s, enum contact_rejection reason)
{
    metric_add(s, api->contact->rejections[reason], 1);
}

void contact_too_large(struct request *rq, void *ctx)
{
    count_rejection(ctx, request_shard(rq), REJECTED_TOO_LARGE);
}

/* Refused submissions use up the limit, too: it is the cheapest refusal, so it comes first. */
static bool within_limits(struct api *api, struct request *rq, const struct api_live *live)
{
    struct ip client = ip_client_key(&rq->client);
    uint64_t wait_ns = 0;

    if (!rate_take(api->clients, &live->contact_rate, &client, rq->start_ns, &wait_ns)) {
        rq->limited = true;
        count_rejection(api, request_shard(rq), REJECTED_RATE_CLIENT);
        answer_retry(rq, 429, "rate_limited", "Too many submissions from this address.", wait_ns);
        return false;
    }
    if (!rate_bucket_take(&api->all, &live->contact_rate_total, rq->start_ns, &wait_ns)) {
        count_rejection(api, request_shard(rq), REJECTED_RATE_TOTAL);
        answer_retry(rq, 429, "rate_limited_total", "Too many submissions at the moment.", wait_ns);
        return false;
    }
    return true;
}

static void refuse_body(struct api *api, struct request *rq, const struct contact_refusal *why)
{
    count_rejection(api, request_shard(rq), why->reason);
    if (why->hint.name != NULL)
        answer_header(rq, why->hint.name, why->hint.value);
    answer_error(rq, why->status, why->code, why->message);
}

static bool check_fields(struct api *api,
                         struct request *rq,
                         const struct contact_input *in,
                         uint32_t max)
{
    struct contact_errors errors = {.n = 0};

    contact_check(in, max, &errors);
    if (errors.n == 0)
        return true;
    count_rejection(api, request_shard(rq), REJECTED_INVALID);
    answer_error_fields(rq, 422, "invalid", "Some fields are not valid.", errors.fields, errors.n);
    return false;
}

/* Copies `*part` to `dst`, points it there, and returns the end. */
static char *move_text(char *dst, struct slice *part)
{
    struct slice from = *part;

    *part = (struct slice){dst, from.n};
    return fmt_slice(dst, from);
}

static struct contact_job *job_new(struct api *api,
                                   struct request *rq,
                                   const struct contact_input *in)
{
    struct submission sub = {
        .received_ms = rq->start_ms,
        .name = in->name.text,
        .email = in->email.text,
        .message = in->message.text,
        .source = in->source.text.p != NULL ? in->source.text : default_source,
        .correlation_id = rq->correlation_id,
        .flagged = in->flagged,
        .key = in->has_key ? in->key : SLICE_NONE,
    };
    struct slice *parts[] = {&sub.name,   &sub.email,          &sub.message,
                             &sub.source, &sub.correlation_id, &sub.key};
    struct contact_job *job;
    size_t size = 0;
    char *p;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        size += parts[i]->n;
    job = must_calloc(1, sizeof(*job) + size);
    p = job->text;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        p = move_text(p, parts[i]);
    id_make(request_ids(rq), rq->start_ms, sub.id);
    contact_fingerprint(&sub, sub.fingerprint);
    job->api = api;
    job->html = in->html;
    job->store.sub = sub;
    return job;
}

static void count_outcome(const struct contact_job *job, struct shard *s)
{
    struct api *api = job->api;

    if (job->refusal != STORE_ACCEPTED) {
        count_rejection(api, s, REJECTED_STORE);
        return;
    }
    switch (job->store.result) {
    case STORE_STORED:
        metric_add(s,
                   series_get(api->registry, METRIC_CONTACT_SUBMISSIONS,
                              (struct slice[]){job->store.sub.source, api->service}),
                   1);
        break;
    case STORE_REPLAYED:
        metric_add(s, api->contact->replays, 1);
        break;
    case STORE_KEY_REUSED:
        count_rejection(api, s, REJECTED_KEY_REUSED);
        break;
    case STORE_DELETED: /* these two are not for what is added */
    case STORE_NOT_FOUND:
    case STORE_FAILED:
        if (!job->late)
            count_rejection(api, s, REJECTED_STORE);
        break;
    }
}

static void answer_received(struct request *rq, const struct contact_job *job)
{
    char text[ID_LEN + 32], *p = text;

    if (job->html) {
        const struct api_live *live = request_app_live(rq);

        answer_see_other(rq, live->contact_redirect);
        return;
    }
    p = fmt_slice(p, SLICE_LIT("{\"id\":\""));
    p = fmt_slice(p, slice_str(job->store.sub.id));
    p = fmt_slice(p, SLICE_LIT("\",\"status\":\"received\"}"));
    answer_json(rq, 201, (struct slice){text, (size_t)(p - text)});
}

static void answer_outcome(struct request *rq, const struct contact_job *job)
{
    if (job->refusal == STORE_FULL) {
        answer_retry(rq, 503, "store_busy", "Too many submissions are waiting to be stored.",
                     1 * NS_PER_SEC);
        return;
    }
    switch (job->refusal == STORE_DOWN ? STORE_FAILED : job->store.result) {
    case STORE_STORED:
    case STORE_REPLAYED:
        answer_received(rq, job);
        break;
    case STORE_KEY_REUSED:
        answer_error(rq, 422, "idempotency_key_reused",
                     "This idempotency key was used before for another submission.");
        break;
    case STORE_DELETED:
    case STORE_NOT_FOUND:
    case STORE_FAILED:
        answer_retry(rq, 503, "store_unavailable", store_down, 5 * NS_PER_SEC);
        break;
    }
}

/*
 * A sync that hangs: the client gets an answer, and its key finds out later what became of the
 * submission.
 */
static void contact_late(struct request *rq, struct pending *p)
{
    struct contact_job *job = CONTAINER_OF(p, struct contact_job, pending);

    job->late = true;
    count_rejection(job->api, loop_shard(p->loop), REJECTED_STORE);
    answer_retry(rq, 503, "store_unavailable", store_down, 5 * NS_PER_SEC);
}

static void contact_resume(struct request *rq, struct pending *p)
{
    struct contact_job *job = CONTAINER_OF(p, struct contact_job, pending);

    count_outcome(job, loop_shard(p->loop));
    if (rq != NULL)
        answer_outcome(rq, job);
    free(job);
}

/* On the store's thread. */
static void contact_done(struct store_job *store)
{
    pending_resume(&CONTAINER_OF(store, struct contact_job, store)->pending);
}

/*
 * Suspended first: `done` may run before store_submit returns. A refusal takes the same way back.
 */
static void submit(struct request *rq, struct contact_job *job)
{
    enum store_refusal refusal;

    job->store.done = contact_done;
    request_suspend(rq, &job->pending, contact_resume);
    job->pending.late = contact_late;
    refusal = store_submit(job->api->store, &job->store);
    if (refusal == STORE_ACCEPTED)
        return; /* the job is the store's */
    job->refusal = refusal;
    pending_resume(&job->pending);
}

void contact_post(struct request *rq, void *ctx)
{
    struct api *api = ctx;
    const struct api_live *live = request_app_live(rq);
    struct contact_refusal why;
    struct contact_input in;

    if (!within_limits(api, rq, live))
        return;
    if (!contact_read(rq, &in, &why)) {
        refuse_body(api, rq, &why);
        return;
    }
    if (check_fields(api, rq, &in, live->contact_max_message))
        submit(rq, job_new(api, rq, &in));
    contact_input_release(&in);
}

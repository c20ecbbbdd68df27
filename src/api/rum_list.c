/* SPDX-License-Identifier: MIT */
/*
 * GET /api/metrics: the most recent reports. Only what was counted is shown, under the label it was
 * counted under: a path as sent may hold a secret, and an ID would tell two views of a page apart.
 */
#include "api/rum.h"
#include "base/clock.h"
#include "base/parse.h"

#include <stdlib.h>

static const char bad_limit[] = "limit must be a whole number from 1 to 10000.";

static void add_key(struct buf *out, const char *key)
{
    buf_add_str(out, ",\"");
    buf_add_str(out, key);
    buf_add_str(out, "\":");
}

static void add_text(struct buf *out, struct slice text)
{
    buf_add_char(out, '"');
    buf_add_json(out, text);
    buf_add_char(out, '"');
}

static void add_nano(struct buf *out, uint64_t v)
{
    char *start = buf_reserve(out, FMT_NANO);

    out->len += (size_t)(fmt_nano(start, (int64_t)v) - start);
}

static void add_errors(struct buf *out, const struct rum_report *r)
{
    const char *before = "{\"";

    add_key(out, "errors");
    for (unsigned i = 0; i < RUM_ERRORS; i++) {
        if (r->errors[i] == 0)
            continue;
        buf_add_str(out, before);
        buf_add_str(out, rum_error_names[i]);
        buf_add_str(out, "\":");
        buf_add_u64(out, r->errors[i]);
        before = ",\"";
    }
    buf_add_str(out, before[0] == '{' ? "{}" : "}");
}

/* In milliseconds, as it was reported; a shift has no unit. */
static uint64_t reported_nanos(const struct rum_vital *v)
{
    return v->value * (1000000000 / rum_vitals[v->name].scale);
}

static void add_vital(struct buf *out, const struct rum_vital *v, struct slice page)
{
    buf_add_str(out, "{\"name\":\"");
    buf_add_str(out, rum_vitals[v->name].name);
    buf_add_str(out, "\",\"value\":");
    add_nano(out, reported_nanos(v));
    buf_add_str(out, ",\"rating\":\"");
    buf_add_str(out, rum_rating(v->name, v->value));
    buf_add_char(out, '"');
    if (!slice_eq(v->label, page)) {
        add_key(out, "page");
        add_text(out, v->label);
    }
    buf_add_char(out, '}');
}

void rum_list_add(const struct rum_report *r, uint64_t received_ms, struct buf *out)
{
    char ts[FMT_TS];

    buf_add_str(out, "{\"received_at\":");
    add_text(out, (struct slice){ts, (size_t)(fmt_ts(ts, received_ms) - ts)});
    add_key(out, "page");
    add_text(out, r->label);
    if (r->has_load) {
        add_key(out, "page_load_time_seconds");
        add_nano(out, r->load_ns);
    }
    if (r->has_memory) {
        add_key(out, "memory_usage_bytes");
        buf_add_u64(out, r->memory_bytes);
    }
    add_errors(out, r);
    add_key(out, "vitals");
    buf_add_char(out, '[');
    for (size_t i = 0; i < r->n_vitals; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        add_vital(out, &r->vitals[i], r->label);
    }
    buf_add_char(out, ']');
    if (r->correlation_id.p != NULL) {
        add_key(out, "correlation_id");
        add_text(out, r->correlation_id);
    }
    buf_add_char(out, '}');
}

/* `limit`, the last of several; other parameters are ignored. */
static bool read_limit(struct slice query, size_t *ret)
{
    _Static_assert(RUM_KEEP_MAX == 10000, "bad_limit says so");
    while (query.p != NULL) {
        struct slice value = slice_cut(&query, '&'), name = slice_cut(&value, '=');
        uint64_t limit;

        if (!slice_eq(name, SLICE_LIT("limit")))
            continue;
        if (!parse_u64(value, 1, RUM_KEEP_MAX, &limit, NULL))
            return false;
        *ret = limit;
    }
    return true;
}

static char *put_texts(char *p, struct rum_text *const *texts, size_t n)
{
    p = fmt_slice(p, SLICE_LIT("{\"metrics\":["));
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *p++ = ',';
        p = fmt_slice(p, (struct slice){texts[i]->text, texts[i]->n});
    }
    return fmt_slice(p, SLICE_LIT("]"));
}

/* How many of the texts fit into RUM_LIST_BYTES_MAX, each with its comma; and their bytes. */
static size_t fitting(struct rum_text *const *texts, size_t n, size_t *ret_bytes)
{
    size_t i, bytes = 0;

    for (i = 0; i < n && bytes + texts[i]->n + 1 <= RUM_LIST_BYTES_MAX; i++)
        bytes += texts[i]->n + 1;
    *ret_bytes = bytes;
    return i;
}

static void answer_list(struct request *rq, struct rum_recent *recent, size_t max)
{
    struct rum_text **texts = NULL;
    size_t kept, n = rum_recent_ref(recent, max, &texts, &kept), bytes = 0;
    size_t fit = fitting(texts, n, &bytes), room = bytes + 64 + FMT_U64 + FMT_U64;
    char *start = request_alloc(rq, room), *p = put_texts(start, texts, fit);

    p = fmt_u64(fmt_slice(p, SLICE_LIT(",\"kept\":")), kept);
    p = fmt_u64(fmt_slice(p, SLICE_LIT(",\"limit\":")), rum_recent_limit(recent));
    p = fmt_slice(p, fit < n ? SLICE_LIT(",\"truncated\":true}") : SLICE_LIT("}"));
    MUST((size_t)(p - start) <= room);
    for (size_t i = 0; i < n; i++)
        rum_text_unref(texts[i]);
    free(texts);
    answer_borrowed(rq, 200, "application/json", (struct slice){start, (size_t)(p - start)});
}

void rum_get(struct request *rq, void *ctx)
{
    struct api *api = ctx;
    size_t max = RUM_LIST_DEFAULT;

    answer_header(rq, "cache-control", SLICE_LIT("no-store"));
    if (!read_limit(rq->head.query, &max))
        answer_error(rq, 400, "bad_query", bad_limit);
    else if (!rum_list_begin(api->rum, rq))
        answer_retry(rq, 503, "too_many_lists", "Too many lists are being read.", NS_PER_SEC);
    else
        answer_list(rq, rum_recent_of(api->rum), max);
}

bool rum_open(const struct request *rq, UNUSED void *ctx)
{
    const struct api_live *live = request_app_live(rq);

    return live->rum_public_read;
}

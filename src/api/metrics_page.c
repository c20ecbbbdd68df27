/* SPDX-License-Identifier: MIT */
/*
 * GET /metrics: which page, in which format and coding, and the books about scrapes. Rendering is
 * metrics/exposition.c's.
 *
 * Pages are rendered one at a time, whole, before a byte is sent; they only pile up when scrapers
 * read slowly.
 */
#include "api/metrics_page.h"
#include "base/clock.h"
#include "http/form.h"
#include "metrics/exposition.h"
#include "metrics/metrics.h"

#include <stdlib.h>

#define SCRAPER_MEMORY_NS (60 * NS_PER_SEC) /* who came in the last minute will come again */

enum page_code { CODE_200, CODE_400, CODE_503, PAGE_CODES };

struct scraper {
    struct ip client;
    uint64_t last_ns; /* monotonic: its last page was complete; 0: a free place */
};

struct api_ops {
    struct metric requests[PAGE_CODES];
    struct metric in_flight, duration, bytes;
    unsigned pages;          /* under way */
    struct buf page, zipped; /* kept, so that a scrape does not grow them again; or lent */
    struct scraper scrapers[SCRAPERS_MAX];
};

/* A page under way, in its request's memory. */
struct scrape {
    struct api_ops *ops;
    struct shard *shard;
    struct ip client;
    bool whole; /* with a body */
    /* The answer's, lent by `lender` and not copied: a line takes 204 instructions, not 270. */
    struct buf body, *lender;
};

struct api_ops *api_ops_new(struct registry *r)
{
    static const char *const codes[PAGE_CODES] = {"200", "400", "503"};
    struct api_ops *ops = must_calloc(1, sizeof(*ops));

    for (size_t i = 0; i < PAGE_CODES; i++)
        ops->requests[i] =
            series_get(r, METRIC_HANDLER_REQUESTS, (struct slice[]){slice_str(codes[i])});
    ops->in_flight = series_plain(r, METRIC_HANDLER_IN_FLIGHT);
    ops->duration = series_plain(r, METRIC_HANDLER_DURATION);
    ops->bytes = series_plain(r, METRIC_HANDLER_BYTES);
    return ops;
}

void api_ops_free(struct api_ops *ops)
{
    if (ops == NULL)
        return;
    buf_release(&ops->page);
    buf_release(&ops->zipped);
    free(ops);
}

/* The place of `client`, or the one that is given up for it. */
static struct scraper *scraper_of(struct api_ops *ops, const struct ip *client)
{
    struct scraper *oldest = &ops->scrapers[0];

    for (size_t i = 0; i < SCRAPERS_MAX; i++) {
        struct scraper *s = &ops->scrapers[i];

        if (s->last_ns != 0 && memcmp(&s->client, client, sizeof(*client)) == 0)
            return s;
        if (s->last_ns < oldest->last_ns)
            oldest = s;
    }
    return oldest;
}

unsigned api_scrapers_waiting(const struct api *api, uint64_t drain_ns)
{
    unsigned n = 0;

    for (size_t i = 0; i < SCRAPERS_MAX; i++) {
        uint64_t last_ns = api->ops->scrapers[i].last_ns;

        n += last_ns != 0 && last_ns < drain_ns && drain_ns - last_ns <= SCRAPER_MEMORY_NS;
    }
    return n;
}

static void set_pages(struct api_ops *ops, struct shard *s, unsigned pages)
{
    ops->pages = pages;
    metric_set(s, ops->in_flight, pages);
}

static struct slice borrow(struct scrape *scrape, struct buf *lender)
{
    scrape->body = *lender;
    scrape->lender = lender;
    *lender = (struct buf)BUF_INIT;
    return (struct slice){scrape->body.data, scrape->body.len};
}

/* Another page may have been rendered and given back meanwhile: one is kept. */
static void give_back(struct scrape *scrape)
{
    if (scrape->lender->data == NULL)
        *scrape->lender = scrape->body;
    else
        buf_release(&scrape->body);
}

static void page_finished(void *arg, bool sent)
{
    struct scrape *scrape = arg;

    give_back(scrape);
    set_pages(scrape->ops, scrape->shard, scrape->ops->pages - 1);
    if (sent && scrape->whole)
        *scraper_of(scrape->ops, &scrape->client) =
            (struct scraper){scrape->client, clock_mono_ns()};
}

static struct scrape *page_started(struct request *rq, struct api_ops *ops)
{
    struct scrape *scrape = request_alloc(rq, sizeof(*scrape));

    *scrape = (struct scrape){.ops = ops,
                              .shard = request_shard(rq),
                              .client = rq->client,
                              .whole = rq->head.method == HTTP_GET};
    set_pages(ops, scrape->shard, ops->pages + 1);
    request_on_finish(rq, page_finished, scrape);
    return scrape;
}

/* `name[]` parameters; others are ignored. Returns what is wrong, or NULL. */
static const char *read_filter(struct request *rq, struct exposition_filter *ret)
{
    struct slice query = rq->head.query;
    char *dst = request_alloc(rq, query.n + 1);

    while (query.p != NULL) {
        struct slice value = slice_cut(&query, '&');
        struct slice name = slice_cut(&value, '=');

        if (!form_decode(name, dst, &name))
            return "The query has a '%' without two hex digits.";
        if (!slice_eq(name, SLICE_LIT("name[]")))
            continue;
        if (ret->n == EXPOSITION_NAMES_MAX)
            return "The query has more than 64 names.";
        if (!form_decode(value, dst, &ret->names[ret->n]))
            return "The query has a '%' without two hex digits.";
        dst += ret->names[ret->n++].n;
    }
    return NULL;
}

/* The page as it is, or compressed when the scraper wants it and it is worth it. */
static struct slice encode_page(struct request *rq, struct api_ops *ops, struct scrape *scrape)
{
    struct slice page = {ops->page.data, ops->page.len};

    if (page.n < PAGE_GZIP_MIN || !exposition_accepts_gzip(rq->head.accept_encoding))
        return borrow(scrape, &ops->page);
    buf_clear(&ops->zipped);
    if (!exposition_gzip(page, &ops->zipped, NULL))
        return borrow(scrape, &ops->page);
    answer_header(rq, "content-encoding", SLICE_LIT("gzip"));
    return borrow(scrape, &ops->zipped);
}

static void answer_page(struct request *rq, struct api *api, const struct exposition_filter *filter)
{
    enum exposition_format format = exposition_negotiate(rq->head.accept);
    char *start = request_alloc(rq, FMT_U64),
         *end = fmt_u64(start, api->start_unix_ns / NS_PER_SEC);
    struct api_ops *ops = api->ops;
    struct shard *s = request_shard(rq);
    struct scrape *scrape = page_started(rq, ops); /* the page shows itself in flight */
    struct slice page;

    buf_clear(&ops->page);
    exposition_render(api->registry, format, filter, &ops->page);
    page = encode_page(rq, ops, scrape);
    answer_header(rq, "vary", SLICE_LIT("Accept, Accept-Encoding"));
    answer_header(rq, "process-start-time-unix", (struct slice){start, (size_t)(end - start)});
    metric_add(s, ops->requests[CODE_200], 1);
    if (rq->head.method == HTTP_GET)
        metric_add(s, ops->bytes, page.n);
    (void)histogram_observe(s, ops->duration, bounds_duration, N_BOUNDS_DURATION,
                            clock_mono_ns() - rq->start_ns);
    answer_borrowed(rq, 200, exposition_content_type(format), page);
}

void metrics_get(struct request *rq, void *ctx)
{
    struct api *api = ctx;
    struct exposition_filter filter = {.n = 0};
    const char *wrong = read_filter(rq, &filter);

    answer_header(rq, "cache-control", SLICE_LIT("no-store"));
    if (wrong != NULL) {
        metric_add(request_shard(rq), api->ops->requests[CODE_400], 1);
        answer_error(rq, 400, "bad_query", wrong);
    } else if (api->ops->pages >= PAGES_MAX) {
        metric_add(request_shard(rq), api->ops->requests[CODE_503], 1);
        answer_retry(rq, 503, "too_many_scrapes", "Too many pages are being read.", 1 * NS_PER_SEC);
    } else {
        answer_page(rq, api, &filter);
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * GET /: the home page for browsers (src/web/home.html), a few lines of text for everybody else. Both
 * say how many came.
 */
#include "api/site.h"
#include "api/visits.h"
#include "base/parse.h"

/* "text/html;level=1;q=0.8": is it HTML, and wanted (RFC 9110, 12.4.2)? */
static bool wants_html(struct slice item)
{
    bool html = slice_eq_nocase(slice_trim(slice_cut(&item, ';')), SLICE_LIT("text/html"));
    uint64_t quality = 1;

    while (html && item.p != NULL) {
        struct slice value = slice_cut(&item, ';'), name = slice_trim(slice_cut(&value, '='));

        if (slice_eq_nocase(name, SLICE_LIT("q")))
            html = parse_ratio(slice_trim(value), &quality, NULL) && quality > 0;
    }
    return html;
}

/* Only by name: what asks for anything at all is a program. */
static bool is_browser(struct slice accept)
{
    bool html = false;

    while (!html && accept.p != NULL)
        html = wants_html(slice_cut(&accept, ','));
    return html;
}

/* The ID that metrics.js sends with its numbers. It has no byte that would need escaping. */
static void say_correlation(struct request *rq)
{
    const struct slice name = SLICE_LIT("correlation-id;desc=\"");
    char *text = request_alloc(rq, name.n + rq->correlation_id.n + 1), *p = text;

    p = fmt_slice(p, name);
    p = fmt_slice(p, rq->correlation_id);
    *p++ = '"';
    answer_header(rq, "server-timing", (struct slice){text, (size_t)(p - text)});
}

static struct slice number(char dst[FMT_U64], uint64_t v)
{
    return (struct slice){dst, (size_t)(fmt_u64(dst, v) - dst)};
}

static void answer_page(struct request *rq, const struct api *api, const struct visits_count *count)
{
    char views[FMT_U64], today[FMT_U64];
    struct page_value values[SITE_VALUES] = {
        [SITE_CORRELATION_ID] = {rq->correlation_id, false},
        [SITE_SERVICE] = {            api->service,             false     },
        [SITE_VIEWS] = { number(views,             count->views),                  false},
        [SITE_TODAY] = { number(today,             count->today),                  false},
    };

    say_correlation(rq);
    site_answer(rq, api->site, SITE_HOME, values);
}

static void answer_text(struct request *rq, const struct visits_count *count)
{
    const struct slice start = SLICE_LIT("Welcome. This is a Sidelight server.\n"
                                         "\n"
                                         "GET  /health    how it is\n"
                                         "GET  /contact   the contact form\n"
                                         "\n"
                                         "page views ");
    const struct slice middle = SLICE_LIT(", visitors today ");
    char *text = request_alloc(rq, start.n + FMT_U64 + middle.n + FMT_U64 + 1), *p = text;

    p = fmt_slice(p, start);
    p = fmt_u64(p, count->views);
    p = fmt_slice(p, middle);
    p = fmt_u64(p, count->today);
    *p++ = '\n';
    answer_header(rq, "cache-control", SLICE_LIT("no-store"));
    answer_borrowed(rq, 200, "text/plain; charset=utf-8", (struct slice){text, (size_t)(p - text)});
}

void home_get(struct request *rq, void *ctx)
{
    const struct api *api = ctx;
    struct visits_count count;

    if (rq->head.method == HTTP_HEAD)
        visits_get(api->visits, rq, &count);
    else
        visits_add(api->visits, rq, &count);
    answer_header(rq, "vary", SLICE_LIT("Accept"));
    if (is_browser(rq->head.accept))
        answer_page(rq, api, &count);
    else
        answer_text(rq, &count);
}

/* SPDX-License-Identifier: MIT */
/*
 * The status page: src/web/status.html with its style and script inside, complete without the
 * script. Words and numbers are as src/web/status.js writes them when it refreshes.
 */
#include "api/status_page.h"

#include "api/page.h"
#include "api/status_tables.h"
#include "api/status_text.h"
#include "web/web.h"

#include <stdio.h>
#include <stdlib.h>

/* The placeholders of status.html. */
/* clang-format off */
#define PLACES(X)                                                                            \
    X(headline) X(service) X(style) X(time) X(level) X(glyph) X(reasons) X(window0) X(rps)   \
    X(share) X(p50) X(p99) X(flight) X(busy) X(conns) X(conns_max) X(window1) X(slos)        \
    X(current0) X(current1) X(rows) X(more) X(deps) X(errors) X(version) X(uptime) X(memory) \
    X(total) X(rejected) X(dropped) X(config) X(script)
/* clang-format on */

enum place {
#define X(name) PLACE_##name,
    PLACES(X)
#undef X
        PLACES_N
};

static const char *const place_names[PLACES_N] = {
#define X(name) #name,
    PLACES(X)
#undef X
};

struct status_page {
    struct page_template *template;
    struct buf style, script;
    char policy[STATUS_POLICY_MAX];
    size_t policy_len;
};

/* A page being filled: values in one buffer, which may move until all are there. */
struct filling {
    struct buf text;
    size_t from[PLACES_N], to[PLACES_N];
    bool markup[PLACES_N];
};

/* A comment and nothing else: the first end of one is the end of the line. */
static bool is_comment(struct slice row)
{
    return row.n >= 4 && memcmp(row.p, "/*", 2) == 0 &&
           memmem(row.p + 2, row.n - 2, "*/", 2) == row.p + row.n - 2;
}

/* Without indentation and lines that are comments: those are for whoever reads the file. */
static void add_bare(struct buf *b, struct slice text)
{
    while (text.p != NULL) {
        struct slice row = slice_cut(&text, '\n');

        while (row.n > 0 && row.p[0] == ' ')
            row = (struct slice){row.p + 1, row.n - 1};
        if (row.n == 0 || is_comment(row))
            continue;
        buf_add_slice(b, row);
        buf_add_char(b, '\n');
    }
}

struct status_page *status_page_new(void)
{
    struct status_page *p = must_calloc(1, sizeof(*p));
    char style[PAGE_CSP_HASH], script[PAGE_CSP_HASH];
    struct slice html = web_status_html();
    int n;

    (void)slice_cut(&html, '\n'); /* whose file it is: not for those who look at the page */
    p->template = page_template_new(html, place_names, PLACES_N);
    add_bare(&p->style, web_status_css());
    add_bare(&p->script, web_status_js());
    page_csp_hash((struct slice){p->style.data, p->style.len}, style);
    page_csp_hash((struct slice){p->script.data, p->script.len}, script);
    n = snprintf(p->policy, sizeof(p->policy),
                 "default-src 'none'; style-src '%.*s'; script-src '%.*s'; connect-src 'self'; "
                 "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                 PAGE_CSP_HASH, style, PAGE_CSP_HASH, script);
    MUST(n > 0 && (size_t)n < sizeof(p->policy));
    p->policy_len = (size_t)n;
    return p;
}

void status_page_free(struct status_page *p)
{
    if (p == NULL)
        return;
    page_template_free(p->template);
    buf_release(&p->style);
    buf_release(&p->script);
    free(p);
}

struct slice status_page_policy(const struct status_page *p)
{
    return (struct slice){p->policy, p->policy_len};
}

/* What is added to the text from here on stands in this place. */
static struct buf *begin(struct filling *f, enum place place, bool markup)
{
    f->from[place] = f->text.len;
    f->markup[place] = markup;
    return &f->text;
}

static void end(struct filling *f, enum place place)
{
    f->to[place] = f->text.len;
}

static void put(struct filling *f, enum place place, struct slice text)
{
    buf_add_slice(begin(f, place, false), text);
    end(f, place);
}

static void put_count(struct filling *f, enum place place, uint64_t n)
{
    text_count(begin(f, place, false), n);
    end(f, place);
}

/* ---- places ---- */

static void fill_verdict(struct filling *f, const struct status_view *v)
{
    static const char *const glyphs[] = {[STATUS_WELL] = "\xe2\x9c\x93",
                                         [STATUS_ATTENTION] = "!",
                                         [STATUS_TROUBLE] = "\xe2\x9c\x95"};
    const struct status_verdict *verdict = &v->verdict;
    struct buf *b;

    put(f, PLACE_headline, slice_str(verdict->n > 0 ? verdict->reasons[0].text : "Well"));
    put(f, PLACE_level, slice_str(status_level_name(verdict->level)));
    put(f, PLACE_glyph, slice_str(glyphs[verdict->level]));
    b = begin(f, PLACE_reasons, true);
    for (size_t i = 1; i < verdict->n; i++) {
        buf_add_str(b, "<li>");
        page_escape(b, slice_str(verdict->reasons[i].text));
        buf_add_str(b, "</li>");
    }
    end(f, PLACE_reasons);
}

static void put_window(struct filling *f,
                       enum place place,
                       const struct status_window *w,
                       const char *name)
{
    struct buf *b = begin(f, place, false);

    if (w->since_start) {
        buf_add_str(b, "since the start, ");
        text_age(b, (uint64_t)w->seconds);
        buf_add_str(b, " ago");
    } else {
        buf_addf(b, "last %s", name);
    }
    end(f, place);
}

static void fill_traffic(struct filling *f, const struct status_view *v)
{
    const struct status_window *w = &v->windows[STATUS_5M];
    struct buf *b;

    put_window(f, PLACE_window0, w, "5 minutes");
    put_window(f, PLACE_window1, &v->windows[STATUS_1H], "hour");
    text_digits(begin(f, PLACE_rps, false), w->seconds > 0 ? (double)w->requests / w->seconds : 0);
    end(f, PLACE_rps);
    status_add_share(begin(f, PLACE_share, false), w->server_errors, w->requests);
    end(f, PLACE_share);
    status_add_seconds(begin(f, PLACE_p50, false), w->latency.any, w->latency.p50);
    end(f, PLACE_p50);
    status_add_seconds(begin(f, PLACE_p99, false), w->latency.any, w->latency.p99);
    end(f, PLACE_p99);
    put_count(f, PLACE_flight, v->in_flight);
    b = begin(f, PLACE_busy, false);
    for (size_t i = 0; i < v->n_busy && i < 3; i++) {
        buf_add_str(b, i > 0 ? ", " : "");
        buf_add_slice(b, v->busy[i].endpoint);
        buf_addf(b, " %llu", (unsigned long long)v->busy[i].in_flight);
    }
    end(f, PLACE_busy);
    put_count(f, PLACE_conns, v->connections);
    b = begin(f, PLACE_conns_max, false);
    buf_add_str(b, "of ");
    text_count(b, v->connections_limit);
    end(f, PLACE_conns_max);
}

static void fill_tables(struct filling *f, const struct status_view *v, enum status_span span)
{
    struct buf *b;
    size_t rest;

    status_write_slos(v, begin(f, PLACE_slos, true));
    end(f, PLACE_slos);
    rest = status_write_rows(v, span, begin(f, PLACE_rows, true));
    end(f, PLACE_rows);
    b = begin(f, PLACE_more, false);
    if (rest > 0)
        buf_addf(b, "The busiest; %zu more in the JSON.", rest);
    end(f, PLACE_more);
    put(f, PLACE_current0, SLICE_NONE);
    put(f, PLACE_current1, SLICE_NONE);
    buf_add_str(begin(f, span == STATUS_5M ? PLACE_current0 : PLACE_current1, true),
                " aria-current=\"true\"");
    end(f, span == STATUS_5M ? PLACE_current0 : PLACE_current1);
    status_write_dependencies(v, begin(f, PLACE_deps, true));
    end(f, PLACE_deps);
    status_write_errors(v, begin(f, PLACE_errors, true));
    end(f, PLACE_errors);
}

static void fill_facts(struct filling *f, const struct status_view *v)
{
    struct buf *b;

    put(f, PLACE_service, v->service);
    text_moment(begin(f, PLACE_time, false), v->now_ms);
    end(f, PLACE_time);
    b = begin(f, PLACE_version, false);
    buf_add_slice(b, v->version);
    buf_add_str(b, v->revision.n > 0 ? ", revision " : "");
    buf_add_slice(b, v->revision);
    end(f, PLACE_version);
    text_age(begin(f, PLACE_uptime, false), v->uptime_ns / NS_PER_SEC);
    end(f, PLACE_uptime);
    text_bytes(begin(f, PLACE_memory, false), v->resident_bytes);
    end(f, PLACE_memory);
    put_count(f, PLACE_total, v->totals.requests);
    put_count(f, PLACE_rejected, v->totals.rejected);
    put_count(f, PLACE_dropped, v->totals.log_dropped);
    b = begin(f, PLACE_config, false);
    buf_add_str(b, v->reload_failed ? "last reload failed; in force since " : "loaded ");
    text_moment(b, v->loaded_ns / NS_PER_MS);
    buf_add_str(b, v->restart_required ? " UTC; restart required" : " UTC");
    end(f, PLACE_config);
}

void status_page_write(const struct status_page *p,
                       const struct status_view *v,
                       enum status_span span,
                       struct buf *b)
{
    struct filling f = {.text = BUF_INIT};
    struct page_value values[PLACES_N];

    fill_verdict(&f, v);
    fill_traffic(&f, v);
    fill_tables(&f, v, span);
    fill_facts(&f, v);
    for (size_t i = 0; i < PLACES_N; i++)
        values[i] = (struct page_value){
            {f.text.data + f.from[i], f.to[i] - f.from[i]},
            f.markup[i]
        };
    values[PLACE_style] = (struct page_value){
        {p->style.data, p->style.len},
        true
    };
    values[PLACE_script] = (struct page_value){
        {p->script.data, p->script.len},
        true
    };
    page_render(p->template, values, b);
    buf_release(&f.text);
}

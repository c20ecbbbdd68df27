/* SPDX-License-Identifier: MIT */
/*
 * A page, from the families' tables and the sum of the shards' cells. Each cell is read once a
 * page. No lock is held: a worker that makes a series does not wait for a page. Which format a
 * scraper gets is in negotiate.c.
 */
#include "metrics/exposition.h"
#include "base/utf8.h"
#include "metrics/desc.h"
#include "metrics/family.h"

#include <stdlib.h>

enum {
    LE_ROOM = 32,        /* ,le="1.23456789012345e+15"}  */
    EXEMPLAR_ROOM = 320, /* names, two escaped IDs, value, timestamp */
    EXEMPLAR_CHARS = 128 /* OpenMetrics: names and values together */
};

struct page {
    const struct registry *r;
    struct buf *out;
    enum exposition_format format;
};

/* At most two bytes for one. */
static char *put_escaped(char *p, struct slice s, bool quotes)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '\\' || c == '\n' || (quotes && c == '"'))
            *p++ = '\\';
        if (c == '\n')
            c = 'n';
        *p++ = c;
    }
    return p;
}

static void add_escaped(struct buf *out, struct slice s, bool quotes)
{
    char *start = buf_reserve(out, 2 * s.n);

    out->len += (size_t)(put_escaped(start, s, quotes) - start);
}

void exposition_escape_label(struct buf *out, struct slice value)
{
    add_escaped(out, value, true);
}

void exposition_escape_help(struct buf *out, struct slice help, enum exposition_format f)
{
    add_escaped(out, help, f == EXPOSITION_OPENMETRICS);
}

static char *put_count(char *p, const struct metric_desc *d, uint64_t v)
{
    char rest[FMT_NANO];

    if (!desc_in_nanos(d))
        return fmt_u64(p, v);
    if (v <= INT64_MAX)
        return fmt_nano(p, (int64_t)v);
    /* More than 292 years, summed over requests: the decimals alone, behind their "0". */
    const char *end = fmt_nano(rest, (int64_t)(v % 1000000000));
    p = fmt_u64(p, v / 1000000000);
    return fmt_slice(p, (struct slice){rest + 1, (size_t)(end - rest - 1)});
}

static char *put_gauge(char *p, const struct metric_desc *d, uint64_t v)
{
    if (v <= INT64_MAX)
        return put_count(p, d, v);
    *p++ = '-';
    return put_count(p, d, -v);
}

/*
 * ` # {correlation_id="..",trace_id=".."} value timestamp`. What a writer offered is checked here,
 * off the hot path.
 */
static char *put_exemplar(char *p, const struct page *page, const struct series *s, size_t bucket)
{
    const struct metric_desc *d = s->family->desc;
    struct exemplar_copy e;

    if (!exemplar_newest(page->r, s->metric.exemplar + bucket, &e))
        return p;
    struct slice id = {e.id, e.id_len}, trace = {e.trace, e.trace_len};
    if (histogram_bucket(d->bounds, d->n_bounds, e.value) != bucket || !utf8_valid(id) ||
        !utf8_valid(trace))
        return p;
    _Static_assert(sizeof("correlation_id") + sizeof(e.id) + sizeof("trace_id") + sizeof(e.trace) <=
                       EXEMPLAR_CHARS,
                   "an exemplar can always be shown whole");
    p = put_escaped(fmt_slice(p, SLICE_LIT(" # {correlation_id=\"")), id, true);
    if (trace.n > 0)
        p = put_escaped(fmt_slice(p, SLICE_LIT("\",trace_id=\"")), trace, true);
    p = put_count(fmt_slice(p, SLICE_LIT("\"} ")), d, e.value);
    *p++ = ' ';
    return fmt_ms(p, e.wall_ms * 1000); /* milliseconds as seconds with three decimals */
}

/* Name, tail and labels; the closed one with the brace and the blank. */
static char *put_name(char *p, const struct series *s, struct slice tail)
{
    p = fmt_slice(p, (struct slice){s->head.p, (size_t)(s->text.p - s->head.p)});
    return fmt_slice(fmt_slice(p, tail), s->text);
}

static char *put_name_closed(char *p, const struct series *s, struct slice tail)
{
    p = put_name(p, s, tail);
    return fmt_slice(p, s->text.n > 0 ? SLICE_LIT("} ") : SLICE_LIT(" "));
}

static void add_histogram(const struct page *page, const struct series *s)
{
    const struct family *f = s->family;
    const struct metric_desc *d = f->desc;
    bool exemplars = page->format == EXPOSITION_OPENMETRICS && s->metric.exemplar != UINT32_MAX;
    size_t line = s->head.n + LE_ROOM + FMT_NANO + sizeof("_bucket\n");
    char *start = buf_reserve(page->out, f->samples * line + f->slots * EXEMPLAR_ROOM);
    char *p = put_name(start, s, SLICE_LIT("_bucket"));
    /* Every bucket's line begins as the first one does: a line takes 190 instructions, not 265. */
    const struct slice head = {start, (size_t)(p - start)};
    uint64_t total = 0;

    for (size_t i = 0; i <= d->n_bounds; i++) {
        uint64_t n = registry_cell(page->r, s->metric.cell + i);

        total += n;
        p = fmt_slice(i > 0 ? fmt_slice(p, head) : p, f->le[i]);
        p = fmt_u64(p, total);
        if (exemplars && n > 0)
            p = put_exemplar(p, page, s, i);
        *p++ = '\n';
    }
    p = put_name_closed(p, s, SLICE_LIT("_sum"));
    p = put_count(p, d, registry_cell(page->r, s->metric.cell + d->n_bounds + 1));
    *p++ = '\n';
    p = fmt_u64(put_name_closed(p, s, SLICE_LIT("_count")), total);
    *p++ = '\n';
    page->out->len += (size_t)(p - start);
}

/* Its head in one piece: a line takes 270 instructions, not 355. */
static void add_single(const struct page *page, const struct series *s)
{
    const struct metric_desc *d = s->family->desc;
    char *start = buf_reserve(page->out, s->head.n + FMT_NANO + sizeof("\n"));
    char *p = fmt_slice(start, s->head);
    uint64_t v = registry_cell(page->r, s->metric.cell);

    p = d->type == METRIC_GAUGE ? put_gauge(p, d, v) : put_count(p, d, v);
    *p++ = '\n';
    page->out->len += (size_t)(p - start);
}

static void add_comment(struct buf *out, const char *what, struct slice name)
{
    buf_add_str(out, what);
    buf_add_slice(out, name);
    buf_add_char(out, ' ');
}

static void add_type(struct buf *out, const struct metric_desc *d, struct slice name)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter",
        [METRIC_GAUGE] = "gauge",
        [METRIC_HISTOGRAM] = "histogram",
    };

    add_comment(out, "# TYPE ", name);
    buf_add_str(out, types[d->type]);
    buf_add_char(out, '\n');
}

static void add_help(const struct page *page, const struct metric_desc *d, struct slice name)
{
    add_comment(page->out, "# HELP ", name);
    exposition_escape_help(page->out, slice_str(d->help), page->format);
    buf_add_char(page->out, '\n');
}

/* Each format in its own customary order. */
static void add_head(const struct page *page, const struct metric_desc *d)
{
    if (page->format == EXPOSITION_TEXT) {
        add_help(page, d, slice_str(d->name));
        add_type(page->out, d, slice_str(d->name));
        return;
    }
    struct slice name = desc_om_name(d);
    const char *unit = desc_om_unit(d);

    add_type(page->out, d, name);
    if (unit != NULL) {
        add_comment(page->out, "# UNIT ", name);
        buf_add_str(page->out, unit);
        buf_add_char(page->out, '\n');
    }
    add_help(page, d, name);
}

static int by_text(const void *a, const void *b)
{
    struct slice x = (*(struct series *const *)a)->text, y = (*(struct series *const *)b)->text;
    size_t n = x.n < y.n ? x.n : y.n;
    int order = n > 0 ? memcmp(x.p, y.p, n) : 0;

    return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

/* Takes in what was made since the last page: sorted by itself, then merged from the back. */
static void refresh(struct family *f)
{
    struct family_view *v = &f->view;
    struct series *newest = atomic_load_explicit(&f->newest, memory_order_acquire);
    size_t n = 0, i = 0, end;

    for (struct series *s = newest; s != v->seen; s = s->older)
        n++;
    if (n == 0)
        return;
    struct series **fresh = must_calloc(n, sizeof(struct series *));
    for (struct series *s = newest; s != v->seen; s = s->older)
        fresh[i++] = s;
    qsort(fresh, n, sizeof(struct series *), by_text);
    v->sorted = must_realloc(v->sorted, (v->n + n) * sizeof(struct series *));
    for (i = v->n, end = v->n + n, v->n = end; n > 0;) {
        bool old = i > 0 && by_text(&v->sorted[i - 1], &fresh[n - 1]) > 0;

        v->sorted[--end] = old ? v->sorted[--i] : fresh[--n];
    }
    v->seen = newest;
    free(fresh);
}

static void add_family(const struct page *page, struct family *f)
{
    refresh(f);
    if (f->view.n == 0)
        return;
    add_head(page, f->desc);
    for (size_t i = 0; i < f->view.n; i++)
        if (f->desc->type == METRIC_HISTOGRAM)
            add_histogram(page, f->view.sorted[i]);
        else
            add_single(page, f->view.sorted[i]);
}

static bool wanted(const struct exposition_filter *filter, const struct metric_desc *d)
{
    if (filter == NULL || filter->n == 0)
        return true;
    for (size_t i = 0; i < filter->n; i++)
        if (desc_owns(d, filter->names[i]))
            return true;
    return false;
}

void exposition_render(struct registry *r,
                       enum exposition_format f,
                       const struct exposition_filter *filter,
                       struct buf *out)
{
    struct page page = {r, out, f};

    registry_collect(r);
    for (size_t i = 0; i < r->n_families; i++)
        if (wanted(filter, r->families[i].desc))
            add_family(&page, &r->families[i]);
    if (f == EXPOSITION_OPENMETRICS)
        buf_add_str(out, "# EOF\n");
}

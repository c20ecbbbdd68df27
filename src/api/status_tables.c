/* SPDX-License-Identifier: MIT */
/* The rows of the status page's tables. */
#include "api/status_tables.h"

#include "api/page.h"
#include "api/status_text.h"

void status_add_seconds(struct buf *b, bool any, double s)
{
    if (any)
        text_seconds(b, s);
    else
        buf_add_char(b, '-');
}

static void cell_seconds(struct buf *b, bool any, double s)
{
    buf_add_str(b, "<td>");
    status_add_seconds(b, any, s);
    buf_add_str(b, "</td>");
}

static void cell_count(struct buf *b, uint64_t n)
{
    buf_add_str(b, "<td>");
    text_count(b, n);
    buf_add_str(b, "</td>");
}

void status_add_share(struct buf *b, uint64_t part, uint64_t whole)
{
    if (whole > 0)
        text_share(b, (double)part / (double)whole);
    else
        buf_add_char(b, '-');
}

static void add_none(struct buf *b, const char *text)
{
    buf_addf(b, "<tr><td colspan=\"6\">%s</td></tr>", text);
}

static void cell_burn(struct buf *b, const struct status_ratio *burn)
{
    bool hot = burn->any && burn->value > 1;

    buf_add_str(b, hot ? "<td class=\"hot\">\xe2\x96\xb2 " : "<td>");
    if (burn->any)
        text_digits(b, burn->value);
    else
        buf_add_char(b, '-');
    buf_add_str(b, "</td>");
}

static void cell_budget(struct buf *b, const struct status_ratio *burn)
{
    double left = 1 - burn->value;

    if (!burn->any) {
        buf_add_str(b, "<td>-</td>");
        return;
    }
    buf_addf(b,
             "<td><meter aria-hidden=\"true\" max=\"1\" low=\"0.25\" high=\"0.5\" optimum=\"1\" "
             "value=\"%.3f\"></meter> ",
             left > 0 ? left : 0);
    text_share(b, left);
    buf_add_str(b, "</td>");
}

void status_write_slos(const struct status_view *v, struct buf *b)
{
    const struct status_window *five = &v->windows[STATUS_5M], *hour = &v->windows[STATUS_1H];

    for (size_t i = 0; i < SLOS; i++) {
        buf_addf(b, "<tr><th scope=\"row\">%s</th>", slo_name((enum slo)i));
        cell_budget(b, &hour->slo[i].burn);
        cell_burn(b, &hour->slo[i].burn);
        cell_burn(b, &five->slo[i].burn);
        buf_add_str(b, "<td>");
        text_count(b, hour->slo[i].bad);
        buf_add_str(b, " of ");
        text_count(b, hour->slo[i].good + hour->slo[i].bad);
        buf_addf(b, "</td><td>%.10g %%</td></tr>", v->objective[i] * 100);
    }
}

/*
 * Which rows are the busiest STATUS_PAGE_ROWS: those with more than `least`, and the first `ties`
 * with as many.
 */
struct busiest {
    uint64_t least;
    size_t ties;
    size_t asked; /* rows with requests, shown or not */
};

static struct busiest find_busiest(const struct status_view *v, enum status_span span)
{
    uint64_t counts[STATUS_PAGE_ROWS + 1] = {0};
    struct busiest r = {.least = 0};

    for (size_t i = 0; i < v->n_rows; i++) {
        uint64_t n = v->rows[i].span[span].requests;
        size_t k = STATUS_PAGE_ROWS;

        r.asked += n > 0;
        for (; k > 0 && counts[k - 1] < n; k--)
            counts[k] = counts[k - 1];
        counts[k] = n;
    }
    r.least = counts[STATUS_PAGE_ROWS - 1];
    for (size_t i = 0; i < STATUS_PAGE_ROWS; i++)
        r.ties += counts[i] == r.least;
    return r;
}

static void write_row(const struct status_row *row, enum status_span span, struct buf *b)
{
    const struct status_latency *l = &row->span[span].latency;

    buf_add_str(b, "<tr><th scope=\"row\">");
    page_escape(b, row->method);
    buf_add_char(b, ' ');
    page_escape(b, row->endpoint);
    buf_add_str(b, "</th>");
    cell_count(b, row->span[span].requests);
    buf_add_str(b, row->span[span].server_errors > 0 ? "<td class=\"hot\">" : "<td>");
    status_add_share(b, row->span[span].server_errors, row->span[span].requests);
    buf_add_str(b, "</td>");
    cell_seconds(b, l->any, l->p50);
    cell_seconds(b, l->any, l->p90);
    cell_seconds(b, l->any, l->p99);
    buf_add_str(b, "</tr>");
}

size_t status_write_rows(const struct status_view *v, enum status_span span, struct buf *b)
{
    struct busiest busiest = find_busiest(v, span);
    size_t shown = 0;

    for (size_t i = 0; i < v->n_rows; i++) {
        uint64_t n = v->rows[i].span[span].requests;

        if (n == 0 || n < busiest.least || (n == busiest.least && busiest.ties == 0))
            continue;
        busiest.ties -= n == busiest.least;
        write_row(&v->rows[i], span, b);
        shown++;
    }
    if (shown == 0)
        add_none(b, "No requests in this time.");
    return busiest.asked - shown;
}

void status_write_dependencies(const struct status_view *v, struct buf *b)
{
    for (size_t i = 0; i < v->n_dependencies; i++) {
        const struct status_ratio *latency = &v->dependencies[i].latency;

        buf_add_str(b, "<tr><th scope=\"row\">");
        page_escape(b, v->dependencies[i].name);
        buf_add_str(b, v->dependencies[i].up ? "</th><td class=\"well\">in service</td>"
                                             : "</th><td class=\"hot\">\xe2\x9c\x95 down</td>");
        cell_seconds(b, latency->any, latency->value);
        if (!slice_eq(v->dependencies[i].name, SLICE_LIT("store"))) {
            buf_add_str(b, "<td>-</td></tr>");
            continue;
        }
        buf_add_str(b, "<td>");
        text_count(b, v->queue_length);
        buf_add_str(b, " of ");
        text_count(b, v->queue_limit);
        buf_add_str(b, "</td></tr>");
    }
    if (v->n_dependencies == 0)
        add_none(b, "None.");
}

void status_write_errors(const struct status_view *v, struct buf *b)
{
    for (size_t i = 0; i < v->n_errors; i++) {
        const struct recent_error *e = &v->errors[i];

        buf_add_str(b, "<tr><td>");
        text_moment(b, e->ended_ms);
        buf_addf(b, "</td><td>%u</td><td>%s ", e->status, http_method_name(e->method));
        page_escape(b, slice_str(e->endpoint));
        buf_add_str(b, "</td>");
        cell_seconds(b, true, (double)e->duration_ns / 1e9);
        buf_add_str(b, "<td>");
        page_escape(b, e->id);
        buf_add_str(b, "</td></tr>");
    }
    if (v->n_errors == 0)
        add_none(b, "None since the start.");
}

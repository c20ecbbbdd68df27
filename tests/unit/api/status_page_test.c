/* SPDX-License-Identifier: MIT */
/* The status page by itself: well-formed, bounded, and says in words what colours say. */
#include "tests/unit/api/html.h"
#include "tests/unit/api/status_full.h"

/* The page of a view as an answer, for html.h; the page's text is in `b`. */
static void show(struct fake *f, const struct status_view *v, enum status_span span, struct buf *b)
{
    struct status_page *p = status_page_new();

    buf_clear(b);
    status_page_write(p, v, span, b);
    f->rq.answer = (struct slice){b->data, b->len};
    expect_well_formed(f);
    status_page_free(p);
}

/* Where `part` stands behind `from`. */
static const char *after(const struct fake *f, const char *from, const char *part)
{
    const char *at = find(f, from), *end = f->rq.answer.p + f->rq.answer.n;

    at = memmem(at, (size_t)(end - at), part, strlen(part));
    if (at == NULL)
        print_error("missing behind '%s': %s\n", from, part);
    assert_non_null(at);
    return at;
}

struct shown {
    struct fake f;
    struct status_view *v;
    struct buf b;
};

static void start(struct shown *s, struct status_view *v)
{
    memset(s, 0, sizeof(*s));
    s->v = v;
}

static void stop(struct shown *s)
{
    buf_release(&s->b);
    free(s->v);
}

TEST(a_page_without_traffic_is_complete)
{
    struct shown s;

    start(&s, must_calloc(1, sizeof(*s.v)));
    s.v->windows[STATUS_5M].since_start = true;
    s.v->windows[STATUS_5M].seconds = 42;
    s.v->windows[STATUS_1H].since_start = false;
    show(&s.f, s.v, STATUS_5M, &s.b);
    assert_memory_equal(s.b.data, "<!DOCTYPE html>", 15);
    assert_false(answer_has(&s.f, "SPDX"));
    (void)find(&s.f, "<section id=\"verdict\" class=\"well\"");
    (void)find(&s.f, "<strong id=\"headline\">Well</strong>");
    (void)find(&s.f, "<title>Well - </title>");
    (void)find(&s.f, "<small id=\"w0\">since the start, 42 s ago</small>");
    (void)find(&s.f, "<small id=\"w1\">last hour</small>");
    (void)find(&s.f, "<b id=\"rps\">0.00</b>");
    (void)find(&s.f, "<b id=\"share\">-</b>");
    (void)find(&s.f, "<b id=\"p99\">-</b>");
    (void)after(&s.f, "id=\"rows\"", "No requests in this time.");
    (void)after(&s.f, "id=\"errors\"", "None since the start.");
    (void)after(&s.f, "id=\"slos\"", "<th scope=\"row\">contact</th><td>-</td><td>-</td>");
    (void)find(&s.f, "<noscript>");
    stop(&s);
}

TEST(the_fullest_page_stays_under_30_kb)
{
    struct shown s;

    start(&s, full_view());
    show(&s.f, s.v, STATUS_1H, &s.b);
    if (s.b.len >= STATUS_PAGE_MAX)
        print_error("%zu bytes\n", s.b.len);
    assert_true(s.b.len < STATUS_PAGE_MAX);
    (void)after(&s.f, "id=\"more\"", "The busiest; 53 more in the JSON.");
    (void)after(&s.f, "id=\"errors\"", FULL_ID);
    stop(&s);
}

TEST(the_busiest_rows_are_shown_in_their_order)
{
    struct shown s;

    start(&s, full_view());
    for (size_t i = 0; i < s.v->n_rows; i++)
        s.v->rows[i].span[STATUS_5M].requests = 7;
    s.v->rows[0].span[STATUS_5M].requests = 3;
    s.v->rows[40].span[STATUS_5M].requests = 1000;
    s.v->rows[40].endpoint = SLICE_LIT("/busy");
    s.v->rows[64].span[STATUS_5M].requests = 8;
    s.v->rows[64].endpoint = SLICE_LIT("/last");
    s.v->rows[1].endpoint = SLICE_LIT("/first");
    s.v->rows[10].endpoint = SLICE_LIT("/still");
    s.v->rows[11].endpoint = SLICE_LIT("/not");
    show(&s.f, s.v, STATUS_5M, &s.b);
    assert_true(find(&s.f, "OPTIONS /first<") < find(&s.f, "OPTIONS /still<"));
    assert_true(find(&s.f, "OPTIONS /still<") < find(&s.f, "OPTIONS /busy<"));
    assert_true(find(&s.f, "OPTIONS /busy<") < find(&s.f, "OPTIONS /last<"));
    assert_false(answer_has(&s.f, "OPTIONS /not<"));
    (void)after(&s.f, "id=\"more\"", "The busiest; 53 more in the JSON.");
    stop(&s);
}

TEST(the_window_of_the_table_is_marked)
{
    struct shown s;

    start(&s, must_calloc(1, sizeof(*s.v)));
    show(&s.f, s.v, STATUS_5M, &s.b);
    (void)find(&s.f, "<a id=\"n0\" href=\"/\" aria-current=\"true\">5 minutes</a>");
    (void)find(&s.f, "<a id=\"n1\" href=\"/?window=1h\">1 hour</a>");
    show(&s.f, s.v, STATUS_1H, &s.b);
    (void)find(&s.f, "<a id=\"n0\" href=\"/\">5 minutes</a>");
    (void)find(&s.f, "<a id=\"n1\" href=\"/?window=1h\" aria-current=\"true\">1 hour</a>");
    stop(&s);
}

TEST(no_colour_stands_alone)
{
    struct shown s;

    start(&s, full_view());
    s.v->windows[STATUS_1H].slo[SLO_CONTACT].burn.value = 1;
    show(&s.f, s.v, STATUS_5M, &s.b);
    (void)find(&s.f, "aria-hidden=\"true\">\xe2\x9c\x95</span>");
    (void)after(&s.f, "id=\"slos\"", "<td class=\"hot\">\xe2\x96\xb2 123,457</td>");
    (void)after(&s.f, "<th scope=\"row\">contact</th>", "0 %</td><td>1.00</td>");
    (void)after(&s.f, "id=\"deps\"", "<td class=\"hot\">\xe2\x9c\x95 down</td>");
    (void)find(&s.f,
               "last reload failed; in force since 2026-11-21 15:17:01 UTC; restart required");
    s.v->verdict.level = STATUS_ATTENTION;
    show(&s.f, s.v, STATUS_5M, &s.b);
    (void)find(&s.f, "aria-hidden=\"true\">!</span>");
    stop(&s);
}

TEST(what_is_shown_is_escaped)
{
    static const char bad[] = "<img src=\"x\">&'";
    static const char good[] = "&lt;img src=&quot;x&quot;&gt;&amp;&#39;";
    struct shown s;

    start(&s, full_view());
    s.v->service = s.v->revision = slice_str(bad);
    s.v->rows[64].endpoint = s.v->busy[0].endpoint = slice_str(bad);
    s.v->errors[0].endpoint = bad;
    s.v->errors[1].id = slice_str(bad);
    s.v->dependencies[0].name = slice_str(bad);
    memcpy(s.v->verdict.reasons[0].text, bad, sizeof(bad));
    memcpy(s.v->verdict.reasons[1].text, bad, sizeof(bad));
    show(&s.f, s.v, STATUS_5M, &s.b);
    assert_false(answer_has(&s.f, "<img"));
    (void)after(&s.f, "<title>", good);
    (void)after(&s.f, "id=\"headline\">", good);
    (void)after(&s.f, "id=\"reasons\">", good);
    (void)after(&s.f, "id=\"busy\">", good);
    (void)after(&s.f, "id=\"rows\">", good);
    (void)after(&s.f, "id=\"deps\">", good);
    (void)after(&s.f, "id=\"errors\">", good);
    (void)after(&s.f, "<dt>Version</dt>", good);
    stop(&s);
}

RUN_TESTS(T(a_page_without_traffic_is_complete),
          T(the_fullest_page_stays_under_30_kb),
          T(the_busiest_rows_are_shown_in_their_order),
          T(the_window_of_the_table_is_marked),
          T(no_colour_stands_alone),
          T(what_is_shown_is_escaped))

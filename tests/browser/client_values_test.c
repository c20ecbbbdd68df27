/* SPDX-License-Identifier: MIT */
/* The numbers that metrics.js reports: errors by kind, shifts, interactions. When it does: client_test.c. */
#include "tests/browser/lib/visit.h"

TEST(errors_are_counted_by_kind_and_nothing_of_their_text_leaves)
{
    static const char page[] = PLAIN
        "<img src=/none.png><script>const fail = () => {"
        " setTimeout(() => { throw new Error('hush-1'); });"
        " setTimeout(() => { null.hush; });"
        " Promise.reject(new Error('hush-2'));"
        " Promise.reject('hush-3').catch(() => {});"
        " dispatchEvent(new ErrorEvent('error', {message: 'ResizeObserver loop limit exceeded'})); };</script>";
    struct fixture *f = *state;
    struct visit v = visit_start(f);
    const char *body;

    site_page(v.site, "page", page, NULL);
    visit_look(&v, "page");
    (void)browser_run_later(v.b, "setTimeout(fail); setTimeout(done, 50)");
    visit_leave(&v);
    body = site_body(v.site, 0);
    assert_int_equal(count_of(body, "{\"kind\":\"error\"}"), 2);
    assert_int_equal(count_of(body, "{\"kind\":\"unhandledrejection\"}"), 1);
    assert_int_equal(json_size(f, body, "errors"), 3);
    assert_lacks(body, "hush");
}

TEST(a_page_that_never_stops_failing_sends_fifty)
{
    struct fixture *f = *state;
    struct visit v = visit_start(f);
    const char *body;

    site_page(v.site, "page", PLAIN, NULL);
    visit_look(&v, "page");
    (void)browser_run_later(v.b, "for (let i = 0; i < 51; i++) setTimeout(() => { throw Error() });"
                                 "setTimeout(done, 50)");
    visit_leave(&v);
    body = site_body(v.site, 0);
    assert_int_equal(json_size(f, body, "errors"), 50);
    assert_true(strlen(body) < 65536);
}

/* The third shift is more than a second after the others: a session of its own, smaller than theirs. */
#define SHIFTS                                                           \
    CLIENT_TAG "<div id=pad></div>" HEADING "<script>"                   \
               "const pad = document.getElementById('pad'), wait = (ms)" \
               " => new Promise((done) => setTimeout(done, ms));"        \
               "window.move = async () => {"                             \
               " await wait(600); pad.style.height = '200px';"           \
               " await wait(400); pad.style.height = '400px';"           \
               " await wait(1500); pad.style.height = '450px'; await wait(300) }</script>"

TEST(shifts_close_together_add_up_and_the_worst_session_counts)
{
    struct fixture *f = *state;
    struct visit v = visit_start(f);
    const char *body, *all;
    double cls;

    site_page(v.site, "page", SHIFTS, NULL);
    visit_look(&v, "page");
    (void)browser_run(
        v.b, "window.all = [];"
             "new PerformanceObserver((l) => all.push(...l.getEntries().map((e) => e.value)))"
             ".observe({type: 'layout-shift', buffered: true})");
    (void)browser_run_later(v.b, "move().then(done)");
    all = browser_run(v.b, "return all");
    visit_leave(&v);
    body = site_body(v.site, 0);
    cls = vital_value(&v, body, "CLS");
    assert_int_equal(json_size(f, all, ""), 3);
    assert_true(json_number(f, all, "2") > 0);
    assert_between(cls - json_number(f, all, "0") - json_number(f, all, "1"), -0.0002, 0.0002);
}

TEST(a_slow_answer_to_a_click_is_the_inp_with_its_rating)
{
    struct fixture *f = *state;
    struct visit v = visit_start(f);
    const char *body;

    site_page(v.site, "page",
              PLAIN
              "<button id=quick>Quick</button><button id=slow>Slow</button><script>"
              "document.getElementById('slow').addEventListener('click', () => {"
              " const end = performance.now() + 600; while (performance.now() < end); })</script>",
              NULL);
    visit_look(&v, "page");
    browser_click(v.b, "#quick");
    browser_click(v.b, "#slow");
    browser_click(v.b, "#quick");
    (void)browser_run_later(
        v.b, "const f = requestAnimationFrame; f(() => f(() => setTimeout(done, 50)))");
    visit_leave(&v);
    body = site_body(v.site, 0);
    assert_between(vital_value(&v, body, "INP"), 600, 20000);
    assert_string_equal(vital(&v, body, "INP", "rating"), "poor");
}

TEST(a_page_that_nobody_touched_has_no_inp)
{
    struct fixture *f = *state;
    struct visit v = visit_start(f);

    site_page(v.site, "page", PLAIN, NULL);
    visit_look(&v, "page");
    visit_leave(&v);
    assert_null(vital(&v, site_body(v.site, 0), "INP", "value"));
}

RUN_TESTS(T(errors_are_counted_by_kind_and_nothing_of_their_text_leaves),
          T(a_page_that_never_stops_failing_sends_fifty),
          T(shifts_close_together_add_up_and_the_worst_session_counts),
          T(a_slow_answer_to_a_click_is_the_inp_with_its_rating),
          T(a_page_that_nobody_touched_has_no_inp))

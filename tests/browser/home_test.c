/* SPDX-License-Identifier: MIT */
/* The home page as visitors have it: it counts, its form works with JavaScript and without, and it is light and still. */
#include "tests/browser/lib/front.h"

#include <signal.h>

enum { PAGE_MAX_BYTES = 30 * 1024 }; /* everything that a first visit loads */

static void fill_in(struct front *v, const char *name, const char *message)
{
    browser_type(v->b, "#contact-form [name=name]", name);
    browser_type(v->b, "#contact-form [name=email]", "ada@example.com");
    browser_type(v->b, "#contact-form [name=message]", message);
}

/* What `sidelight contacts list` says about the server's store. */
static const char *stored(struct front *v)
{
    const struct outcome *o =
        run_sidelight(v->f, "contacts", "list", "--set",
                      textf(v->f, "store.path=%s/data/sidelight-1/sidelight.db", v->s->dir));

    assert_int_equal(o->status, 0);
    return o->out;
}

/* A number as people read it: "1,234". */
static double shown(struct front *v, const char *selector)
{
    const char *text = browser_text(v->b, selector);
    double n = 0;

    assert_true(*text != '\0');
    for (const char *c = text; *c != '\0'; c++) {
        assert_non_null(strchr("0123456789,", *c));
        n = *c == ',' ? n : 10 * n + (*c - '0');
    }
    return n;
}

TEST(the_page_counts_views_and_visitors)
{
    struct fixture *f = *state;
    struct front v = front_start(f, NULL, NULL);

    for (int i = 1; i <= 3; i++) {
        browser_go(v.b, FRONT "/");
        assert_true(shown(&v, "#page-views") == i);
        assert_true(shown(&v, "#visitors-today") == 1);
    }
    assert_front_metric(&v, "page_views_total", 3);
    assert_front_metric(&v, "website_visitors", 1);
}

TEST(the_form_works_with_javascript_without_leaving_the_page)
{
    struct fixture *f = *state;
    struct front v = front_start(f, NULL, NULL);

    browser_go(v.b, FRONT "/");
    fill_in(&v, "Ada", "Hello & <b>welcome</b>");
    browser_click(v.b, "#contact-form button");
    browser_wait(v.b, "document.getElementById('contact-status').className == 'good'");
    assert_string_equal(browser_url(v.b), FRONT "/");
    assert_front_metric(&v, SUBMISSIONS, 1);
    assert_contains(stored(&v), "Hello & <b>welcome</b>");

    /* Another one is another one. */
    fill_in(&v, "Grace", "A second message");
    browser_click(v.b, "#contact-form button");
    assert_front_metric(&v, SUBMISSIONS, 2);
    assert_front_metric(&v, "contact_replays_total", 0);
    assert_contains(stored(&v), "A second message");
    assert_quiet(v.b);
}

TEST(the_form_says_what_is_wrong_and_when_nobody_answers)
{
    struct fixture *f = *state;
    struct front v = front_start(f, NULL, NULL);

    browser_go(v.b, FRONT "/");
    fill_in(&v, "   ", "Hello");
    browser_click(v.b, "#contact-form button");
    browser_wait(v.b, "document.getElementById('contact-status').className == 'bad'");
    assert_string_equal(browser_run(v.b, "return document.activeElement.name"), "name");
    assert_front_metric(&v, SUBMISSIONS, 0);

    browser_type(v.b, "#contact-form [name=name]", "Ada");
    stack_signal(v.s, "caddy", SIGTERM);
    browser_click(v.b, "#contact-form button");
    browser_wait(v.b, "document.getElementById('contact-status').textContent.includes('again')");
    assert_string_equal(browser_run(v.b, "return document.querySelector('[name=message]').value"),
                        "Hello");

    stack_again(v.s, "caddy");
    browser_click(v.b, "#contact-form button");
    browser_wait(v.b, "document.getElementById('contact-status').className == 'good'");
    assert_front_metric(&v, SUBMISSIONS, 1);
}

/* The key is no field that could be marked. */
TEST(what_is_wrong_with_no_field_is_said_all_the_same)
{
    struct fixture *f = *state;
    struct front v = front_start(f, NULL, NULL);

    browser_go(v.b, FRONT "/");
    fill_in(&v, "Ada", "Hello");
    (void)browser_run(v.b, "document.querySelector('[name=idempotency_key]').value = 'two words'");
    browser_click(v.b, "#contact-form button");
    browser_wait(v.b, "document.getElementById('contact-status').className == 'bad'");
    assert_string_equal(browser_text(v.b, "#contact-status"), "Some fields are not valid.");
    assert_front_metric(&v, SUBMISSIONS, 0);
}

TEST(the_form_works_without_javascript)
{
    struct fixture *f = *state;
    struct front v = front_start(f, NULL, &(struct browser_options){.no_javascript = true});

    browser_go(v.b, FRONT "/");
    assert_true(shown(&v, "#page-views") == 1);
    fill_in(&v, "Ada", "No script here");
    browser_click(v.b, "#contact-form button");
    EVENTUALLY(strcmp(browser_url(v.b), FRONT "/contact/thanks") == 0);
    assert_contains(browser_text(v.b, "h1"), "Thank you");
    assert_front_metric(&v, SUBMISSIONS, 1);
    assert_contains(stored(&v), "No script here");
    /* The client needs a script, too. */
    assert_front_metric(&v, "received_metrics_total", 0);
    assert_front_metric(&v, "page_views_total", 1);
}

/* The basics that a first visit is judged by. */
TEST(the_page_is_light_and_still_and_nothing_complains)
{
    static const char transferred[] =
        "return performance.getEntriesByType('navigation').concat("
        "performance.getEntriesByType('resource')).map((e) => e.transferSize)";
    static const char shifts[] =
        "const o = new PerformanceObserver((l) => done(l.getEntriesByType('layout-shift').length));"
        "o.observe({type: 'layout-shift', buffered: true});"
        "o.observe({type: 'largest-contentful-paint', buffered: true})"; /* there always is one */
    static const struct browser_options screens[] = {
        {0             },
        { .width = 390, .height = 844, .phone = true}
    };
    struct fixture *f = *state;
    struct front v = front_start(f, NULL, NULL);

    for (size_t i = 0; i < ARRAY_LEN(screens); i++) {
        const char *sizes;
        double sum = 0;

        browser_screen(v.b, &screens[i]);
        (void)browser_cdp(v.b, "Network.clearBrowserCache", "{}");
        browser_go(v.b, FRONT "/");
        browser_settle(v.b);
        sizes = browser_run(v.b, transferred);
        assert_int_equal(json_size(f, sizes, ""), 2); /* the page and metrics.js */
        for (size_t k = 0; k < json_size(f, sizes, ""); k++) {
            assert_true(json_number(f, sizes, textf(f, "%zu", k)) > 0);
            sum += json_number(f, sizes, textf(f, "%zu", k));
        }
        print_message("a first visit loads %.0f bytes\n", sum);
        assert_true(sum < PAGE_MAX_BYTES);
        assert_string_equal(browser_run_later(v.b, shifts), "0");
        assert_string_equal(browser_run(v.b, "const e = document.documentElement;"
                                             "return e.scrollWidth <= e.clientWidth"),
                            "true");
        assert_quiet(v.b);
    }
    /* The next visit has the client already. */
    browser_go(v.b, "about:blank");
    browser_go(v.b, FRONT "/");
    assert_string_equal(
        browser_run(v.b, "return performance.getEntriesByType('resource')[0].transferSize"), "0");
}

STACK_TESTS(T(the_page_counts_views_and_visitors),
            T(the_form_works_with_javascript_without_leaving_the_page),
            T(the_form_says_what_is_wrong_and_when_nobody_answers),
            T(what_is_wrong_with_no_field_is_said_all_the_same),
            T(the_form_works_without_javascript),
            T(the_page_is_light_and_still_and_nothing_complains))

/* SPDX-License-Identifier: MIT */
/*
 * When metrics.js reports, and what of the page's and its visitor's wishes, from pages of a site that keeps what came. The numbers:
 * client_values_test.c. What the server makes of them: rum_test.c.
 */
#include "tests/browser/lib/visit.h"

#include <ctype.h>

/* ---- a visit ---- */

TEST(a_visit_is_one_report_of_everything_when_it_ends)
{
    static const char *const names[] = {"TTFB", "FCP", "LCP", "CLS"};
    struct fixture *f = *state;
    struct visit v = visit_start(f);
    const char *report, *body;

    site_page(v.site, "page", PLAIN, NULL);
    visit_look(&v, "page?secret=1#part");
    assert_int_equal(site_reports(v.site), 0);
    visit_leave(&v);
    report = site_report(v.site, 0);
    assert_json(f, report, "path", "/api/metrics");
    assert_json(f, report, "headers.content-type", "text/plain;charset=UTF-8");
    assert_json(f, report, "headers.origin", textf(f, "http://127.0.0.1:%u", v.site->port));
    body = json_text(f, report, "body");
    assert_json(f, body, "page", "/page");
    assert_lacks(body, "secret");
    assert_between(json_number(f, body, "page_load_time_seconds"), 0.001, 20);
    assert_between(json_number(f, body, "memory_usage_bytes"), 1e5, 1e9);
    assert_int_equal(json_size(f, body, "errors"), 0);
    assert_null(json_find(f, body, "correlation_id"));
    assert_int_equal(json_size(f, body, "vitals"), ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_non_null(vital(&v, body, names[i], "value"));
    assert_between(vital_value(&v, body, "FCP"), vital_value(&v, body, "TTFB"), 20000);
    assert_between(vital_value(&v, body, "LCP"), vital_value(&v, body, "FCP"), 20000);
    assert_string_equal(vital(&v, body, "CLS", "value"), "0");
    assert_string_equal(vital(&v, body, "CLS", "rating"), "good");
    assert_quiet(v.b);
}

/* Everything of one visit has an ID of its own, and no visit has another's. */
TEST(ids_are_unique)
{
    struct fixture *f = *state;
    struct visit v = visit_start(f);
    const char *ids[6];

    site_page(v.site, "page", PLAIN, NULL);
    for (size_t i = 0; i < 3; i++) {
        visit_look(&v, "page");
        visit_leave(&v);
        ids[2 * i] = vital(&v, site_body(v.site, i), "LCP", "id");
        ids[2 * i + 1] = vital(&v, site_body(v.site, i), "CLS", "id");
    }
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        assert_int_equal(strncmp(ids[i], "v1-", 3), 0);
        assert_between((double)strlen(ids[i]), 10, 64);
        for (const char *c = ids[i]; *c != '\0'; c++)
            assert_true(isalnum((unsigned char)*c) || *c == '-');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);
    }
}

static void switch_to(struct visit *v, const char *window)
{
    (void)webdriver_post(v->b->w, "/window",
                         textf(v->f, "{\"handle\":%s}", json_quote(v->f, window)));
}

TEST(a_page_that_is_hidden_has_reported_and_does_not_again)
{
    struct fixture *f = *state;
    struct visit v = visit_start(f);
    const char *first, *second;

    site_page(v.site, "page", PLAIN, NULL);
    site_page(v.site, "other", PLAIN, NULL);
    visit_look(&v, "page");
    first = webdriver_get(v.b->w, "/window");
    second = json_text(f, webdriver_post(v.b->w, "/window/new", "{\"type\":\"tab\"}"), "handle");
    switch_to(&v, second);
    assert_json(f, site_body(v.site, 0), "page", "/page");
    visit_look(&v, "other");
    switch_to(&v, first);
    assert_json(f, site_body(v.site, 1), "page", "/other");
    browser_wait(v.b, "document.visibilityState == 'visible'");
    (void)browser_run_later(v.b, "setTimeout(() => { throw Error() }); setTimeout(done)");
    visit_leave(&v);
    visit_look(&v, "other");
    visit_leave(&v);
    assert_json(f, site_body(v.site, 2), "page", "/other");
    assert_int_equal(site_reports(v.site), 3);
}

TEST(a_page_in_the_background_tells_no_paints)
{
    struct fixture *f = *state;
    struct visit v = visit_start(f);
    const char *body;

    site_page(v.site, "page", PLAIN, NULL);
    browser_before_pages(
        v.b, "Object.defineProperty(Document.prototype, 'visibilityState', {get: () => 'hidden'})");
    visit_look(&v, "page");
    visit_leave(&v);
    body = site_body(v.site, 0);
    assert_int_equal(json_size(f, body, "vitals"), 1);
    assert_non_null(vital(&v, body, "TTFB", "value"));
}

TEST(a_page_that_was_prerendered_is_measured_from_when_it_was_asked_for)
{
    struct fixture *f = *state;
    struct visit v = visit_start(f);
    const char *body;

    site_page(v.site, "first",
              HEADING "<script type=speculationrules>{\"prerender\":[{\"source\":\"list\","
                      "\"urls\":[\"/next\"],\"eagerness\":\"immediate\"}]}</script>"
                      "<a id=go href=/next>Next</a>",
              NULL);
    site_page(v.site, "next",
              PLAIN "<script>if (document.prerendering) {"
                    " const end = performance.now() + 300; while (performance.now() < end);"
                    " fetch('/seen', {method: 'POST', body: '-'}) }</script>",
              NULL);
    visit_look(&v, "first");
    (void)site_report(v.site, 0); /* it is prerendered, and has told nobody else */
    browser_click(v.b, "#go");
    browser_wait(v.b, "location.pathname == '/next'");
    browser_settle(v.b);
    assert_string_equal(
        browser_run(v.b,
                    "return performance.getEntriesByType('navigation')[0].activationStart > 0"),
        "true");
    visit_leave(&v);
    body = site_body(v.site, 1);
    assert_json(f, body, "page", "/next");
    assert_string_equal(vital(&v, body, "TTFB", "value"), "0");
    assert_non_null(vital(&v, body, "LCP", "value")); /* it was painted when it was shown */
    assert_int_equal(site_reports(v.site), 2);
}

TEST(a_page_that_comes_back_is_a_view_of_its_own)
{
    struct fixture *f = *state;
    struct visit v = visit_start(f);
    const char *first, *second;

    site_page(v.site, "page", PLAIN, "Server-Timing: correlation-id;desc=\"abc\"\n");
    site_page(v.site, "other", HEADING, NULL);
    visit_look(&v, "page");
    (void)browser_run(v.b, "addEventListener('pageshow', (e) => { window.back = e.persisted })");
    visit_look(&v, "other");
    (void)webdriver_post(v.b->w, "/back", "{}");
    browser_wait(v.b, "location.pathname == '/page'");
    if (strcmp(browser_run(v.b, "return window.back === true"), "true") != 0) {
        print_message("skipped: this browser keeps no page for going back\n");
        skip();
    }
    (void)browser_run_later(v.b, "const f = requestAnimationFrame; f(() => f(() => f(done)))");
    visit_leave(&v);
    first = site_body(v.site, 0);
    second = site_body(v.site, 1);
    assert_json(f, first, "correlation_id", "abc");
    /* Nothing was loaded, so there is no load to measure and no request to find. */
    assert_null(json_find(f, second, "correlation_id"));
    assert_null(json_find(f, second, "page_load_time_seconds"));
    assert_null(vital(&v, second, "TTFB", "value"));
    assert_between(vital_value(&v, second, "LCP"), 0, 5000);
    assert_string_not_equal(vital(&v, first, "LCP", "id"), vital(&v, second, "LCP", "id"));
}

/* ---- the page's own wishes ---- */

TEST(the_id_of_the_page_comes_from_its_header_or_its_markup)
{
    static const struct {
        const char *html, *headers, *id;
    } cases[] = {
        {"",                                                 "Server-Timing: db;dur=3, correlation-id;desc=\"of-the-header\"\n", "of-the-header"},
        {"<meta name=correlation-id content=of-the-markup>", NULL,                                                               "of-the-markup"},
        {"<meta name=correlation-id content=of-the-markup>",
         "Server-Timing: correlation-id;desc=\"of-the-header\"\n",                                                               "of-the-header"},
        {"<meta name=correlation-id content='two words'>",   NULL,                                                               NULL           },
        {"<meta name=correlation-id content=''>",            NULL,                                                               NULL           },
        {"<meta name=correlation-id>",                       NULL,                                                               NULL           },
        {"",                                                 "Server-Timing: correlation-id\n",                                  NULL           },
    };
    struct fixture *f = *state;
    struct visit v = visit_start(f);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *name = textf(f, "page%zu", i), *id;

        site_page(v.site, name, textf(f, "%s" PLAIN, cases[i].html), cases[i].headers);
        visit_look(&v, name);
        visit_leave(&v);
        id = json_find(f, site_body(v.site, i), "correlation_id");
        if (cases[i].id == NULL)
            assert_null(id);
        else
            assert_string_equal(id, cases[i].id);
    }
}

TEST(the_tag_may_name_the_page_and_may_stand_twice)
{
    struct fixture *f = *state;
    struct visit v = visit_start(f);

    site_page(v.site, "page", "<script src=/metrics.js data-page=/items/:id defer></script>" PLAIN,
              NULL);
    visit_look(&v, "page");
    visit_leave(&v);
    site_page(v.site, "module", "<script src=/metrics.js type=module></script>" HEADING, NULL);
    visit_look(&v, "module");
    visit_leave(&v);
    assert_json(f, site_body(v.site, 0), "page", "/items/:id");
    assert_json(f, site_body(v.site, 1), "page", "/module");
    assert_int_equal(site_reports(v.site), 2);
}

TEST(who_does_not_want_it_sends_nothing)
{
    static const char *const wishes[] = {"globalPrivacyControl', {get: () => true",
                                         "doNotTrack', {get: () => '1'"};
    struct fixture *f = *state;
    struct visit v = visit_start(f);

    site_page(v.site, "page", PLAIN, NULL);
    site_page(v.site, "last", PLAIN, NULL);
    for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
        const char *id = browser_cdp(
            v.b, "Page.addScriptToEvaluateOnNewDocument",
            textf(f, "{\"source\":\"Object.defineProperty(Navigator.prototype, '%s})\"}",
                  wishes[i]));

        visit_look(&v, "page");
        (void)browser_run(v.b, "setTimeout(() => { throw Error() })");
        visit_leave(&v);
        (void)browser_cdp(v.b, "Page.removeScriptToEvaluateOnNewDocument", id);
    }
    /* Had they sent anything, it would have come before this. */
    visit_look(&v, "last");
    visit_leave(&v);
    assert_json(f, site_body(v.site, 0), "page", "/last");
    assert_int_equal(site_reports(v.site), 1);
}

TEST(without_a_beacon_the_report_goes_by_fetch)
{
    struct fixture *f = *state;
    struct visit v = visit_start(f);
    const char *report;

    site_page(v.site, "page", "<script>delete Navigator.prototype.sendBeacon</script>" PLAIN, NULL);
    visit_look(&v, "page");
    visit_leave(&v);
    report = site_report(v.site, 0);
    assert_json(f, report, "headers.content-type", "text/plain;charset=UTF-8");
    assert_json(f, json_text(f, report, "body"), "page", "/page");
    assert_quiet(v.b);
}

TEST(a_browser_that_can_do_little_is_not_disturbed)
{
    static const char *const lacks[] = {
        "delete window.PerformanceObserver",
        "delete Navigator.prototype.sendBeacon",
        "delete PerformanceObserver.supportedEntryTypes; PerformanceObserver.supportedEntryTypes = []",
        "performance.getEntriesByType = () => []",
        "URL = undefined",
        "performance.now = () => { throw Error() }",
    };
    struct fixture *f = *state;
    struct visit v = visit_start(f);

    for (size_t i = 0; i < ARRAY_LEN(lacks); i++) {
        const char *name = textf(f, "page%zu", i);

        site_page(v.site, name, textf(f, "<script>%s</script>" PLAIN, lacks[i]), NULL);
        browser_go(v.b, site_url(v.site, "127.0.0.1", name));
        visit_leave(&v);
        assert_quiet(v.b);
    }
    visit_look(&v, ""); /* not there: no page, no tag, nothing */
}

RUN_TESTS(T(a_visit_is_one_report_of_everything_when_it_ends),
          T(ids_are_unique),
          T(a_page_that_is_hidden_has_reported_and_does_not_again),
          T(a_page_in_the_background_tells_no_paints),
          T(a_page_that_was_prerendered_is_measured_from_when_it_was_asked_for),
          T(a_page_that_comes_back_is_a_view_of_its_own),
          T(the_id_of_the_page_comes_from_its_header_or_its_markup),
          T(the_tag_may_name_the_page_and_may_stand_twice),
          T(who_does_not_want_it_sends_nothing),
          T(without_a_beacon_the_report_goes_by_fetch),
          T(a_browser_that_can_do_little_is_not_disturbed))

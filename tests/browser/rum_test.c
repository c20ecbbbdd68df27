/* SPDX-License-Identifier: MIT */
/*
 * From a visitor's browser to the histograms: the home page through Caddy, pages of other sites, and visitors who do not want
 * it. What exactly the client sends: client_test.c.
 */
#include "tests/browser/lib/front.h"
#include "tests/browser/lib/site.h"

#define COUNT(family) family "_count{page=\"/\"}" /* as config/sidelight.yaml has it */
#define ERRORS(kind) "rum_errors_total{kind=\"" kind "\"}"
#define REPORTS(outcome) "rum_reports_total{outcome=\"" outcome "\"}"

/* Another site, on two names: one in cors.origins, one not. */
enum { SITE_PORT = 8100 };
#define ALLOWED "--set cors.origins=http://127.0.0.1:8100"
#define FOREIGN_TAG "<script src=\"" FRONT "/metrics.js\" defer></script><h1>Another site</h1>"

static void look(struct front *v, const char *url)
{
    browser_go(v->b, url);
    browser_settle(v->b);
}

static void leave(struct front *v)
{
    browser_go(v->b, "about:blank");
}

/* The correlation ID that stands as an exemplar at one of the histogram's buckets. */
static const char *exemplar(struct front *v, const char *family)
{
    static const char mark[] = "# {correlation_id=\"";
    const char *page = front_metrics(v, true), *bucket = textf(v->f, "\n%s_bucket", family);

    for (const char *at = page; (at = strstr(at, bucket)) != NULL; at++) {
        size_t n = strcspn(at + 1, "\n");
        const char *found = memmem(at + 1, n, mark, strlen(mark));

        if (found == NULL)
            continue;
        found += strlen(mark);
        return keep_text(v->f, found, strcspn(found, "\""));
    }
    fail_msg("no exemplar at %s", family);
    return NULL;
}

/* Caddy compresses, too, and marks tags of what it compressed. */
TEST(the_client_comes_through_caddy_as_the_server_sent_it)
{
    struct fixture *f = *state;
    struct stack *s = stack_start(f, &(struct stack_options){.only = "sidelight caddy"});
    static const char gzip[] = "Accept-Encoding: gzip, deflate, br, zstd";
    const struct reply *direct = ASK_IN(s, "caddy", FRONT_SIDELIGHT_1, 8000, .path = "/metrics.js",
                                        .headers = HEADERS(gzip));
    const char *tag = reply_field(direct, "etag");
    const struct reply *r = ASK_TUNNEL(s, NULL, .path = "/metrics.js", .headers = HEADERS(gzip));

    assert_status(r, 200);
    assert_field(r, "etag", tag);
    assert_field(r, "content-encoding", "gzip");
    assert_field(r, "content-type", "text/javascript; charset=utf-8");
    assert_field(r, "cache-control", "public, max-age=3600");
    assert_field(r, "cross-origin-resource-policy", "cross-origin");
    assert_int_equal(r->body_len, direct->body_len);
    assert_memory_equal(r->body, direct->body, r->body_len);
    r = ASK_TUNNEL(s, NULL, .path = "/metrics.js",
                   .headers = HEADERS(gzip, textf(f, "If-None-Match: %s", tag)));
    assert_status(r, 304);
    assert_field(r, "etag", tag);
    r = ASK_TUNNEL(s, NULL, .path = "/metrics.js");
    assert_status(r, 200);
    assert_string_equal(r->body, read_file(f, "src/web/metrics.js"));
}

TEST(a_visit_of_the_home_page_is_counted_once_and_leads_to_its_log_line)
{
    static const char *const vitals[] = {"rum_lcp_seconds", "rum_fcp_seconds", "rum_ttfb_seconds",
                                         "rum_cls"};
    struct fixture *f = *state;
    struct front v = front_start(f, NULL, NULL);
    const char *id;

    look(&v, FRONT "/");
    leave(&v);
    assert_front_metric(&v, REPORTS("accepted"), 1);
    assert_front_metric(&v, "received_metrics_total", 1);
    assert_front_metric(&v, "page_load_time_seconds_count", 1);
    for (size_t i = 0; i < ARRAY_LEN(vitals); i++)
        assert_front_metric(&v, textf(f, "%s_count{page=\"/\"}", vitals[i]), 1);
    assert_front_metric(&v, COUNT("rum_inp_seconds"), 0);
    assert_front_metric(&v, "memory_usage_distribution_bytes_count", 1);
    assert_true(front_metric(&v, "memory_usage_bytes") > 1e5);
    assert_front_metric(&v, "rum_cls_sum{page=\"/\"}", 0);

    id = exemplar(&v, "rum_lcp_seconds");
    assert_string_equal(exemplar(&v, "page_load_time_seconds"), id);
    assert_contains(stack_log_wait(v.s, "sidelight-1", textf(f, "\"correlation_id\":\"%s\"", id)),
                    "\"method\":\"GET\",\"endpoint\":\"/\",\"path\":\"/\",\"status\":200");
    (void)stack_log_wait(v.s, "caddy", id);
    assert_quiet(v.b);
}

TEST(ten_reloads_count_ten_and_errors_count_by_kind)
{
    struct fixture *f = *state;
    struct front v = front_start(f, NULL, NULL);

    look(&v, FRONT "/");
    for (int i = 0; i < 10; i++) {
        browser_reload(v.b);
        browser_settle(v.b);
    }
    assert_front_metric(&v, "rum_lcp_seconds_count{page=\"/\"}", 10);
    assert_front_metric(&v, "page_load_time_seconds_count", 10);
    assert_front_metric(&v, ERRORS("error"), 0);

    (void)browser_cdp(v.b, "Page.setBypassCSP", "{\"enabled\":true}");
    browser_reload(v.b);
    browser_settle(v.b);
    (void)browser_run_later(v.b,
                            "const s = document.createElement('script'); s.textContent ="
                            "\"setTimeout(() => { throw Error('1') }); Promise.reject(Error('2'));"
                            "setTimeout(() => { throw Error('3') })\";"
                            "document.head.append(s); setTimeout(done, 50)");
    browser_click(v.b, "#contact-form [name=name]");
    browser_type(v.b, "#contact-form [name=name]", "Ada");
    (void)browser_run_later(
        v.b, "const f = requestAnimationFrame; f(() => f(() => setTimeout(done, 50)))");
    leave(&v);
    assert_front_metric(&v, "rum_lcp_seconds_count{page=\"/\"}", 12);
    assert_front_metric(&v, "rum_inp_seconds_count{page=\"/\"}", 1);
    assert_front_metric(&v, ERRORS("error"), 2);
    assert_front_metric(&v, ERRORS("unhandledrejection"), 1);
    assert_front_metric(&v, ERRORS("other"), 0);
    assert_front_metric(&v, REPORTS("accepted"), 12);
    assert_front_metric(&v, "rum_lcp_seconds_count{page=\"other\"}", 0);
}

TEST(a_site_that_is_allowed_is_counted_and_another_is_refused)
{
    /* As sites protect themselves; none of it must keep the client out. */
    static const char *const headers[] = {
        NULL,
        "Referrer-Policy: no-referrer\n",
        "Cross-Origin-Embedder-Policy: require-corp\nCross-Origin-Opener-Policy: same-origin\n",
        "Content-Security-Policy: default-src 'none'; img-src data:; script-src " FRONT
        "; connect-src " FRONT "\n",
    };
    const size_t sites = ARRAY_LEN(headers);
    const double all = (double)sites;
    struct fixture *f = *state;
    struct front v = front_start(f, ALLOWED " --set rum.pages=/blog/*", NULL);
    struct site *site = site_start(f, SITE_PORT);

    for (size_t i = 0; i < sites; i++) {
        const char *name = textf(f, "page%zu", i);

        site_page(site, name, FOREIGN_TAG, headers[i]);
        look(&v, textf(f, "http://127.0.0.1:%u/blog/%s", site->port, name));
        leave(&v);
        assert_front_metric(&v, REPORTS("accepted"), (double)(i + 1));
        assert_quiet(v.b);
    }
    assert_front_metric(&v, "rum_lcp_seconds_count{page=\"/blog/*\"}", all);

    site_page(site, "page", FOREIGN_TAG, NULL);
    look(&v, textf(f, "http://localhost:%u/blog/page", site->port));
    leave(&v);
    assert_front_metric(&v, REPORTS("origin"), 1);
    assert_front_metric(&v, REPORTS("accepted"), all);
    assert_front_metric(&v, "rum_lcp_seconds_count{page=\"/blog/*\"}", all);
    assert_front_metric(&v, REQUESTS("POST", "/api/metrics", "403"), 1);
    assert_front_metric(&v, SLO("availability", "bad"), 0);
    assert_int_equal(site_reports(site), 0);
}

TEST(a_script_of_an_allowed_site_may_post_json_after_asking)
{
    static const char script[] =
        "fetch('" FRONT "/api/metrics', {method: 'POST', headers: {'Content-Type':"
        " 'application/json'}, body: '{\"page_load_time_seconds\":0.5}'})"
        ".then((r) => r.text()).then(done, (e) => done(e.name))";
    struct fixture *f = *state;
    struct front v = front_start(f, ALLOWED, NULL);
    struct site *site = site_start(f, SITE_PORT);

    site_page(site, "page", "<h1>Another site</h1>", NULL);
    browser_go(v.b, site_url(site, "127.0.0.1", "page"));
    assert_json(f, browser_run_later(v.b, script), "message", "Metrics received");
    browser_go(v.b, site_url(site, "localhost", "page"));
    assert_string_equal(browser_run_later(v.b, script), "TypeError");
    assert_front_metric(&v, REPORTS("accepted"), 1);
    assert_front_metric(&v, "page_load_time_seconds_count", 1);
    assert_front_metric(&v, REPORTS("origin"), 0); /* it did not get beyond the question */
}

TEST(a_visitor_who_does_not_want_it_is_not_counted)
{
    static const char *const wishes[] = {"globalPrivacyControl', {get: () => true",
                                         "doNotTrack', {get: () => '1'"};
    struct fixture *f = *state;
    struct front v = front_start(f, NULL, NULL);

    for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
        const char *id = browser_cdp(
            v.b, "Page.addScriptToEvaluateOnNewDocument",
            textf(f, "{\"source\":\"Object.defineProperty(Navigator.prototype, '%s})\"}",
                  wishes[i]));

        look(&v, FRONT "/");
        leave(&v);
        (void)browser_cdp(v.b, "Page.removeScriptToEvaluateOnNewDocument", id);
    }
    /* Had they sent anything, it would have come before this. */
    look(&v, FRONT "/");
    leave(&v);
    assert_front_metric(&v, "received_metrics_total", 1);
    assert_front_metric(&v, COUNT("rum_lcp_seconds"), 1);
}

STACK_TESTS(T(the_client_comes_through_caddy_as_the_server_sent_it),
            T(a_visit_of_the_home_page_is_counted_once_and_leads_to_its_log_line),
            T(ten_reloads_count_ten_and_errors_count_by_kind),
            T(a_site_that_is_allowed_is_counted_and_another_is_refused),
            T(a_script_of_an_allowed_site_may_post_json_after_asking),
            T(a_visitor_who_does_not_want_it_is_not_counted))

/* SPDX-License-Identifier: MIT */
/* The status page as an operator has it: what it shows is what /metrics says, with JavaScript, which keeps it new, and without. */
#include "tests/browser/lib/front.h"

enum { PAGE_MAX_BYTES = 30 * 1024 };

#define DRILLS "--set drills.enabled=true"
#define FAILED_ID "the-one-that-failed"

/* Visitors, a contact and an answer of 500. */
static void traffic(struct front *v)
{
    for (int i = 0; i < 7; i++)
        assert_status(ASK_TUNNEL(v->s, NULL, .path = "/contact"), 200);
    assert_status(
        ASK_TUNNEL(v->s, NULL, .path = "/contact", .headers = HEADERS(JSON_TYPE), .body = ADA),
        201);
    assert_status(ASK_IN(v->s, "sidelight-1", "127.0.0.1", 8000, .path = "/api/error",
                         .headers = HEADERS("X-Correlation-ID: " FAILED_ID)),
                  500);
    assert_front_metric(v, REQUESTS("GET", "/contact", "200"), 7);
    assert_front_metric(v, REQUESTS("GET", "/api/error", "500"), 1);
}

/* A table's rows by its columns' headings, as JSON: [{"Endpoint":"GET /contact","Requests":"7",...},...]. */
static const char *rows(struct front *v, const char *body)
{
    return browser_run(
        v->b, textf(v->f,
                    "const body = document.getElementById('%s');"
                    "const names = [...body.closest('table').tHead.rows[0].cells];"
                    "return [...body.rows].map((r) => Object.fromEntries([...r.cells].map((c, i) =>"
                    " [names[i].textContent, c.textContent.trim()])))",
                    body));
}

/* The row that has `value` in the column `key`. */
static const char *row(struct front *v, const char *body, const char *key, const char *value)
{
    const char *all = rows(v, body);

    for (size_t i = 0; i < json_size(v->f, all, ""); i++)
        if (strcmp(json_text(v->f, all, textf(v->f, "%zu.%s", i, key)), value) == 0)
            return json_text(v->f, all, textf(v->f, "%zu", i));
    fail_msg("no row %s in %s", value, all);
    return NULL;
}

#define ENDPOINT(v, name, column) json_text((v)->f, row(v, "rows", "Endpoint", name), column)

/* A count as it is written: "1,234". */
static const char *grouped(struct front *v, double n)
{
    return n < 1000 ? textf(v->f, "%.0f", n) : textf(v->f, "%d,%03d", (int)n / 1000, (int)n % 1000);
}

/* "0.1.0", which may be followed by ", revision ..." */
static const char *shown_version(struct front *v)
{
    const char *text = browser_run(
        v->b,
        "return [...document.querySelectorAll('.facts div')]"
        ".find((d) => d.firstElementChild.textContent == 'Version').lastElementChild.textContent");

    return keep_text(v->f, text, strcspn(text, ", "));
}

static void assert_agrees(struct front *v)
{
    const char *page = front_metrics(v, false), *errors;

    assert_string_equal(ENDPOINT(v, "GET /contact", "Requests"),
                        grouped(v, page_value(page, REQUESTS("GET", "/contact", "200"))));
    assert_string_equal(ENDPOINT(v, "POST /contact", "Requests"), "1");
    assert_string_equal(ENDPOINT(v, "GET /api/error", "Errors"), "100 %");
    assert_string_equal(browser_text(v->b, "#total"),
                        grouped(v, page_sum(page, "http_requests_total")));
    assert_contains(row(v, "slos", "SLO", "availability"),
                    textf(v->f, "\"%.0f of %.0f\"", page_value(page, SLO("availability", "bad")),
                          page_value(page, SLO("availability", "bad")) +
                              page_value(page, SLO("availability", "good"))));
    assert_contains(row(v, "deps", "Name", "store"), "in service");
    assert_true(page_value(page, "dependency_up{name=\"store\"}") == 1);
    errors = rows(v, "errors");
    assert_int_equal(json_size(v->f, errors, ""), 1);
    assert_json(v->f, errors, "0.Status", "500");
    assert_json(v->f, errors, "0.Request", "GET /api/error");
    assert_json(v->f, errors, "0.Correlation ID", FAILED_ID);
    assert_contains(page, textf(v->f, "version=\"%s\"", shown_version(v)));
}

/* Whether the endpoint's row shows this count. What the page says of the last minutes is a second behind. */
static const char *shows(struct front *v, const char *endpoint, const char *count)
{
    return textf(v->f,
                 "[...document.querySelectorAll('#rows tr')].some((r) =>"
                 " r.cells[0].textContent == '%s' && r.cells[1].textContent == '%s')",
                 endpoint, count);
}

TEST(with_javascript_the_page_agrees_with_the_metrics_and_stays_new)
{
    struct fixture *f = *state;
    struct front v = front_start(f, DRILLS, NULL);

    traffic(&v);
    browser_go(v.b, STATUS_PAGE);
    browser_wait(v.b, shows(&v, "GET /contact", "7"));
    assert_agrees(&v);
    assert_string_equal(browser_run(v.b, "return document.querySelectorAll('#charts svg').length"),
                        "3");

    (void)browser_run(v.b, "window.same = true");
    for (int i = 0; i < 5; i++)
        (void)ASK_TUNNEL(v.s, NULL, .path = "/contact");
    browser_wait(v.b, shows(&v, "GET /contact", "12"));
    assert_string_equal(browser_run(v.b, "return window.same"), "true");
    assert_quiet(v.b);
}

TEST(without_javascript_the_page_agrees_with_the_metrics)
{
    struct fixture *f = *state;
    struct front v = front_start(f, DRILLS, &(struct browser_options){.no_javascript = true});

    traffic(&v);
    EVENTUALLY((browser_go(v.b, STATUS_PAGE),
                strcmp(browser_run(v.b, textf(f, "return %s", shows(&v, "GET /contact", "7"))),
                       "true") == 0));
    assert_agrees(&v);
    assert_string_equal(browser_run(v.b, "return document.querySelectorAll('svg').length"), "0");
    assert_contains(browser_text(v.b, "noscript"), "load this page again");
}

TEST(the_page_loads_nothing_of_others_and_is_light_on_every_screen)
{
    static const struct browser_options screens[] = {
        {0             },
        {.width = 390,   .height = 844, .phone = true},
        {.dark = true}
    };
    static const char resources[] =
        "return performance.getEntriesByType('navigation').concat("
        "performance.getEntriesByType('resource')).map((e) => [e.name, e.transferSize])";
    struct fixture *f = *state;
    struct front v = front_start(f, DRILLS, NULL);

    traffic(&v);
    for (size_t i = 0; i < ARRAY_LEN(screens); i++) {
        const char *all;
        double sum = 0;

        browser_screen(v.b, &screens[i]);
        browser_go(v.b, STATUS_PAGE);
        browser_wait(v.b, shows(&v, "GET /contact", "7"));
        all = browser_run(v.b, resources);
        for (size_t k = 0; k < json_size(f, all, ""); k++) {
            assert_contains(json_text(f, all, textf(f, "%zu.0", k)), STATUS_PAGE);
            sum += json_number(f, all, textf(f, "%zu.1", k));
        }
        print_message("the status page and its numbers: %.0f bytes\n", sum);
        assert_true(json_number(f, all, "0.1") < PAGE_MAX_BYTES);
        assert_string_equal(browser_run(v.b, "const e = document.documentElement;"
                                             "return e.scrollWidth <= e.clientWidth"),
                            "true");
        assert_quiet(v.b);
    }
}

STACK_TESTS(T(with_javascript_the_page_agrees_with_the_metrics_and_stays_new),
            T(without_javascript_the_page_agrees_with_the_metrics),
            T(the_page_loads_nothing_of_others_and_is_light_on_every_screen))

/* SPDX-License-Identifier: MIT */
/*
 * How metrics.js makes vitals of what a browser observed, at the limits of each rule: the browser's own observer is replaced by
 * one that hands over what a case says, when the page is left. Real observations: client_values_test.c.
 */
#include "tests/browser/lib/visit.h"

struct rule {
    const char *type;    /* of the entries: the observer's word */
    const char *entries; /* JavaScript: an array of objects */
    int interactions;    /* performance.interactionCount, at the end */
    const char *name;    /* of the vital, or NULL: there is none */
    const char *value, *rating;
};

#define SHIFT(at, value) "{startTime:" #at ",value:" #value "},"
#define EVENT(id, ms) "{interactionId:" #id ",duration:" #ms "},"
#define PAINT(at) "{startTime:" #at "},"
/* clang-format off */
#define TEN                                                                             \
    EVENT(1, 100) EVENT(2, 200) EVENT(3, 300) EVENT(4, 400) EVENT(5, 500) EVENT(6, 600) \
    EVENT(7, 700) EVENT(8, 800) EVENT(9, 900) EVENT(10, 1000)
#define SIX SHIFT(100, .02) SHIFT(1000, .02) SHIFT(1900, .02) SHIFT(2800, .02) SHIFT(3700, .02) SHIFT(4600, .02)
#define FIRST_PAINT "{name:'first-paint',startTime:4000},"
#define WITH_CONTENT(at) "{name:'first-contentful-paint',startTime:" #at "},"

static const struct rule rules[] = {
    /* shifts: less than 1 s after the last one, less than 5 s after the first */
    {"layout-shift", "",                                                 0, "CLS", "0",      "good"},
    {"layout-shift", SHIFT(0, .02) SHIFT(999, .03),                      0, "CLS", "0.05",   "good"},
    {"layout-shift", SHIFT(0, .02) SHIFT(1000, .03),                     0, "CLS", "0.03",   "good"},
    {"layout-shift", SHIFT(0, .3) SHIFT(2000, .1) SHIFT(2100, .1),       0, "CLS", "0.3",    "poor"},
    {"layout-shift", SIX SHIFT(5099, .02),                               0, "CLS", "0.14",   "needs-improvement"},
    {"layout-shift", SIX SHIFT(5100, .02),                               0, "CLS", "0.12",   "needs-improvement"},
    {"layout-shift", "{startTime:1,value:1,hadRecentInput:true}," SHIFT(2, .1), 0, "CLS", "0.1", "good"},
    {"layout-shift", SHIFT(0, .1001),                                    0, "CLS", "0.1001", "needs-improvement"},
    {"layout-shift", SHIFT(0, .25),                                      0, "CLS", "0.25",   "needs-improvement"},
    {"layout-shift", SHIFT(0, .2501),                                    0, "CLS", "0.2501", "poor"},
    /* interactions: the slowest event of each; of all the slowest but one for every 50 */
    {"event", "",                                                        9, NULL,  NULL,     NULL},
    {"event", "{duration:300},{interactionId:0,duration:300}",           1, NULL,  NULL,     NULL},
    {"event", EVENT(7, 24) EVENT(7, 200) EVENT(7, 80),                   1, "INP", "200",    "good"},
    {"event", EVENT(7, 24) EVENT(8, 208) EVENT(9, 80),                   3, "INP", "208",    "needs-improvement"},
    {"first-input", EVENT(7, 500),                                       1, "INP", "500",    "needs-improvement"},
    {"event", EVENT(7, 508),                                             1, "INP", "508",    "poor"},
    {"event", TEN,                                                      49, "INP", "1000",   "poor"},
    {"event", TEN,                                                      50, "INP", "900",    "poor"},
    {"event", TEN,                                                     149, "INP", "800",    "poor"},
    {"event", TEN,                                                     150, "INP", "700",    "poor"},
    {"event", TEN EVENT(11, 50) EVENT(12, 60),                        5000, "INP", "100",    "good"},
    /* paints: the last of the largest, the first with content */
    {"largest-contentful-paint", PAINT(900) PAINT(2500),                 0, "LCP", "2500",      "good"},
    {"largest-contentful-paint", PAINT(2500.1),                          0, "LCP", "2500.1",    "needs-improvement"},
    {"largest-contentful-paint", PAINT(4000),                            0, "LCP", "4000",      "needs-improvement"},
    {"largest-contentful-paint", PAINT(4000.123456),                     0, "LCP", "4000.1235", "poor"},
    {"paint", WITH_CONTENT(1800),                                        0, "FCP", "1800",   "good"},
    {"paint", FIRST_PAINT WITH_CONTENT(3000),                            0, "FCP", "3000",   "needs-improvement"},
    {"paint", WITH_CONTENT(3000.5),                                      0, "FCP", "3000.5", "poor"},
    {"paint", FIRST_PAINT,                                               0, NULL,  NULL,     NULL},
    {"longtask", "",                                                     0, NULL,  NULL,     NULL},
};
/* clang-format on */

static const char observer[] =
    "<script>let asked = 0;"
    "Object.defineProperty(performance, 'interactionCount', {get: () => asked++ && %d});"
    "window.PerformanceObserver = class {"
    " observe(options) { this.type = options.type; }"
    " takeRecords() { return [%s].map((e) => Object.assign({entryType: this.type, name: ''}, e)); }"
    "};"
    "PerformanceObserver.supportedEntryTypes = ['%s'];</script>";

static void expect(struct visit *v, const struct rule *rule, const char *body)
{
    static const char *const names[] = {"FCP", "LCP", "CLS", "INP"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *got = vital(v, body, names[i], "value");
        bool mine = rule->name != NULL && strcmp(names[i], rule->name) == 0;

        if ((got != NULL) != mine || (mine && strcmp(got, rule->value) != 0))
            fail_msg("%s [%s]: %s is %s", rule->type, rule->entries, names[i],
                     got != NULL ? got : "(absent)");
        if (mine && strcmp(vital(v, body, names[i], "rating"), rule->rating) != 0)
            fail_msg("%s of %s is rated %s", names[i], got, vital(v, body, names[i], "rating"));
    }
}

TEST(vitals_are_made_by_the_rules)
{
    struct fixture *f = *state;
    struct visit v = visit_start(f);

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const struct rule *r = &rules[i];
        const char *name = textf(f, "page%zu", i);

        site_page(v.site, name,
                  textf(f, "%s" PLAIN, textf(f, observer, r->interactions, r->entries, r->type)),
                  NULL);
        browser_go(v.b, site_url(v.site, "127.0.0.1", name));
        visit_leave(&v);
        expect(&v, r, site_body(v.site, i));
    }
    assert_quiet(v.b);
}

RUN_TESTS(T(vitals_are_made_by_the_rules))

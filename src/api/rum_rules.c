/* SPDX-License-Identifier: MIT */
/*
 * What the values of a report mean, and which can be true. A browser is never told that its value
 * is not believed: it would report the same again.
 */
#include "api/rum.h"
#include "base/clock.h"

/* Milliseconds as nanoseconds, and thousandths of a shift as billionths. */
#define MILLI(n) ((uint64_t)(n)*1000000)

/*
 * Reported in milliseconds, but for CLS. Thresholds:
 * https://web.dev/articles/defining-core-web-vitals-thresholds
 */
/* clang-format off */
const struct rum_vital_row rum_vitals[RUM_VITALS] = {
    [RUM_LCP]  = {"LCP",  METRIC_RUM_LCP,  600000, NS_PER_MS,  MILLI(2500), MILLI(4000)},
    [RUM_INP]  = {"INP",  METRIC_RUM_INP,  60000,  NS_PER_MS,  MILLI(200), MILLI(500)},
    [RUM_CLS]  = {"CLS",  METRIC_RUM_CLS,  100,    1000000000, MILLI(100),   MILLI(250)},
    [RUM_FCP]  = {"FCP",  METRIC_RUM_FCP,  600000, NS_PER_MS,  MILLI(1800), MILLI(3000)},
    [RUM_TTFB] = {"TTFB", METRIC_RUM_TTFB, 600000, NS_PER_MS,  MILLI(800), MILLI(1800)},
};
/* clang-format on */

/* What browsers call them, and the rest. */
const char *const rum_error_names[RUM_ERRORS] = {
    [RUM_ERROR] = "error",
    [RUM_REJECTION] = "unhandledrejection",
    [RUM_OTHER] = "other",
};

static const double load_max_s = 600, memory_max = 64.0 * 1024 * 1024 * 1024;

bool rum_vital_find(struct slice name, enum rum_vital_name *ret)
{
    for (unsigned i = 0; i < RUM_VITALS; i++)
        if (slice_eq(name, slice_str(rum_vitals[i].name))) {
            *ret = (enum rum_vital_name)i;
            return true;
        }
    return false;
}

/* To the nearest; `v` was checked, so it fits. */
static uint64_t cells(double v, uint64_t scale)
{
    return (uint64_t)(v * (double)scale + 0.5);
}

bool rum_vital_value(enum rum_vital_name name, double v, uint64_t *ret)
{
    const struct rum_vital_row *row = &rum_vitals[name];

    if (!(v >= 0 && v <= row->max))
        return false;
    *ret = cells(v, row->scale);
    return true;
}

bool rum_load_value(double seconds, uint64_t *ret_ns)
{
    if (!(seconds > 0 && seconds <= load_max_s))
        return false;
    *ret_ns = cells(seconds, NS_PER_SEC);
    return true;
}

bool rum_memory_value(double bytes, uint64_t *ret)
{
    if (!(bytes >= 1 && bytes <= memory_max))
        return false;
    *ret = cells(bytes, 1);
    return true;
}

const char *rum_rating(enum rum_vital_name name, uint64_t value)
{
    const struct rum_vital_row *row = &rum_vitals[name];

    if (value <= row->good)
        return "good";
    return value <= row->fair ? "needs-improvement" : "poor";
}

enum rum_error rum_error_kind(struct slice kind)
{
    for (unsigned i = 0; i < RUM_OTHER; i++)
        if (slice_eq(kind, slice_str(rum_error_names[i])))
            return (enum rum_error)i;
    return RUM_OTHER;
}

bool rum_id_valid(struct slice id)
{
    _Static_assert((int)RUM_ID_MAX == (int)CORRELATION_ID_MAX, "one rule for both kinds of ID");
    return correlation_id_valid(id);
}

bool rum_page_matches(struct slice template, struct slice path)
{
    while (template.p != NULL && path.p != NULL) {
        struct slice want = slice_cut(&template, '/'), have = slice_cut(&path, '/');
        bool any = slice_eq(want, SLICE_LIT("*")) && have.n > 0;

        if (!any && !slice_eq(want, have))
            return false;
    }
    return template.p == NULL && path.p == NULL;
}

static struct slice cut_at(struct slice s, char c)
{
    const char *end = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

    return end != NULL ? (struct slice){s.p, (size_t)(end - s.p)} : s;
}

struct slice rum_page_label(const struct api_live *live, struct slice path)
{
    /* A path may be as long as a body. */
    if (path.n > RUM_PAGE_MAX + 1)
        path.n = RUM_PAGE_MAX + 1;
    path = cut_at(cut_at(path, '?'), '#');
    if (path.n > RUM_PAGE_MAX)
        return SLICE_LIT("other");
    for (size_t i = 0; path.n > 0 && i < live->n_rum_pages; i++)
        if (rum_page_matches(live->rum_pages[i], path))
            return live->rum_pages[i];
    return SLICE_LIT("other");
}

void rum_label_pages(const struct api_live *live, struct rum_report *r)
{
    r->label = rum_page_label(live, r->page);
    for (size_t i = 0; i < r->n_vitals; i++) {
        struct rum_vital *v = &r->vitals[i];

        v->label = v->page.p == r->page.p ? r->label : rum_page_label(live, v->page);
    }
}

/* SPDX-License-Identifier: MIT */
/* Names and sizes of a row, and the check of a table. The table itself is in table.c. */
#include "metrics/desc.h"

static const struct slice total = {"_total", 6};

static bool ends_with(struct slice s, struct slice tail)
{
    return s.n >= tail.n && memcmp(s.p + s.n - tail.n, tail.p, tail.n) == 0;
}

bool desc_in_nanos(const struct metric_desc *d)
{
    switch (d->unit) {
    case METRIC_ONE:
    case METRIC_BYTES:
        return false;
    case METRIC_SECONDS:
    case METRIC_RATIO:
    case METRIC_DECIMAL:
        return true;
    }
    return false;
}

size_t desc_labels(const struct metric_desc *d)
{
    size_t n = 0;

    while (n < METRICS_LABELS_MAX && d->labels[n] != NULL)
        n++;
    return n;
}

size_t desc_cells(const struct metric_desc *d)
{
    return d->type == METRIC_HISTOGRAM ? d->n_bounds + 2 : 1;
}

size_t desc_samples(const struct metric_desc *d)
{
    return d->type == METRIC_HISTOGRAM ? d->n_bounds + 3 : 1;
}

struct slice desc_om_name(const struct metric_desc *d)
{
    struct slice s = slice_str(d->name);

    if (d->type == METRIC_COUNTER)
        s.n -= total.n;
    return s;
}

bool desc_owns(const struct metric_desc *d, struct slice name)
{
    static const struct slice tails[] = {
        {"_bucket", 7},
        {"_sum",    4},
        {"_count",  6},
    };
    struct slice own = slice_str(d->name);

    if (slice_eq(name, own) || slice_eq(name, desc_om_name(d)))
        return true;
    if (d->type != METRIC_HISTOGRAM || name.n <= own.n || memcmp(name.p, own.p, own.n) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(tails); i++)
        if (slice_eq((struct slice){name.p + own.n, name.n - own.n}, tails[i]))
            return true;
    return false;
}

const char *desc_om_unit(const struct metric_desc *d)
{
    static const char *const units[] = {
        [METRIC_ONE] = NULL,       [METRIC_BYTES] = "_bytes", [METRIC_SECONDS] = "_seconds",
        [METRIC_RATIO] = "_ratio", [METRIC_DECIMAL] = NULL,
    };
    const char *unit = units[d->unit];

    if (unit == NULL || !ends_with(desc_om_name(d), slice_str(unit)))
        return NULL;
    return unit + 1;
}

static bool is_name(const char *s)
{
    if (*s >= '0' && *s <= '9')
        return false;
    for (const char *p = s; *p != '\0'; p++)
        if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') && !(*p >= '0' && *p <= '9') &&
            *p != '_')
            return false;
    return *s != '\0';
}

/*
 * A decimal of at most 15 digits survives the way to a double and back (DBL_DIG), so what a scraper
 * reads as a number and writes again is spelled as it was.
 */
static bool is_double(uint64_t v)
{
    while (v > 0 && v % 10 == 0)
        v /= 10;
    return v < UINT64_C(1000000000000000);
}

static void check_bounds(const struct metric_desc *d)
{
    MUST(d->bounds != NULL && d->n_bounds >= 1 && d->n_bounds <= METRICS_BOUNDS_MAX);
    for (size_t i = 0; i < d->n_bounds; i++) {
        MUST(i == 0 || d->bounds[i] > d->bounds[i - 1]);
        MUST(is_double(d->bounds[i]));
    }
}

static void check_labels(const struct metric_desc *d)
{
    size_t n = desc_labels(d);

    for (size_t i = 0; i < n; i++) {
        MUST(is_name(d->labels[i]) && strncmp(d->labels[i], "__", 2) != 0);
        MUST(d->type != METRIC_HISTOGRAM || strcmp(d->labels[i], "le") != 0);
        for (size_t k = 0; k < i; k++)
            MUST(strcmp(d->labels[i], d->labels[k]) != 0);
    }
    MUST(d->dynamic >> n == 0);
    MUST(d->dynamic == 0 || d->budget > 0);
}

static bool clash(const struct metric_desc *a, const struct metric_desc *b)
{
    return desc_owns(a, slice_str(b->name)) || desc_owns(a, desc_om_name(b)) ||
           desc_owns(b, slice_str(a->name)) || desc_owns(b, desc_om_name(a));
}

static void check_row(const struct metric_desc *d)
{
    MUST(d->name != NULL && d->help != NULL && is_name(d->name));
    MUST(ends_with(slice_str(d->name), total) == (d->type == METRIC_COUNTER));
    MUST(strlen(d->name) > total.n || d->type != METRIC_COUNTER);
    check_labels(d);
    if (d->type == METRIC_HISTOGRAM)
        check_bounds(d);
    else
        MUST(d->n_bounds == 0 && !d->exemplars);
}

void desc_check(const struct metric_desc *descs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        check_row(&descs[i]);
        for (size_t k = 0; k < i; k++)
            MUST(!clash(&descs[i], &descs[k]));
    }
}

/* SPDX-License-Identifier: MIT */
/*
 * Pages of metrics: Prometheus text 0.0.4 and OpenMetrics 1.0.0, and which of the two a scraper
 * gets.
 *
 * Sources: Prometheus "Exposition formats" (text 0.0.4); OpenMetrics 1.0.0 specification; RFC 9110,
 * 12.4.2 and 12.5 (quality values, Accept, Accept-Encoding).
 *
 * A page promises: families in table order, series sorted by their label text, so that two pages
 * compare line by line; buckets that rise with `le`; `_count` equal to the `+Inf` bucket and to the
 * sum of the cells (it is not stored apart); the same spelling of labels and `le` in both formats
 * ("0.3", "1.0", "1e+06", "+Inf"); counters never go back. Between families it may differ by the
 * events in flight at that instant; when nothing is written it is exact.
 *
 * Exemplars stand in OpenMetrics only, on buckets, with a value inside their bucket, and a
 * timestamp.
 */
#ifndef SIDELIGHT_METRICS_EXPOSITION_H
#define SIDELIGHT_METRICS_EXPOSITION_H

#include "base/err.h"
#include "metrics/registry.h"

enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

/*
 * The best of what `accept` (the header's value, or SLICE_NONE) allows; text 0.0.4 whenever in
 * doubt.
 */
enum exposition_format exposition_negotiate(struct slice accept);
const char *exposition_content_type(enum exposition_format f);

/* True when `accept_encoding` allows gzip with a quality above 0 and not below identity's. */
bool exposition_accepts_gzip(struct slice accept_encoding);

/*
 * Which families a page shows: all when n is 0. A name matches a family by its exposed name, by its
 * OpenMetrics name (without _total), or by the name of one of its samples (x_bucket, x_sum,
 * x_count).
 */
enum { EXPOSITION_NAMES_MAX = 64 };
struct exposition_filter {
    struct slice names[EXPOSITION_NAMES_MAX];
    size_t n;
};

/*
 * Runs the collectors, then appends a whole page to `out`. One caller at a time (the ops thread).
 */
void exposition_render(struct registry *r,
                       enum exposition_format f,
                       const struct exposition_filter *filter,
                       struct buf *out);

/* Appends `in` compressed (RFC 1952). Fails only when zlib does. */
MUST_CHECK bool exposition_gzip(struct slice in, struct buf *out, struct err *err);

/* Escaping of label values and of HELP text. */
void exposition_escape_label(struct buf *out, struct slice value);
void exposition_escape_help(struct buf *out, struct slice help, enum exposition_format f);

#endif

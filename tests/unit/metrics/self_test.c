/* SPDX-License-Identifier: MIT */
/* The page tells the truth about itself. */
#include "metrics/exposition.h"
#include "metrics/metrics.h"
#include "tests/unit/metrics/page.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static void assert_line(struct slice page, const char *line)
{
    struct slice found = page_find(page, slice_str(line));

    if (found.n != strlen(line))
        fail_msg("no line '%s'", line);
}

TEST(series_limit_and_overflow_are_on_the_page)
{
    struct registry *r = registry_new(metric_table, METRIC_FAMILIES,
                                      &(struct registry_options){1, METRICS_MAX_SAMPLES});
    struct self_metrics *self = self_metrics_new(r, registry_shard(r, 0));
    struct buf out = BUF_INIT;
    char name[16];

    for (int i = 0; i < 70; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        metric_add(registry_shard(r, 0),
                   series_get(r, METRIC_CONTACT_SUBMISSIONS,
                              (struct slice[]){slice_str(name), SLICE_LIT("sidelight")}),
                   1);
    }
    exposition_render(r, EXPOSITION_TEXT, NULL, &out);
    struct slice page = {out.data, out.len};
    assert_line(page, "metrics_sample_limit 5000");
    /* 64: 62 sources, "other" of the one service, and one that is kept for a late service */
    assert_line(page, "metrics_series{family=\"contact_submissions_total\"} 63");
    assert_line(page, "metrics_label_overflow_total{family=\"contact_submissions_total\"} 8");
    assert_line(page, "contact_submissions_total{source=\"other\",service=\"sidelight\"} 8");
    assert_line(page, "metrics_series{family=\"http_requests_total\"} 0");
    assert_line(page, "metrics_series{family=\"metrics_sample_limit\"} 1");
    buf_release(&out);
    self_metrics_free(self);
    registry_free(r);
}

RUN_TESTS(T(series_limit_and_overflow_are_on_the_page))

/* SPDX-License-Identifier: MIT */
/* Reading metrics: a page, by the series on it. The first page, which sorts them, is not counted. */
#include "base/buf.h"
#include "bench/parts/parts.h"
#include "metrics/exposition.h"
#include "metrics/metrics.h"

enum { SERIES = 1000, HISTOGRAMS = 100, PAGES = 3 };
enum { NAMES, TIMES, N_ROWS };

/* clang-format off */
static const struct metric_desc rows[N_ROWS] = {
    [NAMES] = {.name = "names_total", .help = "h", .labels = {"name"}, .budget = SERIES + 1,
        .type = METRIC_COUNTER, .dynamic = 1},
    [TIMES] = {.name = "took_seconds", .help = "h", .labels = {"name"}, .budget = HISTOGRAMS + 1,
        .bounds = bounds_duration, .n_bounds = N_BOUNDS_DURATION, .type = METRIC_HISTOGRAM,
        .unit = METRIC_SECONDS, .dynamic = 1, .exemplars = true},
};
/* clang-format on */

struct page {
    struct registry *registry;
    struct exposition_filter filter;
    enum exposition_format format;
    struct buf text;
};

static void render(void *ctx, unsigned n)
{
    struct page *p = ctx;

    REPEAT(i, n)
    {
        buf_clear(&p->text);
        exposition_render(p->registry, p->format, &p->filter, &p->text);
    }
}

static void fill(struct registry *r)
{
    struct exemplar_ids ids = {SLICE_LIT("019a3f4e-7c1d-7b52-9d0e-5a8c1f2b3e4d"), SLICE_NONE};
    struct shard *s = registry_shard(r, 0);

    for (unsigned i = 1; i < SERIES; i++) {
        char text[FMT_U64 + 8] = "/page/";
        struct slice name = {text, (size_t)(fmt_u64(text + 6, i) - text)};

        metric_add(s, series_get(r, NAMES, &name), i * UINT64_C(977));
        if (i >= HISTOGRAMS)
            continue;
        struct metric m = series_get(r, TIMES, &name);

        for (unsigned k = 0; k < N_BOUNDS_DURATION; k++) {
            size_t b =
                histogram_observe(s, m, bounds_duration, N_BOUNDS_DURATION, bounds_duration[k] - i);

            exemplar_offer(s, m, b, bounds_duration[k] - i, ids, UINT64_C(1760000000000));
        }
    }
}

void parts_page(void)
{
    struct page p = {
        .filter = {{SLICE_LIT("names_total")}, 1},
          .format = EXPOSITION_TEXT
    };

    p.registry = registry_new(rows, N_ROWS, &(struct registry_options){1, 10000});
    fill(p.registry);
    part("render a counter's series", render, &p, PAGES, SERIES);
    p.filter.names[0] = SLICE_LIT("took_seconds");
    part("render a histogram's series, 17 lines", render, &p, PAGES, HISTOGRAMS);
    p.format = EXPOSITION_OPENMETRICS;
    part("the same with 14 exemplars (OpenMetrics)", render, &p, PAGES, HISTOGRAMS);
    buf_release(&p.text);
    registry_free(p.registry);
}

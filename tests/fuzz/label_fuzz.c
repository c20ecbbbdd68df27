/* SPDX-License-Identifier: MIT */
/*
 * Label values from outside: the input, cut at 0xff, becomes the values of a counter and of a
 * histogram with exemplars. Every line of both pages must parse, no page may exceed its limit, and
 * no event may be lost.
 */
#include "../unit/metrics/page.h"
#include "metrics/exposition.h"

#include <stdlib.h>

enum { EVENTS, TIMES, N_ROWS, LIMIT = 60 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint64_t bounds[] = {10, 20};

/* clang-format off */
static const struct metric_desc rows[N_ROWS] = {
    [EVENTS] = {.name = "events_total", .help = "h", .labels = {"a", "b"}, .budget = 20,
        .type = METRIC_COUNTER, .dynamic = 1},
    [TIMES] = {.name = "took", .help = "h", .labels = {"a"}, .bounds = bounds, .n_bounds = 2,
        .budget = 20, .type = METRIC_HISTOGRAM, .dynamic = 1, .exemplars = true},
};
/* clang-format on */

static void check_exemplar(struct slice exemplar)
{
    struct slice labels, rest = exemplar;

    MUST(page_cut_labels(&rest, &labels));
    MUST(rest.n > 0 && rest.p[0] == ' ');
}

/* The sum of the samples called `name`. */
static uint64_t count(struct slice page, struct slice name, size_t *ret_lines)
{
    struct page_line line;
    uint64_t sum = 0;
    bool bad = false;

    for (*ret_lines = 0; page_next(&page, &line, &bad); ++*ret_lines) {
        if (slice_eq(line.name, name))
            sum += (uint64_t)page_nano(line.value) / 1000000000;
        if (line.exemplar.n > 0)
            check_exemplar(line.exemplar);
    }
    MUST(!bad);
    return sum;
}

static void check(struct registry *r, enum exposition_format f, uint64_t events)
{
    struct buf out = BUF_INIT;
    size_t lines;

    exposition_render(r, f, NULL, &out);
    struct slice page = {out.data, out.len};
    MUST(count(page, SLICE_LIT("events_total"), &lines) == events);
    MUST(count(page, SLICE_LIT("took_count"), &lines) == events);
    MUST(lines == registry_samples(r) && lines <= LIMIT);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct registry *r = registry_new(rows, N_ROWS, &(struct registry_options){1, LIMIT});
    struct shard *s = registry_shard(r, 0);
    struct slice rest = {(const char *)data, size};
    uint64_t events = 0;

    while (rest.n > 0) {
        struct slice values[] = {slice_cut(&rest, (char)0xff), SLICE_LIT("b")};
        struct metric m = series_get(r, TIMES, values);
        size_t i = histogram_observe(s, m, bounds, 2, values[0].n);

        metric_add(s, series_get(r, EVENTS, values), 1);
        MUST(series_get(r, TIMES, values).cell == m.cell);
        exemplar_offer(s, m, i, values[0].n, (struct exemplar_ids){values[0], values[0]},
                       events * 1000 + 1);
        if (++events % 16 == 0)
            check(r, EXPOSITION_TEXT, events);
    }
    check(r, EXPOSITION_TEXT, events);
    check(r, EXPOSITION_OPENMETRICS, events);
    registry_free(r);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * What a page promises while threads write: buckets rise, +Inf is _count, counters never go back,
 * the page stays within its limit, and when all is quiet the totals are exact.
 */
#include "metrics/exposition.h"
#include "tests/unit/metrics/page.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { EVENTS, LEVEL, TIMES, NAMES, N_ROWS };
enum { WRITERS = 4, PAGES = 240, LIMIT = 400, LINES_MAX = 512 };

static const uint64_t bounds[] = {1000000, 10000000, 300000000, 1000000000};

/* clang-format off */
static const struct metric_desc rows[N_ROWS] = {
    [EVENTS] = {.name = "events_total", .help = "h", .labels = {"kind"}, .type = METRIC_COUNTER},
    [LEVEL] = {.name = "level", .help = "h", .type = METRIC_GAUGE},
    [TIMES] = {.name = "took_seconds", .help = "h", .labels = {"path"}, .bounds = bounds,
        .n_bounds = 4, .budget = 20, .type = METRIC_HISTOGRAM, .unit = METRIC_SECONDS, .dynamic = 1,
        .exemplars = true},
    [NAMES] = {.name = "names_total", .help = "h", .labels = {"name"}, .budget = 1000,
        .type = METRIC_COUNTER, .dynamic = 1},
};
/* clang-format on */

struct writer {
    pthread_t thread;
    struct registry *r;
    size_t shard;
    const atomic_bool *stop;
    uint64_t events, observed, observed_sum, names;
};

static void write_once(struct writer *w, uint64_t k, struct metric event, struct metric level)
{
    struct shard *s = registry_shard(w->r, w->shard);
    char text[32];
    uint64_t took = k * 7919 % 2000000000;

    metric_add(s, event, 1);
    w->events++;
    metric_add(s, level, 3);
    struct slice path = {text, (size_t)snprintf(text, sizeof(text), "/%zu", (size_t)(k % 30))};
    struct metric m = series_get(w->r, TIMES, &path);
    size_t i = histogram_observe(s, m, bounds, 4, took);
    exemplar_offer(s, m, i, took, (struct exemplar_ids){path, SLICE_NONE}, k * 400 + 1);
    w->observed++;
    w->observed_sum += took;
    struct slice name = {text, (size_t)snprintf(text, sizeof(text), "n%zu", (size_t)(k / 16))};
    metric_add(s, series_get(w->r, NAMES, &name), 1);
    w->names++;
    metric_sub(s, level, 3);
}

static void *write_until_stopped(void *arg)
{
    struct writer *w = arg;
    struct metric event = series_get(w->r, EVENTS, &SLICE_LIT("all"));
    struct metric level = series_plain(w->r, LEVEL);

    for (uint64_t k = 0; !atomic_load_explicit(w->stop, memory_order_relaxed); k++)
        write_once(w, k, event, level);
    return NULL;
}

/* A page taken apart. Keys point into `text`. */
struct snapshot {
    struct buf text;
    struct page_line lines[LINES_MAX];
    size_t n;
};

static void take(struct registry *r, struct snapshot *ret)
{
    struct page_line line;
    bool bad = false;

    buf_clear(&ret->text);
    ret->n = 0;
    exposition_render(r, EXPOSITION_OPENMETRICS, NULL, &ret->text);
    for (struct slice rest = {ret->text.data, ret->text.len}; page_next(&rest, &line, &bad);) {
        assert_true(ret->n < LIMIT);
        ret->lines[ret->n++] = line;
    }
    assert_false(bad);
    assert_memory_equal(ret->text.data + ret->text.len - 6, "# EOF\n", 6);
}

static void assert_histograms(const struct snapshot *s)
{
    int64_t last = 0, infinite = -1;

    for (size_t i = 0; i < s->n; i++) {
        const struct page_line *line = &s->lines[i];
        int64_t v = page_nano(line->value);

        if (slice_eq(line->name, SLICE_LIT("took_seconds_bucket"))) {
            assert_true(v >= last);
            last = v;
            if (memmem(line->labels.p, line->labels.n, "le=\"+Inf\"", 9) != NULL)
                infinite = v;
        } else if (slice_eq(line->name, SLICE_LIT("took_seconds_count"))) {
            assert_int_equal(v, infinite);
            last = 0;
            infinite = -1;
        }
    }
    assert_int_equal(infinite, -1); /* each histogram had its _count */
}

/*
 * Series are only added, so every line of the older page stands on the newer one, in the same
 * order.
 */
static void assert_forward(const struct snapshot *older, const struct snapshot *newer)
{
    size_t k = 0;

    for (size_t i = 0; i < older->n; i++, k++) {
        while (k < newer->n && !slice_eq(newer->lines[k].key, older->lines[i].key))
            k++;
        assert_true(k < newer->n);
        if (!slice_eq(older->lines[i].name, SLICE_LIT("level")))
            assert_true(page_nano(newer->lines[k].value) >= page_nano(older->lines[i].value));
    }
}

static int64_t sum_of(const struct snapshot *s, const char *name)
{
    int64_t sum = 0;

    for (size_t i = 0; i < s->n; i++)
        if (slice_eq(s->lines[i].name, slice_str(name)))
            sum += page_nano(s->lines[i].value);
    return sum;
}

static size_t exemplars_on(const struct snapshot *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (s->lines[i].exemplar.n == 0)
            continue;
        assert_memory_equal(s->lines[i].exemplar.p, "{correlation_id=\"/", 18);
        n++;
    }
    return n;
}

static void assert_totals(const struct snapshot *s, const struct writer *writers)
{
    uint64_t events = 0, observed = 0, observed_sum = 0, names = 0;

    for (size_t i = 0; i < WRITERS; i++) {
        events += writers[i].events;
        observed += writers[i].observed;
        observed_sum += writers[i].observed_sum;
        names += writers[i].names;
    }
    assert_int_equal(sum_of(s, "events_total") / 1000000000, events);
    assert_int_equal(sum_of(s, "took_seconds_count") / 1000000000, observed);
    assert_int_equal(sum_of(s, "took_seconds_sum"), observed_sum);
    assert_int_equal(sum_of(s, "names_total") / 1000000000, names);
    assert_int_equal(sum_of(s, "level"), 0);
}

TEST(pages_keep_their_promises_while_threads_write)
{
    struct registry *r = registry_new(rows, N_ROWS, &(struct registry_options){WRITERS, LIMIT});
    struct snapshot *pages = must_calloc(2, sizeof(*pages));
    struct writer writers[WRITERS];
    atomic_bool stop = false;
    size_t exemplars = 0;

    (void)series_get(r, EVENTS, &SLICE_LIT("all"));
    (void)series_plain(r, LEVEL);
    take(r, &pages[1]);
    for (size_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.r = r, .shard = i, .stop = &stop};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_until_stopped, &writers[i]),
                         0);
    }
    /* On until the writers have filled both budgets and left an exemplar, too. */
    for (size_t i = 0; i < PAGES || registry_overflow(r, NAMES) == 0 || exemplars == 0; i++) {
        struct snapshot *page = &pages[i % 2];

        take(r, page);
        assert_histograms(page);
        assert_forward(&pages[(i + 1) % 2], page);
        exemplars += exemplars_on(page);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
    take(r, &pages[0]);
    assert_histograms(&pages[0]);
    assert_totals(&pages[0], writers);
    assert_int_equal(pages[0].n, registry_samples(r));
    assert_int_equal(registry_series(r, TIMES), 20);
    assert_true(exemplars > 0);
    buf_release(&pages[0].text);
    buf_release(&pages[1].text);
    free(pages);
    registry_free(r);
}

RUN_TESTS(T(pages_keep_their_promises_while_threads_write))

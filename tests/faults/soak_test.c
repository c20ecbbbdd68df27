/* SPDX-License-Identifier: MIT */
/*
 * Nothing leaks: after so many requests of every kind, resident memory, descriptors, threads and series are what they were.
 *
 * By count: 50,000 requests, 1,000,000 in the long form. Or by time, with SOAK_MINUTES: the first one warms up at full
 * speed, the others go at a pace that a disk can bear for days, with a line a minute (`make soak`).
 */
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/memory.h"
#include "tests/faults/lib/promise.h"
#include "tests/faults/lib/traffic.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    WARM = 80000, /* requests, at least, until caches, rings and arenas are full */
    SAMPLES = 20, /* of a run by count */
    OTHERS_WARM = 2000,
    OTHERS_COUNT = 4000, /* for variants that are slow */

    MINUTE_S = 60,
    STEP_S = 5,  /* between samples of a run by time */
    PACE = 2000, /* requests a second */
    MINUTES_MAX = 7 * 24 * 60,

    SAMPLES_MAX = MINUTES_MAX * MINUTE_S / STEP_S + 1,
    MIB = 1024, /* in KiB */
};

struct sample {
    double hours;
    uint64_t kib;
};

struct run {
    struct fixture *f;
    struct server *s;
    struct traffic *traffic;
    uint64_t began_ns, paced_from; /* requests sent until then went at full speed */
    size_t n;
    struct sample *samples;
};

static struct run *begin(struct fixture *f)
{
    struct run *r = keep(f, sizeof(*r));

    r->f = f;
    r->samples = keep(f, SAMPLES_MAX * sizeof(*r->samples));
    r->s = traffic_server(f);
    r->traffic = traffic_new(r->s);
    r->began_ns = clock_mono_ns();
    return r;
}

/* Also empties the log: it would take more of the disk than all else. */
static void take_sample(struct run *r)
{
    struct sample *x = &r->samples[r->n++];

    assert_true(r->n < SAMPLES_MAX);
    x->hours = (double)(clock_mono_ns() - r->began_ns) / (3600.0 * NS_PER_SEC);
    x->kib = memory_resident_kib(r->s);
    assert_int_equal(truncate(r->s->log, 0), 0);
}

static int64_t growth(const struct run *r, size_t from, size_t to)
{
    return (int64_t)r->samples[to].kib - (int64_t)r->samples[from].kib;
}

/* By least squares, in MiB an hour, of the samples from `first` on. */
static double slope(const struct run *r, size_t first)
{
    double n = (double)(r->n - first), x = 0, y = 0, xx = 0, xy = 0;

    for (size_t i = first; i < r->n; i++) {
        x += r->samples[i].hours / n;
        y += (double)r->samples[i].kib / n;
    }
    for (size_t i = first; i < r->n; i++) {
        double dx = r->samples[i].hours - x;

        xx += dx * dx;
        xy += dx * ((double)r->samples[i].kib - y);
    }
    return xx > 0 ? xy / xx / MIB : 0;
}

/* ---- what must be the same before and after ---- */

struct inventory {
    double fds, threads, series;
};

static struct inventory take_inventory(struct run *r)
{
    const char *page;

    traffic_rest(r->traffic);
    assert_metric(r->s, "worker_connections{worker=\"0\"}", 0);
    assert_metric(r->s, "worker_connections{worker=\"1\"}", 0);
    page = page_of(r->s);
    return (struct inventory){page_value(page, "process_open_fds"),
                              page_value(page, "process_threads"),
                              page_sum(page, "metrics_series")};
}

static void assert_same(const struct run *r, const struct inventory *a, const struct inventory *b)
{
    if (traffic_unavailable(r->traffic) > traffic_sent(r->traffic) / 100)
        fail_msg("%" PRIu64 " of %" PRIu64 " requests were answered 503",
                 traffic_unavailable(r->traffic), traffic_sent(r->traffic));
    if (a->fds != b->fds || a->threads != b->threads || a->series != b->series)
        fail_msg("descriptors %g to %g, threads %g to %g, series %g to %g", a->fds, b->fds,
                 a->threads, b->threads, a->series, b->series);
}

/* ---- by count ---- */

static void run_by_count(struct run *r, uint64_t requests)
{
    uint64_t start = traffic_sent(r->traffic);

    for (unsigned i = 0; i <= SAMPLES; i++) {
        while (traffic_sent(r->traffic) - start < requests * i / SAMPLES)
            traffic_round(r->traffic);
        take_sample(r);
    }
}

static void assert_steady(const struct run *r, int64_t limit_kib)
{
    print_message("  %" PRIu64 " KiB, half way %+" PRId64 ", at the end %+" PRId64 "\n",
                  r->samples[0].kib, growth(r, 0, SAMPLES / 2), growth(r, 0, SAMPLES));
    if (growth(r, 0, SAMPLES) >= limit_kib || growth(r, SAMPLES / 2, SAMPLES) >= limit_kib / 2)
        fail_msg("%" PRId64 " KiB more than before, %" PRId64 " of it in the second half",
                 growth(r, 0, SAMPLES), growth(r, SAMPLES / 2, SAMPLES));
}

static void test_by_count(struct run *r, uint64_t requests, int64_t limit_kib)
{
    uint64_t warm = requests / 5 > WARM ? requests / 5 : WARM;
    struct inventory before, after;

    while (traffic_sent(r->traffic) < (memory_is_ours() ? warm : OTHERS_WARM))
        traffic_round(r->traffic);
    before = take_inventory(r);
    run_by_count(r, memory_is_ours() ? requests : OTHERS_COUNT);
    after = take_inventory(r);
    assert_same(r, &before, &after);
    if (!memory_is_ours())
        return; /* a sanitizer keeps what was freed, and looks for leaks itself */
    assert_steady(r, limit_kib);
    promise("G9", "Memory, descriptors, threads and series stay as they are",
            "resident memory over requests of every kind, errors, broken connections, scrapes and "
            "reloads",
            "%" PRIu64 " requests: %+" PRId64 " KiB, %+" PRId64 " of it in the second half; %g "
            "descriptors, %g threads, %g series as before",
            requests, growth(r, 0, SAMPLES), growth(r, SAMPLES / 2, SAMPLES), after.fds,
            after.threads, after.series);
}

/* ---- by time ---- */

/* Up to `until_s` from the beginning; only the first minute goes at full speed. */
static void run_until(struct run *r, uint64_t until_s)
{
    uint64_t due, now_s;

    while ((now_s = (clock_mono_ns() - r->began_ns) / NS_PER_SEC) < until_s) {
        due = now_s < MINUTE_S ? UINT64_MAX : r->paced_from + (now_s - MINUTE_S + 1) * PACE;
        if (traffic_sent(r->traffic) < due)
            traffic_round(r->traffic);
        else
            clock_sleep_ms(POLL_MS);
    }
}

static void report(const struct run *r, uint64_t minute)
{
    const char *page = page_of(r->s);

    print_message("  minute %2" PRIu64 ": %6" PRIu64 " KiB, %g descriptors, %g threads, %g series, "
                  "%" PRIu64 " requests\n",
                  minute, r->samples[r->n - 1].kib, page_value(page, "process_open_fds"),
                  page_value(page, "process_threads"), page_sum(page, "metrics_series"),
                  traffic_sent(r->traffic));
    (void)fflush(stdout);
}

static void test_by_time(struct run *r, uint64_t minutes)
{
    const size_t first = MINUTE_S / STEP_S - 1;
    struct inventory before = {.fds = 0}, after;
    double mib_an_hour;

    assert_in_range(minutes, 2, MINUTES_MAX);
    for (uint64_t s = STEP_S; s <= minutes * MINUTE_S; s += STEP_S) {
        run_until(r, s);
        if (s == MINUTE_S) {
            before = take_inventory(r);
            r->paced_from = traffic_sent(r->traffic);
        }
        take_sample(r);
        if (s % MINUTE_S == 0)
            report(r, s / MINUTE_S);
    }
    after = take_inventory(r);
    assert_same(r, &before, &after);
    mib_an_hour = slope(r, first);
    print_message("  %+.2f MiB an hour\n", mib_an_hour);
    assert_true(memory_is_ours() && mib_an_hour < 1);
    promise("G9", "Memory does not grow with time",
            "`make soak`: the same traffic, 2,000 requests a second, slope by least squares",
            "%" PRIu64 " minutes, %" PRIu64 " requests: %+.2f MiB an hour", minutes,
            traffic_sent(r->traffic), mib_an_hour);
}

TEST(nothing_is_left_of_very_many_requests)
{
    const char *minutes = environment("SOAK_MINUTES");
    struct run *r = begin(*state);

    if (minutes != NULL)
        test_by_time(r, strtoull(minutes, NULL, 10));
    else if (faults_long())
        test_by_count(r, 1000000, MIB);
    else
        test_by_count(r, 50000, MIB / 2);
}

RUN_TESTS(T(nothing_is_left_of_very_many_requests))

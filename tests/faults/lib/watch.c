/* SPDX-License-Identifier: MIT */
/* Two questions in turn, and how long each took. */
#include "tests/faults/lib/watch.h"

#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/promise.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { WATCH_PERIOD_MS = 20, WATCH_ASKS_MAX = 65536, SCRAPE_MAX_MS = 50 };

struct question {
    const char *path;
    unsigned port;
    struct watch_result result;
    int first_failure; /* status */
    double *ms;        /* of those answered */
};

enum { PAGE, SCRAPE, QUESTIONS };

struct watch {
    struct question q[QUESTIONS];
    pthread_t thread;
    bool ended;
    _Atomic bool stop;
};

static void put(struct question *q)
{
    const struct ask what = {.path = q->path};
    uint64_t began_ns = clock_mono_ns();
    struct reply r = {.status = 0};
    bool answered = ask_port(q->port, &what, &r) == SENT_ANSWERED;

    if (q->result.asked == WATCH_ASKS_MAX)
        return;
    q->ms[q->result.asked++] = (double)(clock_mono_ns() - began_ns) / 1e6;
    if (!answered || r.status != 200) {
        if (q->result.failed++ == 0)
            q->first_failure = r.status;
    }
    if (answered)
        reply_release(&r);
}

static void *watch_main(void *arg)
{
    struct watch *w = arg;

    while (!atomic_load(&w->stop)) {
        for (size_t i = 0; i < QUESTIONS; i++)
            put(&w->q[i]);
        clock_sleep_ms(WATCH_PERIOD_MS);
    }
    return NULL;
}

static void join(struct watch *w)
{
    atomic_store(&w->stop, true);
    if (!w->ended)
        (void)pthread_join(w->thread, NULL);
    w->ended = true;
}

static void end(void *arg)
{
    join(arg);
}

struct watch *watch_start(struct server *s, const char *path)
{
    struct watch *w = keep(s->f, sizeof(*w));

    w->q[PAGE] = (struct question){.path = path, .port = s->public_port};
    w->q[SCRAPE] = (struct question){.path = "/metrics", .port = s->metrics_port};
    for (size_t i = 0; i < QUESTIONS; i++)
        w->q[i].ms = keep(s->f, WATCH_ASKS_MAX * sizeof(*w->q[i].ms));
    MUST(pthread_create(&w->thread, NULL, watch_main, w) == 0);
    at_end(s->f, end, w);
    return w;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void conclude(struct question *q, struct watch_result *ret)
{
    struct watch_result *r = &q->result;

    assert_true(r->asked > 0);
    qsort(q->ms, r->asked, sizeof(*q->ms), by_size);
    r->median_ms = q->ms[r->asked / 2];
    r->longest_ms = q->ms[r->asked - 1];
    if (r->failed > 0)
        fail_msg("%zu of %zu requests for %s failed, the first with status %d", r->failed, r->asked,
                 q->path, q->first_failure);
    *ret = *r;
}

void watch_end(struct watch *w, struct watch_result *ret_page, struct watch_result *ret_scrape)
{
    join(w);
    conclude(&w->q[PAGE], ret_page);
    conclude(&w->q[SCRAPE], ret_scrape);
    print_message("  %s %zu times, median %.1f ms, at most %.1f; scrapes %zu, %.1f, %.1f\n",
                  w->q[PAGE].path, ret_page->asked, ret_page->median_ms, ret_page->longest_ms,
                  ret_scrape->asked, ret_scrape->median_ms, ret_scrape->longest_ms);
    if (ret_scrape->median_ms > SCRAPE_MAX_MS * watch_patience() && watch_judges())
        fail_msg("a scrape took %.1f ms", ret_scrape->median_ms);
}

double watch_files(struct server *s)
{
    assert_status(get(s, "/health"), 200);
    EVENTUALLY(metric_sum(s, "worker_connections") <= 0);
    return metric(s, "process_open_fds");
}

void assert_all_gone(struct server *s, double files)
{
    EVENTUALLY(metric_sum(s, "worker_connections") <= 0);
    EVENTUALLY(metric_sum(s, "http_requests_in_flight") <= 0);
    EVENTUALLY(metric(s, "process_open_fds") <= files);
}

double watch_patience(void)
{
    return faults_long() ? 1 : 4;
}

bool watch_judges(void)
{
    const char *variant = environment("SIDELIGHT_VARIANT");

    if (variant == NULL || strcmp(variant, "dev") == 0)
        return true;
    print_message("  not judged: this build is slower and larger than the one that ships\n");
    return false;
}

double watch_cpu_s(const struct server *s)
{
    const char *text = read_file(s->f, textf(s->f, "/proc/%d/stat", (int)s->pid));
    const char *at = strrchr(text, ')');
    unsigned long user, kernel;
    char *rest;

    for (int field = 2; at != NULL && field < 14; field++) /* proc_pid_stat(5): 14 and 15 */
        at = strchr(at + 1, ' ');
    if (at == NULL) {
        fail_msg("/proc has no times of the server: %s", text);
        return 0;
    }
    user = strtoul(at, &rest, 10);
    kernel = strtoul(rest, NULL, 10);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

double watch_peak_mb(const struct server *s)
{
    const char *text = read_file(s->f, textf(s->f, "/proc/%d/status", (int)s->pid));
    const char *row = strstr(text, "\nVmHWM:");

    assert_non_null(row);
    return (double)strtoul(row + strlen("\nVmHWM:"), NULL, 10) * 1024 / 1e6;
}

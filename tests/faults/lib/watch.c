/* SPDX-License-Identifier: MIT */
/* Two questions in turn, and how long each took. */
#include "tests/faults/lib/watch.h"

#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/promise.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { WATCH_PERIOD_MS = 20, WATCH_ASKS_MAX = 65536, PAGE_MAX_MS = 500 };

struct question {
    const char *path;
    unsigned port;
    enum stalled answered_by;
    struct watch_result result;
    int first_failure; /* status */
    double *ms;        /* of those answered */
};

enum { PAGE, SCRAPE, QUESTIONS };

struct watch {
    struct question q[QUESTIONS];
    struct stalls *stalls;
    pthread_t thread;
    bool ended;
    _Atomic bool stop;
};

static void put(struct question *q, struct stalls *st)
{
    const struct ask what = {.path = q->path};
    struct reply r = {.status = 0};
    double ms, own_ms;
    uint64_t began_ns;
    bool answered;

    if (q->result.asked == WATCH_ASKS_MAX)
        return;
    stalls_begin(st);
    began_ns = clock_mono_ns();
    answered = ask_port(q->port, &what, &r) == SENT_ANSWERED;
    ms = (double)(clock_mono_ns() - began_ns) / 1e6;
    own_ms = ms - stalls_ms(st, q->answered_by);
    q->ms[q->result.asked++] = ms;
    q->result.own_ms = own_ms > q->result.own_ms ? own_ms : q->result.own_ms;
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
            put(&w->q[i], w->stalls);
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

    w->q[PAGE] =
        (struct question){.path = path, .port = s->public_port, .answered_by = STALLED_WORST};
    w->q[SCRAPE] =
        (struct question){.path = "/metrics", .port = s->metrics_port, .answered_by = STALLED_MAIN};
    w->stalls = stalls_of(s);
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
    r->p99_ms = q->ms[r->asked * 99 / 100];
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
    print_message("  %s %zu times, median %.1f ms, at most %.1f, its own %.1f; scrapes %zu, %.1f, "
                  "%.1f, %.1f\n",
                  w->q[PAGE].path, ret_page->asked, ret_page->median_ms, ret_page->longest_ms,
                  ret_page->own_ms, ret_scrape->asked, ret_scrape->median_ms,
                  ret_scrape->longest_ms, ret_scrape->own_ms);
    if (!watch_judges())
        return;
    if (ret_scrape->own_ms > SCRAPE_MAX_MS)
        fail_msg("a scrape took %.1f ms", ret_scrape->own_ms);
    if (faults_long() && ret_scrape->p99_ms > SCRAPE_MAX_MS)
        fail_msg("one scrape of a hundred took %.1f ms", ret_scrape->p99_ms);
}

void watch_judge_page(const struct watch_result *page)
{
    if (watch_judges() && page->own_ms > PAGE_MAX_MS)
        fail_msg("somebody waited %.1f ms", page->own_ms);
}

/* ---- stalls ---- */

enum { STALLS_MAX = 128 };

struct stalls {
    int fds[STALLS_MAX]; /* schedstat of each thread, the main one first */
    uint64_t before_ns[STALLS_MAX], own_ns;
    size_t n;
};

/* The second number: nanoseconds on a run queue (Documentation/scheduler/sched-stats.rst). */
static uint64_t waited_ns(int fd)
{
    char text[64] = "";
    const char *second;

    if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
        return 0;
    second = strchr(text, ' ');
    return second != NULL ? strtoull(second, NULL, 10) : 0;
}

static uint64_t own_waited_ns(void)
{
    int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    uint64_t ns = waited_ns(fd);

    if (fd >= 0)
        (void)close(fd);
    return ns;
}

static void watch_thread(struct stalls *st, const char *path)
{
    int fd = st->n < STALLS_MAX ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd >= 0)
        st->fds[st->n++] = fd;
}

static void close_stalls(void *arg)
{
    struct stalls *st = arg;

    while (st->n > 0)
        (void)close(st->fds[--st->n]);
}

struct stalls *stalls_of(struct server *s)
{
    const char *main_thread = textf(s->f, "%d", (int)s->pid);
    const char *tasks = textf(s->f, "/proc/%s/task", main_thread);
    struct stalls *st = keep(s->f, sizeof(*st));
    DIR *dir = opendir(tasks);
    const struct dirent *d;

    at_end(s->f, close_stalls, st);
    assert_non_null(dir);
    watch_thread(st, textf(s->f, "%s/%s/schedstat", tasks, main_thread));
    while ((d = readdir(dir)) != NULL)
        if (d->d_name[0] != '.' && strcmp(d->d_name, main_thread) != 0)
            watch_thread(st, textf(s->f, "%s/%s/schedstat", tasks, d->d_name));
    (void)closedir(dir);
    return st;
}

void stalls_begin(struct stalls *st)
{
    for (size_t i = 0; i < st->n; i++)
        st->before_ns[i] = waited_ns(st->fds[i]);
    st->own_ns = own_waited_ns();
}

double stalls_ms(const struct stalls *st, enum stalled who)
{
    uint64_t worst = 0;

    for (size_t i = 0; i < (who == STALLED_MAIN && st->n > 0 ? 1 : st->n); i++) {
        uint64_t now = waited_ns(st->fds[i]);

        if (now > st->before_ns[i] && now - st->before_ns[i] > worst)
            worst = now - st->before_ns[i];
    }
    return (double)(worst + own_waited_ns() - st->own_ns) / 1e6;
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

double stalls_excuse(const struct stalls *st, double ms, double most_ms)
{
    double excused = faults_long() ? 0 : stalls_ms(st, STALLED_WORST);

    return ms - (excused < most_ms ? excused : most_ms);
}

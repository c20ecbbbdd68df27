/* SPDX-License-Identifier: MIT */
/*
 * Clients that take their time, or vanish: others notice nothing, and their time ends. Those that want much are in
 * greedy_test.c.
 */
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/promise.h"
#include "tests/faults/lib/watch.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST " HTTP/1.1\r\nHost: localhost\r\n"
#define HELLO "GET /health/liveness" HOST "\r\n"

/* ---- slowhttptest ---- */

static void need_slowhttptest(struct fixture *f)
{
    const struct outcome *o = run(f, ARGS("sh", "-c", "command -v slowhttptest"), NULL);

    if (o->status == 0)
        return;
    print_message("skipped: there is no slowhttptest here\n");
    skip();
}

struct attack {
    const char *flag, *path, *out;
    pid_t pid;
};

static void begin_attack(struct server *s, struct attack *a)
{
    struct fixture *f = s->f;
    const char *url = textf(f, "http://127.0.0.1:%u%s", s->public_port, a->path);
    const char *n = faults_long() ? "1000" : "300", *each_s = faults_long() ? "5" : "1";
    const char *seconds = faults_long() ? "60" : "3";
    /* The last four are of the slow readers: tiny windows, 5 bytes a second, of three answers. */
    const char *const argv[] = {"slowhttptest", a->flag, "-c", n,   "-r", "200", "-i", each_s,
                                "-l",           seconds, "-p", "3", "-u", url,   "-w", "10",
                                "-y",           "20",    "-z", "5", "-k", "3",   NULL};
    struct process_options opt = {.argv = argv, .in = PROCESS_INHERITED};
    FILE *out;

    a->out = in_dir(f, a->flag);
    out = fopen(a->out, "we");
    assert_non_null(out);
    opt.out = opt.err = fileno(out);
    a->pid = process_start(&opt);
    (void)fclose(out);
}

/* Whether it says so, and never the contrary; the words are painted. */
static bool found_available(const char *said)
{
    static const char mark[] = "service available:";
    size_t yes = 0, no = 0;

    for (const char *at = said; (at = strstr(at, mark)) != NULL; at += strlen(mark)) {
        const char *end = strchr(at, '\n'), *word = strstr(at, "YES");

        yes += word != NULL && end != NULL && word < end;
        no += word == NULL || end == NULL || word > end;
    }
    return yes > 0 && no == 0;
}

static void end_attack(struct fixture *f, const struct attack *a)
{
    const char *said;
    int status = -1;

    if (!process_wait(a->pid, 10 * DEADLINE_MS, &status)) {
        (void)kill(a->pid, SIGKILL);
        (void)process_wait(a->pid, DEADLINE_MS, &status);
        fail_msg("slowhttptest %s did not end", a->flag);
    }
    said = read_file(f, a->out);
    if (!found_available(said))
        fail_msg("slowhttptest %s: %s", a->flag, said);
}

TEST(slowhttptest_finds_the_service_available_in_all_its_modes)
{
    struct attack attacks[] = {
        {.flag = "-H", .path = "/"          },
        {.flag = "-B", .path = "/contact"   },
        {.flag = "-X", .path = "/metrics.js"},
    };
    struct fixture *f = *state;
    struct watch_result health, scrape;
    struct server *s;
    struct watch *w;
    double files;

    need_slowhttptest(f);
    s = server_start(f, faults_long() ? NULL : SETS("http.request_timeout=2s"));
    files = watch_files(s);
    w = watch_start(s, "/health/liveness");
    for (size_t i = 0; i < ARRAY_LEN(attacks); i++)
        begin_attack(s, &attacks[i]);
    for (size_t i = 0; i < ARRAY_LEN(attacks); i++)
        end_attack(f, &attacks[i]);
    watch_end(w, &health, &scrape);
    assert_all_gone(s, files);
    promise(
        "G100", "Slow heads, slow bodies and slow readers leave the service available to others",
        textf(
            f,
            "slowhttptest in its three modes at once, %s; the readers read answers that the kernel "
            "has room for (G101: larger ones); another client asks all the time",
            faults_long() ? "1,000 connections each, a minute" : "300 connections each"),
        "available: YES, YES, YES; health answered %zu of %zu times, median %.1f ms, longest %.0f",
        health.asked - health.failed, health.asked, health.median_ms, health.longest_ms);
}

/* ---- drop by drop ---- */

static const struct drip {
    const char *what, *start, *drop;
    size_t answers; /* that come before it */
} drips[] = {
    {"a target",      "GET /",                                                           "a",        0},
    {"a field",       "GET /" HOST "X: ",                                                "a",        0},
    {"fields",        "GET /" HOST,                                                      "X: 1\r\n", 0},
    {"a body",        "POST /contact" HOST "Content-Length: 99999\r\n\r\n",              " ",        0},
    {"a chunk",       "POST /contact" HOST "Transfer-Encoding: chunked\r\n\r\nffff\r\n", " ",        0},
    {"a second head", HELLO "GET /" HOST "X: ",                                          "a",        1},
};

/* libh2o ends a request at its time; where it does not, the sweep does. */
enum { SWEEP_MS = 2500 };

enum { DRIPS_EACH = 20, DRIPS = ARRAY_LEN(drips) * DRIPS_EACH, DROP_MS = 20 };

struct dripper {
    struct wire w;
    uint64_t began_ns, ended_ns; /* 0: still open */
};

/* One drop, and a look whether it was the last. */
static void drip_once(struct dripper *d, const struct drip *what)
{
    char *room = buf_reserve(&d->w.in, 4096);
    ssize_t n = recv(d->w.fd, room, 4096, MSG_DONTWAIT);

    if (n > 0)
        d->w.in.len += (size_t)n;
    if (n == 0 || send(d->w.fd, what->drop, strlen(what->drop), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        d->ended_ns = clock_mono_ns();
}

static size_t drip_all(struct dripper *d)
{
    size_t left = 0;

    for (size_t i = 0; i < DRIPS; i++)
        if (d[i].ended_ns == 0) {
            drip_once(&d[i], &drips[i / DRIPS_EACH]);
            left++;
        }
    return left;
}

static void close_drippers(void *arg)
{
    struct dripper *d = arg;

    for (size_t i = 0; i < DRIPS; i++)
        wire_close(&d[i].w);
}

static struct dripper *start_drips(struct server *s)
{
    struct dripper *d = keep(s->f, DRIPS * sizeof(*d));

    for (size_t i = 0; i < DRIPS; i++)
        d[i].w.fd = -1;
    at_end(s->f, close_drippers, d);
    for (size_t i = 0; i < DRIPS; i++) {
        assert_true(wire_connect(&d[i].w, s->public_port));
        d[i].began_ns = clock_mono_ns();
        wire_send(&d[i].w, drips[i / DRIPS_EACH].start);
    }
    return d;
}

TEST(bytes_that_trickle_in_buy_no_time)
{
    enum { SHORT_S = 1, LONG_S = 15 };
    struct fixture *f = *state;
    unsigned limit_s = faults_long() ? LONG_S : SHORT_S;
    struct server *s = server_start(f, SETS(textf(f, "http.request_timeout=%us", limit_s)));
    double files = watch_files(s), shortest = 1e9, longest = 0;
    struct watch_result health, scrape;
    struct watch *w = watch_start(s, "/health/liveness");
    struct dripper *d = start_drips(s);
    uint64_t end_ns = clock_mono_ns() + NS_PER_MS * 2 * DEADLINE_MS;

    while (drip_all(d) > 0) {
        clock_sleep_ms(DROP_MS);
        if (clock_mono_ns() > end_ns)
            fail_msg("bytes that trickle in keep connections open");
    }
    watch_end(w, &health, &scrape);
    for (size_t i = 0; i < DRIPS; i++) {
        double seconds = (double)(d[i].ended_ns - d[i].began_ns) / 1e9;

        shortest = seconds < shortest ? seconds : shortest;
        longest = seconds > longest ? seconds : longest;
        assert_int_equal(count_of(buf_cstr(&d[i].w.in), "HTTP/1.1 "),
                         drips[i / DRIPS_EACH].answers);
    }
    print_message("  ended after %.2f to %.2f s\n", shortest, longest);
    assert_true(shortest >= limit_s * 0.9); /* the whole time is theirs */
    if (watch_judges())
        assert_true(longest <= limit_s + SWEEP_MS / 1e3);
    assert_all_gone(s, files);
    assert_metric(s, SUBMISSIONS, 0);
    promise("G100b", "A request that trickles in ends at http.request_timeout, however it drips",
            "targets, fields, bodies, chunks, a second request; a few bytes each 20 ms",
            "%d connections ended after %.2f to %.2f s, the limit %u s; health answered %zu times",
            DRIPS, shortest, longest, limit_s, health.asked);
}

/* ---- gone without a word ---- */

/* Closes without a FIN or a reset, as when the power fails; false when that is not allowed. */
static bool vanish(struct wire *w)
{
    int on = 1;

    if (setsockopt(w->fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) != 0)
        return false;
    wire_close(w);
    return true;
}

TEST(clients_that_vanished_are_forgotten_in_time)
{
    static const char *const starts[] = {"", "GET /", HELLO, HELLO "GET /",
                                         "POST /contact" HOST "Content-Length: 99\r\n\r\n{"};
    enum { EACH = 50, N = EACH * ARRAY_LEN(starts), LIMIT_S = 3 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("http.request_timeout=3s"));
    double files = watch_files(s);
    struct wire *w = keep(f, N * sizeof(*w));
    uint64_t began_ns;
    double seconds;

    for (size_t i = 0; i < N; i++) {
        assert_true(wire_connect(&w[i], s->public_port));
        wire_send(&w[i], starts[i / EACH]);
    }
    began_ns = clock_mono_ns();
    EVENTUALLY(metric_sum(s, "worker_connections") >= N);
    assert_metric(s, REQUESTS("GET", "/health/liveness", "200"), 2 * EACH);
    for (size_t i = 0; i < N; i++)
        if (!vanish(&w[i])) {
            print_message("skipped: only root may close a connection silently (TCP_REPAIR)\n");
            skip();
        }
    assert_true(metric_sum(s, "worker_connections") >= N); /* it can't know */
    assert_all_gone(s, files);
    seconds = (double)(clock_mono_ns() - began_ns) / 1e9;
    print_message("  all gone after %.2f s\n", seconds);
    if (watch_judges())
        assert_true(seconds <= LIMIT_S + SWEEP_MS / 1e3);
    assert_metric(s, SUBMISSIONS, 0);
    promise(
        "G103b", "Clients that vanish without a word are forgotten at http.request_timeout",
        "half-open connections: idle, in a head, in a body, after an answer, in a second head",
        "%d connections, no descriptor left %.1f s after the last had sent something, the limit %d s",
        N, seconds, LIMIT_S);
}

RUN_TESTS(T(slowhttptest_finds_the_service_available_in_all_its_modes),
          T(bytes_that_trickle_in_buy_no_time),
          T(clients_that_vanished_are_forgotten_in_time))

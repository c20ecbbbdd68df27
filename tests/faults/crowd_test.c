/* SPDX-License-Identifier: MIT */
/*
 * Many connections: thousands that are idle while hundreds are busy, more than there are descriptors for, and those that
 * come and go as fast as they can.
 */
#include "tests/faults/lib/crowd.h"

#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/flood.h"
#include "tests/faults/lib/promise.h"
#include "tests/faults/lib/watch.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define EXHAUSTED "connections_accept_errors_total{reason=\"exhausted\"}"

static void need_files(size_t n)
{
    if (crowd_files(n))
        return;
    print_message("skipped: fewer than %zu descriptors allowed\n", n);
    skip();
}

/* What the clients of a crowd were told. */
struct tally {
    struct crowd *crowd;
    size_t ok, bad;
};

static void count_answer(void *ctx, UNUSED size_t i, const struct crowd_answer *a)
{
    struct tally *t = ctx;

    t->ok += a->status == 200;
    t->bad += a->status != 200;
}

static void free_crowd(void *arg)
{
    struct tally *t = arg;

    crowd_free(t->crowd);
}

static struct tally *gather(struct server *s, size_t n)
{
    struct tally *t = keep(s->f, sizeof(*t));

    t->crowd = crowd_new(&(struct crowd_options){s->public_port, n, count_answer, t});
    at_end(s->f, free_crowd, t);
    return t;
}

static void ask_once(struct tally *t, size_t i)
{
    assert_true(crowd_ask(t->crowd, i, SLICE_LIT(HELLO), 1));
}

/* Turns the crowd for `ms`. */
static void turn_for(struct tally *t, unsigned ms)
{
    uint64_t end_ns = clock_mono_ns() + ms * NS_PER_MS;

    while (clock_mono_ns() < end_ns)
        crowd_turn(t->crowd, POLL_MS);
}

static void turn_until_answered(struct tally *t, size_t n)
{
    uint64_t end_ns = clock_mono_ns() + DEADLINE_MS * NS_PER_MS;

    while (t->ok + t->bad < n) {
        crowd_turn(t->crowd, POLL_MS);
        if (clock_mono_ns() > end_ns)
            fail_msg("%zu of %zu answered", t->ok + t->bad, n);
    }
    assert_int_equal(t->bad, 0);
}

/* ---- idle and busy ---- */

enum { IDLE = 10000, BUSY = 500, SAMPLE = 100, CROWD_FILES = IDLE + BUSY + 200 };

/* Half of them have asked once before, as browsers do, and the others never. */
static struct tally *fill(struct server *s)
{
    struct tally *t = gather(s, IDLE);

    for (size_t i = 0; i < IDLE; i++) {
        assert_true(crowd_open(t->crowd, i));
        if (i % 2 == 0)
            ask_once(t, i);
        crowd_turn(t->crowd, 0);
    }
    turn_until_answered(t, IDLE / 2);
    while (crowd_size(t->crowd) < IDLE)
        crowd_turn(t->crowd, POLL_MS);
    EVENTUALLY(metric_sum(s, "worker_connections") >= IDLE);
    return t;
}

TEST(ten_thousand_idle_connections_cost_the_busy_ones_nothing)
{
    struct fixture *f = *state;
    struct watch_result health, scrape;
    struct flood_result r;
    struct flood *flood;
    struct server *s;
    struct tally *idle;
    struct watch *w;
    double mb;

    need_files(CROWD_FILES);
    s = server_start(f, SETS("http.request_timeout=1h"));
    idle = fill(s);
    w = watch_start(s, "/health/liveness");
    flood = flood_start(s, &(struct flood_options){FLOOD_HEALTH, BUSY, 0, 1});
    EVENTUALLY(metric_sum(s, "worker_connections") >= IDLE + BUSY);
    turn_for(idle, faults_long() ? 60000 : 3000);
    r = flood_end(flood);
    watch_end(w, &health, &scrape);
    mb = watch_peak_mb(s);
    print_message("  %.0f MB at most; %.0f requests a second, median %.1f ms, 99 %% within %.1f\n",
                  mb, (double)r.asked / r.seconds, r.median_ms, r.p99_ms);
    assert_int_equal(r.good, r.asked);
    assert_int_equal(crowd_size(idle->crowd), IDLE);
    for (size_t i = 0; i < IDLE; i += IDLE / SAMPLE)
        ask_once(idle, i);
    turn_until_answered(idle, IDLE / 2 + SAMPLE);
    if (watch_judges())
        assert_true(mb <= 64);
    promise(
        "G2", "10,000 idle connections cost 500 busy ones no answer, and all together 64 MB",
        "GET /health over 500 connections, each at once again; half of the idle ones had asked before",
        "%llu requests, all answered, %.0f a second, 99 %% within %.1f ms; %.0f MB at most; idle ones "
        "still served",
        (unsigned long long)r.asked, (double)r.asked / r.seconds, r.p99_ms, mb);
}

/* ---- more than there are descriptors for ---- */

enum { RECOVERY_MS = 1000 };

/* The share of one CPU that the server uses while nothing is asked of it. */
static double idle_share(struct server *s, struct tally *t)
{
    double before = watch_cpu_s(s);
    uint64_t began_ns = clock_mono_ns();

    turn_for(t, faults_long() ? 6000 : 2000);
    return (watch_cpu_s(s) - before) / ((double)(clock_mono_ns() - began_ns) / 1e9);
}

/* Those who were served leave. */
static void leave(struct tally *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!crowd_busy(t->crowd, i))
            crowd_close(t->crowd, i);
}

/* Milliseconds from `began_ns` until all `n` are served. */
static uint64_t recovered(struct tally *t, size_t n, uint64_t began_ns)
{
    turn_until_answered(t, n);
    return (clock_mono_ns() - began_ns) / NS_PER_MS;
}

static void judge_pinch(
    const char *id, const char *how, double share, uint64_t ms, double own_ms, double counted)
{
    print_message("  %.1f %% of a CPU; recovered after %llu ms, its own %.0f; counted "
                  "%.0f times\n",
                  100 * share, (unsigned long long)ms, own_ms, counted);
    if (watch_judges()) {
        assert_true(share < 0.1);
        assert_true(own_ms <= RECOVERY_MS);
    }
    promise(id, "More clients than descriptors wait; the server neither spins nor forgets them",
            how, "%.1f %% of a CPU; all served %llu ms after there was room; counted %.0f times",
            100 * share, (unsigned long long)ms, counted);
}

TEST(more_clients_than_descriptors_wait_their_turn)
{
    enum { FILES = 256, CAP = FILES - 64, ALL = CAP + 100 };
    struct fixture *f = *state;
    const struct server_options opt = {.max_files = FILES};
    struct server *s = server_start_with(f, &opt);
    struct tally *t = gather(s, ALL);
    struct stalls *stalls = stalls_of(s);
    double share, own_ms;
    uint64_t began_ns, ms;

    assert_metric(s, "connections_limit", CAP);
    for (size_t i = 0; i < ALL; i++)
        ask_once(t, i);
    turn_until_answered(t, CAP);
    share = idle_share(s, t);
    assert_true(t->ok > CAP);                  /* the idle ones make room, some at a time */
    assert_status(get_ops(s, "/health"), 200); /* descriptors are kept for it */
    stalls_begin(stalls);
    began_ns = clock_mono_ns();
    leave(t, ALL);
    ms = recovered(t, ALL, began_ns);
    own_ms = stalls_excuse(stalls, (double)ms, RECOVERY_MS);
    judge_pinch("F89",
                "292 clients and 256 descriptors: 192 connections; the others wait in the kernel",
                share, ms, own_ms, metric(s, "connections_accept_pauses_total"));
    assert_true(metric(s, "connections_accept_pauses_total") >= 1);
}

/* The page by a connection that is open already. */
static double metric_by(struct fixture *f, struct wire *ops, const char *series)
{
    wire_send(ops, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return page_value(wire_reply(f, ops)->body, series);
}

TEST(without_any_descriptor_it_does_not_spin)
{
    enum { ALL = 100, FREE = 20 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("threads=2"));
    struct wire *ops = wire_to_ops(s), *late;
    struct tally *t = gather(s, ALL);
    struct stalls *stalls = stalls_of(s);
    struct rlimit had, few;
    double share, own_ms, counted;
    uint64_t began_ns, ms;

    /* As if a library had taken them all: what the server reckoned with at its start is gone. */
    assert_int_equal(prlimit(s->pid, RLIMIT_NOFILE, NULL, &had), 0);
    few = had;
    few.rlim_cur = (rlim_t)metric_by(f, ops, "process_open_fds") + FREE;
    assert_int_equal(prlimit(s->pid, RLIMIT_NOFILE, &few, NULL), 0);
    for (size_t i = 0; i < ALL; i++)
        ask_once(t, i);
    EVENTUALLY((crowd_turn(t->crowd, 0), metric_by(f, ops, EXHAUSTED)) >= 3);
    late = wire_to_ops(s); /* its listener has none either */
    wire_send(late, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    share = idle_share(s, t);
    assert_true(t->ok > 0 && t->ok < ALL);
    assert_true(wire_silent(late, 1));
    counted = metric_by(f, ops, EXHAUSTED);
    EVENTUALLY(metric_by(f, ops, EXHAUSTED) > counted); /* a pause has just begun */
    stalls_begin(stalls);
    began_ns = clock_mono_ns();
    assert_int_equal(prlimit(s->pid, RLIMIT_NOFILE, &had, NULL), 0);
    (void)recovered(t, ALL, began_ns);
    assert_status(wire_reply(f, late), 200);
    ms = (clock_mono_ns() - began_ns) / NS_PER_MS;
    own_ms = stalls_excuse(stalls, (double)ms, RECOVERY_MS);
    judge_pinch("F89b", "the limit lowered under its feet: accept fails with EMFILE on both ports",
                share, ms, own_ms, metric(s, EXHAUSTED));
    assert_metric(s, "connections_accept_errors_total{reason=\"other\"}", 0);
}

/* ---- coming and going ---- */

struct visit {
    const char *what, *sends;
    bool reads, resets;
};

static const struct visit visits[] = {
    {"nothing, FIN",          "",                                                false, false},
    {"nothing, reset",        "",                                                false, true },
    {"half a head, reset",    "GET / HTTP/1.1\r\nHos",                           false, true },
    {"half a body, reset",
     "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{", false, true },
    {"a request, reset",      HELLO,                                             false, true },
    {"two requests, reset",   HELLO HELLO,                                       false, true },
    {"a submission, reset",   FLOOD_CONTACT,                                     false, true },
    {"a request, its answer", HELLO,                                             true,  true },
    {"garbage, reset",        "\x16\x03\x01\x02\r\n\r\n",                        false, true },
};

static void pay_visit(struct server *s, const struct visit *v)
{
    const struct linger now = {1, 0};
    struct reply r = {.status = 0};
    struct wire w;

    assert_true(wire_connect(&w, s->public_port));
    (void)wire_write(&w, v->sends, strlen(v->sends));
    if (v->reads) {
        assert_int_equal(wire_read(&w, false, &r), GOT_REPLY);
        assert_int_equal(r.status, 200);
        reply_release(&r);
    }
    if (v->resets)
        assert_int_equal(setsockopt(w.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    wire_close(&w);
}

TEST(connections_that_come_and_go_leave_nothing_behind)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    size_t each = faults_long() ? 20000 : 1000, n = 0;
    struct watch_result health, scrape;
    double before, seconds;
    uint64_t began_ns;
    struct watch *w;

    before = watch_files(s);
    w = watch_start(s, "/health/liveness");
    began_ns = clock_mono_ns();
    for (size_t i = 0; i < ARRAY_LEN(visits); i++)
        for (size_t k = 0; k < each; k++, n++)
            pay_visit(s, &visits[i]);
    seconds = (double)(clock_mono_ns() - began_ns) / 1e9;
    watch_end(w, &health, &scrape);
    watch_judge_page(&health);
    assert_all_gone(s, before);
    assert_metric(s, "connections_accepted_total", (double)(n + 1 + health.asked));
    promise(
        "G103", "Connections that come and go as fast as they can leave no descriptor behind",
        "closed or reset at once, within a head, a body, after requests, while a submission is stored",
        "%zu connections, %.0f a second; %.0f descriptors before and after; health answered %zu "
        "times, median %.1f ms",
        n, (double)n / seconds, before, health.asked, health.median_ms);
}

RUN_TESTS(T(ten_thousand_idle_connections_cost_the_busy_ones_nothing),
          T(more_clients_than_descriptors_wait_their_turn),
          T(without_any_descriptor_it_does_not_spin),
          T(connections_that_come_and_go_leave_nothing_behind))

/* SPDX-License-Identifier: MIT */
/*
 * Signals again and again under load, with books about every request: ends, reloads, stops, storms,
 * and an end at every moment of a start. What each signal does is for tests/e2e/ (drain, reload,
 * signals).
 */
#include "tests/e2e/lib/disk.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/port.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/guests.h"
#include "tests/faults/lib/kept.h"
#include "tests/faults/lib/promise.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HELLO "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST_HEAD \
    "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE "\r\nContent-Length: 58\r\n\r\n"

enum { MIB = 1024 * 1024, EXIT_SECONDS = 15 };

static bool is_dev(void)
{
    const char *variant = environment("SIDELIGHT_VARIANT");

    return variant == NULL || strcmp(variant, "dev") == 0;
}

static unsigned rounds(unsigned few, unsigned many)
{
    return faults_long() ? many : few;
}

static double seconds_since(uint64_t began_ns)
{
    return (double)(clock_mono_ns() - began_ns) / 1e9;
}

/* ---- SIGTERM ---- */

/* Of http/loop.h: after its DRAIN_GRACE_MS the idle are closed, who has sent a half is not. */
enum { HALVES = 8, PAST_GRACE_MS = 2600 };

/* Forms of which half has come: of every second one half the head. */
static void send_halves(struct server *s, struct wire **w)
{
    for (int i = 0; i < HALVES; i++) {
        w[i] = wire_to(s);
        assert_true(wire_write(w[i], POST_HEAD ADA, i % 2 == 0 ? 30 : strlen(POST_HEAD) + 20));
    }
}

/* The other half, on connections that were there before the port closed. */
static void finish_halves(struct fixture *f, struct wire **w)
{
    for (int i = 0; i < HALVES; i++) {
        const struct reply *r;

        wire_send(w[i], (POST_HEAD ADA) + (i % 2 == 0 ? 30 : strlen(POST_HEAD) + 20));
        r = wire_reply(f, w[i]);
        assert_status(r, 201);
        assert_field(r, "connection", "close");
        assert_wire_ends(w[i]);
    }
}

TEST(sigterm_under_load_fails_no_request_round_after_round)
{
    struct fixture *f = *state;
    unsigned n = rounds(2, 50);
    struct server *s = server_start(
        f, SETS("contact.rate=off", faults_long() ? "drain.delay=2s" : "drain.delay=100ms"));
    struct guest_books sum = {0, 0};
    double longest = 0, seconds;

    for (unsigned i = 0; i < n; i++) {
        struct wire *halves[HALVES];
        struct guests c;
        uint64_t began;

        if (i > 0)
            server_again(s);
        send_halves(s, halves);
        c = guests_start(s);
        guests_wait(&c, 100);
        began = clock_mono_ns();
        server_signal(s, SIGTERM);
        EVENTUALLY(!port_listens(s->public_port));
        clock_sleep_ms(PAST_GRACE_MS);
        finish_halves(f, halves);
        guests_end(&c, true, &sum);
        assert_int_equal(server_end(s), 0);
        seconds = seconds_since(began);
        assert_true(seconds <= EXIT_SECONDS);
        longest = seconds > longest ? seconds : longest;
        sum.posts += HALVES;
    }
    assert_int_equal(stored_rows(s).n, sum.posts);
    promise("F94",
            "SIGTERM fails no request and loses no submission; it ends within 15 s, status 0",
            "under load on kept and new connections, with forms of which half has come",
            "%u ends, %llu requests, 0 failed; %llu forms, each stored once; the longest %.1f s", n,
            (unsigned long long)sum.gets, (unsigned long long)sum.posts, longest);
}

/* A connection whose receive window is as small as can be. */
static void narrow(struct server *s, struct wire *ret)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)s->public_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int size = 4096;

    *ret = (struct wire){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(ret->fd >= 0);
    assert_int_equal(setsockopt(ret->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    assert_int_equal(connect(ret->fd, (struct sockaddr *)(void *)&to, sizeof(to)), 0);
}

/* Answers given so far; they stand still when one can't get out. */
static bool stands_still(struct server *s, double most)
{
    double before = metric_sum(s, "http_requests_total");

    clock_sleep_ms(300);
    return before > 0 && before < most && metric_sum(s, "http_requests_total") <= before;
}

/* Everything that comes; the number of answers. What said nothing of an end may not be the last. */
static size_t read_to_the_end(struct wire *w)
{
    struct reply r;
    size_t n = 0;
    bool said = false;
    enum got got;

    while ((got = wire_read(w, false, &r)) == GOT_REPLY) {
        const char *connection = reply_field(&r, "connection");

        assert_status(&r, 200);
        said = connection != NULL && strcmp(connection, "close") == 0;
        n++;
        reply_release(&r);
    }
    assert_int_equal(got, GOT_END);
    if (!said)
        fail_msg("after %zu answers the connection ended without a word", n);
    return n;
}

TEST(an_answer_on_its_way_at_sigterm_that_said_nothing_of_an_end_is_not_the_last)
{
    enum { ASKED = 1000 };
    struct server *s = server_start(*state, SETS("drain.delay=100ms"));
    struct buf requests = BUF_INIT;
    struct wire w;
    size_t n;

    narrow(s, &w);
    for (int i = 0; i < ASKED; i++)
        buf_add_str(&requests, "GET /metrics.js HTTP/1.1\r\nHost: localhost\r\n\r\n");
    /* At once: what the server has not read when it closes would have the kernel reset it. */
    assert_int_equal(send(w.fd, requests.data, requests.len, MSG_NOSIGNAL), requests.len);
    buf_release(&requests);
    EVENTUALLY(stands_still(s, ASKED));
    server_signal(s, SIGTERM);
    EVENTUALLY(!port_listens(s->public_port));
    clock_sleep_ms(300); /* it looks at its connections every 100 */
    n = read_to_the_end(&w);
    wire_close(&w);
    assert_int_equal(server_end(s), 0);
    assert_true(n < ASKED);
    promise("F94", "A connection ends at SIGTERM after an answer that said so, never another",
            "a reader so slow that an answer is half out at SIGTERM, with more requests behind it",
            "%zu answers, each whole, the last with Connection: close", n);
}

/* The process alone, with its log where the library looks for it. */
static void start_blind(struct fixture *f, struct server **ret)
{
    int log = open(in_dir(f, "blind.log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    assert_true(log >= 0);
    *ret = server_start_with(f, &(struct server_options){.out = log});
    (void)close(log);
}

TEST(sigterm_at_any_moment_of_a_start_ends_it_in_order)
{
    enum { FIRST_US = 500, LAST_US = 40000 };
    struct fixture *f = *state;
    unsigned n = rounds(40, 400), by_status[3] = {0, 0, 0};
    struct server *s = server_start(f, NULL);

    (void)signal(SIGINT, SIG_DFL); /* a shell has what it runs with `&` ignore it */
    assert_status(post_json(s, ADA), 201);
    server_stop(s);
    for (unsigned i = 0; i < n; i++) {
        unsigned us = FIRST_US + (LAST_US - FIRST_US) / n * i;
        struct server *victim;
        int status;

        start_blind(f, &victim);
        (void)nanosleep(&(struct timespec){0, us * 1000L}, NULL);
        server_signal(victim, i % 2 == 0 ? SIGTERM : SIGINT);
        status = server_end(victim);
        by_status[0] += status == 0;
        by_status[1] += status == 1;
        by_status[2] += status == 128 + SIGTERM || status == 128 + SIGINT; /* not yet ours */
        if (by_status[0] + by_status[1] + by_status[2] != i + 1)
            fail_msg("%u us after its start it ended with %d", us, status);
    }
    server_again(s);
    assert_status(post_json(s, ADA), 201);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, 2);
    promise("F94", "SIGTERM at any moment of a start ends it, and the next start serves",
            "from 0.5 to 40 ms after the start",
            "%u ends: %u drained, %u stopped before serving, %u before main", n, by_status[0],
            by_status[1], by_status[2]);
}

/* ---- SIGHUP ---- */

/* NULL: the file is gone. */
static const char *const broken[] = {
    "contact:\n  rate: broken\n",
    "contact:\n  rates: off\n",
    "contact: {rate: off}\ncontact: {rate: off}\n",
    "contact: {rate: off\n",
    "contact: &a {rate: off}\nlog: *a\n",
    "\tcontact:\n",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
    "contact: !!str {rate: off}\n",
    "--- {}\n--- {}\n",
    "contact: {rate: off}\xff\xfe\n",
    NULL,
};

static double gauge(struct server *s, const char *name)
{
    return page_value(get_ops(s, textf(s->f, "/metrics?name[]=%s", name))->body, name);
}

static void break_config(struct server *s, unsigned i)
{
    const char *text = broken[i % ARRAY_LEN(broken)];

    if (text != NULL)
        write_file(s->opt.config, text);
    else
        assert_int_equal(unlink(s->opt.config), 0);
    server_signal(s, SIGHUP);
    EVENTUALLY(gauge(s, "config_last_reload_successful") <= 0);
}

static void load_config(struct server *s, const char *text)
{
    double loaded = gauge(s, "config_last_reload_success_timestamp_seconds");

    write_file(s->opt.config, text);
    server_signal(s, SIGHUP);
    EVENTUALLY(gauge(s, "config_last_reload_success_timestamp_seconds") > loaded);
    assert_true(gauge(s, "config_last_reload_successful") >= 1);
}

static void renew_config(struct server *s, unsigned i)
{
    load_config(s, textf(s->f, "contact: {rate: off, redirect: /r%u}\nlog: {level: warn}\n", i));
}

/* By what a form is told, which comes from the file alone. */
static bool serves_config(struct server *s, unsigned i, struct guest_books *sum)
{
    sum->posts++;
    return strcmp(reply_field(post_form(s, ADA_FORM), "location"), textf(s->f, "/r%u", i)) == 0;
}

/*
 * After each kind of broken file: not the redirect alone. That nothing is deleted shows after a
 * minute, when the store is tidied.
 */
static void check_all_is_kept(struct server *s, uint64_t began_ns, struct guest_books *sum)
{
    enum { TIDIED_S = 70 };

    load_config(s, kept_config);
    EVENTUALLY(kept_taken(s));
    for (unsigned i = 0; i < ARRAY_LEN(broken); i++) {
        break_config(s, i);
        assert_kept(s, i);
        sum->posts++;
        load_config(s, kept_config);
    }
    break_config(s, 0);
    while (faults_long() && seconds_since(began_ns) < TIDIED_S)
        clock_sleep_ms(100);
    assert_kept(s, ARRAY_LEN(broken));
    sum->posts++;
}

TEST(a_hundred_reloads_of_good_and_broken_files_in_turn_fail_no_request)
{
    struct fixture *f = *state;
    const char *config = in_dir(f, "config.yaml");
    unsigned n = rounds(100, 1000);
    struct guest_books sum = {0, 0};
    struct server *s;
    struct guests c;
    double fds, rss;
    uint64_t began;

    write_file(config, "contact: {rate: off, redirect: /r0}\n");
    s = server_start_with(f, &(struct server_options){.config = config});
    c = guests_start(s);
    guests_wait(&c, 500);
    fds = gauge(s, "process_open_fds");
    rss = gauge(s, "process_resident_memory_bytes");
    began = clock_mono_ns();
    for (unsigned i = 2; i <= n; i += 2) {
        renew_config(s, i);
        EVENTUALLY(serves_config(s, i, &sum));
        break_config(s, i / 2);
        assert_true(serves_config(s, i, &sum)); /* the old one stays */
        assert_true(server_lives(s));
    }
    guests_end(&c, false, &sum);
    assert_true(gauge(s, "process_open_fds") <= fds + 10);
    rss = gauge(s, "process_resident_memory_bytes") - rss;
    assert_true(!is_dev() || rss <= 8 * MIB);
    print_message("  %.1f s, RSS %+.1f MiB\n", seconds_since(began), rss / MIB);
    check_all_is_kept(s, clock_mono_ns(), &sum);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, sum.posts);
    promise(
        "F93", "A reload fails no request; a file that is broken leaves the old settings",
        textf(f,
              "good and broken files in turn under load, broken in %zu ways; after each: hosts, "
              "proxies, rates, CORS, redirect, objective and log are as before",
              ARRAY_LEN(broken)),
        "%u reloads, %llu requests, 0 failed; RSS %+.1f MiB", n, guests_all(&sum), rss / MIB);
}

/* ---- SIGSTOP ---- */

/* Connections made and requests sent while nobody is there to take them. */
static void ask_the_stopped(struct server *s, struct wire **fresh, struct wire *idle, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fresh[i] = wire_to(s);
        wire_send(fresh[i], i % 2 == 0 ? HELLO : POST_HEAD ADA);
    }
    wire_send(idle, HELLO);
}

enum { STOPPED_FRESH = 20 };

static void stop_and_go_on(struct server *s, unsigned gap_ms, struct guest_books *sum)
{
    struct wire *fresh[STOPPED_FRESH], *idle = wire_to(s);

    server_signal(s, SIGSTOP);
    ask_the_stopped(s, fresh, idle, STOPPED_FRESH);
    clock_sleep_ms(gap_ms);
    assert_true(wire_silent(fresh[0], 0));
    server_signal(s, SIGCONT);
    for (size_t k = 0; k < STOPPED_FRESH; k++)
        assert_status(wire_reply(s->f, fresh[k]), k % 2 == 0 ? 200 : 201);
    assert_status(wire_reply(s->f, idle), 200);
    sum->gets += STOPPED_FRESH / 2 + 1;
    sum->posts += STOPPED_FRESH / 2;
    assert_status(get(s, "/health/readiness"), 200);
}

/*
 * Longer than the probe of the store may be old, which is 5 s: that it is old says nothing of the
 * store when nobody ran meanwhile. A server without other work shows it best.
 */
TEST(a_stop_of_the_process_delays_requests_and_fails_none)
{
    struct server *s = server_start(*state, SETS("contact.rate=off"));
    unsigned n = rounds(1, 3), gap_ms = rounds(6000, 10000);
    struct guest_books sum = {0, 0};
    struct guests c;

    for (unsigned i = 0; i < n; i++)
        stop_and_go_on(s, gap_ms, &sum);
    c = guests_start(s);
    for (unsigned i = 0; i < n; i++) {
        guests_wait(&c, 50);
        stop_and_go_on(s, rounds(500, 10000), &sum);
    }
    guests_wait(&c, 50);
    guests_end(&c, false, &sum);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, sum.posts);
    promise(
        "F95", "A process that was stopped and goes on has failed no request",
        "SIGSTOP and SIGCONT, idle and under load; requests come meanwhile, on new and idle connections",
        "%u stops of up to %u s, %llu requests, 0 failed", 2 * n, gap_ms / 1000, guests_all(&sum));
}

static void post_some(struct server *s, struct wire **w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        w[i] = wire_to(s);
        wire_send(w[i], POST_HEAD ADA);
    }
}

/*
 * Longer than a request may be worked on, too, which is 10 s: forms that wait for the disk when the
 * process is stopped are not late when it goes on.
 */
TEST(a_stop_longer_than_the_timeout_ends_idle_connections_at_most)
{
    enum { FRESH = 20, BEFORE = 6 };
    struct fixture *f = *state;
    struct server *s = server_start_on_disk(f, SETS("contact.rate=off", "http.request_timeout=1s"));
    struct wire *fresh[FRESH], *before[BEFORE], *idle = wire_to(s), *part = wire_to(s);
    unsigned ms = rounds(11000, 15000);

    wire_send(idle, HELLO);
    assert_status(wire_reply(f, idle), 200);
    wire_send(part, "GET / HTTP/1.1\r\nHo");
    disk_hold(f, true);
    post_some(s, before, BEFORE);
    EVENTUALLY(disk_waits(f));
    server_signal(s, SIGSTOP);
    disk_hold(f, false);
    ask_the_stopped(s, fresh, idle, FRESH);
    clock_sleep_ms(ms);
    server_signal(s, SIGCONT);
    for (size_t k = 0; k < BEFORE; k++)
        assert_status(wire_reply(f, before[k]), 201);
    for (size_t k = 0; k < FRESH; k++)
        assert_status(wire_reply(f, fresh[k]), k % 2 == 0 ? 200 : 201);
    EVENTUALLY(idle->ended || !wire_silent(idle, POLL_MS));
    if (idle->in.len > 0)
        assert_status(wire_reply(f, idle), 200); /* whole, or nothing */
    assert_wire_ends(part);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, FRESH / 2 + BEFORE);
    promise("F95", "A stop longer than any timeout costs idle connections at most",
            textf(f, "SIGSTOP for %u s with a timeout of 1 s, forms in flight", ms / 1000),
            "%d complete requests sent before or meanwhile, all answered", FRESH + BEFORE);
}

/* ---- storms ---- */

TEST(storms_of_signals_that_are_no_end_fail_no_request)
{
    static const int harmless[] = {SIGHUP, SIGPIPE, SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
    struct fixture *f = *state;
    const char *config = in_dir(f, "config.yaml");
    unsigned n = rounds(3000, 100000), stops = rounds(300, 5000);
    struct guest_books sum = {0, 0};
    struct server *s;
    struct guests c;

    write_file(config, "contact: {rate: off, redirect: /r1}\n");
    s = server_start_with(f, &(struct server_options){.config = config});
    c = guests_start(s);
    guests_wait(&c, 50);
    for (unsigned i = 0; i < n; i++)
        server_signal(s, harmless[i % ARRAY_LEN(harmless)]);
    guests_wait(&c, 50);
    /* Each interrupts every wait of every thread. */
    for (unsigned i = 0; i < stops; i++) {
        server_signal(s, SIGSTOP);
        server_signal(s, SIGCONT);
        if (i % 8 == 0)
            clock_sleep_ms(1);
    }
    guests_wait(&c, 50);
    renew_config(s, 2); /* a reload still works */
    EVENTUALLY(serves_config(s, 2, &sum));
    guests_end(&c, false, &sum);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, sum.posts);
    promise(
        "F95", "Storms of signals fail no request",
        "SIGHUP, SIGPIPE, SIGCHLD, SIGURG, SIGWINCH, SIGCONT at once, then SIGSTOP and SIGCONT by turns, under load",
        "%u signals, %llu requests, 0 failed", n + 2 * stops, guests_all(&sum));
}

RUN_TESTS(T(sigterm_under_load_fails_no_request_round_after_round),
          T(an_answer_on_its_way_at_sigterm_that_said_nothing_of_an_end_is_not_the_last),
          T(sigterm_at_any_moment_of_a_start_ends_it_in_order),
          T(a_hundred_reloads_of_good_and_broken_files_in_turn_fail_no_request),
          T(a_stop_of_the_process_delays_requests_and_fails_none),
          T(a_stop_longer_than_the_timeout_ends_idle_connections_at_most),
          T(storms_of_signals_that_are_no_end_fail_no_request))

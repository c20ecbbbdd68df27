/* SPDX-License-Identifier: MIT */
/*
 * Signals again and again under load, with books about every request: ends, reloads, stops, storms, and an end at every
 * moment of a start. What each signal does is for tests/e2e/ (drain, reload, signals).
 */
#include "tests/e2e/lib/load.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/promise.h"

#include <fcntl.h>
#include <signal.h>
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

/* ---- clients of every kind ---- */

struct guests {
    struct load *kept, *fresh, *posts;
};

struct tally {
    uint64_t gets, posts;
};

static unsigned long long all_of(const struct tally *sum)
{
    return sum->gets + sum->posts;
}

static struct guests guests_start(struct server *s)
{
    return (struct guests){
        load_start(s, &(struct load_options){LOAD_GET, 2, 0, 0}),
        load_start(s, &(struct load_options){LOAD_GET, 1, 1, 0}),
        load_start(s, &(struct load_options){LOAD_CONTACT, 2, 20, 0}),
    };
}

static void guests_wait(const struct guests *c, uint64_t more)
{
    uint64_t kept = load_answered(c->kept) + more, fresh = load_answered(c->fresh) + more / 4,
             posts = load_answered(c->posts) + more / 4;

    EVENTUALLY(load_answered(c->kept) >= kept && load_answered(c->fresh) >= fresh &&
               load_answered(c->posts) >= posts);
}

static uint64_t books_of(struct load *l, bool gone)
{
    struct load_result r = load_end(l, gone);

    if (r.failed > 0)
        fail_msg("%llu of %llu failed, the first: %s", (unsigned long long)r.failed,
                 (unsigned long long)(r.answered + r.failed), r.first_failure);
    assert_true(r.answered > 0);
    return r.answered;
}

/* Fails the test when a request failed. */
static void guests_end(const struct guests *c, bool gone, struct tally *sum)
{
    sum->gets += books_of(c->kept, gone) + books_of(c->fresh, gone);
    sum->posts += books_of(c->posts, gone);
}

/* ---- SIGTERM ---- */

static bool refuses(unsigned port)
{
    struct wire w;

    if (!wire_connect(&w, port))
        return true;
    wire_close(&w);
    return false;
}

enum { HALVES = 8 };

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
    struct tally sum = {0, 0};
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
        EVENTUALLY(refuses(s->public_port));
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

static void renew_config(struct server *s, unsigned i)
{
    double loaded = gauge(s, "config_last_reload_success_timestamp_seconds");

    write_file(s->opt.config,
               textf(s->f, "contact: {rate: off, redirect: /r%u}\nlog: {level: warn}\n", i));
    server_signal(s, SIGHUP);
    EVENTUALLY(gauge(s, "config_last_reload_success_timestamp_seconds") > loaded);
    assert_true(gauge(s, "config_last_reload_successful") >= 1);
}

/* By what a form is told, which comes from the file alone. */
static bool serves_config(struct server *s, unsigned i, struct tally *sum)
{
    sum->posts++;
    return strcmp(reply_field(post_form(s, ADA_FORM), "location"), textf(s->f, "/r%u", i)) == 0;
}

TEST(a_hundred_reloads_of_good_and_broken_files_in_turn_fail_no_request)
{
    struct fixture *f = *state;
    const char *config = in_dir(f, "config.yaml");
    unsigned n = rounds(100, 1000);
    struct tally sum = {0, 0};
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
    server_stop(s);
    assert_int_equal(stored_rows(s).n, sum.posts);
    promise("F93", "A reload fails no request; a file that is broken leaves the old settings",
            "good and broken files in turn under load, broken in 11 ways",
            "%u reloads, %llu requests, 0 failed; RSS %+.1f MiB", n, all_of(&sum), rss / MIB);
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

static void stop_and_go_on(struct server *s, unsigned gap_ms, struct tally *sum)
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
 * Longer than the probe of the store may be old, which is 5 s: that it is old says nothing of the store when nobody ran
 * meanwhile. A server without other work shows it best.
 */
TEST(a_stop_of_the_process_delays_requests_and_fails_none)
{
    struct server *s = server_start(*state, SETS("contact.rate=off"));
    unsigned n = rounds(1, 3), gap_ms = rounds(6000, 10000);
    struct tally sum = {0, 0};
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
        "%u stops of up to %u s, %llu requests, 0 failed", 2 * n, gap_ms / 1000, all_of(&sum));
}

TEST(a_stop_longer_than_the_timeout_ends_idle_connections_at_most)
{
    enum { FRESH = 20 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off", "http.request_timeout=1s"));
    struct wire *fresh[FRESH], *idle = wire_to(s), *part = wire_to(s);

    wire_send(idle, HELLO);
    assert_status(wire_reply(f, idle), 200);
    wire_send(part, "GET / HTTP/1.1\r\nHo");
    server_signal(s, SIGSTOP);
    ask_the_stopped(s, fresh, idle, FRESH);
    clock_sleep_ms(1500);
    server_signal(s, SIGCONT);
    for (size_t k = 0; k < FRESH; k++)
        assert_status(wire_reply(f, fresh[k]), k % 2 == 0 ? 200 : 201);
    EVENTUALLY(idle->ended || !wire_silent(idle, POLL_MS));
    if (idle->in.len > 0)
        assert_status(wire_reply(f, idle), 200); /* whole, or nothing */
    assert_wire_ends(part);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, FRESH / 2);
    promise("F95", "A stop longer than the timeout costs idle connections at most",
            "SIGSTOP for 1.5 s with a timeout of 1 s",
            "%d complete requests sent meanwhile, all answered", FRESH);
}

/* ---- storms ---- */

TEST(storms_of_signals_that_are_no_end_fail_no_request)
{
    static const int harmless[] = {SIGHUP, SIGPIPE, SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
    struct fixture *f = *state;
    const char *config = in_dir(f, "config.yaml");
    unsigned n = rounds(3000, 100000), stops = rounds(300, 5000);
    struct tally sum = {0, 0};
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
        "%u signals, %llu requests, 0 failed", n + 2 * stops, all_of(&sum));
}

RUN_TESTS(T(sigterm_under_load_fails_no_request_round_after_round),
          T(sigterm_at_any_moment_of_a_start_ends_it_in_order),
          T(a_hundred_reloads_of_good_and_broken_files_in_turn_fail_no_request),
          T(a_stop_of_the_process_delays_requests_and_fails_none),
          T(a_stop_longer_than_the_timeout_ends_idle_connections_at_most),
          T(storms_of_signals_that_are_no_end_fail_no_request))

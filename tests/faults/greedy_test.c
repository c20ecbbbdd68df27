/* SPDX-License-Identifier: MIT */
/*
 * Clients that want much: answers that they do not read, heads, bodies and requests without end. What they cost, and that
 * nobody else notices.
 */
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/crowd.h"
#include "tests/faults/lib/flood.h"
#include "tests/faults/lib/promise.h"
#include "tests/faults/lib/watch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define HOST " HTTP/1.1\r\nHost: localhost\r\n"
#define HELLO "GET /health/liveness" HOST "\r\n"

/* The most memory it had since it had `before`, in MB; it may not be more than `most`. */
static double judge_growth(const struct server *s, double before, double most)
{
    double mb = watch_peak_mb(s) - before;

    print_message("  memory grew by %.1f MB\n", mb);
    if (watch_judges())
        assert_true(mb <= most);
    return mb;
}

/* ---- those who do not read ---- */

/* A connection whose receive window is as small as can be. */
static int narrow(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), size = 4096;

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

enum {
    SCRAPERS = 10,
    VISITORS = 100,
    GLUTTONS = 4, /* whose answers are more than the kernel takes for them */
    SLUGGARDS = SCRAPERS + VISITORS + GLUTTONS,
    ASKED_EACH = 200,
    ASKED_BY_GLUTTON = 2000, /* 13 MB of /metrics.js */
    CUT_AFTER_S = 20 + 5,    /* TCP_USER_TIMEOUT, and when the kernel looks next */
};

static void close_sluggards(void *arg)
{
    struct wire *w = arg;

    for (size_t i = 0; i < SLUGGARDS; i++)
        wire_close(&w[i]);
}

/* Scrapers ask once, the others as often as they can without reading. */
static struct wire *start_sluggards(struct server *s)
{
    struct wire *w = keep(s->f, SLUGGARDS * sizeof(*w));

    for (size_t i = 0; i < SLUGGARDS; i++)
        w[i].fd = -1;
    at_end(s->f, close_sluggards, w);
    for (size_t i = 0; i < SLUGGARDS; i++) {
        bool scraper = i < SCRAPERS, glutton = i >= SCRAPERS + VISITORS;
        const char *request = scraper   ? "GET /metrics" HOST "\r\n"
                              : glutton ? "GET /metrics.js" HOST "\r\n"
                                        : "GET /" HOST "\r\n";
        int times = scraper ? 1 : glutton ? ASKED_BY_GLUTTON : ASKED_EACH;

        w[i].fd = narrow(scraper ? s->metrics_port : s->public_port);
        for (int k = 0; k < times; k++)
            (void)send(w[i].fd, request, strlen(request), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return w;
}

static void read_a_byte_each(const struct wire *w)
{
    char byte;

    for (size_t i = 0; i < SLUGGARDS; i++)
        (void)!recv(w[i].fd, &byte, 1, MSG_DONTWAIT);
}

TEST(those_who_read_a_byte_a_second_harm_nobody)
{
    enum { SHORT_S = 2, LONG_S = 60 };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    double files = watch_files(s), before = watch_peak_mb(s), growth;
    struct watch_result health, scrape;
    struct wire *sluggards = start_sluggards(s);
    struct watch *w = watch_start(s, "/health/liveness");
    unsigned seconds = 0, gone_after = 0;

    for (; gone_after == 0 && seconds < (faults_long() ? LONG_S : SHORT_S); seconds++) {
        read_a_byte_each(sluggards);
        clock_sleep_ms(1000);
        /* The kernel takes no more for the gluttons, so it waits with the rest. */
        if (seconds == 0)
            assert_in_range(metric(s, REQUESTS("GET", "/metrics.js", "200")), 1,
                            GLUTTONS * ASKED_BY_GLUTTON / 2);
        if (metric(s, "process_open_fds") < files + SCRAPERS)
            gone_after = seconds + 1;
    }
    watch_end(w, &health, &scrape);
    growth = judge_growth(s, before, 16);
    if (faults_long())
        assert_in_range(gone_after, 1, CUT_AFTER_S);
    else
        assert_int_equal(gone_after, 0);
    close_sluggards(sluggards);
    assert_all_gone(s, files);
    promise(
        "G101", "Those who hardly read are bounded in memory, harm nobody, and are cut after 20 s",
        "10 scrapers, 100 visitors with 200 requests each, 4 that ask for 13 MB; tiny windows, a byte a "
        "second",
        "memory grew by %.1f MB; %s; other scrapes: %zu, median %.1f ms, longest %.1f ms", growth,
        gone_after > 0 ? textf(f, "all cut after %u s", gone_after) : "cut in the long form",
        scrape.asked, scrape.median_ms, scrape.longest_ms);
}

/* ---- bodies that do not end ---- */

enum { STALLED = 127 << 10, STALLED_FILES = 6000, MODEST = 16, BUDGET_MB = 128 };

#define SHED_MEMORY "connections_shed_total{reason=\"memory\"}"

static const char *begin_body(struct fixture *f, size_t length, size_t sent)
{
    return textf(f, "POST /contact" HOST JSON_TYPE "\r\nContent-Length: %zu\r\n\r\n%-*s", length,
                 (int)sent, ADA);
}

/* `n` connections that, one after the other, have sent almost all of a body, if they could. */
static struct wire *send_stalled(struct server *s, size_t n)
{
    struct wire *w = keep(s->f, n * sizeof(*w));
    const char *request = begin_body(s->f, 128 << 10, STALLED);
    size_t len = strlen(request);

    for (size_t i = 0; i < n; i++) {
        assert_true(wire_connect(&w[i], s->public_port));
        (void)wire_write(&w[i], request, len);
        clock_sleep_ms(1); /* as fast as a line of 1 Gbit/s */
    }
    return w;
}

static void close_stalled(struct wire *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        wire_close(&w[i]);
}

TEST(bodies_that_do_not_end_are_bounded_all_together)
{
    enum { FEW = 900, SHORT = 2500, LONG = 5000, MODEST_BODY = 4000, MODEST_SENT = 2000 };
    struct fixture *f = *state;
    size_t many = faults_long() ? LONG : SHORT;
    struct watch_result health, scrape;
    struct wire *w, *modest[MODEST];
    double before, growth, cut;
    struct watch *watch;
    struct server *s;

    if (!crowd_files(STALLED_FILES)) {
        print_message("skipped: fewer than %d descriptors allowed\n", STALLED_FILES);
        skip();
    }
    s = server_start(
        f, SETS("contact.rate=off", "contact.rate_total=off", "http.request_timeout=120s"));
    before = watch_peak_mb(s);
    w = send_stalled(s, FEW);
    clock_sleep_ms(1100); /* two looks */
    assert_metric(s, SHED_MEMORY, 0);
    close_stalled(w, FEW);
    EVENTUALLY(metric_sum(s, "worker_connections") <= 0);
    for (int i = 0; i < MODEST; i++)
        wire_send(modest[i] = wire_to(s), begin_body(f, MODEST_BODY, MODEST_SENT));
    watch = watch_start(s, "/health/liveness");
    w = send_stalled(s, many);
    for (int i = 0; i < 10; i++) {
        assert_status(post_json(s, ADA), 201);
        clock_sleep_ms(100);
    }
    watch_end(watch, &health, &scrape);
    growth = judge_growth(s, before, BUDGET_MB + 64);
    cut = metric(s, SHED_MEMORY);
    assert_true(cut >= (double)many - FEW - 200);
    for (int i = 0; i < MODEST; i++) {
        wire_send(modest[i], textf(f, "%*s", MODEST_BODY - MODEST_SENT, ""));
        assert_status(wire_reply(f, modest[i]), 201);
    }
    close_stalled(w, many);
    promise(
        "G101d",
        "Bodies that do not end are bounded in memory all together, and nobody else is cut",
        "thousands of connections with 127 KiB each of a body of 128; others with little of one",
        "%zu connections, %.0f cut; memory grew by %.1f MB; health answered %zu times, median %.1f "
        "ms; all others stored",
        many, cut, growth, health.asked, health.median_ms);
}

/* ---- heads without end ---- */

enum { ENDLESS = 100, HELD = 400000, TOO_MUCH = 1000000, HELD_MAX = 600000 };

/* Fields, and never the blank line. */
static struct wire *send_endless(struct server *s, size_t bytes)
{
    struct wire *w = keep(s->f, ENDLESS * sizeof(*w));
    struct buf head = BUF_INIT;

    buf_add_str(&head, "GET /" HOST);
    for (int i = 0; head.len < bytes; i++)
        buf_addf(&head, "X-%d: %*d\r\n", i, 4000, i);
    for (size_t i = 0; i < ENDLESS; i++) {
        assert_true(wire_connect(&w[i], s->public_port));
        (void)wire_write(&w[i], head.data, bytes);
    }
    buf_release(&head);
    return w;
}

/* Whose time would not run out before the test's. */
TEST(heads_without_end_are_cut_long_before_their_time_is_up)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("http.request_timeout=120s"));
    double files = watch_files(s), before = watch_peak_mb(s), held;
    struct watch_result health, scrape;
    struct watch *watch = watch_start(s, "/health/liveness");
    struct wire *w = send_endless(s, TOO_MUCH);

    for (size_t i = 0; i < ENDLESS; i++) {
        struct reply r = {.status = 0};

        if (wire_read(&w[i], false, &r) == GOT_REPLY) /* else the reset was faster */
            assert_int_equal(r.status, 400);
        reply_release(&r);
        wire_close(&w[i]);
    }
    EVENTUALLY(metric(s, REJECTED("unparsed")) + metric(s, REJECTED("head_too_large")) >= ENDLESS);
    w = send_endless(s, HELD);
    for (size_t i = 0; i < ENDLESS; i++) {
        struct reply r = {.status = 0};

        assert_int_equal(wire_read(&w[i], false, &r), GOT_END);
        wire_close(&w[i]);
    }
    watch_end(watch, &health, &scrape);
    held = judge_growth(s, before, (double)ENDLESS * HELD_MAX / 1e6);
    assert_in_range(metric(s, REJECTED("head_too_large")), ENDLESS, 2 * ENDLESS);
    assert_all_gone(s, files);
    promise("G101b", "A head without end is cut soon after it has passed 16 KiB, or at 418 KB",
            "100 clients with a megabyte of fields each, and 100 that stop after 400 KB",
            "100 refused, 100 cut; they held %.1f MB at most; health answered %zu times", held,
            health.asked);
}

enum { ROUNDS = 2, JUST_OVER = 16500, CUT_MS = 500, LATENESS_MS = 200 };

/* The longest it took from the last byte until the end, in ms. */
static double cut_all(struct server *s, size_t bytes, const struct stalls *st)
{
    struct wire *w = send_endless(s, bytes);
    uint64_t began_ns = clock_mono_ns();
    double ms;

    for (size_t i = 0; i < ENDLESS; i++) {
        struct reply r = {.status = 0};

        assert_int_equal(wire_read(&w[i], false, &r), GOT_END);
        wire_close(&w[i]);
    }
    ms = (double)(clock_mono_ns() - began_ns) / 1e6;
    print_message("  %zu bytes: cut after %.0f ms, %.0f of them without a CPU\n", bytes, ms,
                  stalls_ms(st, STALLED_WORST));
    return ms;
}

/* One round begins right after the server looked, so that it waits for the next look. */
TEST(a_head_that_is_too_long_is_cut_within_half_a_second)
{
    static const size_t sizes[] = {JUST_OVER, 20000};
    enum { FIELD = 4000, FIELDS = 4 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("http.request_timeout=120s"));
    struct wire *within = wire_to(s);
    struct stalls *stalls = stalls_of(s);
    double longest = 0;

    wire_send(within, "GET /" HOST);
    for (int i = 0; i < FIELDS; i++)
        wire_send(within, textf(f, "X-%d: %*d\r\n", i, FIELD, i));
    for (size_t i = 0; i < ROUNDS * ARRAY_LEN(sizes); i++) {
        double ms;

        stalls_begin(stalls);
        ms = cut_all(s, sizes[i % ARRAY_LEN(sizes)], stalls);
        if (watch_judges())
            assert_true(stalls_excuse(stalls, ms, CUT_MS) <= CUT_MS + LATENESS_MS);
        longest = ms > longest ? ms : longest;
    }
    wire_send(within, "\r\n");
    assert_status(wire_reply(f, within), 200); /* as long as may be */
    assert_metric(s, REJECTED("head_too_large"), ROUNDS * ARRAY_LEN(sizes) * ENDLESS);
    promise(
        "G101b",
        "A head that has passed 16 KiB without an end is cut at the next look, half a second later",
        "100 clients at a time that stop after 16,500 and 20,000 bytes of fields; one with 16,000 stays",
        "the last cut after %.0f ms", longest);
}

/* ---- one behind the other ---- */

TEST(those_who_pipeline_without_end_keep_nobody_waiting)
{
    enum { CLIENTS = 16, DEPTH = 200 };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    double before = watch_peak_mb(s), growth;
    struct watch *w = watch_start(s, "/health/liveness");
    struct flood *flood = flood_start(s, &(struct flood_options){HELLO, CLIENTS, 0, DEPTH});
    struct watch_result health, scrape;
    struct flood_result r;

    clock_sleep_ms(faults_long() ? 30000 : 1500);
    r = flood_end(flood);
    watch_end(w, &health, &scrape);
    watch_judge_page(&health);
    growth = judge_growth(s, before, 16);
    assert_int_equal(r.good, r.asked);
    assert_metric(s, REQUESTS("GET", "/health/liveness", "200"), (double)(r.asked + health.asked));
    promise(
        "G101c", "Those who pipeline without end get all their answers and keep nobody waiting",
        "16 connections with 200 requests under way each, all the time",
        "%llu answered, %.0f a second; of others, half within %.1f ms, all within %.0f ms; memory "
        "grew by %.1f MB",
        (unsigned long long)r.good, (double)r.asked / r.seconds, health.median_ms,
        health.longest_ms, growth);
}

RUN_TESTS(T(those_who_read_a_byte_a_second_harm_nobody),
          T(bodies_that_do_not_end_are_bounded_all_together),
          T(heads_without_end_are_cut_long_before_their_time_is_up),
          T(a_head_that_is_too_long_is_cut_within_half_a_second),
          T(those_who_pipeline_without_end_keep_nobody_waiting))

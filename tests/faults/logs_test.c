/* SPDX-License-Identifier: MIT */
/*
 * The log on outputs that are closed, full, slow or gone, and its line for every damaged request.
 * Single cases are tests/e2e/log_output_test.c's; what must not be in it is traces_test.c's and
 * leaks_test.c's.
 */
#include "http/json.h"
#include "tests/e2e/lib/load.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/mute.h"
#include "tests/faults/lib/promise.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DROPPED "log_lines_dropped_total"

/* ---- closed ---- */

/* What stands behind a descriptor of another process. */
static const char *target_of(struct fixture *f, pid_t pid, int fd)
{
    char target[256];
    ssize_t n = readlink(textf(f, "/proc/%d/fd/%d", (int)pid, fd), target, sizeof(target));

    return keep_text(f, target, n > 0 ? (size_t)n : 0);
}

TEST(with_any_standard_descriptor_closed_it_serves_and_takes_none_for_another)
{
    struct fixture *f = *state;
    int file = open(in_dir(f, "out"), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    unsigned posts = 0;

    assert_true(file >= 0);
    for (int mask = 1; mask < 8; mask++) {
        struct mute *m =
            mute_start(f, mask & 1 ? PROCESS_CLOSED : file, mask & 2 ? PROCESS_CLOSED : file,
                       mask & 4 ? PROCESS_CLOSED : file);

        for (int fd = 0; fd < 3; fd++)
            assert_string_equal(target_of(f, m->s.pid, fd),
                                mask & 1 << fd ? "/dev/null" : in_dir(f, "out"));
        assert_status(post_json(&m->s, ADA), 201);
        assert_metric(&m->s, DROPPED, 0);
        posts++;
        server_stop(&m->s);
        assert_int_equal(stored_rows(&m->s).n, posts);
    }
    (void)close(file);
    promise(
        "F96",
        "A closed stdin, stdout or stderr keeps nothing from working, and no file takes its place",
        "each combination of the three", "%u starts, %u forms stored", posts, posts);
}

/* ---- full, slow, gone ---- */

enum { FULL_ENOUGH = 4000 };

/* Requests, one after the other; the time of the longest. */
static double ask_often(struct server *s, unsigned n)
{
    static const char request[] =
        "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\nUser-Agent: "
        "0123456789012345678901234567890123456789012345678901234567890\r\n\r\n";
    struct wire *w = wire_to(s);
    double longest = 0;

    for (unsigned i = 0; i < n; i++) {
        uint64_t began = clock_mono_ns();
        struct reply r;
        double ms;

        wire_send(w, request);
        assert_int_equal(wire_read(w, false, &r), GOT_REPLY);
        assert_status(&r, 200);
        reply_release(&r);
        ms = (double)(clock_mono_ns() - began) / 1e6;
        longest = ms > longest ? ms : longest;
    }
    assert_status(post_json(s, ADA), 201);
    wire_close(w);
    return longest;
}

TEST(an_output_that_is_full_holds_nobody_up_and_what_is_lost_is_counted)
{
    struct fixture *f = *state;
    unsigned n = faults_long() ? 100000 : FULL_ENOUGH;
    double longest = 0, ms, dropped = 0, lost;

    for (size_t i = 0; i < ARRAY_LEN(mute_outputs); i++) {
        struct mute *m = mute_start_on(f, &mute_outputs[i]);
        int flags = fcntl(m->theirs, F_GETFL);

        ms = ask_often(&m->s, n);
        longest = ms > longest ? ms : longest;
        lost = metric(&m->s, DROPPED);
        assert_true(lost > 0 && lost < n);
        dropped += lost;
        assert_int_equal(fcntl(m->theirs, F_GETFL), flags); /* others write there too */
        (void)close(m->theirs);
        server_signal(&m->s, SIGTERM);
        if (server_end(&m->s) != 0)
            fail_msg("on %s it did not end well", mute_outputs[i].name);
    }
    promise("F96", "An output that nobody reads holds up no request and no end; drops are counted",
            "stdout a pipe, a pipe that does not block, a socket, a terminal, none of them read",
            "%zu x %u requests, 0 failed, the longest %.1f ms; %.0f lines dropped and counted",
            ARRAY_LEN(mute_outputs), n, longest, dropped);
}

TEST(a_reader_that_leaves_holds_nobody_up)
{
    struct fixture *f = *state;
    double longest = 0, ms;

    for (size_t i = 0; i < ARRAY_LEN(mute_outputs); i++) {
        struct mute *m = mute_start_on(f, &mute_outputs[i]);

        (void)close(m->theirs);
        (void)close(m->ours);
        m->ours = -1;
        ms = ask_often(&m->s, 200);
        longest = ms > longest ? ms : longest;
        EVENTUALLY(metric(&m->s, DROPPED) >= 200);
        server_stop(&m->s);
    }
    promise("F96", "A reader of the log that leaves holds nobody up",
            "stdout as above, closed at the other end", "%zu outputs, 0 requests failed",
            ARRAY_LEN(mute_outputs));
}

/* Each line whole and JSON; the number of those of requests. */
static size_t check_lines(const struct buf *log)
{
    struct slice rest = {log->data, log->len};
    const char *why = NULL;
    size_t n = 0;

    assert_true(rest.n > 0 && rest.p[rest.n - 1] == '\n');
    while (rest.n > 0) {
        struct slice line = slice_cut(&rest, '\n');

        if (json_scan(line, &why) != JSON_OK)
            fail_msg("%s: %.*s", why, (int)line.n, line.p);
        n += memmem(line.p, line.n, "\"event\":\"request\"", 17) != NULL;
    }
    return n;
}

TEST(a_slow_reader_gets_whole_lines_and_the_rest_is_counted)
{
    enum { PIECE = 1000 };
    struct fixture *f = *state;
    unsigned turns = faults_long() ? 20000 : 800;
    struct mute *m = mute_start_on(f, &mute_outputs[0]);
    struct load *l = load_start(&m->s, &(struct load_options){LOAD_GET, 2, 0, 0});
    double lost, requests;
    size_t lines;

    for (unsigned i = 0; i < turns; i++) {
        (void)mute_read(m, PIECE, 1);
        clock_sleep_ms(1);
    }
    (void)load_end_well(l, false);
    (void)close(m->theirs);
    EVENTUALLY(metric_sum(&m->s, "worker_connections") <= 0);
    requests = metric_sum(&m->s, "http_requests_total");
    lost = metric(&m->s, DROPPED);
    server_signal(&m->s, SIGTERM);
    while (mute_read(m, 65536, DEADLINE_MS))
        ;
    assert_int_equal(server_end(&m->s), 0);
    lines = check_lines(&m->seen);
    assert_true(lost > 0);
    assert_int_equal(lines, requests - lost);
    promise("F96", "A slow reader gets whole lines; those it misses are counted",
            "stdout read at 0.5 MB/s at most under load",
            "%.0f requests, 0 failed; %zu whole lines and %.0f counted as dropped", requests, lines,
            lost);
}

/* ---- damaged requests ---- */

#define SECRET_BODY \
    "{\"name\":\"Quagmire\",\"email\":\"quagmire@needle.example\",\"message\":\"needle in hay\"}"

static const char *const recorded[] = {
    "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0 (X11)\r\nAccept: text/html\r\n\r\n",
    "GET /health?verbose=1 HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: abc-1\r\n\r\n",
    "HEAD /contact HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
    "OPTIONS /contact HTTP/1.1\r\nHost: localhost\r\nOrigin: https://a.example\r\n"
    "Access-Control-Request-Method: POST\r\n\r\n",
    "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Idempotency-Key: k-1\r\nContent-Length: 79\r\n\r\n" SECRET_BODY,
    "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    "Content-Length: 46\r\n\r\nname=Quagmire&email=q%40needle.example&message=",
    "POST /api/metrics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Content-Length: 42\r\n\r\n{\"page\":\"/\",\"page_load_time_seconds\":1.25}\n",
    "GET /metrics.js HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: \"x\"\r\n\r\n"
    "GET /nothing HTTP/1.1\r\nHost: localhost\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-"
    "00f067aa0ba902b7-01\r\n\r\n",
};

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* About one byte in a hundred is changed, lost, doubled or has one put before it. */
static void damage(struct buf *out, const char *text, uint64_t *seed)
{
    buf_clear(out);
    for (const char *p = text; *p != '\0'; p++) {
        uint64_t r = next_random(seed);
        char c = (char)(r >> 32);

        if (r % 100 != 0) {
            buf_add_char(out, *p);
            continue;
        }
        switch (r / 100 % 4) {
        case 0:
            buf_add_char(out, c);
            break;
        case 1:
            buf_add_char(out, (char)(*p ^ 1 << (r / 400 % 8)));
            break;
        case 2:
            buf_add_char(out, *p);
            buf_add_char(out, *p);
            break;
        case 3:
            break;
        }
    }
}

/* On a connection of its own, all of what comes back: answers, then its end. */
static void send_damaged(struct server *s, const struct buf *request, uint64_t i)
{
    struct pollfd p = {.events = POLLIN};
    struct wire w;
    char in[65536];
    ssize_t n = 1;

    assert_true(wire_connect(&w, s->public_port));
    (void)wire_write(&w, request->data, request->len);
    (void)shutdown(w.fd, SHUT_WR);
    p.fd = w.fd;
    while (n > 0) {
        assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
        n = recv(w.fd, in, sizeof(in) - 1, 0);
        in[n > 0 ? n : 0] = '\0';
        if (n > 0 && strstr(in, "HTTP/1.1 5") != NULL)
            fail_msg("request %llu: %.60s", (unsigned long long)i, strstr(in, "HTTP/1.1 5"));
    }
    wire_close(&w);
}

TEST(damaged_requests_leave_a_line_each_and_no_error_of_ours)
{
    struct fixture *f = *state;
    struct server *s =
        server_start(f, SETS("contact.rate=off", "rum.rate=off", "cors.origins=https://a.example"));
    uint64_t n = faults_long() ? 100000 : 3000, seed = 88172645463325252;
    double requests, rejected, unparsed, dropped;
    struct buf request = BUF_INIT;
    const char *page;
    size_t lines;

    for (uint64_t i = 0; i < n; i++) {
        damage(&request, recorded[i % ARRAY_LEN(recorded)], &seed);
        send_damaged(s, &request, i);
    }
    buf_release(&request);
    EVENTUALLY(metric_sum(s, "worker_connections") <= 0);
    page = page_of(s);
    requests = page_sum(page, "http_requests_total");
    rejected = page_sum(page, "http_rejected_total");
    unparsed = page_value(page, REJECTED("unparsed"));
    dropped = page_sum(page, DROPPED);
    assert_true(page_value(page, SLO("availability", "bad")) <= 0);
    (void)audit_log(s, &(struct audit){"none", 0, NULL});
    lines = count_of(log_text(s), "\"event\":\"request\"");
    assert_int_equal(lines, requests + rejected - unparsed - dropped);
    assert_null(strstr(log_text(s), "needle in hay"));
    promise(
        "C44", "Damaged requests leave one line of JSON each and no error of the server",
        "recorded requests, one byte in a hundred changed, lost, doubled or added",
        "%llu sent: %.0f served, %.0f refused, %.0f unreadable and counted; %zu lines; 0 answers 5xx",
        (unsigned long long)n, requests, rejected - unparsed, unparsed, lines);
}

RUN_TESTS(T(with_any_standard_descriptor_closed_it_serves_and_takes_none_for_another),
          T(an_output_that_is_full_holds_nobody_up_and_what_is_lost_is_counted),
          T(a_reader_that_leaves_holds_nobody_up),
          T(a_slow_reader_gets_whole_lines_and_the_rest_is_counted),
          T(damaged_requests_leave_a_line_each_and_no_error_of_ours))

/* SPDX-License-Identifier: MIT */
/*
 * Where the log goes and can't: a reader that stalls or leaves, a full disk, no stdout at all.
 * Requests never notice.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server whose stdout is a pipe, of which this is the other end. */
struct piped {
    struct server *s;
    int fd;
    struct buf seen;
};

static void close_piped(void *arg)
{
    struct piped *p = arg;

    if (p->fd >= 0)
        (void)close(p->fd);
    buf_release(&p->seen);
}

/* Reads what is there; false at the end. */
static bool read_some(struct piped *p, int ms)
{
    struct pollfd ready = {p->fd, POLLIN, 0};
    ssize_t n;

    if (poll(&ready, 1, ms) <= 0)
        return true;
    n = read(p->fd, buf_reserve(&p->seen, 65536), 65536);
    if (n > 0)
        p->seen.len += (size_t)n;
    return n > 0;
}

static unsigned port_in(struct piped *p, const char *name)
{
    const char *mark = textf(p->s->f, "\"port\":\"%s\",\"address\":\"127.0.0.1:", name), *at;
    unsigned long port;

    EVENTUALLY(read_some(p, POLL_MS) && strstr(buf_cstr(&p->seen), mark) != NULL);
    at = strstr(buf_cstr(&p->seen), mark) + strlen(mark);
    port = strtoul(at, NULL, 10);
    assert_in_range(port, 1, 65535);
    return (unsigned)port;
}

static struct piped *start_piped(struct fixture *f, const char *const *sets)
{
    struct piped *p = keep(f, sizeof(*p));
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    p->fd = fds[0];
    p->s = server_start_with(f, &(struct server_options){.sets = sets, .out = fds[1]});
    at_end(f, close_piped, p);
    (void)close(fds[1]);
    p->s->public_port = port_in(p, "public");
    p->s->metrics_port = port_in(p, "metrics");
    return p;
}

/*
 * Requests that fill every buffer on the way: a ring of 256 KiB and the pipe, at about 300 bytes a
 * line.
 */
static void ask_many(struct fixture *f, struct server *s, int n)
{
    struct wire *w = wire_to(s);

    for (int i = 0; i < n; i++) {
        wire_send(
            w,
            "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\n"
            "User-Agent: 12345678901234567890123456789012345678901234567890123456789012345\r\n\r\n");
        assert_status(wire_reply(f, w), 200);
    }
    wire_close(w);
}

/* Whole lines, each one JSON object. */
static size_t check_lines(struct fixture *f, const char *text)
{
    char *rest = keep_text(f, text, strlen(text)), *line;
    size_t n = 0;

    assert_true(text[0] == '\0' || text[strlen(text) - 1] == '\n');
    while ((line = strsep(&rest, "\n")) != NULL && line[0] != '\0') {
        assert_non_null(json_find(f, line, "event"));
        n++;
    }
    return n;
}

/* Asks once more and reads on; true when the log has told of it. */
static bool sees(struct piped *p, const char *id)
{
    (void)ASK(p->s, .path = "/", .headers = HEADERS("X-Correlation-ID: late"));
    return read_some(p, POLL_MS) && strstr(buf_cstr(&p->seen), id) != NULL;
}

TEST(a_reader_that_stalls_holds_no_request_up_and_drops_are_counted)
{
    enum { N = 4000 };
    struct fixture *f = *state;
    struct piped *p = start_piped(f, SETS("threads=1"));
    double dropped, requests;

    ask_many(f, p->s, N);
    dropped = metric(p->s, "log_lines_dropped_total");
    assert_true(dropped > 0 && dropped < N);
    assert_metric(p->s, REQUESTS("GET", "/health/liveness", "200"), N);
    /* When the reader comes back, it gets whole lines, and soon the new ones. */
    EVENTUALLY(sees(p, "\"late\""));
    EVENTUALLY(metric(p->s, "http_requests_in_flight{endpoint=\"/\"}") <= 0);
    requests = metric_sum(p->s, "http_requests_total");
    dropped = metric(p->s, "log_lines_dropped_total");
    server_signal(p->s, SIGTERM);
    EVENTUALLY(!read_some(p, POLL_MS));
    assert_int_equal(server_end(p->s), 0);
    assert_true(check_lines(f, buf_cstr(&p->seen)) > 100);
    assert_int_equal(count_of(buf_cstr(&p->seen), "\"event\":\"request\""), requests - dropped);
}

TEST(a_reader_that_stalls_does_not_keep_the_server_from_ending)
{
    struct fixture *f = *state;
    struct piped *p = start_piped(f, SETS("threads=1"));

    ask_many(f, p->s, 2000);
    server_signal(p->s, SIGTERM);
    assert_int_equal(server_end(p->s), 0);
}

TEST(a_reader_that_left_is_counted_and_nothing_else)
{
    struct fixture *f = *state;
    struct piped *p = start_piped(f, NULL);

    (void)close(p->fd);
    p->fd = -1;
    ask_many(f, p->s, 50);
    assert_status(post_json(p->s, ADA), 201);
    EVENTUALLY(metric(p->s, "log_lines_dropped_total") >= 50);
    server_signal(p->s, SIGTERM);
    assert_int_equal(server_end(p->s), 0);
}

/* A port outside the range the kernel gives out, which nobody uses. */
static unsigned free_port(unsigned from)
{
    for (unsigned port = from; port < from + 5000; port++) {
        struct sockaddr_in at = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int failed = bind(fd, (struct sockaddr *)&at, sizeof(at));

        (void)close(fd);
        if (failed == 0)
            return port;
    }
    fail_msg("no free port");
    return 0;
}

static bool answers(const struct server *s)
{
    struct reply r;

    if (ask_port(s->metrics_port, &(struct ask){.path = "/health"}, &r) != SENT_ANSWERED)
        return false;
    reply_release(&r);
    if (ask_port(s->public_port, &(struct ask){.path = "/health"}, &r) != SENT_ANSWERED)
        return false;
    reply_release(&r);
    return true;
}

/* A server that can't say where it listens, so it is told. */
static struct server *start_mute(struct fixture *f, int out)
{
    unsigned base = 20000 + (unsigned)getpid() % 2000, public = free_port(base),
             metrics = free_port(public + 1);
    struct server *s = server_start_with(
        f,
        &(struct server_options){.out = out,
                                 .sets = SETS(textf(f, "listen.public=127.0.0.1:%u", public),
                                              textf(f, "listen.metrics=127.0.0.1:%u", metrics))});

    s->public_port = public;
    s->metrics_port = metrics;
    EVENTUALLY(answers(s));
    return s;
}

TEST(a_full_disk_under_the_log_is_counted_and_nothing_else)
{
    struct fixture *f = *state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct server *s = start_mute(f, fd);

    (void)close(fd);
    ask_many(f, s, 20);
    assert_status(post_json(s, ADA), 201);
    EVENTUALLY(metric(s, "log_lines_dropped_total") >= 20);
    server_stop(s);
}

TEST(without_a_stdout_it_serves_all_the_same)
{
    struct fixture *f = *state;
    struct server *s = start_mute(f, PROCESS_CLOSED);

    ask_many(f, s, 20);
    assert_status(post_json(s, ADA), 201);
    server_stop(s);
    /* No descriptor of the store has taken the place of stdout, and so got the log. */
    assert_contains(server_command(s, ARGS("contacts", "list"))->out, "Ada");
}

RUN_TESTS(T(a_reader_that_stalls_holds_no_request_up_and_drops_are_counted),
          T(a_reader_that_stalls_does_not_keep_the_server_from_ending),
          T(a_reader_that_left_is_counted_and_nothing_else),
          T(a_full_disk_under_the_log_is_counted_and_nothing_else),
          T(without_a_stdout_it_serves_all_the_same))

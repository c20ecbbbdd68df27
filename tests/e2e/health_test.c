/* SPDX-License-Identifier: MIT */
/*
 * The four health routes: their shapes, and that what they say is measured. Outages are
 * store_test.c's, drains drain_test.c's.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static void assert_healthy(struct fixture *f, const struct reply *r)
{
    assert_status(r, 200);
    assert_manners(r);
    assert_field(r, "content-type", "application/json");
    assert_field(r, "cache-control", "no-store");
    assert_json(f, r->body, "status", "healthy");
    assert_true(json_number(f, r->body, "uptime") >= 0);
    assert_int_equal(json_size(f, r->body, "dependencies"), 1);
    assert_json(f, r->body, "dependencies.0.name", "store");
    assert_json(f, r->body, "dependencies.0.status", "healthy");
    assert_true(json_number(f, r->body, "dependencies.0.latency_ms") > 0);
    assert_int_equal(json_size(f, r->body, ""), 4);
}

TEST(health_tells_state_uptime_version_and_dependencies)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *version = run_sidelight(f, "--version")->out;

    assert_healthy(f, get(s, "/health"));
    assert_healthy(f, get(s, "/api/health"));
    assert_healthy(f, get_ops(s, "/health"));
    assert_contains(version, json_text(f, get(s, "/health")->body, "version"));
}

TEST(liveness_and_readiness_are_short)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    assert_string_equal(get(s, "/health/liveness")->body, "{\"status\":\"alive\"}");
    assert_string_equal(get(s, "/health/readiness")->body, "{\"status\":\"ready\"}");
    assert_string_equal(get_ops(s, "/health/liveness")->body, "{\"status\":\"alive\"}");
    assert_string_equal(get_ops(s, "/health/readiness")->body, "{\"status\":\"ready\"}");
    assert_field(get(s, "/health/readiness"), "cache-control", "no-store");
}

static double uptime(struct fixture *f, struct server *s)
{
    return json_number(f, get(s, "/health")->body, "uptime");
}

TEST(uptime_grows_and_starts_over_with_the_process)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    uint64_t began = clock_mono_ns();
    double first = uptime(f, s), last;

    EVENTUALLY(uptime(f, s) > first + 0.5);
    last = uptime(f, s);
    assert_true(last * 1e9 <=
                (double)(clock_mono_ns() - began) + 60e9); /* seconds, not milliseconds */
    server_stop(s);
    server_again(s);
    assert_true(metric(s, "process_start_time_seconds") > 1.7e9);
    assert_true(uptime(f, s) < last + 0.5);
}

TEST(liveness_does_not_ask_the_store)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    assert_int_equal(rename(s->store, in_dir(f, "away.db")), 0);
    EVENTUALLY(get(s, "/health")->status == 503);
    assert_status(get(s, "/health/liveness"), 200);
    assert_status(get_ops(s, "/health/liveness"), 200);
    assert_status(get(s, "/health/readiness"), 503);
    assert_status(get(s, "/contact"), 200);
    assert_status(get_ops(s, "/metrics"), 200);
}

TEST(health_is_not_counted_as_a_failure_of_ours)
{
    struct server *s = server_start(*state, NULL);

    assert_int_equal(rename(s->store, in_dir(*state, "away.db")), 0);
    EVENTUALLY(get(s, "/health")->status == 503);
    assert_metric(s, SLO("availability", "bad"), 0);
    assert_true(metric(s, REQUESTS("GET", "/health", "503")) >= 1);
}

TEST(a_stopped_process_answers_again_when_it_goes_on)
{
    struct server *s = server_start(*state, NULL);
    struct reply r;

    server_signal(s, SIGSTOP);
    server_signal(s, SIGCONT);
    assert_int_equal(ask_port(s->public_port, &(struct ask){.path = "/health"}, &r), SENT_ANSWERED);
    assert_status(&r, 200);
    reply_release(&r);
}

/* ---- sidelight healthcheck against peers that are no Sidelight ---- */

/* Answers one connection with `text`, `ms` before each byte (0: at once), and closes it. */
struct peer {
    int fd;
    unsigned port;
    const char *text;
    unsigned ms;
    pthread_t thread;
};

static void *peer_run(void *arg)
{
    const struct peer *p = arg;
    size_t n = strlen(p->text), step = p->ms > 0 ? 1 : n;
    char request[1024];
    int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return NULL;
    if (recv(fd, request, sizeof(request), 0) > 0)
        for (size_t i = 0; i < n; i += step) {
            if (p->ms > 0)
                clock_sleep_ms(p->ms);
            if (send(fd, p->text + i, step, MSG_NOSIGNAL) <= 0)
                break;
        }
    (void)close(fd);
    return NULL;
}

static void peer_end(void *arg)
{
    struct peer *p = arg;

    (void)shutdown(p->fd, SHUT_RDWR); /* nobody may have come */
    MUST(pthread_join(p->thread, NULL) == 0);
    (void)close(p->fd);
}

static struct peer *peer_start(struct fixture *f, const char *text, unsigned ms)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    struct peer *p = keep(f, sizeof(*p));

    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    p->text = text;
    p->ms = ms;
    assert_int_equal(bind(p->fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(p->fd, 1), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&a, &len), 0);
    p->port = ntohs(a.sin_port);
    MUST(pthread_create(&p->thread, NULL, peer_run, p) == 0);
    at_end(f, peer_end, p);
    return p;
}

static const struct outcome *check_peer(struct fixture *f, const char *text, unsigned ms)
{
    const struct peer *p = peer_start(f, text, ms);

    return run_sidelight(f, "healthcheck", "--set",
                         textf(f, "listen.public=127.0.0.1:%u", p->port));
}

TEST(only_a_whole_status_line_is_an_answer)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0},
        {"HTTP/1.1 200 \r\n\r\n",                        0},
        {"HTTP/1.1 503 Service Unavailable\r\n\r\n",     1},
        {"HTTP/1.1 200",                                 1},
        {"HTTP/1.1 200 OK",                              1},
        {"HTTP/1.1 200 OK\r",                            1},
        {"HTTP/1.1 200 OK\n\n",                          1},
        {"HTTP/1.1 2000 OK\r\n\r\n",                     1},
        {"HTTP/1.1 200OK\r\n\r\n",                       1},
        {"SSH-2.0-200 200 OK\r\n",                       1},
        {"\r\n",                                         1},
        {"",                                             1},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct outcome *o = check_peer(f, cases[i].text, 0);

        if (o->status != cases[i].status)
            fail_msg("'%s': exit status %d", cases[i].text, o->status);
        assert_string_equal(o->out, o->status == 0 ? "alive\n" : "");
    }
}

/* Twelve bytes in six seconds, each within a limit that only one read had. */
TEST(an_answer_that_drips_is_none)
{
    const struct outcome *o = check_peer(*state, "HTTP/1.1 200 OK\r\n\r\n", 500);

    assert_int_equal(o->status, 1);
    assert_contains(o->err, "no HTTP answer within 3 seconds");
    assert_string_equal(o->out, "");
}

RUN_TESTS(T(health_tells_state_uptime_version_and_dependencies),
          T(liveness_and_readiness_are_short),
          T(uptime_grows_and_starts_over_with_the_process),
          T(liveness_does_not_ask_the_store),
          T(health_is_not_counted_as_a_failure_of_ours),
          T(a_stopped_process_answers_again_when_it_goes_on),
          T(only_a_whole_status_line_is_an_answer),
          T(an_answer_that_drips_is_none))

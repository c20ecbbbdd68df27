/* SPDX-License-Identifier: MIT */
/*
 * Which closes count as ended by time, and who must make room. One loop, turned by hand over real TCP, with times so short
 * that nobody waits; every turn ticks.
 */
#include "tests/unit/http/net.h"

#include "http/ended.h"
#include "metrics/exposition.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <signal.h>
#include <stdlib.h>

enum { BODY_MAX = 1000, SHORT_MS = 500, STALL_MS = 200, LONG_MS = 60000, MUCH = 16 << 20 };

struct bare {
    struct registry *registry;
    struct http_metrics *metrics;
    struct service service;
    struct http_live live;
    struct log *log;
    int log_fd, listener;
    struct sockaddr_in address;
    h2o_globalconf_t conf;
    struct evloop loop;
    char *much;
};

static void hello_get(struct request *rq, UNUSED void *ctx)
{
    answer_borrowed(rq, 200, "text/plain", SLICE_LIT("hello"));
}

static void much_get(struct request *rq, void *ctx)
{
    const struct bare *b = ctx;

    answer_borrowed(rq, 200, "text/plain", (struct slice){b->much, MUCH});
}

static const struct route routes[] = {
    {HTTP_GET,  "/hello", hello_get, "200", IN_NONE, NULL, NULL, NULL},
    {HTTP_GET,  "/much",  much_get,  "200", IN_NONE, NULL, NULL, NULL},
    {HTTP_POST, "/hello", hello_get, "200", IN_NONE, NULL, NULL, NULL},
};

static void nothing(UNUSED void *owner)
{
}

static void start(struct bare *b, unsigned request_ms, unsigned write_ms)
{
    struct err err = ERR_INIT;
    struct loop base;

    memset(b, 0, sizeof(*b));
    (void)signal(SIGPIPE, SIG_IGN);
    b->registry = registry_new(metric_table, METRIC_FAMILIES,
                               &(struct registry_options){1, METRICS_MAX_SAMPLES});
    b->metrics = http_metrics_new(b->registry);
    b->much = must_calloc(1, MUCH);
    service_init(&b->service, routes, ARRAY_LEN(routes), b, b->metrics);
    b->log_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_true(log_new(b->log_fd, LOG_INFO, &b->log, &err));
    base = (struct loop){.service = &b->service,
                         .shard = registry_shard(b->registry, 0),
                         .log = b->log,
                         .ring = log_ring_new(b->log, NULL)};
    loop_configure(&b->conf, BODY_MAX, request_ms);
    evloop_init(&b->loop, &b->conf, &base);
    b->loop.write_timeout_ms = write_ms;
    evloop_set_live(&b->loop, &b->live, NULL, nothing);
    b->listener = listen_somewhere();
    b->address = address_of(b->listener);
}

static void stop(struct bare *b)
{
    assert_int_equal(close(b->listener), 0);
    evloop_release(&b->loop);
    h2o_config_dispose(&b->conf);
    service_release(&b->service);
    http_metrics_free(b->metrics);
    log_free(b->log, PATIENCE_SECONDS * 1000);
    (void)close(b->log_fd);
    registry_free(b->registry);
    free(b->much);
}

static void turn(struct bare *b)
{
    b->loop.tick_ns = b->loop.now_ns;
    evloop_turn(&b->loop, 5);
}

#define TURN_UNTIL(b, cond)                                   \
    for (uint64_t since_ = clock_mono_ns(); !(cond); turn(b)) \
    assert_true(clock_mono_ns() - since_ < PATIENCE_SECONDS * NS_PER_SEC)

/* A client; the loop has its other end. `take`: bytes its kernel may hold, 0: as usual. */
static int meet(struct bare *b, int take)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), other;
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);

    assert_true(fd >= 0);
    if (take > 0)
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &take, sizeof(take)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&b->address, sizeof(b->address)), 0);
    other = accept4(b->listener, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(other >= 0);
    evloop_adopt(&b->loop, conn_new(other, (struct sockaddr *)&peer));
    return fd;
}

static struct conn *only_conn(struct bare *b)
{
    assert_int_equal(b->loop.n_conns, 1);
    return CONTAINER_OF(b->loop.conns.next, struct conn, link);
}

static bool arrived(int fd)
{
    char c;

    return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void ask(struct bare *b, int fd, struct slice request)
{
    send_all(fd, request);
    TURN_UNTIL(b, arrived(fd));
}

static void expect(struct bare *b, unsigned idle, unsigned request, unsigned write)
{
    static const struct exposition_filter all = {.n = 0};
    struct buf page = BUF_INIT, lines = BUF_INIT;

    exposition_render(b->registry, EXPOSITION_TEXT, &all, &page);
    buf_addf(&lines,
             "\nconnections_timed_out_total{reason=\"idle\"} %u"
             "\nconnections_timed_out_total{reason=\"request\"} %u"
             "\nconnections_timed_out_total{reason=\"write\"} %u\n",
             idle, request, write);
    if (!buf_has(&page, buf_cstr(&lines)))
        fail_msg("not there: %s", buf_cstr(&lines));
    buf_release(&lines);
    buf_release(&page);
}

#define HELLO SLICE_LIT("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
#define MUCH_PLEASE SLICE_LIT("GET /much HTTP/1.1\r\nHost: a\r\n\r\n")

/* Waits until the loop has closed all, and closes the clients. */
static void end_all(struct bare *b, const int *fds, size_t n)
{
    TURN_UNTIL(b, b->loop.n_conns == 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(close(fds[i]), 0);
}

TEST(a_connection_on_which_nothing_of_a_request_came_was_idle)
{
    struct bare b;
    int fds[2];

    start(&b, SHORT_MS, LONG_MS);
    fds[0] = meet(&b, 0);
    fds[1] = meet(&b, 0);
    ask(&b, fds[1], HELLO);
    end_all(&b, fds, ARRAY_LEN(fds));
    expect(&b, 2, 0, 0);
    stop(&b);
}

TEST(a_connection_on_which_a_part_of_a_request_came_timed_out_in_it)
{
    static const struct {
        bool before; /* after a request that was answered */
        const char *part;
    } cases[] = {
        {false, "G"                                                              },
        {false, "GET /hello HTTP/1.1\r\nHos"                                     },
        {false, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"   },
        {false, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"},
        {true,  "GET /hello HTTP/1.1\r\nHos"                                     },
    };
    int fds[ARRAY_LEN(cases)];
    struct bare b;

    start(&b, SHORT_MS, LONG_MS);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fds[i] = meet(&b, 0);
        if (cases[i].before)
            ask(&b, fds[i], HELLO);
        send_all(fds[i], slice_str(cases[i].part));
    }
    end_all(&b, fds, ARRAY_LEN(fds));
    expect(&b, 0, ARRAY_LEN(cases), 0);
    stop(&b);
}

/* What was left over of the read that brought the request before. */
TEST(a_part_that_came_along_with_a_whole_request_counts_too)
{
    struct bare b;
    int fd;

    start(&b, SHORT_MS, LONG_MS);
    fd = meet(&b, 0);
    ask(&b, fd, SLICE_LIT("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HT"));
    end_all(&b, &fd, 1);
    expect(&b, 0, 1, 0);
    stop(&b);
}

TEST(who_leaves_or_was_told_to_did_not_time_out)
{
    struct bare b;
    int fds[5];

    start(&b, LONG_MS, LONG_MS);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = meet(&b, 0);
    ask(&b, fds[1], HELLO);
    send_all(fds[2], SLICE_LIT("GET /hello HT"));
    ask(&b, fds[3], SLICE_LIT("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    ask(&b, fds[4], SLICE_LIT("\1\2\3\r\n\r\n")); /* libh2o's own 400 */
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(shutdown(fds[i], SHUT_WR), 0);
    end_all(&b, fds, ARRAY_LEN(fds));
    expect(&b, 0, 0, 0);
    stop(&b);
}

/* Also when it left late: only the moment of the close is like that of a timeout. */
TEST(who_leaves_after_a_long_wait_did_not_time_out)
{
    struct bare b;
    int fd;

    start(&b, LONG_MS, LONG_MS);
    fd = meet(&b, 0);
    turn(&b);
    only_conn(&b)->waiting_ns -= LONG_MS * NS_PER_MS;
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    end_all(&b, &fd, 1);
    expect(&b, 0, 0, 0);
    stop(&b);
}

/* As when the wall clock was set back, and libh2o's timers with it. */
TEST(what_the_sweep_cuts_counts_once)
{
    struct bare b;

    start(&b, LONG_MS, LONG_MS);
    for (int part = 0; part < 2; part++) {
        int fd = meet(&b, 0);

        if (part == 1)
            send_all(fd, SLICE_LIT("GET /hel"));
        TURN_UNTIL(&b, part == 0 || only_conn(&b)->sock->input->size > 0);
        only_conn(&b)->waiting_ns -= (LONG_MS + 2 * SWEEP_SLACK_MS) * NS_PER_MS;
        end_all(&b, &fd, 1);
        expect(&b, 1, part == 1, 0);
    }
    stop(&b);
}

TEST(a_client_that_takes_no_more_of_its_answer_is_cut_and_counted)
{
    struct bare b;
    int fd;

    start(&b, LONG_MS, STALL_MS);
    fd = meet(&b, 4096);
    send_all(fd, MUCH_PLEASE);
    TURN_UNTIL(&b, arrived(fd));
    end_all(&b, &fd, 1);
    expect(&b, 0, 0, 1);
    stop(&b);
}

/*
 * The kernel took all of the answer, and libh2o waits for the next request. What the client's
 * kernel then repeats acknowledges nothing new.
 */
static void vanish(unsigned write_ms)
{
    struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
    const struct sock_fprog filter = {1, &drop};
    struct bare b;
    int fd;

    start(&b, LONG_MS, write_ms);
    fd = meet(&b, 0);
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) != 0) {
        assert_int_equal(errno, EPERM);
        print_message("skipped: this kernel lets only root make a client deaf\n");
        (void)close(fd);
        stop(&b);
        skip();
    }
    send_all(fd, HELLO);
    end_all(&b, &fd, 1);
    expect(&b, 0, 0, 1);
    stop(&b);
}

TEST(a_client_that_has_vanished_is_cut_and_counted)
{
    vanish(STALL_MS);
    vanish(8 * STALL_MS);
}

TEST(a_client_that_leaves_in_the_middle_of_its_answer_did_not_time_out)
{
    struct bare b;
    int fd;

    start(&b, LONG_MS, LONG_MS);
    fd = meet(&b, 4096);
    ask(&b, fd, MUCH_PLEASE);
    assert_int_equal(close(fd), 0); /* unread bytes: a reset */
    TURN_UNTIL(&b, b.loop.n_conns == 0);
    expect(&b, 0, 0, 0);
    stop(&b);
}

/* The metrics port's requests are not counted, its connections are. */
TEST(without_metrics_of_its_own_a_service_counts_where_it_is_told)
{
    struct bare b;
    int fd;

    start(&b, SHORT_MS, LONG_MS);
    b.service.metrics = NULL;
    fd = meet(&b, 0);
    end_all(&b, &fd, 1);
    expect(&b, 1, 0, 0);
    b.service.conns = NULL;
    fd = meet(&b, 0);
    end_all(&b, &fd, 1);
    expect(&b, 1, 0, 0);
    stop(&b);
}

static void expect_shed(struct bare *b, unsigned idle, unsigned memory)
{
    assert_int_equal(metric_value(b->registry, b->metrics->shed[CONN_SHED_IDLE]), idle);
    assert_int_equal(metric_value(b->registry, b->metrics->shed[CONN_SHED_MEMORY]), memory);
    expect(b, 0, 0, 0);
}

static struct conn *nth_conn(struct bare *b, size_t i)
{
    h2o_linklist_t *n = b->loop.conns.next;

    while (i-- > 0)
        n = n->next;
    return CONTAINER_OF(n, struct conn, link);
}

static bool has_ended(int fd)
{
    char c;

    return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static bool is_crowded(const void *arg)
{
    return *(const bool *)arg;
}

TEST(while_somebody_waits_those_that_were_idle_longest_make_room)
{
    enum { N = 20, OLD = 3, OLDER = 11, BUSY = 7, OLD_MS = 5000 };
    bool crowded = false;
    struct bare b;
    int fds[N];

    start(&b, LONG_MS, LONG_MS);
    b.loop.crowded = is_crowded;
    b.loop.crowded_arg = &crowded;
    for (size_t i = 0; i < N; i++)
        fds[i] = meet(&b, 0);
    ask(&b, fds[OLDER], HELLO);
    assert_int_equal(recv(fds[OLDER], (char[1024]){0}, 1024, 0) > 0, 1);
    send_all(fds[BUSY], SLICE_LIT("GET /hel"));
    TURN_UNTIL(&b, nth_conn(&b, BUSY)->sock->input->size > 0);
    nth_conn(&b, OLD)->waiting_ns -= OLD_MS * NS_PER_MS;
    nth_conn(&b, OLDER)->waiting_ns -= 4ull * OLD_MS * NS_PER_MS;
    nth_conn(&b, BUSY)->waiting_ns -= 8ull * OLD_MS * NS_PER_MS;
    turn(&b);
    assert_int_equal(b.loop.n_conns, N);
    crowded = true;
    turn(&b);
    crowded = false;
    TURN_UNTIL(&b, b.loop.n_conns == N - 2);
    expect_shed(&b, 2, 0); /* a sixteenth, and not less than one */
    assert_true(has_ended(fds[OLD]) && has_ended(fds[OLDER]));
    send_all(fds[BUSY], SLICE_LIT("lo HTTP/1.1\r\nHost: a\r\n\r\n"));
    TURN_UNTIL(&b, arrived(fds[BUSY]));
    crowded = true;
    TURN_UNTIL(&b, b.loop.n_conns == 0);
    expect_shed(&b, N, 0);
    end_all(&b, fds, N);
    stop(&b);
}

TEST(those_who_have_sent_most_make_room_when_it_is_too_much)
{
    enum { LARGE = 10, SMALL = 10, N = LARGE + SMALL, KEPT = 7 };
    static const char head[] = "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
    size_t large = sizeof(head) - 1 + 900;
    char body[900];
    struct bare b;
    int fds[N];

    start(&b, LONG_MS, LONG_MS);
    memset(body, 'a', sizeof(body));
    for (size_t i = 0; i < N; i++) {
        fds[i] = meet(&b, 0);
        send_all(fds[i], (struct slice){head, sizeof(head) - 1});
        if (i >= SMALL)
            send_all(fds[i], (struct slice){body, sizeof(body)});
    }
    for (size_t i = 0; i < N; i++)
        TURN_UNTIL(&b,
                   nth_conn(&b, i)->sock->input->size == (i < SMALL ? sizeof(head) - 1 : large));
    b.loop.input_max = SMALL * (sizeof(head) - 1) + LARGE * large;
    turn(&b);
    expect_shed(&b, 0, 0);
    b.loop.input_max = SMALL * (sizeof(head) - 1) + KEPT * large;
    TURN_UNTIL(&b, b.loop.n_conns == SMALL + KEPT);
    expect_shed(&b, 0, LARGE - KEPT);
    turn(&b);
    assert_int_equal(b.loop.n_conns, SMALL + KEPT);
    for (size_t i = 0; i < SMALL; i++)
        assert_false(has_ended(fds[i]));
    for (size_t i = 0; i < N; i++)
        assert_int_equal(shutdown(fds[i], SHUT_WR), 0);
    end_all(&b, fds, N);
    stop(&b);
}

RUN_TESTS(T(a_connection_on_which_nothing_of_a_request_came_was_idle),
          T(a_connection_on_which_a_part_of_a_request_came_timed_out_in_it),
          T(a_part_that_came_along_with_a_whole_request_counts_too),
          T(who_leaves_or_was_told_to_did_not_time_out),
          T(who_leaves_after_a_long_wait_did_not_time_out),
          T(what_the_sweep_cuts_counts_once),
          T(a_client_that_takes_no_more_of_its_answer_is_cut_and_counted),
          T(a_client_that_has_vanished_is_cut_and_counted),
          T(a_client_that_leaves_in_the_middle_of_its_answer_did_not_time_out),
          T(without_metrics_of_its_own_a_service_counts_where_it_is_told),
          T(while_somebody_waits_those_that_were_idle_longest_make_room),
          T(those_who_have_sent_most_make_room_when_it_is_too_much))

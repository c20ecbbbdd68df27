/* SPDX-License-Identifier: MIT */
/*
 * Requests as few clients send them: thousands at once without reading, in two writes, with fields
 * twice. And the commands where their input or output is odd: hosts that need brackets, messages
 * that drive terminals, a full disk behind stdout.
 */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* ---- many requests ---- */

#define ONE "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\nX: %*s\r\n\r\n"
#define LAST "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

enum { CLIENTS = 8, REQUESTS_EACH = 2500, PADDING = 2000, GROWTH_MAX = 6 << 20 };

struct flood {
    struct wire *w[CLIENTS];
    size_t sent[CLIENTS];
    struct buf all; /* what each sends */
};

/* One round; true when somebody could send. */
static bool send_some(struct flood *f)
{
    bool any = false;

    for (size_t i = 0; i < CLIENTS; i++) {
        ssize_t n = send(f->w[i]->fd, f->all.data + f->sent[i], f->all.len - f->sent[i],
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0)
            f->sent[i] += (size_t)n;
        any = any || n > 0;
    }
    return any;
}

/* Without reading, until nothing is taken any more. */
static void send_blindly(struct flood *f)
{
    for (int idle = 0; idle < 20; idle++) {
        while (send_some(f))
            idle = 0;
        clock_sleep_ms(POLL_MS);
    }
}

static void read_to_end(struct wire *w)
{
    uint64_t end_ns = 0;

    while (!w->ended) {
        struct pollfd p = {w->fd, POLLIN, 0};
        ssize_t n;

        if (poll(&p, 1, POLL_MS) <= 0) {
            try_again(&end_ns, "the server closes");
            continue;
        }
        end_ns = 0;
        n = recv(w->fd, buf_reserve(&w->in, 65536), 65536, MSG_DONTWAIT);
        if (n > 0)
            w->in.len += (size_t)n;
        else
            w->ended = true;
    }
}

TEST(clients_that_ask_20000_times_and_do_not_read_cost_little)
{
    struct server *s = server_start(*state, SETS("threads=1"));
    struct flood f = {.all = BUF_INIT};
    double before, growth;

    for (int i = 0; i < REQUESTS_EACH - 1; i++)
        buf_addf(&f.all, ONE, PADDING, "");
    buf_add_str(&f.all, LAST);
    for (size_t i = 0; i < CLIENTS; i++)
        f.w[i] = wire_to(s);
    assert_status(post_json(s, ADA), 201);
    before = metric(s, "process_resident_memory_bytes");
    send_blindly(&f);
    assert_status(get(s, "/health"), 200); /* of the same worker */
    growth = metric(s, "process_resident_memory_bytes") - before;
    print_message("  memory grew by %.0f\n", growth);
    if (SANITIZED)
        print_message("  sanitizers keep what was freed: the growth is not judged\n");
    else
        assert_true(growth <= GROWTH_MAX);
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_true(wire_write(f.w[i], f.all.data + f.sent[i], f.all.len - f.sent[i]));
        read_to_end(f.w[i]);
        assert_int_equal(count_of(buf_cstr(&f.w[i]->in), "HTTP/1.1 200 OK\r\n"), REQUESTS_EACH);
    }
    assert_metric(s, REQUESTS("GET", "/health/liveness", "200"), CLIENTS * REQUESTS_EACH);
    buf_release(&f.all);
}

/* The sweep of the one worker comes by. */
static void await_sweep(struct server *s)
{
    double before = metric_sum(s, "event_loop_lag_seconds_count");

    EVENTUALLY(metric_sum(s, "event_loop_lag_seconds_count") > before);
}

/*
 * As Python's http.client does. A sweep once took bytes of earlier requests for one that never
 * ends.
 */
TEST(kept_connections_that_send_head_and_body_apart_are_not_cut)
{
    enum { CONNECTIONS = 4, ROUNDS = 750, LENGTH = 2000 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off", "threads=1"));
    struct wire *w[CONNECTIONS];
    char body[LENGTH + 1];
    const char *head;
    int on = 1;

    (void)snprintf(body, sizeof(body), "%-*s", LENGTH, ADA);
    head = textf(f,
                 "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE
                 "\r\nContent-Length: %d\r\n\r\n",
                 LENGTH);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        w[i] = wire_to(s);
        assert_int_equal(setsockopt(w[i]->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < CONNECTIONS; i++)
            wire_send(w[i], head);
        if (round % 250 == 1)
            await_sweep(s);
        for (size_t i = 0; i < CONNECTIONS; i++)
            wire_send(w[i], body);
        for (size_t i = 0; i < CONNECTIONS; i++)
            assert_status(wire_reply(f, w[i]), 201);
    }
    assert_metric(s, SUBMISSIONS, CONNECTIONS * ROUNDS);
    assert_metric(s, "connections_accepted_total", CONNECTIONS);
    assert_metric(s, REJECTED("body_too_large"), 0);
}

/* ---- odd fields ---- */

TEST(an_expectation_we_do_not_know_is_417_also_without_a_body)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHost: localhost\r\nExpect: foo\r\n\r\n",
        "POST /contact HTTP/1.1\r\nHost: localhost\r\nExpect: foo\r\nContent-Length: 0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nExpect: foo\r\n\r\n",
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct wire *w = wire_to(s);

        wire_send(w, requests[i]);
        assert_error(f, wire_reply(f, w), 417, "expectation_failed");
        assert_wire_ends(w);
    }
    assert_metric(s, REJECTED("expectation"), ARRAY_LEN(requests));
}

TEST(close_among_other_words_of_connection_closes)
{
    static const char *const values[] = {"keep-alive, close", "close, keep-alive",
                                         "keep-alive\r\nConnection: Close"};
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct wire *w = wire_to(s);
        const struct reply *r;

        wire_send(
            w, textf(f, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\n\r\n", values[i]));
        r = wire_reply(f, w);
        assert_status(r, 200);
        assert_field(r, "connection", "close");
        assert_wire_ends(w);
    }
}

TEST(a_path_with_a_broken_escape_is_told_what_an_escape_is)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *r = get(s, "/%zz");

    assert_status(r, 400);
    assert_contains(r->body, "with two hex digits after each '%'");
    assert_metric(s, REJECTED("target"), 1);
}

TEST(a_body_with_two_types_or_encodings_is_415)
{
    static const char *const fields[] = {
        JSON_TYPE "\r\n" FORM_TYPE,
        JSON_TYPE "\r\n" JSON_TYPE,
        JSON_TYPE "\r\nContent-Encoding: identity\r\nContent-Encoding: gzip",
        JSON_TYPE "\r\nContent-Encoding: identity\r\nContent-Encoding: identity",
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct wire *w = wire_to(s);

        wire_send(w, textf(f,
                           "POST /contact HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
                           "Content-Length: 58\r\n\r\n" ADA,
                           fields[i]));
        assert_status(wire_reply(f, w), 415);
    }
    assert_metric(s, CONTACT_REJECTED("media_type"), ARRAY_LEN(fields));
    assert_metric(s, SUBMISSIONS, 0);
}

/* ---- commands ---- */

static const struct outcome *healthcheck(struct server *s, const char *hosts)
{
    struct fixture *f = s->f;
    const char *public = textf(f, "listen.public=127.0.0.1:%u", s->public_port);

    return run_sidelight(f, "healthcheck", "--set", public, "--set", hosts);
}

TEST(healthcheck_asks_for_a_host_that_is_served)
{
    static const char *const served[] = {"hosts=::1", "hosts=[2001:db8::7]", "hosts=a.example",
                                         "hosts=b.example,a.example", "hosts=192.0.2.7"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(served); i++) {
        struct server *s = server_start(f, SETS(served[i]));
        const struct outcome *o = healthcheck(s, served[i]);

        if (o->status != 0)
            fail_msg("%s: %s", served[i], o->err);
        assert_int_equal(healthcheck(s, "hosts=other.example")->status, 1);
        assert_contains(healthcheck(s, "hosts=other.example")->err, "421");
        server_stop(s);
    }
}

/* Behind the server's back: it would not take them all. */
static void overwrite(struct server *s, const char *name, const char *message)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;

    assert_int_equal(sqlite3_open_v2(s->store, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "UPDATE submissions SET name = ?1, message = ?2", -1, &st, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(st, 2, message, -1, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_DONE);
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

TEST(contacts_list_shows_nothing_that_a_terminal_obeys)
{
    static const struct {
        const char *bytes, *shown;
    } rows[] = {
        {"\xe2\x80\xae", "\\u202e"},
        {"\xe2\x80\xaa", "\\u202a"},
        {"\xe2\x81\xa6", "\\u2066"},
        {"\xe2\x81\xa9", "\\u2069"},
        {"\xe2\x80\xa8", "\\u2028"},
        {"\xe2\x80\xa9", "\\u2029"},
        {"\xe2\x80\x8f", "\\u200f"},
        {"\xc2\x9b",     "\\u009b"},
        {"\xc2\x80",     "\\u0080"},
        {"\x1b",         "\\x1b"  },
        {"\x7f",         "\\x7f"  },
        {"\a",           "\\x07"  },
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    assert_status(post_json(s, ADA), 201);
    server_stop(s);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *raw = rows[i].bytes, *shown = rows[i].shown;
        const struct outcome *o;

        /* At the beginning, in the middle and at the end; what is harmless stays. */
        overwrite(s, textf(f, "%sx\xe2\x80\xa6%s", raw, raw), textf(f, "a%sb\xc3\xa4%s", raw, raw));
        o = server_command(s, ARGS("contacts", "list"));
        assert_int_equal(o->status, 0);
        assert_lacks(o->out, raw);
        assert_contains(o->out, textf(f, "%sx\xe2\x80\xa6%s <", shown, shown));
        assert_contains(o->out, textf(f, "a%sb\xc3\xa4%s\n", shown, shown));
    }
}

/* The exit status of a program whose output goes to a full disk; what it says is in `err`. */
static int run_on_full_disk(const char *const *argv, const char *err)
{
    struct process_options opt = {.argv = argv,
                                  .in = PROCESS_INHERITED,
                                  .out = open("/dev/full", O_WRONLY | O_CLOEXEC),
                                  .err = open(err, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    int status = -1;
    pid_t pid;

    assert_true(opt.out >= 0 && opt.err >= 0);
    pid = process_start(&opt);
    (void)close(opt.out);
    (void)close(opt.err);
    assert_true(process_wait(pid, DEADLINE_MS, &status));
    return status;
}

TEST(output_that_could_not_be_written_is_an_error)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *public = textf(f, "listen.public=127.0.0.1:%u", s->public_port);
    const char *store = textf(f, "store.path=%s", s->store), *err = in_dir(f, "full.err");
    const char *const *const calls[] = {
        ARGS(program(), "--version"),
        ARGS(program(), "--help"),
        ARGS(program(), "--check"),
        ARGS(program(), "healthcheck", "--set", public),
        ARGS(program(), "contacts", "list", "--set", store),
        ARGS(program(), "contacts", "export", "--format", "csv", "--set", store),
        ARGS(program(), "contacts", "export", "--format", "json", "--set", store),
    };

    assert_status(post_json(s, ADA), 201);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        int status = run_on_full_disk(calls[i], err);
        const char *said = read_file(f, err);

        if (status != 1)
            fail_msg("%s %s: %d, %s", calls[i][1], calls[i][2] != NULL ? calls[i][2] : "", status,
                     said);
        assert_contains(said, "cannot write the output");
        assert_int_equal(count_of(said, "\n"), 1);
    }
}

RUN_TESTS(T(a_path_with_a_broken_escape_is_told_what_an_escape_is),
          T(clients_that_ask_20000_times_and_do_not_read_cost_little),
          T(kept_connections_that_send_head_and_body_apart_are_not_cut),
          T(an_expectation_we_do_not_know_is_417_also_without_a_body),
          T(close_among_other_words_of_connection_closes),
          T(a_body_with_two_types_or_encodings_is_415),
          T(healthcheck_asks_for_a_host_that_is_served),
          T(contacts_list_shows_nothing_that_a_terminal_obeys),
          T(output_that_could_not_be_written_is_an_error))

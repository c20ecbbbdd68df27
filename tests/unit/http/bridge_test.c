/* SPDX-License-Identifier: MIT */
/*
 * What goes over the wire: answers as libh2o writes them, what it refuses by itself, and answers
 * that come later.
 */
#include "tests/unit/http/running.h"

#include "http/guard.h"

/*
 * Sends `raw` on a connection of its own and returns all that comes until the end, for the caller
 * to release.
 */
static struct buf exchange(struct running *r, struct slice raw)
{
    struct buf b = BUF_INIT;
    int fd = dial(&r->address);

    send_all(fd, raw);
    read_to_end(fd, &b);
    (void)close(fd);
    return b;
}

/* The same with a server of its own. */
static struct buf answer_to(struct slice raw)
{
    struct running r;
    struct buf b;

    running_start(&r, 1);
    b = exchange(&r, raw);
    running_stop(&r);
    return b;
}

/* A server, and a connection to it that stays. */
struct talk {
    struct running r;
    int fd;
    struct buf b; /* what came */
};

static void talk_start(struct talk *t)
{
    running_start(&t->r, 1);
    t->fd = dial(&t->r.address);
    t->b = (struct buf)BUF_INIT;
}

static void talk_end(struct talk *t)
{
    (void)close(t->fd);
    buf_release(&t->b);
    running_stop(&t->r);
}

static void expect_part(const struct buf *b, const char *part)
{
    if (!buf_has(b, part))
        fail_msg("'%s' is not in: %.*s", part, (int)b->len, b->data);
}

#define CLOSE "Host: a\r\nX-Correlation-ID: abc-1\r\nConnection: close\r\n\r\n"

TEST(an_answer_has_its_head_and_nothing_it_should_not)
{
    struct buf b = answer_to(SLICE_LIT("GET /hello HTTP/1.1\r\n" CLOSE));

    expect_part(&b, "HTTP/1.1 200 OK\r\n");
    expect_part(&b, "\r\nContent-Length: 5\r\n");
    expect_part(&b, "\r\ncontent-type: text/plain\r\n");
    expect_part(&b, "\r\nx-correlation-id: abc-1\r\n");
    expect_part(&b, "\r\nx-content-type-options: nosniff\r\n");
    expect_part(&b, "\r\n\r\nhello");
    assert_false(buf_has(&b, "erver:"));
    assert_false(buf_has(&b, "ransfer-Encoding"));
    buf_release(&b);
}

/* The date is libh2o's, and as long as any. */
TEST(an_answer_is_this_byte_for_byte)
{
    static const char start[] = "HTTP/1.1 200 OK\r\nDate: ";
    static const char rest[] = "\r\nConnection: close\r\nContent-Length: 5\r\n"
                               "content-type: text/plain\r\nx-correlation-id: abc-1\r\n"
                               "x-content-type-options: nosniff\r\n\r\nhello";
    enum { DATE_LEN = 29 };
    struct buf b = answer_to(SLICE_LIT("GET /hello HTTP/1.1\r\n" CLOSE));

    assert_int_equal(b.len, sizeof(start) - 1 + DATE_LEN + sizeof(rest) - 1);
    assert_memory_equal(b.data, start, sizeof(start) - 1);
    assert_memory_equal(b.data + sizeof(start) - 1 + DATE_LEN, rest, sizeof(rest) - 1);
    buf_release(&b);
}

static size_t count_parts(const struct buf *b, const char *part)
{
    size_t n = 0, len = strlen(part);

    for (size_t at = 0; at + len <= b->len; at++)
        n += memcmp(b->data + at, part, len) == 0;
    return n;
}

TEST(an_answer_may_have_all_the_fields_there_is_room_for)
{
    struct buf b = answer_to(SLICE_LIT("GET /fields HTTP/1.1\r\n" CLOSE));

    expect_part(&b, "\r\nContent-Length: 6\r\nx-correlation-id: abc-1\r\n");
    expect_part(&b, "\r\nvary: Accept\r\n");
    assert_int_equal(count_parts(&b, "\r\nx-more: 1\r\n"), ANSWER_HEADERS_MAX - 1);
    expect_part(&b, "\r\n\r\nfields");
    buf_release(&b);
}

/* libh2o's doing: old ones cache nothing that varies. */
TEST(old_internet_explorers_do_not_see_vary)
{
    struct buf b =
        answer_to(SLICE_LIT("GET /fields HTTP/1.1\r\n"
                            "User-Agent: Mozilla/4.0 (compatible; MSIE 8.0; x)\r\n" CLOSE));

    expect_part(&b, "\r\ncache-control: private\r\n");
    assert_false(buf_has(&b, "vary"));
    buf_release(&b);
}

/* Without a length, an older client would wait for the end of the connection. */
TEST(an_older_client_that_asks_for_it_keeps_its_connection)
{
    struct talk t;

    talk_start(&t);
    for (size_t i = 1; i <= 3; i++) {
        send_all(t.fd,
                 SLICE_LIT("GET /hello HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"));
        assert_true(read_until(t.fd, &t.b, "\r\n\r\nhello", i));
    }
    assert_int_equal(count_parts(&t.b, "\r\nConnection: keep-alive\r\nContent-Length: 5\r\n"), 3);
    talk_end(&t);
}

TEST(head_gets_the_length_and_no_body)
{
    struct buf b =
        answer_to(SLICE_LIT("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\nHEAD /no HTTP/1.1\r\nHost: "
                            "a\r\n\r\nHEAD /hello HTTP/1.1\r\n" CLOSE));

    expect_part(&b, "\r\nContent-Length: 5\r\n");
    expect_part(&b, "HTTP/1.1 404 Not Found\r\n");
    assert_false(buf_has(&b, "hello"));
    assert_false(buf_has(&b, "{"));
    assert_memory_equal(b.data + b.len - 4, "\r\n\r\n", 4);
    buf_release(&b);
}

TEST(no_content_has_no_length)
{
    struct buf b = answer_to(SLICE_LIT("OPTIONS /hello HTTP/1.1\r\n" CLOSE));

    expect_part(&b, "HTTP/1.1 204 No Content\r\n");
    expect_part(&b, "\r\nallow: GET, HEAD, OPTIONS\r\n");
    expect_part(&b, "\r\nx-correlation-id: abc-1\r\n");
    assert_false(buf_has(&b, "ontent-Length"));
    assert_false(buf_has(&b, "ransfer-Encoding"));
    buf_release(&b);
}

TEST(a_body_arrives_whole)
{
    struct running r;
    struct buf raw = BUF_INIT, b;

    running_start(&r, 1);
    buf_addf(&raw, "POST /echo HTTP/1.1\r\nContent-Length: %d\r\n" CLOSE, BODY_MAX);
    memset(buf_reserve(&raw, BODY_MAX), 'b', BODY_MAX);
    raw.len += BODY_MAX;
    b = exchange(&r, (struct slice){raw.data, raw.len});
    expect_part(&b, "\r\nContent-Length: 1000\r\n");
    assert_memory_equal(b.data + b.len - BODY_MAX, raw.data + raw.len - BODY_MAX, BODY_MAX);
    WAIT_SAMPLE(&r, "http_request_size_bytes_sum 1000");
    WAIT_SAMPLE(&r, "http_response_size_bytes_sum 1000");
    buf_release(&b);
    buf_release(&raw);
    running_stop(&r);
}

/* ---- refusals ---- */

/* In the guard's words or, where libh2o refuses by itself, in its place. */
static void expect_refused(struct running *r, const char *raw, const struct refusal_row *row)
{
    struct buf b = exchange(r, slice_str(raw)), part = BUF_INIT;

    buf_addf(&part, "HTTP/1.1 %u %s\r\n", row->status, http_reason(row->status));
    assert_memory_equal(b.data, part.data, part.len); /* nothing stands before it */
    buf_clear(&part);
    buf_addf(&part, "\r\n\r\n{\"error\":{\"code\":\"%s\",", row->code);
    expect_part(&b, buf_cstr(&part));
    expect_part(&b, "\"correlation_id\":\"abc-1\"}");
    expect_part(&b, "\r\nx-correlation-id: abc-1\r\n");
    expect_part(&b, "\r\nx-content-type-options: nosniff\r\n");
    expect_part(&b, "onnection: close\r\n");
    buf_clear(&part);
    buf_addf(&part, "http_rejected_total{reason=\"%s\"} 1", row->label);
    WAIT_SAMPLE(r, buf_cstr(&part));
    assert_true(running_has(r, "http_rejected_total{reason=\"unparsed\"} 0"));
    buf_release(&part);
    buf_release(&b);
}

#define POST_ECHO "POST /echo HTTP/1.1\r\n"

TEST(every_refusal_has_our_shape_and_closes)
{
    static const struct {
        enum refusal refusal;
        const char *raw;
    } rows[] = {
        {REFUSED_HOST,            "GET /hello HTTP/1.1\r\nHost: b\r\n" CLOSE                  },
        {REFUSED_METHOD,          "CONNECT a:443 HTTP/1.1\r\n" CLOSE                          },
        {REFUSED_LENGTH_REQUIRED, POST_ECHO "Transfer-Encoding: chunked\r\n" CLOSE "0\r\n\r\n"},
        {REFUSED_BODY_TOO_LARGE,  POST_ECHO "Content-Length: 1001\r\n" CLOSE                  },
        {REFUSED_BODY_TOO_LARGE,  POST_ECHO "Content-Length: 1073741824\r\n" CLOSE            },
        {REFUSED_BODY_TOO_LARGE,
         POST_ECHO "Expect: 100-continue\r\nContent-Length: 1001\r\n" CLOSE                   },
        {REFUSED_EXPECTATION,     POST_ECHO "Expect: magic\r\nContent-Length: 1\r\n" CLOSE "x"},
        {REFUSED_FRAMING,         POST_ECHO "Content-Length: x\r\n" CLOSE                     },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct running r;

        running_start(&r, 1);
        expect_refused(&r, rows[i].raw, &refusal_rows[rows[i].refusal]);
        running_stop(&r);
    }
}

TEST(nothing_is_answered_behind_a_refusal)
{
    struct buf b = answer_to(SLICE_LIT("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                                       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hello "
                                       "HTTP/1.1\r\nHost: a\r\n\r\n"));

    expect_part(&b, "HTTP/1.1 400 Bad Request\r\n");
    assert_false(buf_has(&b, "hello"));
    assert_null(memmem(b.data + 1, b.len - 1, "HTTP/1.1", 8));
    buf_release(&b);
}

TEST(what_the_library_cannot_read_is_counted)
{
    static const char *const raws[] = {
        "nonsense\r\n\r\n",
        "GET /hello HTTP/1.1\r\nno colon\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };
    struct running r;

    running_start(&r, 1);
    for (size_t i = 0; i < ARRAY_LEN(raws); i++) {
        struct buf b = exchange(&r, slice_str(raws[i])), sample = BUF_INIT;

        expect_part(&b, "400 Bad Request");
        buf_addf(&sample, "http_rejected_total{reason=\"unparsed\"} %zu", i + 1);
        WAIT_SAMPLE(&r, buf_cstr(&sample));
        buf_release(&sample);
        buf_release(&b);
    }
    running_stop(&r);
}

TEST(an_ordinary_end_is_not_taken_for_an_unreadable_head)
{
    struct running r;
    struct buf b = BUF_INIT;
    int fd;

    running_start(&r, 1);
    fd = dial(&r.address); /* without a word */
    (void)close(fd);
    fd = dial(&r.address); /* in the middle of a head */
    send_all(fd, SLICE_LIT("GET /hel"));
    (void)close(fd);
    fd = dial(&r.address); /* after a request */
    send_all(fd, SLICE_LIT("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(read_until(fd, &b, "\r\n\r\nhello", 1));
    (void)close(fd);
    buf_clear(&b);
    fd = dial(&r.address); /* after "100 Continue", without the body */
    send_all(fd, SLICE_LIT("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                           "Content-Length: 5\r\n\r\n"));
    assert_true(read_until(fd, &b, "HTTP/1.1 100 Continue\r\n\r\n", 1));
    (void)close(fd);
    WAIT_UNTIL(server_connections(r.server, 0) == 0);
    assert_true(running_has(&r, "http_rejected_total{reason=\"unparsed\"} 0"));
    assert_true(running_has(&r, "connections_accepted_total 4"));
    buf_release(&b);
    running_stop(&r);
}

TEST(a_body_may_be_announced)
{
    struct talk t;

    talk_start(&t);
    send_all(
        t.fd,
        SLICE_LIT("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n" CLOSE));
    assert_true(read_until(t.fd, &t.b, "HTTP/1.1 100 Continue\r\n\r\n", 1));
    send_all(t.fd, SLICE_LIT("12345"));
    read_to_end(t.fd, &t.b);
    expect_part(&t.b, "HTTP/1.1 200 OK\r\n");
    expect_part(&t.b, "\r\n\r\n12345");
    talk_end(&t);
}

TEST(a_connection_carries_many_requests_in_order)
{
    enum { N = 500 };
    struct buf raw = BUF_INIT;
    struct talk t;
    const char *at;

    for (int i = 0; i < N; i++)
        buf_addf(&raw, "GET /%s HTTP/1.1\r\nHost: a\r\nX-Correlation-ID: id-%d-\r\n\r\n",
                 i % 3 == 2 ? "no" : "hello", i);
    talk_start(&t);
    send_all(t.fd, (struct slice){raw.data, raw.len});
    assert_true(read_until(t.fd, &t.b, "HTTP/1.1 ", N));
    assert_true(read_until(t.fd, &t.b, "x-correlation-id: ", N));
    at = buf_cstr(&t.b);
    for (int i = 0; i < N; i++) {
        char want[64];

        (void)snprintf(want, sizeof(want), "x-correlation-id: id-%d-\r\n", i);
        at = strstr(at, "x-correlation-id: ");
        assert_non_null(at);
        assert_memory_equal(at, want, strlen(want));
        at++;
    }
    WAIT_SAMPLE(&t.r, "http_requests_total{method=\"GET\",endpoint=\"/hello\",status=\"200\"} 334");
    WAIT_SAMPLE(&t.r,
                "http_requests_total{method=\"GET\",endpoint=\"unmatched\",status=\"404\"} 166");
    buf_release(&raw);
    talk_end(&t);
}

/* ---- answers that come later ---- */

#define LATER "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"

/* A client whose request is suspended. */
static int suspend(struct running *r)
{
    unsigned before = atomic_load(&r->suspended);
    int fd = dial(&r->address);

    send_all(fd, SLICE_LIT(LATER));
    WAIT_UNTIL(atomic_load(&r->suspended) == before + 1);
    return fd;
}

TEST(a_later_answer_comes_from_any_thread)
{
    struct running r;

    running_start(&r, 2);
    for (unsigned i = 1; i <= 50; i++) {
        struct buf b = BUF_INIT;
        int fd = suspend(&r);

        pending_resume(&r.job);
        assert_true(read_until(fd, &b, "\r\n\r\nlate", 1));
        WAIT_UNTIL(atomic_load(&r.finished) == i);
        assert_int_equal(atomic_load(&r.sent), i);
        (void)close(fd);
        buf_release(&b);
    }
    assert_int_equal(atomic_load(&r.orphaned), 0);
    assert_true(running_has(
        &r, "http_requests_total{method=\"GET\",endpoint=\"/later\",status=\"200\"} 50"));
    assert_true(running_has(&r, "http_requests_in_flight{endpoint=\"/later\"} 0"));
    running_stop(&r);
}

TEST(a_half_closed_client_gets_its_answer_and_counts_as_gone)
{
    struct running r;
    struct buf b = BUF_INIT;
    int fd;

    running_start(&r, 1);
    fd = suspend(&r);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    pending_resume(&r.job);
    read_to_end(fd, &b);
    expect_part(&b, "\r\n\r\nlate");
    WAIT_SAMPLE(&r, "http_requests_total{method=\"GET\",endpoint=\"/later\",status=\"499\"} 1");
    assert_true(running_has(&r, "slo_events_total{slo=\"latency\",outcome=\"good\"} 0"));
    assert_int_equal(atomic_load(&r.sent), 1);
    (void)close(fd);
    buf_release(&b);
    running_stop(&r);
}

TEST(a_client_that_reset_is_499)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct running r;
    int fd;

    running_start(&r, 1);
    fd = suspend(&r);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    (void)close(fd);
    pending_resume(&r.job);
    WAIT_SAMPLE(&r, "http_requests_total{method=\"GET\",endpoint=\"/later\",status=\"499\"} 1");
    WAIT_UNTIL(server_connections(r.server, 0) == 0);
    assert_int_equal(atomic_load(&r.finished), 1);
    assert_true(running_has(&r, "http_requests_in_flight{endpoint=\"/later\"} 0"));
    running_stop(&r);
}

RUN_TESTS(T(an_answer_has_its_head_and_nothing_it_should_not),
          T(an_answer_is_this_byte_for_byte),
          T(an_answer_may_have_all_the_fields_there_is_room_for),
          T(old_internet_explorers_do_not_see_vary),
          T(an_older_client_that_asks_for_it_keeps_its_connection),
          T(head_gets_the_length_and_no_body),
          T(no_content_has_no_length),
          T(a_body_arrives_whole),
          T(every_refusal_has_our_shape_and_closes),
          T(nothing_is_answered_behind_a_refusal),
          T(what_the_library_cannot_read_is_counted),
          T(an_ordinary_end_is_not_taken_for_an_unreadable_head),
          T(a_body_may_be_announced),
          T(a_connection_carries_many_requests_in_order),
          T(a_later_answer_comes_from_any_thread),
          T(a_half_closed_client_gets_its_answer_and_counts_as_gone),
          T(a_client_that_reset_is_499))

/* SPDX-License-Identifier: MIT */
/*
 * Bodies on their way through Caddy: their size, how they are framed, and slow ones, over
 * connections that idled.
 */
#include "tests/e2e/lib/page.h"
#include "tests/stack/lib/standin_tunnel.h"

enum { BODY_MAX = 131072, KEEPALIVE_S = 10, READ_BODY_S = 10 };

static struct stack *start(struct fixture *f)
{
    return stack_start(f, &(struct stack_options){.only = "sidelight caddy"});
}

/* A submission of `n` bytes in all. Unknown members are ignored. */
static const char *body_of(struct fixture *f, size_t n)
{
    static const char start[] =
        "{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"message\":\"Hello\",\"x\":\"";
    char *text = keep(f, n + 1);

    memset(text, 'a', n);
    memcpy(text, start, sizeof(start) - 1);
    text[n - 2] = '"';
    text[n - 1] = '}';
    return text;
}

static const struct reply *post(struct stack *s, const char *id, const char *body)
{
    return ASK_TUNNEL(s, id, .path = "/contact",
                      .headers = HEADERS(JSON_TYPE, textf(s->f, "X-Correlation-ID: %s", id)),
                      .body = body);
}

static double sidelight_metric(struct stack *s, const char *series)
{
    return page_value(ASK_IN(s, "prometheus", SCRAPE_SIDELIGHT_1, 9091, .path = "/metrics")->body,
                      series);
}

TEST(a_body_of_128_kib_passes_and_a_byte_more_never_leaves_caddy)
{
    struct fixture *f = *state;
    struct stack *s = start(f);
    const struct reply *r = post(s, "largest", body_of(f, BODY_MAX));

    assert_status(r, 201);
    assert_contains(stack_log_wait(s, "sidelight-1", "\"largest\""),
                    textf(f, "\"bytes_in\":%d,", BODY_MAX));
    for (size_t n = BODY_MAX + 1; n < 2000000; n *= 2) {
        r = post(s, "too-large", body_of(f, n));
        assert_error(f, r, 413, "content_too_large");
        assert_front_manners(r);
    }
    /* Over-long bodies are their sender's fault: nobody is locked out for them. */
    for (int i = 0; i < 20; i++)
        assert_status(ASK_TUNNEL(s, NULL, .path = "/health"), 200);
    assert_lacks(stack_log(s, "sidelight-1"), "too-large");
}

#define POST_HEAD "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE "\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n3a\r\n" ADA "\r\n0\r\n\r\n"

/* Passed on, these would be a 502 or an empty 200, which anybody could make. */
#define BROKEN "Transfer-Encoding: chunked\r\n\r\nzz\r\n"
#define STALLED "Transfer-Encoding: chunked\r\n\r\n3a\r\n{"

TEST(a_body_without_a_length_is_refused_and_no_second_request_hides_in_one)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {POST_HEAD CHUNKED,                                                411},
        {POST_HEAD "Content-Length: 58\r\n" CHUNKED,                       411},
        {POST_HEAD "X: y\r\n\r\n",                                         411},
        {"GET /health HTTP/1.1\r\nHost: localhost\r\n" CHUNKED,            411},
        {"DELETE /contact HTTP/1.1\r\nHost: localhost\r\n" CHUNKED,        411},
        {"PUT /contact HTTP/1.1\r\nHost: localhost\r\n" BROKEN,            411},
        {"GET /health HTTP/1.1\r\nHost: localhost\r\n" BROKEN,             411},
        {"GET /health HTTP/1.1\r\nHost: localhost\r\n" STALLED,            411},
 /* These Go refuses itself. */
        {POST_HEAD "Content-Length: 58\r\nContent-Length: 57\r\n\r\n" ADA, 400},
        {POST_HEAD "Content-Length: 58, 58\r\n\r\n" ADA,                   400},
        {POST_HEAD "Content-Length: +58\r\n\r\n" ADA,                      400},
        {POST_HEAD "Content-Length: 99999999999999999999\r\n\r\n" ADA,     400},
        {POST_HEAD "Transfer-Encoding: xchunked\r\n\r\n" ADA,              501},
        {POST_HEAD "Transfer-Encoding: chunked, chunked\r\n\r\n" ADA,      501},
        {POST_HEAD "Content-Length : 58\r\n\r\n" ADA,                      400},
    };
    /*
     * Behind each there is another request, which must be answered as one of its own or not at all,
     * and never to Sidelight as part of this one.
     */
    static const char behind[] =
        "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: smuggled\r\nX-Real-IP: 192.0.2.1\r\n\r\n";
    struct fixture *f = *state;
    struct stack *s = start(f);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct reply *r = tell_caddy(s, TUNNEL, textf(f, "%s%s", cases[i].request, behind));

        if (r->status != cases[i].status)
            fail_msg("answered %d: %s", r->status, cases[i].request);
    }
    assert_lacks(stack_log(s, "sidelight-1"), "192.0.2.1");
    assert_true(sidelight_metric(s, SUBMISSIONS) < 1);
}

/* ---- slow ones ---- */

static void wait_s(unsigned s)
{
    clock_sleep_ms(1000 * s);
}

/* The bytes of `text` one by one, evenly over `seconds`. */
static void drip(struct wire *w, const char *text, unsigned seconds)
{
    size_t n = strlen(text);
    uint64_t start = clock_mono_ns();

    for (size_t i = 0; i < n; i++) {
        uint64_t due = start + i * seconds * 1000 * NS_PER_MS / n, now = clock_mono_ns();

        if (now < due)
            clock_sleep_ms((unsigned)((due - now) / NS_PER_MS));
        (void)wire_write(w, text + i, 1);
    }
}

static double upstream_connections(struct stack *s)
{
    const char *page = ASK_IN(s, "prometheus", SCRAPE_SIDELIGHT_1, 9091, .path = "/metrics")->body;

    return page_sum(page, "worker_connections");
}

static double accepted(struct stack *s)
{
    return sidelight_metric(s, "connections_accepted_total");
}

/*
 * The one test that has to wait, for half a minute: it is about the timeouts themselves. A
 * submission comes in as slowly as is allowed, for a connection to Sidelight that has idled almost
 * as long as Caddy keeps it: it must not meet one that is just being closed. Beside it, one that
 * stops in the middle, and a head that never ends.
 */
TEST(a_slow_form_over_a_connection_that_idled_is_stored_and_one_that_stops_is_408)
{
    struct fixture *f = *state;
    struct stack *s = start(f);
    struct wire *stuck = wire_to_caddy(s, TUNNEL), *head = wire_to_caddy(s, TUNNEL), *slow;
    const struct reply *r;
    double before;

    assert_status(ASK_TUNNEL(s, NULL, .path = "/health"), 200);
    before = accepted(s);
    wire_send(stuck,
              POST_HEAD "Content-Length: 100000\r\nX-Correlation-ID: stuck\r\n\r\n{\"name\":");
    wire_send(head, "POST /contact HTTP/1.1\r\nHost: localhost\r\n");
    wait_s(KEEPALIVE_S - 1);

    assert_status(ASK_TUNNEL(s, NULL, .path = "/health"), 200);
    slow = wire_to_caddy(s, TUNNEL);
    wire_send(slow, POST_HEAD "Content-Length: 58\r\nX-Correlation-ID: slow\r\n\r\n");
    drip(slow, ADA, READ_BODY_S - 1);
    assert_status(wire_reply(f, slow), 201);
    assert_int_equal((int)sidelight_metric(s, SUBMISSIONS), 1);
    assert_contains(stack_log_wait(s, "sidelight-1", "\"slow\""), "\"status\":201");
    assert_true(accepted(s) - before < 1); /* all three over the same one */

    r = wire_reply(f, stuck);
    assert_error(f, r, 408, "request_timeout");
    assert_front_manners(r);
    assert_wire_ends(stuck);
    assert_wire_ends(head);
    assert_lacks(stack_log(s, "sidelight-1"), "\"stuck\"");

    /* Caddy is the one to close, long before Sidelight would (30 s). */
    assert_true(upstream_connections(s) >= 1);
    EVENTUALLY((wait_s(1), upstream_connections(s) < 1));
}

STACK_TESTS(T(a_body_of_128_kib_passes_and_a_byte_more_never_leaves_caddy),
            T(a_body_without_a_length_is_refused_and_no_second_request_hides_in_one),
            T(a_slow_form_over_a_connection_that_idled_is_stored_and_one_that_stops_is_408))

/* SPDX-License-Identifier: MIT */
/*
 * The request's log line, read back by a JSON parser: its fields, its cuts, and bytes that want to
 * be something else.
 */
#include "tests/unit/http/fake.h"

#include "base/log_ring.h"
#include "http/guard.h"

#include <cjson/cJSON.h>
#include <sys/eventfd.h>

static void ok_get(struct request *rq, UNUSED void *ctx)
{
    answer_borrowed(rq, 200, NULL, SLICE_LIT("hello"));
}

static const struct route routes[] = {
    {HTTP_GET,  "/ok",       ok_get, "200", IN_NONE, NULL,  NULL, NULL},
    {HTTP_GET,  "/alias",    ok_get, "200", IN_NONE, "/ok", NULL, NULL},
    {HTTP_POST, "/quo\"ted", ok_get, "200", IN_NONE, NULL,  NULL, NULL},
};

/* A fake whose lines are read from their ring, by us instead of the writing thread. */
struct logged {
    struct fake f;
    struct log_waker waker;
    struct log_ring *ring;
    cJSON *line; /* the last one */
};

static void start(struct logged *l)
{
    struct err err = ERR_INIT;

    fake_init(&l->f, routes, ARRAY_LEN(routes), NULL);
    atomic_store(&l->waker.state, LOG_AWAKE);
    l->waker.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(log_ring_open(&l->waker, &l->ring, &err));
    l->line = NULL;
}

static void end(struct logged *l)
{
    cJSON_Delete(l->line);
    log_ring_close(l->ring);
    (void)close(l->waker.fd);
    fake_release(&l->f);
}

/* One line of the request in hand: it is one line, and it is JSON. */
static void take_line(struct logged *l)
{
    struct slice text;
    const char *stop = NULL;

    access_log(l->ring, &l->f.rq, l->f.rq.status, 1234567, 42);
    text = log_ring_peek(l->ring);
    assert_true(text.n > 1 && text.n <= LOG_LINE_MAX);
    assert_ptr_equal(memchr(text.p, '\n', text.n), text.p + text.n - 1);
    for (size_t i = 0; i + 1 < text.n; i++)
        assert_true((unsigned char)text.p[i] >= 0x20 && text.p[i] != 0x7f);
    cJSON_Delete(l->line);
    l->line = cJSON_ParseWithLengthOpts(text.p, text.n, &stop, false);
    assert_non_null(l->line);
    assert_ptr_equal(stop, text.p + text.n - 1);
    log_ring_skip(l->ring, text.n, 0);
}

static void log_request(struct logged *l, struct slice raw)
{
    fake_serve(&l->f, raw);
    take_line(l);
}

static const char *text_of(const struct logged *l, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(l->line, name));
}

static double number_of(const struct logged *l, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(l->line, name);

    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static bool has(const struct logged *l, const char *name)
{
    return cJSON_HasObjectItem(l->line, name);
}

TEST(a_line_has_every_field)
{
    struct logged l;

    start(&l);
    fake_serve(&l.f, SLICE_LIT("GET /alias?secret=1 HTTP/1.1\r\n" HOST "User-Agent: curl/8.0\r\n"
                               "X-Correlation-ID: abc-1\r\nTraceparent: "
                               "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"));
    l.f.rq.start_ms = UINT64_C(1760000000122);
    l.f.rq.body = (struct slice){"x", 17};
    take_line(&l);
    assert_string_equal(text_of(&l, "ts"), "2025-10-09T08:53:20.123Z"); /* the end, not the start */
    assert_string_equal(text_of(&l, "level"), "info");
    assert_string_equal(text_of(&l, "event"), "request");
    assert_string_equal(text_of(&l, "correlation_id"), "abc-1");
    assert_string_equal(text_of(&l, "method"), "GET");
    assert_string_equal(text_of(&l, "endpoint"), "/ok");
    assert_string_equal(text_of(&l, "path"), "/alias");
    assert_true(number_of(&l, "status") == 200);
    assert_true(number_of(&l, "duration_ms") == 1.234);
    assert_true(number_of(&l, "bytes_in") == 17);
    assert_true(number_of(&l, "bytes_out") == 42);
    assert_string_equal(text_of(&l, "client_ip"), "192.0.2.7");
    assert_string_equal(text_of(&l, "user_agent"), "curl/8.0");
    assert_string_equal(text_of(&l, "trace_id"), "0af7651916cd43dd8448eb211c80319c");
    assert_false(has(&l, "reason"));
    assert_int_equal(cJSON_GetArraySize(l.line), 14);
    end(&l);
}

/* The line by printf, without a cut. */
static void plain_line(const struct request *rq, uint64_t ns, uint64_t out, struct buf *ret)
{
    const char *level = rq->loop->service->internal ? "debug" : "info";
    char ts[FMT_TS], ip[IP_TEXT_MAX];

    (void)fmt_ts(ts, rq->start_ms + ns / NS_PER_MS);
    buf_clear(ret);
    buf_addf(ret, "{\"ts\":\"%.24s\",\"level\":\"%s\",\"event\":\"request\"", ts, level);
    buf_addf(ret, ",\"correlation_id\":\"%.*s\"", (int)rq->correlation_id.n, rq->correlation_id.p);
    buf_addf(ret, ",\"method\":\"%s\"", http_method_name(rq->head.method));
    if (rq->endpoint != NULL)
        buf_addf(ret, ",\"endpoint\":\"%s\"", rq->endpoint->label);
    buf_add_str(ret, ",\"path\":\"");
    buf_add_json(ret, rq->head.path);
    buf_addf(ret, "\",\"status\":%u", rq->status);
    if (rq->refusal != REFUSED_NOT)
        buf_addf(ret, ",\"reason\":\"%s\"", refusal_rows[rq->refusal].label);
    buf_addf(ret, ",\"duration_ms\":%u.%03u", (unsigned)(ns / NS_PER_MS),
             (unsigned)(ns / 1000 % 1000));
    buf_addf(ret, ",\"bytes_in\":%zu,\"bytes_out\":%zu", rq->body.n, (size_t)out);
    buf_addf(ret, ",\"client_ip\":\"%.*s\"", (int)(ip_format(&rq->client, ip) - ip), ip);
    if (rq->head.user_agent.n > 0) {
        buf_add_str(ret, ",\"user_agent\":\"");
        buf_add_json(ret, rq->head.user_agent);
        buf_add_char(ret, '"');
    }
    if (rq->trace_id.n > 0)
        buf_addf(ret, ",\"trace_id\":\"%.*s\"", (int)rq->trace_id.n, rq->trace_id.p);
    buf_add_str(ret, "}\n");
}

/* What is rendered at the start, kept or copied in words must not show in any byte. */
TEST(a_line_is_what_a_plain_writer_writes)
{
    static const char *const targets[] = {"/ok", "/ok?q=1", "/alias", "/quo\"ted", "/nowhere", "x"};
    struct buf raw = BUF_INIT, want = BUF_INIT;
    struct logged l;

    start(&l);
    for (unsigned i = 0; i < 20000; i++) {
        const char *method = http_method_name((enum http_method)(i % (HTTP_METHODS + 1)));

        buf_clear(&raw);
        buf_addf(&raw, "%s %s HTTP/1.1\r\n" HOST "User-Agent: %.*s\r\n", method,
                 targets[i / 8 % ARRAY_LEN(targets)], (int)(i % 53),
                 "Mozilla/5.0 (X11; Linux \xc3\xbc x86_64) \"quoted\" \\ 1");
        if (i % 5 == 0)
            buf_add_str(&raw, "X-Correlation-ID: abc-1\r\nTraceparent: "
                              "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n");
        buf_add_str(&raw, "\r\n");
        l.f.service.internal = i % 7 == 0;
        fake_serve(&l.f, (struct slice){raw.data, raw.len});
        l.f.rq.start_ms = UINT64_C(1760000000122) + i * UINT64_C(37);
        l.f.rq.body.n = i % 3 == 0 ? 0 : i * UINT64_C(7919);
        access_log(l.ring, &l.f.rq, l.f.rq.status, i * UINT64_C(99991), i);
        plain_line(&l.f.rq, i * UINT64_C(99991), i, &want);
        struct slice got = log_ring_peek(l.ring);
        if (!slice_eq(got, (struct slice){want.data, want.len}))
            fail_msg("got  %.*swant %.*s", (int)got.n, got.p, (int)want.len, want.data);
        log_ring_skip(l.ring, got.n, 0);
    }
    buf_release(&want);
    buf_release(&raw);
    end(&l);
}

TEST(what_is_not_known_is_left_out)
{
    struct logged l;

    start(&l);
    log_request(&l, SLICE_LIT("GET /ok HTTP/1.1\r\n" HOST "\r\n"));
    assert_false(has(&l, "user_agent") || has(&l, "trace_id") || has(&l, "reason"));
    log_request(&l, SLICE_LIT("nonsense\r\n\r\n"));
    assert_false(has(&l, "endpoint"));
    assert_string_equal(text_of(&l, "method"), "-");
    assert_string_equal(text_of(&l, "path"), "");
    end(&l);
}

TEST(the_status_logged_may_be_499)
{
    struct logged l;

    start(&l);
    fake_serve(&l.f, SLICE_LIT("GET /ok HTTP/1.1\r\n" HOST "\r\n"));
    l.f.rq.status = 0;
    access_log(l.ring, &l.f.rq, HTTP_CLIENT_GONE, 0, 0);
    assert_int_equal(count_of(log_ring_peek(l.ring), "\"status\":499,"), 1);
    assert_int_equal(count_of(log_ring_peek(l.ring), "\"duration_ms\":0.000,"), 1);
    end(&l);
}

TEST(a_refusal_is_logged_with_its_reason)
{
    struct logged l;

    start(&l);
    log_request(&l,
                SLICE_LIT("GET /ok HTTP/1.1\r\n" HOST "X : y\r\nX-Correlation-ID: abc-1\r\n\r\n"));
    assert_string_equal(text_of(&l, "reason"), "syntax");
    assert_string_equal(text_of(&l, "correlation_id"), "abc-1");
    assert_string_equal(text_of(&l, "path"), "/ok");
    assert_true(number_of(&l, "status") == 400);
    assert_false(has(&l, "endpoint"));
    end(&l);
}

TEST(the_metrics_port_logs_at_debug)
{
    struct logged l;

    start(&l);
    l.f.service.internal = true;
    log_request(&l, SLICE_LIT("GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_string_equal(text_of(&l, "level"), "debug");
    end(&l);
}

/* ---- the client's address ---- */

TEST(the_clients_address_is_logged_as_much_as_allowed)
{
    static const struct {
        const char *peer, *said; /* what the trusted peer says; NULL: nothing */
        const char *full, *prefix;
    } rows[] = {
        {"192.0.2.7",       NULL,              "192.0.2.7",       "192.0.2.0"   },
        {"2001:db8:1:2::7", NULL,              "2001:db8:1:2::7", "2001:db8:1::"},
        {"192.0.2.7",       "203.0.113.9",     "203.0.113.9",     "203.0.113.0" },
        {"192.0.2.7",       "2001:db8:5:6::9", "2001:db8:5:6::9", "2001:db8:5::"},
        {"192.0.2.7",       "garbage",         "192.0.2.7",       "192.0.2.0"   },
    };
    struct ip_net trusted;
    struct buf raw = BUF_INIT;
    struct logged l;

    start(&l);
    assert_true(ip_net_parse(SLICE_LIT("192.0.2.7"), &trusted, NULL));
    l.f.live.trusted = &trusted;
    l.f.live.n_trusted = 1;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&raw);
        buf_addf(&raw, "GET /ok HTTP/1.1\r\n" HOST "%s%s\r\n\r\n",
                 rows[i].said != NULL ? "X-Real-IP: " : "X: ",
                 rows[i].said != NULL ? rows[i].said : "y");
        l.f.peer = rows[i].peer;
        l.f.live.log_client_ip = LOG_CLIENT_IP_FULL;
        log_request(&l, (struct slice){raw.data, raw.len});
        assert_string_equal(text_of(&l, "client_ip"), rows[i].full);
        l.f.live.log_client_ip = LOG_CLIENT_IP_PREFIX;
        log_request(&l, (struct slice){raw.data, raw.len});
        assert_string_equal(text_of(&l, "client_ip"), rows[i].prefix);
        l.f.live.log_client_ip = LOG_CLIENT_IP_NONE;
        log_request(&l, (struct slice){raw.data, raw.len});
        assert_false(has(&l, "client_ip"));
    }
    buf_release(&raw);
    end(&l);
}

/* ---- hostile bytes and long ones ---- */

TEST(hostile_bytes_stay_inside_their_strings)
{
    static const struct {
        const char *agent, *want;
    } rows[] = {
        {"a\"b\\c",              "a\"b\\c"                 },
        {"\",\"level\":\"error", "\",\"level\":\"error"    },
        {"tab\there",            "tab\there"               },
        {"\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac"    },
        {"\xff\xfe",             "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc2\x9b"
         "2J",          "\xc2\x9b"
         "2J"                       }, /* CSI: escaped in the line */
        {"{}[]<script>%0d%0a",   "{}[]<script>%0d%0a"      },
    };
    struct buf raw = BUF_INIT;
    struct logged l;

    start(&l);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&raw);
        buf_addf(&raw, "GET /ok HTTP/1.1\r\n" HOST "User-Agent: %s\r\n\r\n", rows[i].agent);
        log_request(&l, (struct slice){raw.data, raw.len});
        assert_string_equal(text_of(&l, "user_agent"), rows[i].want);
        assert_string_equal(text_of(&l, "level"), "info");
    }
    buf_release(&raw);
    end(&l);
}

TEST(every_byte_in_a_refused_head_stays_inside_the_line)
{
    char raw[] = "GET /aXb?q HTTP/1.1\r\n" HOST "User-Agent: aXb\r\n\r\n";
    char *in_path = strchr(raw, 'X'), *in_agent = strrchr(raw, 'X');
    struct logged l;

    start(&l);
    for (unsigned c = 0; c < 256; c++) {
        *in_path = (char)c;
        *in_agent = (char)c;
        log_request(&l, (struct slice){raw, sizeof(raw) - 1});
        assert_string_equal(text_of(&l, "event"), "request");
    }
    end(&l);
}

TEST(long_paths_and_agents_are_cut)
{
    struct buf raw = BUF_INIT;
    struct logged l;

    start(&l);
    for (size_t n = 255; n <= 513; n += n == 257 ? 254 : 1) {
        buf_clear(&raw);
        buf_add_str(&raw, "GET /");
        for (size_t i = 1; i < n; i++)
            buf_add_char(&raw, 'p');
        buf_add_str(&raw, " HTTP/1.1\r\n" HOST "User-Agent: ");
        for (size_t i = 0; i < n; i++)
            buf_add_char(&raw, 'u');
        buf_add_str(&raw, "\r\n\r\n");
        log_request(&l, (struct slice){raw.data, raw.len});
        assert_int_equal(strlen(text_of(&l, "path")), n < 512 ? n : 512);
        assert_int_equal(strlen(text_of(&l, "user_agent")), n < 256 ? n : 256);
    }
    buf_release(&raw);
    end(&l);
}

TEST(the_longest_line_fits)
{
    struct buf raw = BUF_INIT;
    struct logged l;

    start(&l);
    buf_add_str(&raw, "GET /");
    for (size_t i = 0; i < HEAD_TARGET_MAX; i++)
        buf_add_char(&raw, '\x01');
    buf_add_str(&raw, " HTTP/1.1\r\n" HOST "X-Correlation-ID: ");
    for (size_t i = 0; i < CORRELATION_ID_MAX; i++)
        buf_add_char(&raw, 'c');
    buf_add_str(&raw, "\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                      "\r\nUser-Agent: ");
    for (size_t i = 0; i < 8000; i++)
        buf_add_char(&raw, '\x01');
    buf_add_str(&raw, "\r\n\r\n");
    l.f.peer = "2001:db8:1111:2222:3333:4444:5555:6666";
    fake_begin(&l.f, (struct slice){raw.data, raw.len});
    l.f.rq.head.path =
        l.f.rq.head.target; /* the worst of each, whether or not a head can have it */
    l.f.rq.refusal = REFUSED_TARGET_TOO_LONG;
    l.f.rq.endpoint = router_unmatched(l.f.service.router);
    l.f.rq.status = 599;
    l.f.rq.body.n = SIZE_MAX;
    access_log(l.ring, &l.f.rq, 599, UINT64_MAX / 2, UINT64_MAX);
    assert_true(log_ring_peek(l.ring).n > (size_t)6 * (512 + 256));
    assert_true(log_ring_peek(l.ring).n <= LOG_LINE_MAX);
    buf_release(&raw);
    end(&l);
}

TEST(a_full_ring_drops_whole_lines_and_counts_them)
{
    struct logged l;
    struct slice text;

    start(&l);
    fake_serve(&l.f, SLICE_LIT("GET /ok HTTP/1.1\r\n" HOST "\r\n"));
    while (atomic_load(&l.ring->dropped) == 0)
        access_log(l.ring, &l.f.rq, 200, 0, 0);
    text = log_ring_peek(l.ring);
    assert_true(text.n <= LOG_RING_SIZE);
    assert_int_equal(text.p[text.n - 1], '\n');
    assert_int_equal(count_of(text, "{\"ts\""), count_of(text, "}\n"));
    assert_int_equal(atomic_load(&l.ring->dropped), 1);
    end(&l);
}

RUN_TESTS(T(a_line_has_every_field),
          T(a_line_is_what_a_plain_writer_writes),
          T(what_is_not_known_is_left_out),
          T(the_status_logged_may_be_499),
          T(a_refusal_is_logged_with_its_reason),
          T(the_metrics_port_logs_at_debug),
          T(the_clients_address_is_logged_as_much_as_allowed),
          T(hostile_bytes_stay_inside_their_strings),
          T(every_byte_in_a_refused_head_stays_inside_the_line),
          T(long_paths_and_agents_are_cut),
          T(the_longest_line_fits),
          T(a_full_ring_drops_whole_lines_and_counts_them))

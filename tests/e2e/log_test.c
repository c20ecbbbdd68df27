/* SPDX-License-Identifier: MIT */
/*
 * The log: a line a request, whatever the client sends; nothing personal in it; and never a reason
 * to wait.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <regex.h>
#include <signal.h>

#define TS "^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9][.][0-9]{3}Z$"

static void assert_matches(const char *text, const char *pattern)
{
    regex_t re;
    int rc;

    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    rc = regexec(&re, text, 0, NULL, 0);
    regfree(&re);
    if (rc != 0)
        fail_msg("'%s' does not match %s", text, pattern);
}

/* Every line is one JSON object of printable bytes; their number. */
static size_t check_lines(struct fixture *f, const char *log)
{
    char *rest = keep_text(f, log, strlen(log)), *line;
    size_t n = 0;

    while ((line = strsep(&rest, "\n")) != NULL && line[0] != '\0') {
        for (const char *p = line; *p != '\0'; p++)
            assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
        assert_matches(json_text(f, line, "ts"), TS);
        assert_non_null(json_find(f, line, "level"));
        assert_non_null(json_find(f, line, "event"));
        n++;
    }
    return n;
}

TEST(a_request_has_one_line_with_all_its_fields)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *r =
        ASK(s, .path = "/api/contact?token=secret", .body = ADA,
            .headers = HEADERS(JSON_TYPE, "X-Correlation-ID: one", "User-Agent: test/1.0 (x)"));
    const char *line = log_request(s, "one");

    assert_matches(json_text(f, line, "ts"), TS);
    assert_json(f, line, "level", "info");
    assert_json(f, line, "event", "request");
    assert_json(f, line, "correlation_id", "one");
    assert_json(f, line, "method", "POST");
    assert_json(f, line, "endpoint", "/contact");
    assert_json(f, line, "path", "/api/contact");
    assert_json(f, line, "status", "201");
    assert_true(json_number(f, line, "duration_ms") > 0);
    assert_int_equal(json_number(f, line, "bytes_in"), strlen(ADA));
    assert_int_equal(json_number(f, line, "bytes_out"), r->body_len);
    assert_json(f, line, "client_ip", "127.0.0.1");
    assert_json(f, line, "user_agent", "test/1.0 (x)");
    assert_lacks(log_text(s), "token");
}

TEST(refused_and_unmatched_requests_have_their_line_too)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w = wire_to(s);
    const char *line;

    (void)ASK(s, .path = "/nothing?a=b", .headers = HEADERS("X-Correlation-ID: unmatched"));
    line = log_request(s, "unmatched");
    assert_json(f, line, "endpoint", "unmatched");
    assert_json(f, line, "path", "/nothing");
    assert_json(f, line, "status", "404");
    wire_send(w, "BREW /pot HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: refused\r\n\r\n");
    assert_status(wire_reply(f, w), 405);
    line = log_request(s, "refused");
    assert_json(f, line, "reason", "method");
    assert_json(f, line, "status", "405");
    assert_null(json_find(f, line, "endpoint"));
    assert_lacks(log_text(s), "BREW");
}

TEST(lines_and_requests_balance)
{
    enum { N = 200 };
    struct server *s = server_start(*state, SETS("contact.rate=off"));

    for (int i = 0; i < N; i++) {
        (void)get(s, "/health");
        (void)get(s, "/nothing");
        (void)post_json(s, i % 2 == 0 ? ADA : "{");
    }
    server_stop(s);
    assert_int_equal(count_of(log_text(s), "\"event\":\"request\""), 3 * N);
    assert_true(check_lines(*state, log_text(s)) >= 3 * N + 3);
}

TEST(hostile_bytes_are_escaped)
{
    static const char *const requests[] = {
        "GET /a%0d%0aFAKE HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /a%1b[31m HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /\"},{\"x\":\" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /\\\\ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /\xff\xfe\xc2\x9b HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: \"}\\\"{ \t \\u0000 \\n\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: \xff\xc0\xaf\xc2\x9b\xe2\x80\xa8\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: \"x\",\"y\":\"\r\n\r\n",
        "GET / HTTP/1.1\nHost: localhost\nX: \"\n\n",
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *line;
    struct wire *w;

    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        w = wire_to(s);
        wire_send(w, requests[i]);
        (void)wire_reply(f, w);
    }
    w = wire_to(s);
    wire_send(w, textf(f,
                       "GET /%01800d HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: long\r\n"
                       "User-Agent: %08000d\r\n\r\n",
                       1, 1));
    assert_status(wire_reply(f, w), 404);
    line = log_request(s, "long");
    assert_true(strlen(line) < 8192);
    assert_json(f, line, "status", "404");
    server_stop(s);
    assert_int_equal(count_of(log_text(s), "\"event\":\"request\""), ARRAY_LEN(requests) + 1);
    (void)check_lines(f, log_text(s));
    assert_lacks(log_text(s), "\x9b");
}

TEST(nothing_personal_and_no_secret_is_logged)
{
    static const char *const secrets[] = {
        "Lovelace", "lovelace@example.com", "example.com", "engine", "s3cr3t", "bearer",
        "cookie",   "website_url",          "idem-key"};
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    const char *json =
        "{\"name\":\"Lovelace\",\"email\":\"lovelace@example.com\",\"message\":\"the engine\"}";
    const char *const *headers =
        HEADERS(JSON_TYPE, "Authorization: Bearer s3cr3t", "Cookie: s3cr3t=1",
                "Idempotency-Key: idem-key", "Referer: https://s3cr3t/");

    for (int i = 0; i < 3; i++) /* stored, replayed, key reused */
        (void)ASK(
            s, .path = "/contact?email=lovelace@example.com", .headers = headers,
            .body =
                i < 2
                    ? json
                    : "{\"name\":\"Lovelace\",\"email\":\"l@example.com\",\"message\":\"engine\"}");
    (void)post_json(
        s, "{\"name\":\"Lovelace\",\"email\":\"lovelace@example\\u0000\",\"message\":\"engine\"");
    (void)post_json(s, "{\"name\":7,\"email\":\"lovelace\",\"message\":\"engine\"}");
    (void)post_form(s, "name=Lovelace&email=lovelace&message=engine&website_url=s3cr3t");
    assert_int_equal(rename(s->store, in_dir(f, "away.db")), 0);
    assert_status(post_json(s, json), 503);
    server_stop(s);
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        assert_null(strcasestr(log_text(s), secrets[i]));
        assert_null(strcasestr(read_file(f, s->err), secrets[i]));
    }
}

TEST(the_address_is_logged_as_configured)
{
    static const struct {
        const char *mode, *header, *logged;
    } cases[] = {
        {"log.client_ip=full",   "X-Real-IP: 192.0.2.77",        "192.0.2.77"       },
        {"log.client_ip=full",   "X-Real-IP: 2001:DB8:1:2:3::4", "2001:db8:1:2:3::4"},
        {"log.client_ip=full",   "X: 1",                         "127.0.0.1"        },
        {"log.client_ip=prefix", "X-Real-IP: 192.0.2.77",        "192.0.2.0"        },
        {"log.client_ip=prefix", "X-Real-IP: 2001:db8:1:2:3::4", "2001:db8:1::"     },
        {"log.client_ip=prefix", "X: 1",                         "127.0.0.0"        },
        {"log.client_ip=none",   "X-Real-IP: 192.0.2.77",        NULL               },
        {"log.client_ip=none",   "X: 1",                         NULL               },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct server *s = server_start(f, SETS("trusted_proxies=127.0.0.1", cases[i].mode));
        const char *logged;

        (void)ASK(s, .path = "/", .headers = HEADERS(cases[i].header, "X-Correlation-ID: ip"));
        logged = json_find(f, log_request(s, "ip"), "client_ip");
        if (cases[i].logged == NULL)
            assert_null(logged);
        else
            assert_string_equal(logged, cases[i].logged);
        server_stop(s);
    }
}

TEST(the_level_decides_what_is_written)
{
    struct fixture *f = *state;
    const char *config = in_dir(f, "config.yaml");
    struct server *s;
    double loaded;

    write_file(config, "log:\n  level: debug\n");
    s = server_start_with(f, &(struct server_options){.config = config});
    (void)ASK_OPS(s, .path = "/health", .headers = HEADERS("X-Correlation-ID: internal"));
    assert_json(f, log_request(s, "internal"), "level", "debug");
    write_file(config, "log:\n  level: info\n");
    server_signal(s, SIGHUP);
    (void)log_event_wait(s, "reloaded");
    (void)ASK_OPS(s, .path = "/health", .headers = HEADERS("X-Correlation-ID: hidden"));
    (void)ASK(s, .path = "/health", .headers = HEADERS("X-Correlation-ID: shown"));
    (void)log_request(s, "shown");
    loaded = metric(s, "config_last_reload_success_timestamp_seconds");
    write_file(config, "log:\n  level: error\n");
    server_signal(s, SIGHUP);
    EVENTUALLY(metric(s, "config_last_reload_success_timestamp_seconds") > loaded);
    (void)ASK(s, .path = "/health", .headers = HEADERS("X-Correlation-ID: quiet"));
    server_stop(s);
    assert_null(log_find(s, "hidden"));
    assert_null(log_find(s, "quiet"));
}

RUN_TESTS(T(a_request_has_one_line_with_all_its_fields),
          T(refused_and_unmatched_requests_have_their_line_too),
          T(lines_and_requests_balance),
          T(hostile_bytes_are_escaped),
          T(nothing_personal_and_no_secret_is_logged),
          T(the_address_is_logged_as_configured),
          T(the_level_decides_what_is_written))

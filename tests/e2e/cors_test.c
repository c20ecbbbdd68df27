/* SPDX-License-Identifier: MIT */
/* Requests as browsers send them for scripts of other sites: who may read which answer, and what a preflight is told. */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <signal.h>

#define APP "https://app.example"
#define LOCAL "http://localhost:3000"
#define ORIGIN(origin) "Origin: " origin
#define ORIGINS SETS("cors.origins=" APP "," LOCAL, "contact.rate=off")

static bool has_cors(const struct reply *r)
{
    for (size_t i = 0; i < r->n_fields; i++)
        if (strncmp(r->fields[i].name, "access-control-", 15) == 0)
            return true;
    return false;
}

static bool varies_by_origin(const struct reply *r)
{
    for (size_t i = 0; i < r->n_fields; i++)
        if (strcmp(r->fields[i].name, "vary") == 0 && strstr(r->fields[i].value, "Origin") != NULL)
            return true;
    return false;
}

static void expect_readable(const struct reply *r, const char *origin)
{
    assert_int_equal(reply_count(r, "access-control-allow-origin"), 1);
    assert_field(r, "access-control-allow-origin", origin);
    assert_field(r, "access-control-expose-headers", "X-Correlation-ID, Retry-After");
    assert_int_equal(reply_count(r, "access-control-allow-credentials"), 0);
    assert_true(varies_by_origin(r));
    assert_manners(r);
}

static void expect_unreadable(const struct reply *r)
{
    assert_false(has_cors(r));
    assert_true(varies_by_origin(r));
    assert_manners(r);
}

TEST(an_allowed_origin_may_read_every_answer)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, ORIGINS);

    expect_readable(ASK(s, .path = "/health", .headers = HEADERS(ORIGIN(APP))), APP);
    expect_readable(ASK(s, .path = "/health", .headers = HEADERS(ORIGIN(LOCAL))), LOCAL);
    expect_readable(ASK(s, .path = "/", .headers = HEADERS(ORIGIN(APP), "Accept: text/html")), APP);
    expect_readable(
        ASK(s, .path = "/api/contact", .headers = HEADERS(ORIGIN(APP), JSON_TYPE), .body = ADA),
        APP);
    expect_readable(
        ASK(s, .path = "/api/contact", .headers = HEADERS(ORIGIN(APP), JSON_TYPE), .body = "{}"),
        APP);
    expect_readable(ASK(s, .path = "/nonsense", .headers = HEADERS(ORIGIN(APP))), APP);
    expect_readable(ASK(s, .method = "PUT", .path = "/health", .headers = HEADERS(ORIGIN(APP))),
                    APP);
    expect_readable(ASK(s, .method = "BREW", .path = "/", .headers = HEADERS(ORIGIN(APP))), APP);
}

TEST(refusals_of_the_guard_and_of_the_library_may_be_read_too)
{
    struct fixture *f = *state;
    struct server *s =
        server_start(f, SETS("cors.origins=" APP, "hosts=127.0.0.1", "limits.body=1KiB"));
    char *big = keep(f, 1026);
    const struct reply *r;
    struct wire *w;

    memset(big, 'a', 1025);
    r = ASK(s, .path = "/contact", .headers = HEADERS(ORIGIN(APP), JSON_TYPE), .body = big);
    assert_error(f, r, 413, "content_too_large");
    expect_readable(r, APP);
    r = ASK(s, .path = "/", .headers = HEADERS(ORIGIN(APP), "Host: other.example"));
    assert_error(f, r, 421, "misdirected_request");
    expect_readable(r, APP);
    w = wire_to(s);
    wire_send(w, "GET /a\\b HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: " APP "\r\n\r\n");
    r = wire_reply(f, w);
    assert_error(f, r, 400, "bad_request");
    expect_readable(r, APP);
    w = wire_to(s);
    wire_send(w, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nOrigin: " APP ".evil\r\n\r\n");
    r = wire_reply(f, w);
    assert_error(f, r, 400, "bad_request");
    expect_unreadable(r);
}

TEST(other_origins_get_their_answer_and_may_not_read_it)
{
    static const char *const others[] = {
        "null",
        "*",
        "http://app.example",
        "https://app.example.evil.example",
        "https://evil.example",
        "https://evilapp.example",
        "https://sub.app.example",
        "https://App.example",
        "HTTPS://app.example",
        "https://app.example/",
        "https://app.example.",
        "https://app.example:443",
        "https://app.example:8443",
        "http://localhost",
        "http://localhost:30000",
        "https://localhost:3000",
        "https://app.example https://app.example",
        "https://app.example,http://localhost:3000",
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, ORIGINS);
    const struct reply *r;
    struct wire *w = wire_to(s);

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        const char *origin = textf(f, "Origin: %s", others[i]);

        r = ASK(s, .path = "/health", .headers = HEADERS(origin));
        assert_status(r, 200);
        expect_unreadable(r);
        r = ASK(s, .method = "OPTIONS", .path = "/api/contact",
                .headers = HEADERS(origin, "Access-Control-Request-Method: POST",
                                   "Access-Control-Request-Headers: content-type"));
        assert_status(r, 204);
        expect_unreadable(r);
    }
    r = get(s, "/health"); /* and none at all */
    assert_status(r, 200);
    expect_unreadable(r);
    wire_send(w, "GET /health HTTP/1.1\r\nHost: a\r\nOrigin: " APP "\r\nOrigin: " APP "\r\n\r\n");
    r = wire_reply(f, w);
    assert_status(r, 200);
    expect_unreadable(r);
    wire_send_lit(w, "GET /health HTTP/1.1\r\nHost: a\r\nOrigin: " APP "\0.evil\r\n\r\n");
    r = wire_reply(f, w);
    assert_status(r, 400);
    assert_false(has_cors(r));
}

TEST(a_preflight_is_told_what_it_may_send)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, ORIGINS);
    const struct reply *r =
        ASK(s, .method = "OPTIONS", .path = "/api/contact",
            .headers = HEADERS(ORIGIN(APP), "Access-Control-Request-Method: POST",
                               "Access-Control-Request-Headers: content-type,idempotency-key"));

    assert_status(r, 204);
    assert_manners(r);
    assert_field(r, "access-control-allow-origin", APP);
    assert_field(r, "access-control-allow-methods", "POST, OPTIONS");
    assert_field(r, "access-control-allow-headers",
                 "Content-Type, Idempotency-Key, X-Correlation-ID, X-Request-ID, traceparent");
    assert_field(r, "access-control-max-age", "600");
    assert_field(r, "vary",
                 "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
    assert_int_equal(reply_count(r, "access-control-allow-credentials"), 0);
    /* What it asked for. */
    r = ASK(s, .path = "/api/contact",
            .headers = HEADERS(ORIGIN(APP), JSON_TYPE, "Idempotency-Key: cors-1"), .body = ADA);
    assert_status(r, 201);
    expect_readable(r, APP);
    r = ASK(s, .method = "OPTIONS", .path = "/nonsense",
            .headers = HEADERS(ORIGIN(APP), "Access-Control-Request-Method: POST"));
    assert_error(f, r, 404, "not_found");
    assert_int_equal(reply_count(r, "access-control-allow-methods"), 0);
}

TEST(preflights_count_as_requests_and_in_no_slo)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, ORIGINS);

    for (int i = 0; i < 3; i++)
        assert_status(ASK(s, .method = "OPTIONS", .path = "/contact",
                          .headers = HEADERS(ORIGIN(APP), "Access-Control-Request-Method: POST")),
                      204);
    assert_metric(s, REQUESTS("OPTIONS", "/contact", "204"), 3);
    assert_metric(s, "slo_events_total{slo=\"availability\",outcome=\"good\"}", 0);
    assert_metric(s, "slo_events_total{slo=\"availability\",outcome=\"excluded\"}", 0);
    assert_metric(s, "slo_events_total{slo=\"contact\",outcome=\"good\"}", 0);
}

TEST(without_a_list_and_on_the_metrics_port_no_answer_speaks_of_it)
{
    struct fixture *f = *state;
    struct server *plain = server_start(f, NULL);
    struct server *listed = server_start(
        f, SETS("cors.origins=" APP, textf(f, "store.path=%s", in_dir(f, "other.db"))));
    const char *const *fields = HEADERS(ORIGIN(APP), "Access-Control-Request-Method: POST");
    const struct reply *r;

    r = ASK(plain, .path = "/health", .headers = fields);
    assert_status(r, 200);
    assert_false(has_cors(r) || reply_count(r, "vary") > 0);
    r = ASK(plain, .method = "OPTIONS", .path = "/contact", .headers = fields);
    assert_status(r, 204);
    assert_false(has_cors(r) || reply_count(r, "vary") > 0);
    r = ASK_OPS(listed, .path = "/health", .headers = fields);
    assert_status(r, 200);
    assert_false(has_cors(r) || varies_by_origin(r));
    r = ASK_OPS(listed, .method = "OPTIONS", .path = "/metrics", .headers = fields);
    assert_status(r, 204);
    assert_false(has_cors(r) || varies_by_origin(r));
}

/* Rewrites the file, tells the server, and waits for its word on it. */
static void reload(struct server *s, const char *text, const char *event)
{
    size_t before = count_of(log_text(s), textf(s->f, "\"event\":\"%s\"", event));

    write_file(s->opt.config, text);
    server_signal(s, SIGHUP);
    EVENTUALLY(count_of(log_text(s), textf(s->f, "\"event\":\"%s\"", event)) > before);
}

TEST(an_origin_is_added_and_taken_away_while_it_runs)
{
    struct fixture *f = *state;
    const char *config = in_dir(f, "config.yaml");
    struct server *s;

    write_file(config, "log: {level: info}\n");
    s = server_start_with(f, &(struct server_options){.config = config});
    assert_false(has_cors(ASK(s, .path = "/health", .headers = HEADERS(ORIGIN(APP)))));
    reload(s, "cors:\n  origins: [" APP "]\n", "reloaded");
    EVENTUALLY(has_cors(ASK(s, .path = "/health", .headers = HEADERS(ORIGIN(APP)))));
    expect_unreadable(ASK(s, .path = "/health", .headers = HEADERS(ORIGIN(LOCAL))));
    reload(s, "cors:\n  origins: [" APP "/]\n", "reload_failed"); /* the old one stays */
    expect_readable(ASK(s, .path = "/health", .headers = HEADERS(ORIGIN(APP))), APP);
    assert_contains(log_event_wait(s, "reload_failed"), "cors.origins");
    reload(s, "cors:\n  origins:\n    - " APP "\n    - " LOCAL "\n", "reloaded");
    EVENTUALLY(has_cors(ASK(s, .path = "/health", .headers = HEADERS(ORIGIN(LOCAL)))));
    expect_readable(ASK(s, .path = "/health", .headers = HEADERS(ORIGIN(APP))), APP);
    reload(s, "cors:\n  origins: []\n", "reloaded");
    EVENTUALLY(reply_count(ASK(s, .path = "/health", .headers = HEADERS(ORIGIN(APP))), "vary") ==
               0);
    assert_false(has_cors(ASK(s, .path = "/health", .headers = HEADERS(ORIGIN(APP)))));
    assert_metric(s, "config_restart_required", 0);
}

RUN_TESTS(T(an_allowed_origin_may_read_every_answer),
          T(refusals_of_the_guard_and_of_the_library_may_be_read_too),
          T(other_origins_get_their_answer_and_may_not_read_it),
          T(a_preflight_is_told_what_it_may_send),
          T(preflights_count_as_requests_and_in_no_slo),
          T(without_a_list_and_on_the_metrics_port_no_answer_speaks_of_it),
          T(an_origin_is_added_and_taken_away_while_it_runs))

/* SPDX-License-Identifier: MIT */
/*
 * The public port as an HTTP server: routes, methods, what every answer carries, connections.
 * Malformed requests are framing_test.c's.
 */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#define GET(path, id) "GET " path " HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: " id "\r\n\r\n"

TEST(every_route_answers_with_its_type)
{
    static const struct {
        const char *path;
        int status;
        const char *type;
    } cases[] = {
        {"/",                 200, "text/plain; charset=utf-8"},
        {"/health",           200, "application/json"         },
        {"/api/health",       200, "application/json"         },
        {"/health/liveness",  200, "application/json"         },
        {"/health/readiness", 200, "application/json"         },
        {"/contact",          200, "text/html; charset=utf-8" },
        {"/contact/thanks",   200, "text/html; charset=utf-8" },
        {"/health?verbose=1", 200, "application/json"         },
        {"/contact?name=a+b", 200, "text/html; charset=utf-8" },
    };
    struct server *s = server_start(*state, NULL);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct reply *r = get(s, cases[i].path);

        assert_status(r, cases[i].status);
        assert_field(r, "content-type", cases[i].type);
        assert_manners(r);
    }
    assert_metric(s, REQUESTS("GET", "/health", "200"), 3); /* /api/health is an alias */
}

TEST(an_unknown_path_is_an_ordinary_404_and_so_is_metrics)
{
    static const char *const paths[] = {"/metrics", "/debug", "/api", "/index.html",
                                        "/favicon.ico"};
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *const *id = HEADERS("X-Correlation-ID: same");
    const struct reply *nonsense = ASK(s, .path = "/nonsense", .headers = id);
    size_t n = 1;

    assert_error(f, nonsense, 404, "not_found");
    for (size_t i = 0; i < ARRAY_LEN(paths); i++, n++) {
        const struct reply *r = ASK(s, .path = paths[i], .headers = id);

        assert_error(f, r, 404, "not_found");
        assert_string_equal(r->body, nonsense->body);
        assert_int_equal(r->n_fields, nonsense->n_fields);
    }
    assert_metric(s, REQUESTS("GET", "unmatched", "404"), (double)n);
    assert_metric(s, "http_errors_total{type=\"client\",endpoint=\"unmatched\"}", (double)n);
}

TEST(nothing_public_is_on_the_metrics_port)
{
    static const char *const paths[] = {"/metrics.js", "/contact", "/api/contact",
                                        "/contact/thanks", "/api/health"};
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        assert_error(f, get_ops(s, paths[i]), 404, "not_found");
    assert_error(f, ASK_OPS(s, .path = "/contact", .headers = HEADERS(JSON_TYPE), .body = ADA), 404,
                 "not_found");
    assert_status(get_ops(s, "/health"), 200);
    assert_status(get_ops(s, "/health/liveness"), 200);
    assert_status(get_ops(s, "/health/readiness"), 200);
    assert_metric(s, SUBMISSIONS, 0);
}

TEST(the_metrics_port_answers_only_to_addresses_and_localhost)
{
    static const struct {
        const char *host;
        int status;
    } cases[] = {
        {"Host: localhost",        200},
        {"Host: LOCALHOST:9091",   200},
        {"Host: 127.0.0.1",        200},
        {"Host: 10.1.2.3:9091",    200},
        {"Host: [::1]:9091",       200},
        {"Host: evil.example",     421},
        {"Host: localhost.evil.x", 421},
        {"Host: 127.0.0.1.nip.io", 421},
    };
    struct server *s = server_start(*state, NULL);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_status(ASK_OPS(s, .path = "/metrics", .headers = HEADERS(cases[i].host)),
                      cases[i].status);
}

TEST(a_known_path_with_another_method_is_405_with_allow)
{
    static const struct {
        const char *method, *path, *allow;
    } cases[] = {
        {"POST",   "/",               "GET, HEAD, OPTIONS"      },
        {"POST",   "/health",         "GET, HEAD, OPTIONS"      },
        {"DELETE", "/contact",        "GET, HEAD, POST, OPTIONS"},
        {"PUT",    "/contact",        "GET, HEAD, POST, OPTIONS"},
        {"PATCH",  "/contact/thanks", "GET, HEAD, OPTIONS"      },
        {"GET",    "/api/contact",    "POST, OPTIONS"           },
        {"HEAD",   "/api/contact",    "POST, OPTIONS"           },
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct reply *r = ASK(s, .method = cases[i].method, .path = cases[i].path);

        assert_status(r, 405);
        assert_field(r, "allow", cases[i].allow);
        assert_manners(r);
        if (strcmp(cases[i].method, "HEAD") != 0)
            assert_error(f, r, 405, "method_not_allowed");
    }
    assert_metric(s, REQUESTS("DELETE", "/contact", "405"), 1);
}

TEST(no_header_overrides_the_method)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *r = ASK(s, .path = "/", .body = "",
                                .headers = HEADERS("X-HTTP-Method-Override: GET",
                                                   "X-HTTP-Method: GET", "X-Method-Override: GET"));

    assert_error(f, r, 405, "method_not_allowed");
}

TEST(options_names_the_methods)
{
    static const struct {
        const char *path, *allow;
    } cases[] = {
        {"/",            "GET, HEAD, OPTIONS"      },
        {"/contact",     "GET, HEAD, POST, OPTIONS"},
        {"/api/contact", "POST, OPTIONS"           },
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w = wire_to(s);
    const struct reply *r;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        r = ASK(s, .method = "OPTIONS", .path = cases[i].path);
        assert_status(r, 204);
        assert_field(r, "allow", cases[i].allow);
        assert_manners(r);
    }
    wire_send(w, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n" GET("/health/liveness", "next"));
    r = wire_reply(f, w);
    assert_status(r, 204);
    assert_manners(r);
    assert_field(wire_reply(f, w), "x-correlation-id", "next");
    assert_error(f, ASK(s, .method = "OPTIONS", .path = "/nonsense"), 404, "not_found");
}

/* The same head, except for what differs between any two answers. */
static void assert_same_head(const struct reply *head, const struct reply *get)
{
    assert_int_equal(head->status, get->status);
    assert_int_equal(head->n_fields, get->n_fields);
    for (size_t i = 0; i < get->n_fields; i++) {
        const char *name = get->fields[i].name;

        assert_string_equal(head->fields[i].name, name);
        if (strcmp(name, "date") != 0)
            assert_string_equal(head->fields[i].value, get->fields[i].value);
    }
}

TEST(head_is_get_without_a_body_on_every_path)
{
    static const char *const paths[] = {
        "/", "/health/liveness", "/health/readiness", "/contact", "/contact/thanks", "/nonsense",
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w = wire_to(s);

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const char *rest = textf(
            f, "%s HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: head-%zu\r\n\r\n", paths[i], i);
        const struct reply *by_head, *by_get;

        /* All three at once: a body after HEAD would be taken for the next answer. */
        wire_send(w, textf(f, "HEAD %sGET %sHEAD %s", rest, rest, rest));
        by_head = wire_reply_head(f, w);
        by_get = wire_reply(f, w);
        assert_same_head(by_head, by_get);
        assert_true(by_get->body_len > 0);
        assert_same_head(wire_reply_head(f, w), by_get);
    }
    wire_send(w, "HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n" GET("/health", "after"));
    assert_status(wire_reply_head(f, w), 200);
    assert_field(wire_reply(f, w), "x-correlation-id", "after");
    assert_metric(s, REQUESTS("HEAD", "/health", "200"), 1);
}

TEST(http2_is_refused_in_both_ways)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w = wire_to(s);
    const struct reply *r;

    wire_send(w,
              "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
              "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
    r = wire_reply(f, w);
    assert_status(r, 200);
    assert_null(reply_field(r, "upgrade"));
    w = wire_to(s);
    wire_send(w, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_status(wire_reply(f, w), 400);
    assert_wire_ends(w);
    assert_metric(s, REJECTED("unparsed"), 1);
}

TEST(many_pipelined_requests_are_answered_in_order)
{
    enum { N = 2000 };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w = wire_to(s);
    struct buf all = BUF_INIT;

    for (int i = 0; i < N; i++)
        buf_addf(&all, "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: n-%d\r\n\r\n",
                 i);
    assert_true(wire_write(w, all.data, all.len));
    buf_release(&all);
    for (int i = 0; i < N; i++) {
        const struct reply *r = wire_reply(f, w);

        assert_status(r, 200);
        assert_field(r, "x-correlation-id", textf(f, "n-%d", i));
    }
    assert_metric(s, REQUESTS("GET", "/health", "200"), N);
    assert_metric(s, "connections_accepted_total", 1);
}

TEST(a_connection_stays_open_as_http_says)
{
    static const struct {
        const char *version, *connection;
        bool stays;
    } cases[] = {
        {"1.1", "",                           true },
        {"1.1", "Connection: keep-alive\r\n", true },
        {"1.1", "Connection: close\r\n",      false},
        {"1.1", "Connection: CLOSE\r\n",      false},
        {"1.0", "",                           false},
        {"1.0", "Connection: keep-alive\r\n", true },
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *request = textf(f, "GET / HTTP/%s\r\nHost: localhost\r\n%s\r\n",
                                    cases[i].version, cases[i].connection);
        struct wire *w = wire_to(s);

        wire_send(w, request);
        assert_status(wire_reply(f, w), 200);
        if (!cases[i].stays) {
            assert_wire_ends(w);
            continue;
        }
        wire_send(w, request);
        assert_status(wire_reply(f, w), 200);
    }
}

TEST(http_1_0_needs_no_host)
{
    struct fixture *f = *state;
    struct wire *w = wire_to(server_start(f, NULL));
    const struct reply *r;

    wire_send(w, "GET / HTTP/1.0\r\n\r\n");
    r = wire_reply(f, w);
    assert_status(r, 200);
    assert_manners(r);
    assert_wire_ends(w);
}

TEST(a_client_that_closed_its_side_gets_its_answer)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    struct wire *w = wire_to(s);
    const char *body = ADA;

    wire_send(w, GET("/health", "half"));
    wire_finish(w);
    assert_status(wire_reply(f, w), 200);
    assert_wire_ends(w);
    /* An answer that comes later, too; it counts as given up. */
    w = wire_to(s);
    wire_send(w, textf(f,
                       "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE "\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       strlen(body), body));
    wire_finish(w);
    assert_status(wire_reply(f, w), 201);
    assert_wire_ends(w);
    assert_metric(s, SUBMISSIONS, 1);
}

TEST(no_trick_with_the_path_reaches_another_route)
{
    static const struct {
        const char *target;
        int status;
    } cases[] = {
        {"/health/",             404},
        {"//health",             404},
        {"/./health",            404},
        {"/x/../health",         404},
        {"/Health",              404},
        {"/HEALTH",              404},
        {"/%68ealth",            404},
        {"/health%2fliveness",   404},
        {"/%2e%2e/metrics",      404},
        {"/..%2fmetrics",        404},
        {"//metrics",            404},
        {"/health;x=1",          404},
        {"/api/..;/contact",     404},
        {"/contact/thanks/",     404},
        {"/contact%3fx",         404},
        {"/contact%20",          404},
        {"/contact%00",          400},
        {"/contact%0d%0aX-A:1",  400},
        {"/contact%1f",          400},
        {"/contact?a=%00",       400},
        {"/contact\\thanks",     400},
        {"/contact#thanks",      400},
        {"/contact\xc3\xa4",     400},
        {"/health?../../etc",    200},
        {"/health?a=%0A",        200},
        {"/health?a=/&b=\?\?&c", 200},
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct wire *w = wire_to(s);
        const struct reply *r;

        wire_send(w, textf(f, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", cases[i].target));
        r = wire_reply(f, w);
        if (r->status != cases[i].status)
            print_error("of %s:\n", cases[i].target);
        assert_status(r, cases[i].status);
    }
}

RUN_TESTS(T(every_route_answers_with_its_type),
          T(an_unknown_path_is_an_ordinary_404_and_so_is_metrics),
          T(nothing_public_is_on_the_metrics_port),
          T(the_metrics_port_answers_only_to_addresses_and_localhost),
          T(a_known_path_with_another_method_is_405_with_allow),
          T(no_header_overrides_the_method),
          T(options_names_the_methods),
          T(head_is_get_without_a_body_on_every_path),
          T(http2_is_refused_in_both_ways),
          T(many_pipelined_requests_are_answered_in_order),
          T(a_connection_stays_open_as_http_says),
          T(http_1_0_needs_no_host),
          T(a_client_that_closed_its_side_gets_its_answer),
          T(no_trick_with_the_path_reaches_another_route))

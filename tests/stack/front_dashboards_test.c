/* SPDX-License-Identifier: MIT */
/*
 * The operators' pages through Caddy: who gets in, and that they work there: the real Prometheus,
 * the runbook, a websocket.
 */
#include "tests/e2e/lib/page.h"
#include "tests/stack/lib/standin_grafana.h"
#include "tests/stack/lib/standin_tunnel.h"

#include <signal.h>

static struct stack *start(struct fixture *f)
{
    struct stack *s = stack_start(f, &(struct stack_options){.only = "sidelight caddy prometheus"});

    grafana_start(s);
    return s;
}

static const struct reply *get_with(struct stack *s, const char *path, const char *header)
{
    return tell_caddy(s, TUNNEL,
                      textf(s->f, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n", path, header,
                            header[0] != '\0' ? "\r\n" : ""));
}

/* bcrypt, cost 4, of "second" */
#define SECOND_USER "eve $2b$04$QKX8Yyk0RTs3ZVAWTcTtfecIZKJsk6liD3eYMVP0sCkJLLhYDvuWq\n"
#define SECOND_LOGIN "Authorization: Basic ZXZlOnNlY29uZA=="

TEST(dashboards_need_a_user_of_the_file_and_the_password)
{
    static const char *const paths[] = {"/grafana/",
                                        "/grafana",
                                        "/GRAFANA/",
                                        "/grafana/api/live/ws",
                                        "/prometheus/graph",
                                        "/prometheus",
                                        "/prometheus/api/v1/query?query=1",
                                        "/runbook",
                                        "/runbook/config.md",
                                        "/runbook/"};
    static const char *const wrong[] = {
        "",
        "Authorization: Basic b3BzOg==" /* ops: */,
        "Authorization: Basic b3BzOndyb25n" /* ops:wrong */,
        "Authorization: Basic bm9ib2R5OndvcmQ=" /* nobody:word */,
        SECOND_LOGIN,
        "Authorization: Basic !",
        "Authorization: Basic",
        "Authorization: Bearer x",
        "X-WEBAUTH-USER: ops",
        "Cookie: grafana_session=1",
    };
    struct fixture *f = *state;
    struct stack *s = start(f);
    const char *users = textf(f, "%s/secrets/users", s->dir);
    const struct outcome *o;

    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        for (size_t k = 0; k < ARRAY_LEN(wrong); k++) {
            const struct reply *r = get_with(s, paths[i], wrong[k]);

            assert_error(f, r, 401, "unauthorized");
            assert_front_manners(r);
            assert_field(r, "www-authenticate", "Basic realm=\"restricted\"");
        }
    assert_string_equal(grafana_log(s), "");
    assert_status(get_with(s, "/grafana/", stack_authorization(s)), 200);
    assert_status(get_with(s, "/runbook", stack_authorization(s)), 200);

    stack_signal(s, "caddy", SIGTERM);
    write_file(users, textf(f, "%s" SECOND_USER, read_file(f, users)));
    o = run(f,
            ARGS("tools/secrets.sh", "--dir", textf(f, "%s/secrets", s->dir), "--env", "/dev/null"),
            NULL);
    assert_int_equal(o->status, 0);
    stack_again(s, "caddy");
    assert_contains(get_with(s, "/grafana/", SECOND_LOGIN)->body, "\"x-webauth-user\": [\"eve\"]");
    assert_contains(get_with(s, "/grafana/", stack_authorization(s))->body,
                    "\"x-webauth-user\": [\"ops\"]");
}

/* CPU seconds that Caddy has used. */
static double caddy_cpu(struct stack *s)
{
    const struct reply *r = ASK_IN(s, "prometheus", DASHBOARDS_CADDY, 2020, .path = "/metrics");

    return page_value(r->body, "process_cpu_seconds_total");
}

/*
 * bcrypt of Caddy's own cost, 14, takes a second: it must not meet names that anybody can think of.
 */
TEST(guessing_costs_caddy_next_to_nothing)
{
    enum { GUESSES = 20 };

    static const char *const names[] = {"nobody", "op",    "opss",   "o",
                                        "OPS",    "admin", "import", "ops"};
    struct fixture *f = *state;
    struct stack *s = start(f);
    double before = caddy_cpu(s);

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (unsigned k = 0; k < GUESSES; k++)
            assert_status(
                get_with(s, "/grafana/", basic_login(f, names[i], textf(f, "guess %u", k))), 401);
    /* 160 guesses; one of cost 14 alone takes more than half a second, 20 of them ten. */
    assert_true(caddy_cpu(s) - before < 5);
}

static const struct reply *ops_page(struct stack *s, const char *path)
{
    return ASK_TUNNEL(s, NULL, .path = path, .headers = HEADERS(stack_authorization(s)),
                      .gzip = true);
}

/* Each alert links to a heading of the page. */
static void assert_has_headings(struct fixture *f, const char *page)
{
    static const char link[] = "runbook#";
    size_t n = 0;

    for (const char *at = read_file(f, "slo-rules.yml"); (at = strstr(at, link)) != NULL; n++) {
        at += sizeof(link) - 1;
        assert_contains(
            page, textf(f, " id=\"%.*s\">", (int)strspn(at, "abcdefghijklmnopqrstuvwxyz"), at));
    }
    assert_true(n > 10);
}

TEST(prometheus_and_the_runbook_work_through_caddy)
{
    struct fixture *f = *state;
    struct stack *s = start(f);
    const struct reply *r = ops_page(s, "/prometheus");

    assert_status(r, 308);
    assert_field(r, "location", "/prometheus/");
    r = ops_page(s, "/prometheus/");
    assert_status(r, 302);
    assert_int_equal(strncmp(reply_field(r, "location"), "/prometheus/", 12), 0);
    r = ops_page(s, reply_field(r, "location"));
    assert_status(r, 200);
    assert_field(r, "content-encoding", "gzip");
    assert_field(r, "cache-control", "private");
    assert_contains(r->body, "<title>Prometheus Time Series");
    assert_front_manners(r);
    r = ops_page(s, "/prometheus/api/v1/query?query=1%2F4&x=%2e%2e//;");
    assert_json(f, r->body, "data.result.1", "0.25");
    r = ASK_TUNNEL(s, NULL, .path = "/prometheus/api/v1/query",
                   .headers = HEADERS(stack_authorization(s), FORM_TYPE), .body = "query=2%2F4");
    assert_json(f, r->body, "data.result.1", "0.5");

    r = ops_page(s, "/runbook");
    assert_status(r, 200);
    assert_front_manners(r);
    assert_field(r, "content-type", "text/html; charset=utf-8");
    assert_contains(r->body, "<base href=\"/runbook/\">");
    assert_contains(r->body, "<h2 id=\"back-up\">");
    assert_contains(r->body, "<table>");
    assert_has_headings(f, r->body);
    assert_lacks(r->body, "{{");
    assert_string_equal(ops_page(s, "/runbook/")->body, r->body);
    assert_string_equal(ops_page(s, "/runbook/operations.md")->body, r->body);
    assert_contains(ops_page(s, "/runbook/config.md")->body, "<h1 id=\"configuration\">");
    assert_contains(ops_page(s, "/runbook/metrics.md")->body, "<code>http_requests_total</code>");
    assert_contains(ops_page(s, "/runbook/server.md")->body, "<h1 id=\"running-sidelight\">");
    assert_status(ops_page(s, "/runbook/api.md"), 200);
}

/* ---- Grafana Live ---- */

#define UPGRADE                                                                                                         \
    "GET /grafana/api/live/ws HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

/* Reads until `w` holds `n` bytes. */
static const char *frames(struct wire *w, size_t n)
{
    EVENTUALLY(!wire_silent(w, 1) && w->in.len >= n);
    return w->in.data;
}

TEST(a_websocket_of_grafana_passes_with_a_password_only)
{
    /* Masked, as clients must: "hello" under a mask of zeros, and close. */
    static const char hello[] = "\x81\x85\0\0\0\0hello", bye[] = "\x88\x80\0\0\0\0";
    struct fixture *f = *state;
    struct stack *s = start(f);
    struct wire *w = wire_to_caddy(s, TUNNEL);
    const struct reply *r;

    assert_error(f, tell_caddy(s, TUNNEL, UPGRADE "\r\n"), 401, "unauthorized");
    wire_send(w, textf(f, UPGRADE "%s\r\n\r\n", stack_authorization(s)));
    r = wire_reply(f, w);
    assert_status(r, 101);
    assert_field(r, "sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    for (int i = 0; i < 3; i++) {
        wire_send_lit(w, hello);
        assert_memory_equal(frames(w, 7), "\x81\x05hello", 7);
        buf_clear(&w->in);
    }
    wire_send_lit(w, bye);
    assert_memory_equal(frames(w, 2), "\x88\0", 2);
    buf_clear(&w->in);
    assert_wire_ends(w);
    assert_contains(grafana_log(s), "\"x-webauth-user\": [\"ops\"]");
}

STACK_TESTS(T(dashboards_need_a_user_of_the_file_and_the_password),
            T(guessing_costs_caddy_next_to_nothing),
            T(prometheus_and_the_runbook_work_through_caddy),
            T(a_websocket_of_grafana_passes_with_a_password_only))

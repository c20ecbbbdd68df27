/* SPDX-License-Identifier: MIT */
/*
 * What Caddy lets through and what never, in every spelling; with the real Prometheus and a
 * stand-in for Grafana behind it.
 */
#include "tests/stack/lib/standin_grafana.h"
#include "tests/stack/lib/standin_tunnel.h"

static const char *const forbidden[] = {
    /* Sidelight's, as if 9091 were behind this port */
    "/metrics",
    "/metrics/",
    "/metrics?x=1",
    "/metrics?",
    "/METRICS",
    "/Metrics",
    "//metrics",
    "///metrics",
    "/./metrics",
    "/../metrics",
    "/x/../metrics",
    "/health/../metrics",
    "/contact/..//metrics",
    "/%6detrics",
    "/%6Detrics",
    "/metric%73",
    "/%2fmetrics",
    "/%2Fmetrics",
    "/%2e/metrics",
    "/%2e%2e/metrics",
    "/health/%2e%2e/metrics",
    "/health/..%2fmetrics",
    "/health%2f..%2fmetrics",
    "/metrics;a",
    "/metrics;a=b",
    "/;/metrics",
    "/..;/metrics",
    "/metrics%3ba",
    "/metrics%00",
    "/%00/metrics",
    "/metrics%20",
    "/metrics%09",
    "/metrics%0a",
    "/metrics%0d%0aX:%20y",
    "/metrics.",
    "/metrics..",
    "/metrics%2e",
    "/metrics#x",
    "/metrics%23",
    "/\\metrics",
    "/x\\..\\metrics",
    "/%5cmetrics",
    "/%5Cmetrics",
    "/%256detrics",
    "/%25%36%64etrics",
    "/%c0%ae%c0%ae/metrics",
    "/%ef%bc%8fmetrics",
    "/health/metrics/../../metrics",
    "*",
    /* a target that is a URL: Go takes the host from it and routes by the path */
    "http://localhost/metrics",
    "http://sidelight-metrics:9091/metrics",
    "HTTP://172.31.253.17:9091/metrics",
    "http://prometheus:9090/prometheus/metrics",
    "http://172.31.252.3:2020/metrics",
    "http://localhost/health",
    /* Grafana's */
    "/grafana/metrics",
    "/grafana/metrics/",
    "/grafana/metrics?x",
    "/grafana/METRICS",
    "/GRAFANA/metrics",
    "/grafana//metrics",
    "//grafana/metrics",
    "/grafana/./metrics",
    "/grafana/x/../metrics",
    "/grafana/%6detrics",
    "/%67rafana/metrics",
    "/grafana%2fmetrics",
    "/grafana/%2fmetrics",
    "/grafana/%2e/metrics",
    "/grafana/x/%2e%2e/metrics",
    "/grafana/..;/metrics",
    "/grafana/metrics;x",
    "/grafana/metrics%20",
    "/grafana/metrics%00",
    "/grafana\\metrics",
    "/grafana/x/..%5cmetrics",
    "/grafana/x/..%2f..%2fgrafana/metrics",
    "/grafana/../grafana/metrics",
    "/grafana/%256detrics",
    "/grafana/a%2fb",
    "/grafana/a%2Fb",
    "/grafana/a%5cb",
    "/grafana/a%00",
    "/grafana/a\\b",
    "/grafana/%41",
    /* Prometheus' own */
    "/prometheus/metrics",
    "/prometheus/metrics/",
    "/prometheus//metrics",
    "/prometheus/%6Detrics",
    "/prometheus/x/../metrics",
    "/prometheus/graph/%2e%2e/metrics",
    "/prometheus/METRICS",
    "/prometheus/metrics;",
    "/prometheus/metrics%20",
    "/prometheus/metrics/.",
    "/prometheus%2fmetrics",
    "/prometheus/debug/pprof/heap",
    "/prometheus/debug/pprof/cmdline",
    "/prometheus//debug/pprof/heap",
    /* its switches */
    "/prometheus/-/quit",
    "/prometheus/-/reload",
    "/prometheus/-/ready",
    "/prometheus/-",
    "/prometheus/-/",
    "/prometheus/%2d/quit",
    "/prometheus/%252d/quit",
    "/prometheus/%2D/quit",
    "/prometheus/%2d%2fquit",
    "/prometheus//-/quit",
    "/prometheus/./-/quit",
    "/prometheus/-//quit",
    "/prometheus/-/./quit",
    "/prometheus/-%2fquit",
    "/prometheus/x/..%2f-/quit",
    "/prometheus/x/../-/quit",
    "/Prometheus/-/quit",
    "/prometheus/-/QUIT",
    "/prometheus/-;/quit",
    "/prometheus;/-/quit",
    /* its admin API */
    "/prometheus/api/v1/admin",
    "/prometheus/api/v1/admin/",
    "/prometheus/api/v1/admin/tsdb/snapshot",
    "/prometheus/api//v1/admin/tsdb/snapshot",
    "/prometheus/api/v1//admin/tsdb/snapshot",
    "/prometheus/api/v1/./admin/tsdb/snapshot",
    "/prometheus/api/v1/Admin/tsdb/clean_tombstones",
    "/prometheus/api/v1/%61dmin/tsdb/delete_series",
    "/prometheus/api/v1/query/../admin/tsdb/snapshot",
    "/prometheus/api/v1%2fadmin%2ftsdb%2fsnapshot",
    "/prometheus/%61pi/v1/admin/tsdb/snapshot",
};

/* What Go's own server refuses before Caddy sees it: not our answer, but no metrics either. */
static const char *const unreadable[] = {
    "metrics", "\\metrics", "/%", "/%zz/metrics", "/metrics%", "/%u006detrics", "/metr\x01ics", "",
};

/* Nothing by these names, with and without a password. */
static const char *const unnamed[] = {
    "/api/echo",
    "/api/error",
    "/api/users",
    "/api",
    "/api/",
    "/favicon.ico",
    "/robots.txt",
    "/healthx",
    "/contacts",
    "/contact/thanksx",
    "/contact/x",
    "/grafanax",
    "/grafana-",
    "/prometheusx",
    "/prometheus.",
    "/runbookx",
    "/runbook.md",
    "/runbook.html",
    "/docs/operations.md",
    "/operations.md",
    "/healthz",
    "/config/",
    "/debug/pprof/",
    "/.well-known/acme-challenge/x",
    "/.env",
    "/api/metrics",
    "/api/metrics?limit=1",
    "/runbook/../Caddyfile",
    "/runbook/%2e%2e/Caddyfile",
};

/* Nothing either, behind the password. */
static const char *const unnamed_inside[] = {
    "/runbook/runbook.html", "/runbook/x.md", "/runbook/operations",
    "/runbook/Caddyfile",    "/runbook//",
};

static const char *request(struct stack *s,
                           const char *method,
                           const char *target,
                           const char *more)
{
    return textf(s->f, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, target, more);
}

static const char *with_password(struct stack *s)
{
    return textf(s->f, "%s\r\n", stack_authorization(s));
}

static void assert_404(
    struct stack *s, const char *netns, const char *method, const char *target, const char *more)
{
    const struct reply *r = tell_caddy(s, netns, request(s, method, target, more));

    if (r->status != 404)
        fail_msg("%s %s is answered %d: %.300s", method, target, r->status, r->body);
    assert_error(s->f, r, 404, "not_found");
    assert_front_manners(r);
}

TEST(metrics_switches_and_admin_pages_are_404_in_every_spelling)
{
    struct fixture *f = *state;
    struct stack *s = stack_start(f, &(struct stack_options){.only = "sidelight caddy prometheus"});
    const char *password = with_password(s);

    grafana_start(s);
    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
        assert_404(s, TUNNEL, "GET", forbidden[i], "");
        assert_404(s, TUNNEL, "GET", forbidden[i], password);
        assert_404(s, STRANGER, "POST", forbidden[i],
                   textf(f, "%sContent-Length: 0\r\n", password));
    }
    /* Go answers this one itself, with nothing. */
    assert_string_equal(tell_caddy(s, TUNNEL, request(s, "OPTIONS", "*", password))->body, "");
    for (size_t i = 0; i < ARRAY_LEN(unreadable); i++) {
        const struct reply *r = tell_caddy(s, TUNNEL, request(s, "GET", unreadable[i], password));

        assert_status(r, 400);
        assert_lacks(r->body, "# HELP");
    }

    assert_string_equal(grafana_log(s), "");
    assert_lacks(stack_log(s, "sidelight-1"), "metrics\",\"status\"");
    assert_status(ASK_IN(s, "prometheus", "127.0.0.1", 9090, .path = "/prometheus/-/ready"), 200);
}

TEST(what_has_no_name_here_is_404_and_what_has_one_arrives)
{
    struct fixture *f = *state;
    struct stack *s = stack_start(f, &(struct stack_options){.only = "sidelight caddy"});
    static const char *const named[] = {
        "/",           "/?x=//..;%2e", "/health",         "/health/liveness", "/health/readiness",
        "/api/health", "/contact",     "/contact/thanks", "/metrics.js",
    };

    grafana_start(s);
    for (size_t i = 0; i < ARRAY_LEN(unnamed); i++) {
        assert_404(s, TUNNEL, "GET", unnamed[i], "");
        assert_404(s, TUNNEL, "GET", unnamed[i], with_password(s));
    }
    for (size_t i = 0; i < ARRAY_LEN(unnamed_inside); i++)
        assert_404(s, TUNNEL, "GET", unnamed_inside[i], with_password(s));
    for (size_t i = 0; i < ARRAY_LEN(named); i++) {
        const char *id = textf(f, "named-%zu", i);

        (void)tell_caddy(s, TUNNEL,
                         request(s, "GET", named[i], textf(f, "X-Correlation-ID: %s\r\n", id)));
        (void)stack_log_wait(s, "sidelight-1", id);
    }
    (void)tell_caddy(s, TUNNEL,
                     request(s, "POST", "/api/metrics",
                             "X-Correlation-ID: beacon-1\r\nContent-Length: 2\r\n\r\n{}"));
    (void)stack_log_wait(s, "sidelight-1", "beacon-1");
    assert_lacks(stack_log(s, "sidelight-1"), "\"path\":\"/api/e");
    assert_int_equal(count_of(stack_log(s, "sidelight-1"), "\"path\":\"/api/metrics\""), 1);
    assert_string_equal(grafana_log(s), "");

    /* Paths of Grafana's that look odd and are not: they arrive as they are. */
    assert_status(
        tell_caddy(s, TUNNEL,
                   request(s, "GET", "/grafana/alerting/prometheus/pri%24a%1Fb.yml%24A/view?x=//..",
                           with_password(s))),
        200);
    assert_contains(grafana_log(s),
                    "\"target\": \"/grafana/alerting/prometheus/pri%24a%1Fb.yml%24A/view?x=//..\"");
}

TEST(caddys_own_numbers_are_for_prometheus_only)
{
    static const struct {
        const char *netns, *host;
        int status;
    } cases[] = {
        {"prometheus",  DASHBOARDS_CADDY, 200},
        {"caddy",       "127.0.0.1",      200},
        {"cloudflared", EDGE_CADDY,       404},
        {"sidelight-1", FRONT_CADDY,      404},
    };
    struct fixture *f = *state;
    struct stack *s = stack_start(f, &(struct stack_options){.only = "sidelight caddy"});

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct reply *r = ASK_IN(s, cases[i].netns, cases[i].host, 2020, .path = "/metrics");

        assert_status(r, cases[i].status);
        if (r->status == 200)
            assert_contains(r->body, "\ncaddy_http_requests_total{");
        else
            assert_string_equal(r->body, "");
        assert_status(ASK_IN(s, cases[i].netns, cases[i].host, 2020, .path = "/healthz"), 200);
        assert_status(ASK_IN(s, cases[i].netns, cases[i].host, 2020, .path = "/config/"), 404);
    }
}

STACK_TESTS(T(metrics_switches_and_admin_pages_are_404_in_every_spelling),
            T(what_has_no_name_here_is_404_and_what_has_one_arrives),
            T(caddys_own_numbers_are_for_prometheus_only))

/* SPDX-License-Identifier: MIT */
/* What is gone altogether is noticed, also when there is nothing left that could be 0; and what one fault sets off is told once. Real
 * programs, durations scaled; the tunnel is a stand-in, a page of metrics like cloudflared's. */
#include "tests/stack/lib/alerting.h"

#include <signal.h>

TEST(a_server_that_is_gone_is_a_page_also_when_discovery_forgot_it)
{
    struct fixture *f = *state;
    struct path *p = path_start(f);

    stack_signal(p->s, "sidelight-1", SIGKILL);
    WITHIN(p, 30, TOLD(p, TO_PAGES, FIRING, ALERT("SidelightDown")));
    /* What follows from it is no news. */
    WITHIN(p, 20, fires(p, "alertname=\"SidelightReplicaDown\""));
    WITHIN(p, 20, fires(p, "alertname=\"ProbeFailed\""));
    evaluations(p, 5);
    assert_not_told(p, ALERT("SidelightReplicaDown"));
    assert_not_told(p, ALERT("ProbeFailed"));

    stack_dns(p->s, "sidelight-metrics", "");
    WITHIN(p, 20, prom_size(p->s, "up{job=\"sidelight\"}") == 0);
    evaluations(p, 5);
    assert_true(fires(p, "alertname=\"SidelightDown\""));
    assert_not_told(p, RESOLVED, ALERT("SidelightDown"));

    stack_dns(p->s, "sidelight-metrics", SCRAPE_SIDELIGHT_1);
    stack_again(p->s, "sidelight-1");
    WITHIN(p, 30, TOLD(p, TO_PAGES, RESOLVED, ALERT("SidelightDown")));
}

/* At once: half a page would be a page without the metric. */
static void tunnel_has(struct path *p, const char *page, unsigned connections)
{
    const char *next = in_dir(p->f, "tunnel.new");

    write_file(next, textf(p->f,
                           "# TYPE cloudflared_tunnel_ha_connections gauge\n"
                           "cloudflared_tunnel_ha_connections %u\n",
                           connections));
    assert_int_equal(rename(next, page), 0);
}

TEST(a_tunnel_without_connections_is_a_page_and_one_that_never_was_is_none)
{
    struct fixture *f = *state;
    struct path *p = path_start(f);
    const char *page = in_dir(f, "tunnel");
    struct sink *tunnel;

    evaluations(p, 5);
    assert_int_equal(prom_size(p->s, "ALERTS{alertname=\"TunnelDown\"}"), 0);

    tunnel_has(p, page, 4);
    tunnel = sink_start(f, "cloudflared",
                        ARGS("--page", textf(f, TUNNEL_METRICS_TUNNEL ":2000=%s", page)));
    stack_dns(p->s, "cloudflared", TUNNEL_METRICS_TUNNEL);
    WITHIN(p, 20, prom_value(p->s, "up{job=\"cloudflared\"}") > 0);
    evaluations(p, 5);
    assert_int_equal(prom_size(p->s, "ALERTS{alertname=\"TunnelDown\"}"), 0);

    tunnel_has(p, page, 0);
    WITHIN(p, 30, TOLD(p, TO_PAGES, FIRING, ALERT("TunnelDown")));
    tunnel_has(p, page, 4);
    WITHIN(p, 30, TOLD(p, TO_PAGES, RESOLVED, ALERT("TunnelDown")));
    sink_stop(tunnel);
    stack_dns(p->s, "cloudflared", "");
    WITHIN(p, 30,
           sink_count(p->sink, "webhooks", ARGS(TO_PAGES, FIRING, ALERT("TunnelDown"))) >= 2);
}

static void release(void *f)
{
    disk_hold(f, false);
}

TEST(a_store_that_hangs_while_nobody_is_there_is_one_page_also_when_it_is_back)
{
    struct fixture *f = *state;
    struct path *p = path_start(f);

    at_end(f, release, f);
    disk_hold(f, true);
    assert_status(
        ASK_TUNNEL(p->s, NULL, .path = "/contact", .headers = HEADERS(JSON_TYPE), .body = ADA),
        503);
    WITHIN(p, 30, TOLD(p, TO_PAGES, FIRING, ALERT("DependencyDown")));
    /* The probe's own requests, of which each gets its 503 through Caddy. */
    WITHIN(p, 30, fires(p, "alertname=\"GatewayErrors\""));
    evaluations(p, 10);
    assert_true(fires(p, "alertname=\"GatewayErrors\""));
    assert_true(fires(p, "alertname=\"DependencyDown\""));

    disk_hold(f, false);
    WITHIN(p, 30, TOLD(p, TO_PAGES, RESOLVED, ALERT("DependencyDown")));
    WITHIN(p, 30, !fires(p, "alertname=\"GatewayErrors\""));
    evaluations(p, 10); /* six seconds: the gateway's page, were there one, could have come */
    assert_not_told(p, ALERT("GatewayErrors"));
    assert_int_equal(prom_size(p->s, "ALERTS{alertname=\"ErrorBudgetBurn\",severity=\"page\"}"), 0);
    assert_int_equal(
        sink_count(p->sink, "webhooks", ARGS(TO_PAGES, FIRING, ALERT("DependencyDown"))), 1);
}

/* ---- inhibition: the production file, unscaled ---- */

#define ALERTS "/api/v2/alerts"

struct said {
    const char *alert, *severity, *slo; /* an empty label is none */
};
static const struct said gateway = {"GatewayErrors", "page", ""};

/* As Prometheus says it. The cases are told apart by `service`, which an inhibition wants equal. */
static void say(struct stack *s, unsigned service, const struct said *a)
{
    const char *body = textf(s->f,
                             "[{\"labels\":{\"alertname\":\"%s\",\"severity\":\"%s\","
                             "\"slo\":\"%s\",\"service\":\"case-%u\"}}]",
                             a->alert, a->severity, a->slo, service);

    assert_status(ASK_IN(s, "alertmanager", "127.0.0.1", 9093, .path = ALERTS,
                         .headers = HEADERS(JSON_TYPE), .body = body),
                  200);
}

static bool gateway_is_held_back(struct stack *s, unsigned service)
{
    const struct reply *r = ASK_IN(
        s, "alertmanager", "127.0.0.1", 9093,
        .path = textf(s->f, ALERTS "?filter=alertname%%3DGatewayErrors&filter=service%%3Dcase-%u",
                      service));

    assert_status(r, 200);
    assert_int_equal(json_size(s->f, r->body, ""), 1);
    return json_size(s->f, r->body, "0.status.inhibitedBy") > 0;
}

TEST(the_gateways_errors_are_held_back_by_what_explains_them_and_by_nothing_else)
{
    static const struct {
        struct said other;
        bool held_back;
    } cases[] = {
        {{"SidelightDown", "page", ""},                 true },
        {{"DependencyDown", "page", ""},                true },
        {{"ErrorBudgetBurn", "page", "availability"},   true },
        {{"ErrorBudgetBurn", "page", "contact"},        true },
        {{"ErrorBudgetBurn", "page", "latency"},        false},
        {{"ErrorBudgetBurn", "page", "another"},        false},
        {{"ErrorBudgetBurn", "ticket", "availability"}, false},
        {{"ProbeFailed", "page", ""},                   false},
        {{"TunnelDown", "page", ""},                    false},
    };
    struct stack *s = stack_start(*state, &(struct stack_options){.only = "alertmanager"});
    const unsigned none = ARRAY_LEN(cases), last = none + 1;

    for (unsigned i = 0; i < none; i++) {
        say(s, i, &gateway);
        say(s, i, &cases[i].other);
    }
    say(s, none, &gateway); /* what is wrong elsewhere explains nothing here */
    say(s, last, &gateway);
    say(s, last, &cases[0].other);
    /* Alertmanager looks at alerts in the order they came: when it knows the last, it knows all. */
    EVENTUALLY(gateway_is_held_back(s, last));
    for (unsigned i = 0; i < none; i++)
        if (gateway_is_held_back(s, i) != cases[i].held_back)
            fail_msg("GatewayErrors beside %s %s", cases[i].other.alert, cases[i].other.slo);
    assert_false(gateway_is_held_back(s, none));
}

STACK_TESTS(T(a_server_that_is_gone_is_a_page_also_when_discovery_forgot_it),
            T(a_tunnel_without_connections_is_a_page_and_one_that_never_was_is_none),
            T(a_store_that_hangs_while_nobody_is_there_is_one_page_also_when_it_is_back),
            T(the_gateways_errors_are_held_back_by_what_explains_them_and_by_nothing_else))

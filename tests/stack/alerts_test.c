/* SPDX-License-Identifier: MIT */
/*
 * Whether trouble reaches people: the whole path, with its production files but for the durations, which lib/scale.py divides by
 * FACTOR. Real visitors' traffic, a real disk that fails under the real server, and a real webhook receiver and mail server.
 */
#include "tests/stack/lib/alerting.h"
#include "tests/stack/lib/traffic.h"

#include <math.h>

#define ID "a-visitor-who-is-followed"

static const char burn[] = ALERT("ErrorBudgetBurn"), contact[] = "\"slo\": \"contact\"";

/* ---- what holds while all is well ---- */

static bool all_rules_are_healthy(struct path *p)
{
    const char *rules = prometheus_api(p, "rules");

    return strstr(rules, "\"lastError\"") == NULL &&
           strstr(rules, "\"name\":\"ErrorBudgetBurn\"") != NULL &&
           count_of(rules, "\"health\":") == count_of(rules, "\"health\":\"ok\"");
}

static void assert_healthy(struct path *p)
{
    WITHIN(p, 20, all_rules_are_healthy(p));
    /* A label of a target that one of ours has, too, renames ours. */
    assert_lacks(prometheus_api(p, "labels"), "\"exported_");
}

/* The ratios are there and are 0, and nobody is told of anything. */
static void assert_calm(struct path *p)
{
    static const char *const slos[] = {"availability", "contact"};

    for (size_t i = 0; i < ARRAY_LEN(slos); i++) {
        const char *query = textf(p->f, "slo:error_ratio:rate1h{slo=\"%s\"}", slos[i]);

        WITHIN(p, 20, !isnan(prom_value(p->s, query)));
        assert_true(fabs(prom_value(p->s, query)) < 1e-12);
    }
    WITHIN(p, 20, heartbeats(p) >= 2);
    evaluations(p, 6);
    if (fires(p, BUT_WELL))
        fail_msg("fires: %s", prom_query(p->s, "ALERTS"));
    assert_not_told(p, TO_PAGES);
}

static bool has_exemplar(struct path *p, const char *id)
{
    const char *from = textf(p->f, "%.0f", prom_value(p->s, "time() - 600"));
    const char *to = textf(p->f, "%.0f", prom_value(p->s, "time() + 60"));

    return strstr(
               prometheus_api(p, textf(p->f,
                                       "query_exemplars?query=http_request_duration_seconds_bucket"
                                       "&start=%s&end=%s",
                                       from, to)),
               textf(p->f, "\"correlation_id\":\"%s\"", id)) != NULL;
}

/* One visitor's ID, from the answer to both logs and to the histogram. */
static void assert_can_be_followed(struct path *p)
{
    const struct reply *r =
        ASK_TUNNEL(p->s, NULL, .path = "/contact", .headers = HEADERS("X-Correlation-ID: " ID));

    assert_status(r, 200);
    assert_field(r, "x-correlation-id", ID);
    (void)stack_log_wait(p->s, "caddy", ID);
    assert_contains(stack_log_wait(p->s, "sidelight-1", ID), "\"event\":\"request\"");
    WITHIN(p, 20, has_exemplar(p, ID));
}

/* ---- what a page says ---- */

/* The link of an alert, opened as its reader would: through Caddy, with the password. */
static const struct reply *open_link(struct path *p, const char *page, const char *annotation)
{
    const char *url =
        json_text(p->f, page, textf(p->f, "body.alerts.0.annotations.%s", annotation));
    const char *path = url + strlen(SITE);
    const struct reply *r;

    assert_int_equal(strncmp(url, SITE "/", strlen(SITE "/")), 0);
    r = ASK_TUNNEL(p->s, NULL, .path = keep_text(p->f, path, strcspn(path, "#")),
                   .headers = HEADERS(stack_authorization(p->s)));
    if (r->status != 200)
        fail_msg("%s: %d", url, r->status);
    return r;
}

static void assert_links_work(struct path *p, const char *page)
{
    const char *runbook = json_text(p->f, page, "body.alerts.0.annotations.runbook_url");
    const char *anchor = strchr(runbook, '#');

    assert_non_null(anchor);
    assert_contains(open_link(p, page, "runbook_url")->body, textf(p->f, "id=\"%s\"", anchor + 1));
    /* Grafana is a stand-in here, which has any page; that this one is there, the files say. */
    assert_contains(open_link(p, page, "dashboard_url")->body, "grafana_build_info");
    assert_contains(json_text(p->f, page, "body.alerts.0.annotations.dashboard_url"),
                    "/grafana/d/sidelight-slo");
    assert_int_equal(
        run(p->f, ARGS("grep", "-rqF", "\"uid\": \"sidelight-slo\"", "grafana/"), NULL)->status, 0);
}

#define BURN_TICKET "alertname=\"ErrorBudgetBurn\",severity=\"ticket\",slo=\"contact\""

static bool is_suppressed(struct path *p)
{
    const struct reply *r = ASK_IN(
        p->s, "alertmanager", "127.0.0.1", 9093,
        .path =
            "/api/v2/alerts?filter=alertname%3DErrorBudgetBurn&filter=severity%3Dticket&filter=slo%3Dcontact");

    assert_status(r, 200);
    return json_size(p->f, r->body, "") > 0 &&
           count_of(r->body, "\"state\":\"suppressed\"") == json_size(p->f, r->body, "");
}

/* It fires, it is known, and the page has said it already. */
static void assert_ticket_is_inhibited(struct path *p)
{
    size_t beats;

    WITHIN(p, 20, fires(p, BURN_TICKET));
    WITHIN(p, 20, is_suppressed(p));
    beats = heartbeats(p); /* each as far apart as a ticket is held back at most */
    WITHIN(p, 20, heartbeats(p) >= beats + 2);
    assert_not_told(p, TO_TICKETS, ALERT("ErrorBudgetBurn"));
    assert_not_told(p, TO_TICKETS, ALERT("ErrorBudgetSpent"));
}

/* Once by each way that pages take, however many windows saw it, and whichever of them was over first. */
static void assert_woken_once(struct path *p)
{
    assert_int_equal(sink_count(p->sink, "webhooks", ARGS(TO_PAGES, FIRING, burn, contact)), 1);
    assert_int_equal(sink_count(p->sink, "mails", ARGS("on-call@", "PAGE: contact: ")), 1);
    assert_int_equal(
        sink_count(p->sink, "webhooks", ARGS(TO_PAGES, FIRING, ALERT("DependencyDown"))), 1);
}

TEST(a_budget_that_burns_wakes_people_once_and_they_hear_of_its_end)
{
    struct fixture *f = *state;
    struct path *p = path_start(f);
    struct traffic *t;
    const char *page, *mail;
    uint64_t began;

    assert_can_be_followed(p);
    t = traffic_start(p->s, 20);
    assert_healthy(p);
    assert_calm(p);

    disk_fail(f, true);
    began = clock_mono_ns();
    WITHIN(p, 60, TOLD(p, TO_PAGES, FIRING, burn, contact));
    print_message("# the page reached the webhook %.1f s after the first error\n",
                  (double)(clock_mono_ns() - began) / 1e9);
    page = sink_find(p->sink, "webhooks", ARGS(TO_PAGES, burn, contact));
    assert_json(f, page, "body.alerts.0.labels.severity", "page");
    WITHIN(p, 20, TOLD(p, TO_PAGES, FIRING, ALERT("DependencyDown")));
    assert_true(traffic_refused(t) > 0);

    disk_fail(f, false); /* what follows holds while the windows still remember */
    assert_links_work(p, page);
    WITHIN(p, 20,
           sink_find(p->sink, "mails", ARGS("on-call@", "PAGE: ", "ErrorBudgetBurn")) != NULL);
    WITHIN(p, 20, fires(p, "alertname=\"GatewayErrors\""));
    assert_ticket_is_inhibited(p);
    WITHIN(p, 30, TOLD(p, TO_PAGES, RESOLVED, ALERT("DependencyDown")));
    WITHIN(p, 60, TOLD(p, TO_PAGES, RESOLVED, burn, contact));
    WITHIN(p, 20, sink_find(p->sink, "mails", ARGS("on-call@", "Resolved: contact: ")) != NULL);
    assert_woken_once(p);
    assert_not_told(p, "\"slo\": \"latency\"");
    assert_not_told(p, ALERT("GatewayErrors"));
    assert_int_equal(traffic_lost(t), 0);

    mail = sink_find(p->sink, "mails", ARGS("owner@example.com"));
    assert_non_null(mail);
    assert_lacks(mail, "Hello");
    assert_lacks(mail, "ada@example.com");
    assert_contains(json_text(f, mail, "text"), "sidelight contacts list");
}

STACK_TESTS(T(a_budget_that_burns_wakes_people_once_and_they_hear_of_its_end))

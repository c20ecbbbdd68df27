/* SPDX-License-Identifier: MIT */
/* The status page of a real server: it agrees with /metrics, and says what is wrong. */
#include "tests/e2e/lib/disk.h"
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/load.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <signal.h>
#include <stdlib.h>

enum { PAGE_LIMIT = 30000, JSON_LIMIT = 65536 };

#define DRILLS "drills.enabled=true"

static const char *status_json(struct server *s)
{
    const struct reply *r = get_ops(s, "/status.json");

    assert_status(r, 200);
    assert_manners(r);
    assert_field(r, "content-type", "application/json");
    assert_field(r, "cache-control", "no-store");
    assert_true(r->body_len < JSON_LIMIT);
    return r->body;
}

static const char *status_page(struct server *s, const char *path)
{
    const struct reply *r = get_ops(s, path);

    assert_status(r, 200);
    assert_manners(r);
    assert_field(r, "content-type", "text/html; charset=utf-8");
    assert_field(r, "cache-control", "no-store");
    assert_contains(reply_field(r, "content-security-policy"), "default-src 'none'; ");
    assert_true(r->body_len < PAGE_LIMIT);
    return r->body;
}

static double number(struct server *s, const char *path)
{
    return json_number(s->f, status_json(s), path);
}

static bool says(struct server *s, const char *headline)
{
    return strstr(status_page(s, "/"), textf(s->f, "<strong id=\"headline\">%s", headline)) != NULL;
}

TEST(without_traffic_all_is_well_and_the_page_is_complete)
{
    struct server *s = server_start(*state, NULL);
    const char *page = status_page(s, "/");

    assert_contains(page, "<!DOCTYPE html>\n<html lang=\"en\">");
    assert_contains(page, "<section id=\"verdict\" class=\"well\"");
    assert_contains(page, "<strong id=\"headline\">Well</strong>");
    assert_contains(page, "No requests in this time.");
    assert_contains(page, "None since the start.");
    assert_contains(page, "<th scope=\"row\">store</th><td class=\"well\">in service</td>");
    assert_contains(page, "<td>0 of 4,096</td>");
    assert_contains(page, "</html>\n");
    assert_contains(status_page(s, "/?window=1h"), "href=\"/?window=1h\" aria-current=\"true\"");
}

/* With drills and one error. */
static const char *const json_keys[] = {
    "service",
    "version",
    "revision",
    "time_unix_ms",
    "uptime_seconds",
    "draining",
    "verdict.level",
    "verdict.reasons",
    "totals.requests",
    "totals.client_errors",
    "totals.server_errors",
    "totals.rejected",
    "totals.log_lines_dropped",
    "now.requests_in_flight",
    "now.connections",
    "now.connections_limit",
    "now.store_queue_length",
    "now.store_queue_limit",
    "now.resident_bytes",
    "now.in_flight",
    "dependencies.0.name",
    "dependencies.0.up",
    "dependencies.0.latency_seconds",
    "config.loaded_unix_ms",
    "config.last_reload_successful",
    "config.restart_required",
    "windows.0.window",
    "windows.1.seconds",
    "windows.0.since_start",
    "windows.0.requests",
    "windows.0.server_errors",
    "windows.0.rejected",
    "windows.0.log_lines_dropped",
    "windows.0.p50_seconds",
    "windows.0.p90_seconds",
    "windows.0.p99_seconds",
    "slos.2.slo",
    "slos.0.objective_ratio",
    "slos.0.good",
    "slos.0.bad",
    "slos.0.excluded",
    "slos.0.good_5m",
    "slos.0.bad_5m",
    "slos.0.good_1h",
    "slos.0.bad_1h",
    "slos.0.burn_rate_5m",
    "slos.0.burn_rate_1h",
    "slos.0.budget_left_1h_ratio",
    "endpoints.0.method",
    "endpoints.0.endpoint",
    "endpoints.0.requests",
    "endpoints.0.server_errors",
    "endpoints.0.windows.1.requests",
    "endpoints.0.windows.1.server_errors",
    "endpoints.0.windows.1.p50_seconds",
    "endpoints.0.windows.1.p90_seconds",
    "endpoints.0.windows.1.p99_seconds",
    "recent_errors.0.time",
    "recent_errors.0.method",
    "recent_errors.0.endpoint",
    "recent_errors.0.status",
    "recent_errors.0.duration_seconds",
    "recent_errors.0.correlation_id",
    "live.step_seconds",
    "live.requests_per_second",
    "live.server_errors_per_second",
    "live.p99_seconds",
    "burn.step_seconds",
    "burn.availability",
    "burn.latency",
    "burn.contact",
};

TEST(the_json_has_all_its_keys)
{
    struct server *s = server_start(*state, SETS(DRILLS));
    const char *json;

    assert_status(get(s, "/api/error"), 500);
    EVENTUALLY(json_size(s->f, status_json(s), "recent_errors") == 1);
    json = status_json(s);
    for (size_t i = 0; i < ARRAY_LEN(json_keys); i++)
        if (json_find(s->f, json, json_keys[i]) == NULL)
            fail_msg("no %s in %s", json_keys[i], json);
    assert_json(s->f, json, "windows.0.window", "5m");
    assert_json(s->f, json, "windows.1.window", "1h");
    assert_json(s->f, json, "service", "sidelight");
    assert_json(s->f, json, "slos.0.objective_ratio", "0.999");
}

/* The series of a row of the JSON. */
static const char *row_series(struct server *s, const char *json, size_t i)
{
    return textf(s->f, "http_request_duration_seconds_count{method=\"%s\",endpoint=\"%s\"}",
                 json_text(s->f, json, textf(s->f, "endpoints.%zu.method", i)),
                 json_text(s->f, json, textf(s->f, "endpoints.%zu.endpoint", i)));
}

static void assert_same(const char *what, double json, double metrics)
{
    if (json < metrics || json > metrics)
        fail_msg("%s: %.0f, on /metrics %.0f", what, json, metrics);
}

static void assert_slos_agree(struct server *s, const char *json, const char *page)
{
    static const char *const outcomes[] = {"good", "bad", "excluded"};

    for (size_t i = 0; i < 3; i++)
        for (size_t o = 0; o < ARRAY_LEN(outcomes); o++) {
            const char *slo = json_text(s->f, json, textf(s->f, "slos.%zu.slo", i));
            const char *series =
                textf(s->f, "slo_events_total{slo=\"%s\",outcome=\"%s\"}", slo, outcomes[o]);

            assert_same(series, json_number(s->f, json, textf(s->f, "slos.%zu.%s", i, outcomes[o])),
                        page_value(page, series));
        }
}

TEST(after_known_traffic_the_numbers_are_those_of_metrics)
{
    struct server *s = server_start(*state, SETS(DRILLS, "contact.rate=off"));
    struct load *gets = load_start(s, &(struct load_options){LOAD_GET, 3, 10, 60});
    struct load *posts = load_start(s, &(struct load_options){LOAD_CONTACT, 2, 0, 20});
    const char *json, *page;
    double rows = 0;

    for (unsigned i = 0; i < 10; i++)
        assert_status(get(s, "/api/error"), 500);
    for (unsigned i = 0; i < 5; i++)
        assert_status(get(s, "/nowhere"), 404);
    assert_int_equal(load_end(gets, true).failed, 0);
    assert_int_equal(load_end(posts, true).failed, 0);
    EVENTUALLY(metric_sum(s, "http_requests_total") >= 3 * 60 + 2 * 20 + 15);
    EVENTUALLY(number(s, "windows.0.requests") >= 3 * 60 + 2 * 20 + 15);
    json = status_json(s);
    page = page_of(s);
    assert_same("requests", json_number(s->f, json, "totals.requests"),
                page_sum(page, "http_requests_total"));
    assert_same("server errors", json_number(s->f, json, "totals.server_errors"),
                page_value(page, "http_errors_total{type=\"server\",endpoint=\"/api/error\"}"));
    assert_same("rejected", json_number(s->f, json, "totals.rejected"),
                page_sum(page, "http_rejected_total"));
    assert_same("window", json_number(s->f, json, "windows.1.requests"),
                page_sum(page, "http_requests_total")); /* it is younger than an hour */
    for (size_t i = 0; i < json_size(s->f, json, "endpoints"); i++) {
        double n = json_number(s->f, json, textf(s->f, "endpoints.%zu.requests", i));

        assert_same(row_series(s, json, i), n, page_value(page, row_series(s, json, i)));
        rows += n;
    }
    assert_same("rows", rows, page_sum(page, "http_requests_total"));
    assert_slos_agree(s, json, page);
    assert_contains(status_page(s, "/"),
                    textf(s->f, "<dd id=\"total\">%.0f</dd>", rows)); /* less than 1,000 */
}

TEST(an_error_shows_with_its_correlation_id)
{
    struct server *s = server_start(*state, SETS(DRILLS));
    const char *json;

    assert_status(ASK(s, .path = "/api/error?secret=1",
                      .headers = HEADERS("X-Correlation-ID: look-for-me.42")),
                  500);
    assert_status(ASK(s, .path = "/api/error?type=client",
                      .headers = HEADERS("X-Correlation-ID: not-for-me")),
                  400);
    EVENTUALLY(json_size(s->f, status_json(s), "recent_errors") == 1);
    json = status_json(s);
    assert_json(s->f, json, "recent_errors.0.correlation_id", "look-for-me.42");
    assert_json(s->f, json, "recent_errors.0.endpoint", "/api/error");
    assert_json(s->f, json, "recent_errors.0.method", "GET");
    assert_json(s->f, json, "recent_errors.0.status", "500");
    assert_contains(status_page(s, "/"), "<td>look-for-me.42</td>");
    assert_lacks(status_page(s, "/"), "not-for-me");
    assert_lacks(status_page(s, "/"), "secret");
    assert_lacks(json, "secret");
}

TEST(fifty_errors_are_kept_and_the_oldest_goes)
{
    struct server *s = server_start(*state, SETS(DRILLS, "threads=1"));

    for (unsigned i = 0; i < 51; i++)
        assert_status(ASK(s, .path = "/api/error",
                          .headers = HEADERS(textf(s->f, "X-Correlation-ID: error-%u.", i))),
                      500);
    EVENTUALLY(number(s, "totals.server_errors") >= 51);
    assert_int_equal(json_size(s->f, status_json(s), "recent_errors"), 50);
    assert_lacks(status_json(s), "\"error-0.\"");
    assert_contains(status_json(s), "\"error-1.\"");
    assert_contains(status_page(s, "/"), "<td>error-50.</td>");
    assert_true(says(s, "Budget of availability burns 1000 times too fast"));
}

TEST(a_store_that_fails_is_the_verdict)
{
    struct server *s = server_start_on_disk(*state, NULL);

    disk_fail(s->f, true);
    assert_status(post_json(s, ADA), 503);
    EVENTUALLY(says(s, "Store down"));
    assert_json(s->f, status_json(s), "verdict.level", "trouble");
    assert_json(s->f, status_json(s), "dependencies.0.up", "false");
    assert_contains(status_page(s, "/"), "\xe2\x9c\x95 down</td>");
    disk_fail(s->f, false);
    EVENTUALLY(json_find(s->f, status_json(s), "dependencies.0.up")[0] == 't');
}

TEST(what_is_in_flight_is_named)
{
    struct server *s = server_start_on_disk(*state, NULL);
    struct wire *w = wire_to(s);

    disk_hold(s->f, true);
    wire_send(w, textf(s->f,
                       "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                       "application/json\r\nContent-Length: %zu\r\n\r\n" ADA,
                       strlen(ADA)));
    EVENTUALLY(number(s, "now.requests_in_flight") > 0);
    assert_json(s->f, status_json(s), "now.in_flight.0.endpoint", "/contact");
    assert_json(s->f, status_json(s), "now.connections", "1");
    assert_contains(status_page(s, "/"), "<small id=\"busy\">/contact 1</small>");
    disk_hold(s->f, false);
    assert_status(wire_reply(s->f, w), 201);
    EVENTUALLY(number(s, "now.requests_in_flight") < 1);
}

TEST(a_failed_reload_and_a_drain_are_said)
{
    struct fixture *f = *state;
    const char *file = in_dir(f, "sidelight.yaml");
    struct server *s;

    write_file(file, "log:\n  level: info\n");
    s = server_start_with(
        f, &(struct server_options){.config = file,
                                    .sets = SETS("drain.delay=20s", "drain.timeout=40s")});
    write_file(file, "log:\n  level: loud\n");
    server_signal(s, SIGHUP);
    (void)log_event_wait(s, "reload_failed");
    EVENTUALLY(says(s, "The last reload failed"));
    assert_json(f, status_json(s), "verdict.level", "attention");
    assert_json(f, status_json(s), "config.last_reload_successful", "false");
    server_signal(s, SIGTERM);
    (void)log_event_wait(s, "draining");
    EVENTUALLY(says(s, "Draining"));
    assert_json(f, status_json(s), "draining", "true");
    assert_json(f, status_json(s), "verdict.reasons.1.text",
                "The last reload failed: the old configuration stays");
    server_kill(s);
}

TEST(the_past_grows_while_nobody_looks)
{
    struct server *s = server_start(*state, NULL);

    assert_status(get(s, "/"), 200);
    EVENTUALLY(json_size(s->f, status_json(s), "live.requests_per_second") >= 2);
    assert_int_equal(json_size(s->f, status_json(s), "live.p99_seconds"),
                     json_size(s->f, status_json(s), "live.server_errors_per_second"));
}

TEST(it_is_read_while_workers_write)
{
    struct server *s = server_start(*state, SETS(DRILLS, "threads=4"));
    struct load *l = load_start(s, &(struct load_options){LOAD_GET, 4, 0, 0});
    double last = 0;

    for (unsigned i = 0; i < 40; i++) {
        double n;

        assert_status(get(s, "/api/error"), 500);
        n = number(s, "totals.requests");
        assert_true(n >= last);
        last = n;
        (void)status_page(s, i % 2 == 0 ? "/" : "/?window=1h");
    }
    assert_int_equal(load_end(l, false).failed, 0);
}

TEST(nobody_else_gets_it)
{
    struct server *s = server_start(*state, NULL);

    assert_error(s->f, get(s, "/status.json"), 404, "not_found");
    assert_lacks(get(s, "/")->body, "verdict");
    assert_error(s->f, ASK_OPS(s, .path = "/", .headers = HEADERS("Host: rebound.example")), 421,
                 "misdirected_request");
    assert_error(s->f, ASK_OPS(s, .path = "/status.json", .headers = HEADERS("Host: a.example")),
                 421, "misdirected_request");
    assert_status(ASK_OPS(s, .path = "/", .method = "POST", .body = "x"), 405);
}

RUN_TESTS(T(without_traffic_all_is_well_and_the_page_is_complete),
          T(the_json_has_all_its_keys),
          T(after_known_traffic_the_numbers_are_those_of_metrics),
          T(an_error_shows_with_its_correlation_id),
          T(fifty_errors_are_kept_and_the_oldest_goes),
          T(a_store_that_fails_is_the_verdict),
          T(what_is_in_flight_is_named),
          T(a_failed_reload_and_a_drain_are_said),
          T(the_past_grows_while_nobody_looks),
          T(it_is_read_while_workers_write),
          T(nobody_else_gets_it))

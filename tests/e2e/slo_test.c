/* SPDX-License-Identifier: MIT */
/*
 * What each outcome of a request does to the objectives: the table of docs/metrics.md, row by row,
 * on a running server.
 */
#include "tests/e2e/lib/disk.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <signal.h>

/* Events of one objective. */
struct tally {
    double good, bad, excluded;
};
struct books {
    struct tally availability, latency, contact;
};

static struct tally tally_of(struct fixture *f, const char *page, const char *slo)
{
    return (struct tally){
        page_value(page, textf(f, "slo_events_total{slo=\"%s\",outcome=\"good\"}", slo)),
        page_value(page, textf(f, "slo_events_total{slo=\"%s\",outcome=\"bad\"}", slo)),
        page_value(page, textf(f, "slo_events_total{slo=\"%s\",outcome=\"excluded\"}", slo)),
    };
}

static struct books books_of(struct server *s)
{
    const char *page = page_of(s);

    return (struct books){tally_of(s->f, page, "availability"), tally_of(s->f, page, "latency"),
                          tally_of(s->f, page, "contact")};
}

static bool same(const struct tally *a, const struct tally *b, const struct tally *more)
{
    double d[] = {a->good - b->good - more->good, a->bad - b->bad - more->bad,
                  a->excluded - b->excluded - more->excluded};

    for (size_t i = 0; i < ARRAY_LEN(d); i++)
        if (d[i] < 0 || d[i] > 0)
            return false;
    return true;
}

static bool moved(struct server *s, const struct books *before, const struct books *by)
{
    struct books now = books_of(s);

    return same(&now.availability, &before->availability, &by->availability) &&
           same(&now.latency, &before->latency, &by->latency) &&
           same(&now.contact, &before->contact, &by->contact);
}

/* What `events` of one kind must add to which tally. */
#define GOOD    \
    {           \
        1, 0, 0 \
    }
#define BAD     \
    {           \
        0, 1, 0 \
    }
#define EXCLUDED \
    {            \
        0, 0, 1  \
    }
#define NONE    \
    {           \
        0, 0, 0 \
    }

#define assert_moved(s, before, ...) EVENTUALLY(moved(s, before, &(struct books){__VA_ARGS__}))

static const char *const json[] = {JSON_TYPE, NULL};
static const char *const form[] = {FORM_TYPE, NULL};
static const char *const text[] = {"Content-Type: text/plain", NULL};

TEST(all_outcomes_and_objectives_are_there_from_the_start)
{
    static const char *const slos[] = {"availability", "latency", "contact"};
    static const char *const outcomes[] = {"good", "bad", "excluded"};
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("slo.availability=0.9995", "slo.latency=0.95"));

    for (size_t i = 0; i < ARRAY_LEN(slos); i++)
        for (size_t k = 0; k < ARRAY_LEN(outcomes); k++)
            assert_metric(
                s, textf(f, "slo_events_total{slo=\"%s\",outcome=\"%s\"}", slos[i], outcomes[k]),
                0);
    assert_metric(s, "slo_objective_ratio{slo=\"availability\"}", 0.9995);
    assert_metric(s, "slo_objective_ratio{slo=\"latency\"}", 0.95);
    assert_metric(s, "slo_objective_ratio{slo=\"contact\"}", 0.999);
}

TEST(answers_in_time_are_good_client_errors_too)
{
    static const struct {
        struct ask ask;
        int status;
        bool contact; /* counts for that objective, too */
    } cases[] = {
        {{.path = "/"},                                           200, false},
        {{.path = "/contact", .method = "HEAD"},                  200, false},
        {{.path = "/contact", .headers = json, .body = ADA},      201, true },
        {{.path = "/contact", .headers = form, .body = ADA_FORM}, 303, true },
        {{.path = "/contact", .headers = json, .body = "{}"},     422, true },
        {{.path = "/contact", .headers = json, .body = "{"},      400, true },
        {{.path = "/api/contact", .headers = text, .body = "x"},  415, true },
    };
    struct server *s = server_start(*state, SETS("slo.latency_threshold=10s"));

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct books b = books_of(s);

        assert_status(ask(s, &cases[i].ask), cases[i].status);
        if (cases[i].contact)
            assert_moved(s, &b, GOOD, GOOD, GOOD);
        else
            assert_moved(s, &b, GOOD, GOOD, NONE);
    }
}

TEST(what_nobody_waits_for_counts_nowhere)
{
    static const char *const paths[] = {"/health",           "/api/health", "/health/liveness",
                                        "/health/readiness", "/nothing",    "/metrics"};
    struct server *s = server_start(*state, NULL);
    struct books b = books_of(s);

    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        (void)get(s, paths[i]);
    assert_status(ASK(s, .method = "OPTIONS", .path = "/contact"), 204);
    assert_status(ASK(s, .method = "DELETE", .path = "/contact"), 405);
    assert_metric(s, REQUESTS("DELETE", "/contact", "405"), 1);
    assert_moved(s, &b, NONE, NONE, NONE);
}

TEST(the_limit_of_one_client_is_excluded)
{
    struct server *s = server_start(*state, SETS("contact.rate=1/h"));
    struct books b;

    assert_status(post_json(s, ADA), 201);
    assert_metric(s, SLO("contact", "good"), 1);
    b = books_of(s);
    assert_status(post_json(s, ADA), 429);
    assert_moved(s, &b, EXCLUDED, EXCLUDED, EXCLUDED);
}

TEST(the_limit_of_all_together_is_bad)
{
    struct server *s = server_start(*state, SETS("contact.rate_total=1/h"));
    struct books b;

    assert_status(post_json(s, ADA), 201);
    assert_metric(s, SLO("contact", "good"), 1);
    b = books_of(s);
    assert_status(post_json(s, ADA), 429);
    assert_moved(s, &b, BAD, EXCLUDED, BAD);
}

TEST(what_the_guard_refuses_is_excluded)
{
#define START "POST /contact HTTP/1.1\r\nHost: localhost\r\n"
    static const char *const requests[] = {
        START "Content-Length: 999999\r\n\r\n",
        START "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        START "Host: localhost\r\nContent-Length: 2\r\n\r\n{}",
        START "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    };
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct books b = books_of(s);
        struct wire *w = wire_to(s);

        wire_send(w, requests[i]);
        assert_in_range(wire_reply(f, w)->status, 400, 413);
        assert_moved(s, &b, EXCLUDED, EXCLUDED, EXCLUDED);
    }
}

TEST(a_failed_sync_is_bad_and_so_is_a_store_out_of_service)
{
    struct fixture *f = *state;
    struct server *s = server_start_on_disk(f, NULL);
    struct books b = books_of(s);

    disk_fail(f, true);
    assert_status(post_json(s, ADA), 503);
    assert_moved(s, &b, BAD, EXCLUDED, BAD);
    b = books_of(s);
    assert_status(post_json(s, ADA), 503);
    assert_moved(s, &b, BAD, EXCLUDED, BAD);
    b = books_of(s);
    assert_status(get(s, "/contact"), 200);
    assert_moved(s, &b, GOOD, GOOD, NONE);
}

/* Sends a submission on its way into a sync that is held. */
static struct wire *submit_held(struct server *s, const char *id)
{
    struct wire *w = wire_to(s);

    disk_hold(s->f, true);
    wire_send(
        w, textf(s->f,
                 "POST /contact HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: %s\r\n" JSON_TYPE
                 "\r\nContent-Length: %zu\r\n\r\n%s",
                 id, strlen(ADA), ADA));
    EVENTUALLY(metric(s, "http_requests_in_flight{endpoint=\"/contact\"}") >= 1);
    return w;
}

TEST(a_late_answer_is_bad_for_latency_alone)
{
    struct fixture *f = *state;
    struct server *s = server_start_on_disk(f, SETS("slo.latency_threshold=1ms"));
    struct books b = books_of(s);
    struct wire *w = submit_held(s, "late");

    clock_sleep_ms(2); /* the threshold itself */
    disk_hold(f, false);
    assert_status(wire_reply(f, w), 201);
    assert_moved(s, &b, GOOD, BAD, GOOD);
}

/* The client leaves while its commit is held. */
static void leave(struct server *s, const char *id)
{
    struct wire *w = submit_held(s, id);

    wire_close(w);
    clock_sleep_ms(2);
    disk_hold(s->f, false);
    assert_metric(s, REQUESTS("POST", "/contact", "499"), 1);
    assert_metric(s, SUBMISSIONS, 1);
    assert_contains(log_request(s, id), "\"status\":499");
}

TEST(a_client_that_left_late_is_bad_for_latency_alone)
{
    struct server *s = server_start_on_disk(*state, SETS("slo.latency_threshold=1ms"));
    struct books b = books_of(s);

    leave(s, "left-late");
    assert_moved(s, &b, EXCLUDED, BAD, EXCLUDED);
}

TEST(a_client_that_left_early_is_excluded)
{
    struct server *s = server_start_on_disk(*state, SETS("slo.latency_threshold=10s"));
    struct books b = books_of(s);

    leave(s, "left-early");
    assert_moved(s, &b, EXCLUDED, EXCLUDED, EXCLUDED);
}

TEST(objectives_are_reloaded)
{
    struct fixture *f = *state;
    const char *config = in_dir(f, "config.yaml");
    struct server *s;

    write_file(config, "slo:\n  contact: 0.9\n");
    s = server_start_with(f, &(struct server_options){.config = config});
    assert_metric(s, "slo_objective_ratio{slo=\"contact\"}", 0.9);
    write_file(config, "slo:\n  contact: 0.95\n");
    server_signal(s, SIGHUP);
    assert_metric(s, "slo_objective_ratio{slo=\"contact\"}", 0.95);
}

RUN_TESTS(T(all_outcomes_and_objectives_are_there_from_the_start),
          T(answers_in_time_are_good_client_errors_too),
          T(what_nobody_waits_for_counts_nowhere),
          T(the_limit_of_one_client_is_excluded),
          T(the_limit_of_all_together_is_bad),
          T(what_the_guard_refuses_is_excluded),
          T(a_failed_sync_is_bad_and_so_is_a_store_out_of_service),
          T(a_late_answer_is_bad_for_latency_alone),
          T(a_client_that_left_late_is_bad_for_latency_alone),
          T(a_client_that_left_early_is_excluded),
          T(objectives_are_reloaded))

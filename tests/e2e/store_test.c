/* SPDX-License-Identifier: MIT */
/*
 * The store under a running server: when the disk fails or stalls, when others hold the file, when
 * too much waits. What a SIGKILL does is crash_test.c's.
 */
#include "tests/e2e/lib/disk.h"
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *post(struct fixture *f, const char *id, const char *body)
{
    return textf(f,
                 "POST /contact HTTP/1.1\r\nHost: localhost\r\nX-Correlation-ID: %s\r\n" JSON_TYPE
                 "\r\nContent-Length: %zu\r\n\r\n%s",
                 id, strlen(body), body);
}

/* Everything that was stored, as a JSON array. */
static const char *stored(struct server *s)
{
    const struct outcome *o =
        server_command(s, ARGS("contacts", "export", "--format", "json", "--flagged"));

    assert_int_equal(o->status, 0);
    return o->out;
}

static void assert_down(struct server *s)
{
    struct fixture *f = s->f;
    const struct reply *r = get(s, "/health");

    assert_status(r, 503);
    assert_json(f, r->body, "status", "unhealthy");
    assert_json(f, r->body, "dependencies.0.name", "store");
    assert_json(f, r->body, "dependencies.0.status", "unhealthy");
    r = get(s, "/health/readiness");
    assert_status(r, 503);
    assert_json(f, r->body, "reason", "store");
    assert_status(get(s, "/health/liveness"), 200);
    assert_status(get_ops(s, "/health/readiness"), 503);
    assert_metric(s, "dependency_up{name=\"store\"}", 0);
}

static void assert_up_again(struct server *s)
{
    EVENTUALLY(get(s, "/health/readiness")->status == 200);
    assert_status(get(s, "/health"), 200);
    assert_metric(s, "dependency_up{name=\"store\"}", 1);
    assert_metric(s, "store_reopens_total", 1);
    assert_non_null(log_event_wait(s, "store_reopened"));
}

TEST(after_a_failed_sync_nothing_is_taken_until_the_store_was_reopened)
{
    struct fixture *f = *state;
    struct server *s = server_start_on_disk(f, SETS("contact.rate=off"));
    const struct reply *r;

    disk_fail(f, true);
    r = post_json(s, ADA);
    assert_error(f, r, 503, "store_unavailable");
    assert_non_null(reply_field(r, "retry-after"));
    assert_down(s);
    assert_error(f, post_form(s, ADA_FORM), 503, "store_unavailable");
    assert_metric(s, "store_errors_total{operation=\"commit\"}", 1);
    assert_metric(s, CONTACT_REJECTED("store"), 2);
    assert_metric(s, REQUESTS("POST", "/contact", "503"), 2);
    assert_contains(log_event_wait(s, "store_failed"), "\"level\":\"error\"");
    disk_fail(f, false);
    assert_up_again(s);
    assert_status(post_json(s, ADA), 201);
    assert_metric(s, SUBMISSIONS, 1);
}

TEST(a_second_try_with_the_same_key_is_stored_once_whatever_became_of_the_first)
{
    struct fixture *f = *state;
    struct server *s = server_start_on_disk(f, NULL);
    const char *const *key = HEADERS(JSON_TYPE, "Idempotency-Key: try");
    const struct reply *r;

    disk_fail(f, true);
    r = ASK(s, .path = "/contact", .headers = key, .body = ADA);
    assert_status(r, 503);
    disk_fail(f, false);
    assert_up_again(s);
    r = ASK(s, .path = "/contact", .headers = key, .body = ADA);
    assert_status(r, 201);
    assert_int_equal(json_size(f, stored(s), ""), 1);
    assert_json(f, stored(s), "0.id", json_text(f, r->body, "id"));
}

TEST(no_answer_goes_out_before_the_sync)
{
    enum { N = 40 };
    struct fixture *f = *state;
    struct server *s = server_start_on_disk(f, SETS("contact.rate=off"));
    struct wire *w[N];

    disk_hold(f, true);
    for (int i = 0; i < N; i++) {
        w[i] = wire_to(s);
        wire_send(w[i], post(f, textf(f, "held-%d", i), ADA));
        if (i == 0)
            EVENTUALLY(disk_waits(f)); /* with its commit; the others queue up behind it */
    }
    EVENTUALLY(metric(s, "http_requests_in_flight{endpoint=\"/contact\"}") >= N);
    assert_metric(s, "store_queue_length", N - 1);
    for (int i = 0; i < N; i++)
        assert_true(wire_silent(w[i], 1));
    assert_status(get(s, "/"), 200); /* nobody else waits */
    assert_metric(s, SUBMISSIONS, 0);
    disk_hold(f, false);
    for (int i = 0; i < N; i++)
        assert_status(wire_reply(f, w[i]), 201);
    assert_metric(s, SUBMISSIONS, N);
    assert_metric(s, "store_batch_size_sum", N);
    assert_metric(s, "store_queue_length", 0);
    assert_metric(s, "store_batch_size_count", 2); /* group commit */
    assert_int_equal(json_size(f, stored(s), ""), N);
}

TEST(a_submission_counts_even_when_its_sender_has_left)
{
    struct fixture *f = *state;
    struct server *s = server_start_on_disk(f, NULL);
    struct wire *w = wire_to(s);

    disk_hold(f, true);
    wire_send(w, post(f, "left", ADA));
    EVENTUALLY(metric(s, "http_requests_in_flight{endpoint=\"/contact\"}") >= 1);
    wire_close(w);
    disk_hold(f, false);
    assert_metric(s, REQUESTS("POST", "/contact", "499"), 1);
    assert_metric(s, SUBMISSIONS, 1);
    assert_json(f, log_request(s, "left"), "status", "499");
    assert_json(f, stored(s), "0.correlation_id", "left");
}

TEST(a_full_queue_refuses_and_loses_nothing)
{
    enum { EXTRA = 300, N = 4096 + 256 + EXTRA };
    struct fixture *f = *state;
    struct rlimit files = {16384, 16384}, had;
    struct server *s;
    struct wire *w = keep(f, N * sizeof(*w));
    int n[1000] = {0};
    size_t busy;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
    files.rlim_max = had.rlim_max;
    if (had.rlim_max < files.rlim_cur || setrlimit(RLIMIT_NOFILE, &files) != 0)
        skip();
    s = server_start_on_disk(f, SETS("contact.rate=off"));
    disk_hold(f, true);
    for (int i = 0; i < N; i++) {
        const char *request = "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE
                              "\r\nContent-Length: 58\r\n\r\n" ADA;

        assert_true(wire_connect(&w[i], s->public_port));
        wire_send(&w[i], request);
    }
    EVENTUALLY(metric(s, "store_queue_full_total") >= EXTRA - 1);
    assert_metric(s, "store_queue_length", metric(s, "store_queue_limit"));
    disk_hold(f, false);
    for (int i = 0; i < N; i++) {
        struct reply r = {.status = 0};

        assert_int_equal(wire_read(&w[i], false, &r), GOT_REPLY);
        if (r.status == 503)
            assert_string_equal(reply_field(&r, "retry-after"), "1");
        n[r.status]++;
        reply_release(&r);
        wire_close(&w[i]);
    }
    busy = (size_t)n[503];
    assert_int_equal(n[201] + n[503], N);
    assert_true(busy >= 1);
    assert_metric(s, "store_queue_full_total", (double)busy);
    assert_metric(s, CONTACT_REJECTED("store"), (double)busy);
    assert_metric(s, SUBMISSIONS, n[201]);
    assert_metric(s, "dependency_up{name=\"store\"}", 1);
    assert_int_equal(count_of(stored(s), "\"id\":"), n[201]);
}

static void run_sql(sqlite3 *db, const char *sql)
{
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

TEST(a_write_lock_of_somebody_else_is_an_outage_that_ends)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(s->store, &db), SQLITE_OK);
    run_sql(db, "BEGIN IMMEDIATE");
    assert_error(f, post_json(s, ADA), 503, "store_unavailable");
    assert_down(s);
    assert_metric(s, "store_errors_total{operation=\"begin\"}", 1);
    run_sql(db, "ROLLBACK");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_up_again(s);
    assert_status(post_json(s, ADA), 201);
}

TEST(a_file_taken_away_is_noticed)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    assert_status(post_json(s, ADA), 201);
    assert_int_equal(rename(s->store, in_dir(f, "away.db")), 0);
    EVENTUALLY(get(s, "/health/readiness")->status == 503);
    assert_status(post_json(s, ADA), 503);
    assert_metric(s, SUBMISSIONS, 1);
}

TEST(the_probe_is_measured_and_asks_once_a_second_at_most)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    double before = json_number(f, get(s, "/health")->body, "dependencies.0.latency_ms");

    assert_true(before > 0);
    /* A thousand requests do not probe: the number stays until the next second's. */
    EVENTUALLY(json_number(f, get(s, "/health")->body, "dependencies.0.latency_ms") != before);
    assert_true(metric(s, "store_probe_seconds") > 0);
    assert_metric(s, "active_database_connections", 1);
}

TEST(what_was_stored_is_there_after_a_restart)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *id = json_text(f, post_json(s, ADA)->body, "id");

    server_stop(s);
    assert_int_not_equal(access(textf(f, "%s-wal", s->store), F_OK),
                         0); /* checkpointed and closed */
    server_again(s);
    assert_json(f, stored(s), "0.id", id);
    assert_metric(s, SUBMISSIONS, 0);
    assert_status(post_json(s, ADA), 201);
    assert_int_equal(json_size(f, stored(s), ""), 2);
}

TEST(the_files_are_for_their_owner_only)
{
    static const char *const tails[] = {"", "-wal", "-shm", ".lock"};
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    assert_status(post_json(s, ADA), 201);
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        struct stat st;

        assert_int_equal(stat(textf(f, "%s%s", s->store, tails[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

RUN_TESTS(T(after_a_failed_sync_nothing_is_taken_until_the_store_was_reopened),
          T(a_second_try_with_the_same_key_is_stored_once_whatever_became_of_the_first),
          T(no_answer_goes_out_before_the_sync),
          T(a_submission_counts_even_when_its_sender_has_left),
          T(a_full_queue_refuses_and_loses_nothing),
          T(a_write_lock_of_somebody_else_is_an_outage_that_ends),
          T(a_file_taken_away_is_noticed),
          T(the_probe_is_measured_and_asks_once_a_second_at_most),
          T(what_was_stored_is_there_after_a_restart),
          T(the_files_are_for_their_owner_only))

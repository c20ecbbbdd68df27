/* SPDX-License-Identifier: MIT */
/*
 * A disk that hangs, and a lock that is gone: the store is out of service without an error of a
 * sync. What a failing disk does is store_test.c's.
 */
#include "tests/e2e/lib/disk.h"
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define IN_FLIGHT "http_requests_in_flight{endpoint=\"/contact\"}"

/* A submission under this key whose commit hangs. */
static struct wire *submit(struct server *s, const char *key)
{
    struct wire *w = wire_to(s);

    disk_hold(s->f, true);
    wire_send(w, textf(s->f,
                       "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE
                       "\r\nIdempotency-Key: %s\r\nContent-Length: 58\r\n\r\n" ADA,
                       key));
    EVENTUALLY(disk_waits(s->f));
    assert_metric(s, IN_FLIGHT, 1);
    return w;
}

/*
 * A server that will be ended by force. To ThreadSanitizer a thread that has ended and was not
 * joined by then is a leak; here it is none.
 */
static struct server *start_to_be_forced(struct fixture *f, const char *const *sets)
{
    const char *tsan = environment("TSAN_OPTIONS");
    const char *old = textf(f, "%s", tsan != NULL ? tsan : "");
    struct server *s;

    /* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
    assert_int_equal(setenv("TSAN_OPTIONS", textf(f, "%s:report_thread_leaks=0", old), 1), 0);
    s = server_start_on_disk(f, sets);
    assert_int_equal(setenv("TSAN_OPTIONS", old, 1), 0);
    /* NOLINTEND(concurrency-mt-unsafe) */
    return s;
}

static size_t rows(struct server *s)
{
    const struct outcome *o = server_command(s, ARGS("contacts", "export", "--format", "json"));

    assert_int_equal(o->status, 0);
    return json_size(s->f, o->out, "");
}

TEST(a_sync_that_hangs_is_answered_late_and_nothing_is_counted_twice)
{
    struct fixture *f = *state;
    struct server *s = server_start_on_disk(f, SETS("contact.rate=off"));
    struct wire *w = submit(s, "once");
    const struct reply *r;

    assert_status(get(s, "/"), 200);
    r = wire_reply(f, w); /* after ten seconds */
    assert_error(f, r, 503, "store_unavailable");
    assert_non_null(reply_field(r, "retry-after"));
    assert_metric(s, IN_FLIGHT, 0);
    assert_metric(s, CONTACT_REJECTED("store"), 1);
    assert_metric(s, SUBMISSIONS, 0);
    assert_metric(s, REQUESTS("POST", "/contact", "503"), 1);
    assert_metric(s, "dependency_up{name=\"store\"}", 0); /* the probe is stale by now */
    assert_status(get(s, "/health/readiness"), 503);

    disk_hold(f, false);
    assert_metric(s, SUBMISSIONS, 1);
    EVENTUALLY(get(s, "/health/readiness")->status == 200);
    r = ASK(s, .path = "/contact", .headers = HEADERS(JSON_TYPE, "Idempotency-Key: once"),
            .body = ADA);
    assert_status(r, 201);
    assert_metric(s, "contact_replays_total", 1);
    assert_metric(s, SUBMISSIONS, 1);
    assert_metric(s, CONTACT_REJECTED("store"), 1);
    assert_metric(s, IN_FLIGHT, 0);
    assert_int_equal(rows(s), 1);
}

TEST(sigterm_ends_it_although_a_sync_hangs)
{
    struct fixture *f = *state;
    struct server *s = start_to_be_forced(f, SETS("drain.timeout=2s"));

    (void)submit(s, "cut");
    server_signal(s, SIGTERM);
    assert_int_equal(server_end(s), 1); /* by its own alarm, and the disk still hangs */
    assert_non_null(log_find(s, "\"event\":\"drain_timeout\""));
    disk_hold(f, false);
    assert_true(rows(s) <= 1); /* nothing was promised */
    server_again(s);
    assert_status(post_json(s, ADA), 201);
}

TEST(a_second_signal_ends_it_although_a_sync_hangs)
{
    struct fixture *f = *state;
    struct server *s = start_to_be_forced(f, SETS("drain.timeout=10m"));

    (void)submit(s, "second");
    server_signal(s, SIGTERM);
    (void)log_event_wait(s, "public_port_closing");
    server_signal(s, SIGTERM);
    assert_int_equal(server_end(s), 1);
    assert_non_null(log_find(s, "\"reason\":\"second signal\""));
}

/* Everything is drained by then, and the writing thread checkpoints; it does not come back. */
TEST(a_second_signal_ends_it_while_the_last_checkpoint_hangs)
{
    struct fixture *f = *state;
    struct server *s = start_to_be_forced(f, SETS("drain.timeout=10m"));

    assert_status(post_json(s, ADA), 201);
    disk_hold(f, true);
    server_signal(s, SIGTERM);
    EVENTUALLY(disk_waits(f));
    assert_true(server_lives(s));
    server_signal(s, SIGTERM);
    assert_int_equal(server_end(s), 1);
    disk_hold(f, false);
    assert_int_equal(rows(s), 1);
}

/* ---- the lock ---- */

static const char *lock_of(struct server *s)
{
    return textf(s->f, "%s.lock", s->store);
}

static void assert_out_of_service(struct server *s)
{
    struct fixture *f = s->f;
    const struct reply *r;

    EVENTUALLY(get(s, "/health/readiness")->status == 503);
    r = get(s, "/health/readiness");
    assert_json(f, r->body, "reason", "store");
    assert_error(f, post_json(s, ADA), 503, "store_unavailable");
    assert_metric(s, "dependency_up{name=\"store\"}", 0);
    assert_status(get(s, "/health/liveness"), 200);
}

TEST(a_deleted_lock_puts_the_store_out_of_service_before_another_serves_it)
{
    struct fixture *f = *state;
    struct server *first = server_start(f, SETS("contact.rate=off")), *second;

    assert_status(post_json(first, ADA), 201);
    assert_int_equal(unlink(lock_of(first)), 0);
    /* Already the next one is refused, whether or not the probe has come by. */
    assert_error(f, post_json(first, ADA), 503, "store_unavailable");
    assert_contains(json_text(f, log_event_wait(first, "store_failed"), "error"), lock_of(first));
    assert_out_of_service(first);

    second = server_start(f, SETS("contact.rate=off", "store.lock_wait=0s"));
    assert_status(post_json(second, ADA), 201);
    assert_status(get(second, "/health/readiness"), 200);
    assert_out_of_service(first);
    server_stop(first);
    assert_status(post_json(second, ADA), 201);
    assert_int_equal(rows(second), 3);
}

TEST(a_lock_that_is_moved_away_and_back_is_the_same)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    const char *away = in_dir(f, "away.lock");

    assert_int_equal(rename(lock_of(s), away), 0);
    assert_out_of_service(s);
    write_file(lock_of(s), ""); /* another file of that name is no help */
    assert_out_of_service(s);
    assert_int_equal(rename(away, lock_of(s)), 0);
    EVENTUALLY(get(s, "/health/readiness")->status == 200);
    assert_non_null(log_event_wait(s, "store_reopened"));
    assert_status(post_json(s, ADA), 201);
}

RUN_TESTS(T(a_sync_that_hangs_is_answered_late_and_nothing_is_counted_twice),
          T(sigterm_ends_it_although_a_sync_hangs),
          T(a_second_signal_ends_it_although_a_sync_hangs),
          T(a_second_signal_ends_it_while_the_last_checkpoint_hangs),
          T(a_deleted_lock_puts_the_store_out_of_service_before_another_serves_it),
          T(a_lock_that_is_moved_away_and_back_is_the_same))

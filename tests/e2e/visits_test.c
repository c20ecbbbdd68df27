/* SPDX-License-Identifier: MIT */
/* The visitor counter: who counts, what a restart and a kill leave, a store that is away, and midnight. */
#include "tests/e2e/lib/clock.h"
#include "tests/e2e/lib/disk.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

enum { DAY_S = 86400 };

/* A view from a local address by a browser, and what the page says then. */
static const char *view(struct server *s, const char *source, const char *browser)
{
    const char *agent = textf(s->f, "User-Agent: %s", browser);
    const struct reply *r = ASK(s, .path = "/", .source = source, .headers = HEADERS(agent));
    const char *line;

    assert_status(r, 200);
    line = strstr(r->body, "page views ");
    assert_non_null(line);
    return line;
}

#define assert_view(s, source, browser, views, today)        \
    assert_string_equal(view(s, "127.0.0." source, browser), \
                        "page views " views ", visitors today " today "\n")

/* For a server that starts at noon, so that no midnight falls into the test. */
static void set_clock_to_noon(struct fixture *f)
{
    set_clock(f, DAY_S / 2 - (int)(clock_wall_ns() / NS_PER_SEC % DAY_S));
}

static struct server *start_at_noon(struct fixture *f, const char *const *sets)
{
    set_clock_to_noon(f);
    return server_start_with_clock(f, sets);
}

/* On a disk that fails or stalls at will. */
static struct server *start_on_disk_at_noon(struct fixture *f, const char *const *sets)
{
    set_clock_to_noon(f);
    return server_start_on_disk_with_clock(f, sets);
}

/* The next day, 24 hours after the noon of start_at_noon. */
static void set_clock_to_tomorrow(struct fixture *f)
{
    set_clock(f, DAY_S + DAY_S / 2 - (int)(clock_wall_ns() / NS_PER_SEC % DAY_S));
}

/* A number in the store, seen by a connection of its own; -1: none. */
static int64_t look(struct server *s, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    int64_t value = -1;

    assert_int_equal(sqlite3_open_v2(s->store, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(db, DEADLINE_MS), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    if (sqlite3_step(st) == SQLITE_ROW)
        value = sqlite3_column_int64(st, 0);
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return value;
}

static int64_t stored_views(struct server *s)
{
    return look(s, "SELECT views FROM visits");
}

TEST(a_visitor_is_an_address_and_a_browser_and_counts_once_a_day)
{
    struct fixture *f = *state;
    struct server *s = start_at_noon(f, SETS("threads=3"));

    assert_metric(s, "page_views_total", 0);
    assert_metric(s, "website_visitors", 0);
    assert_view(s, "1", "Firefox", "1", "1");
    assert_view(s, "1", "Firefox", "2", "1");
    assert_view(s, "1", "Chromium", "3", "2");
    assert_view(s, "2", "Firefox", "4", "3");
    assert_view(s, "2", "Firefox", "5", "3");
    assert_metric(s, "page_views_total", 5);
    assert_metric(s, "website_visitors", 3);
    assert_metric(s, "website_visitors_uncounted_total", 0);
}

TEST(only_views_of_the_home_page_count)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    assert_status(get(s, "/health"), 200);
    assert_status(get(s, "/contact"), 200);
    assert_status(get(s, "/nothing"), 404);
    assert_status(ASK(s, .path = "/", .method = "HEAD"), 200);
    assert_status(ASK(s, .path = "/", .body = "x"), 405);
    assert_status(ASK(s, .path = "/", .method = "OPTIONS"), 204);
    assert_view(s, "1", "Firefox", "1", "1");
    assert_metric(s, "page_views_total", 1);
}

TEST(a_trusted_proxy_says_who_the_visitor_is)
{
    struct fixture *f = *state;
    struct server *s = start_at_noon(f, SETS("trusted_proxies=127.0.0.0/8"));

    for (int i = 1; i <= 3; i++) {
        const char *ip = textf(f, "X-Real-IP: 192.0.2.%d", i);

        assert_status(ASK(s, .path = "/", .headers = HEADERS(ip)), 200);
    }
    assert_status(ASK(s, .path = "/", .headers = HEADERS("X-Real-IP: 2001:db8::1")), 200);
    assert_status(ASK(s, .path = "/", .headers = HEADERS("X-Real-IP: 2001:db8::2")), 200);
    assert_metric(s, "website_visitors", 4);
}

TEST(a_restart_keeps_the_views_and_todays_visitors)
{
    struct fixture *f = *state;
    struct server *s = start_at_noon(f, NULL);

    assert_view(s, "1", "Firefox", "1", "1");
    assert_view(s, "2", "Firefox", "2", "2");
    server_stop(s);
    server_again(s);
    assert_metric(s, "page_views_total", 0);
    assert_metric(s, "website_visitors", 0);
    assert_view(s, "1", "Firefox", "3", "2");
    assert_view(s, "3", "Firefox", "4", "3");
    server_stop(s);
    server_again(s);
    assert_view(s, "3", "Firefox", "5", "3");
    assert_metric(s, "page_views_total", 1);
}

TEST(a_kill_loses_only_what_was_not_written_yet)
{
    struct fixture *f = *state;
    struct server *s = start_at_noon(f, NULL);

    for (int i = 0; i < 20; i++)
        assert_status(get(s, "/"), 200);
    EVENTUALLY(stored_views(s) == 20);
    server_kill(s);
    server_again(s);
    assert_view(s, "1", "Firefox", "21", "2"); /* the twenty came without a browser's name */
}

TEST(views_are_written_seldom_and_nobody_waits_for_that)
{
    struct fixture *f = *state;
    struct server *s = start_on_disk_at_noon(f, NULL);

    disk_hold(f, true);
    assert_view(s, "1", "Firefox", "1", "1");
    EVENTUALLY(disk_waits(f)); /* the write hangs */
    for (int i = 0; i < 500; i++)
        assert_status(get(s, "/"), 200);
    disk_hold(f, false);
    EVENTUALLY(stored_views(s) == 501);
    /* At the start, one or two for the views: not one each. */
    assert_true(metric(s, "store_commit_seconds_count") <= 10);
    assert_metric(s, "store_batch_size_count", 0);
}

TEST(counting_goes_on_while_the_store_is_down_and_is_caught_up_with)
{
    struct fixture *f = *state;
    struct server *s = start_on_disk_at_noon(f, SETS("contact.rate=off"));

    assert_view(s, "1", "Firefox", "1", "1");
    EVENTUALLY(stored_views(s) == 1);
    disk_fail(f, true);
    assert_status(post_json(s, ADA), 503);
    EVENTUALLY(get(s, "/health/readiness")->status == 503);
    assert_view(s, "2", "Firefox", "2", "2");
    assert_view(s, "2", "Firefox", "3", "2");
    assert_int_equal(stored_views(s), 1);
    disk_fail(f, false);
    EVENTUALLY(stored_views(s) == 3);
    assert_int_equal(look(s, "SELECT visitors FROM visits"), 2);
    assert_metric(s, "store_errors_total{operation=\"visits\"}", 0);
    server_stop(s);
    server_again(s);
    assert_view(s, "2", "Firefox", "4", "2");
}

TEST(a_store_that_was_taken_away_gets_everything_again)
{
    struct fixture *f = *state;
    struct server *s = start_at_noon(f, NULL);

    assert_view(s, "1", "Firefox", "1", "1");
    EVENTUALLY(stored_views(s) == 1);
    assert_int_equal(rename(s->store, in_dir(f, "away.db")), 0);
    EVENTUALLY(get(s, "/health/readiness")->status == 503);
    EVENTUALLY(get(s, "/health/readiness")->status == 200);
    assert_view(s, "2", "Firefox", "2", "2");
    EVENTUALLY(stored_views(s) == 2);
    assert_int_equal(look(s, "SELECT visitors FROM visits"), 2);
    assert_int_equal(look(s, "SELECT length(hashes) FROM visitors"), 16);
}

/* The salt and the first hash as they stand in the store. */
static const char *secrets(struct server *s)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    char *both = keep(s->f, 40);

    assert_int_equal(sqlite3_open_v2(s->store, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT salt, hashes FROM visits, visitors", -1, &st, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_int_equal(sqlite3_column_bytes(st, 0), 32);
    memcpy(both, sqlite3_column_blob(st, 0), 32);
    memcpy(both + 32, sqlite3_column_blob(st, 1), 8);
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return both;
}

/* Whether the salt or the hash is in the store's file or its log. */
static bool traces(struct server *s, const char *both)
{
    bool found = false;

    for (int i = 0; i < 2; i++) {
        struct buf b = BUF_INIT;

        read_into(i == 0 ? s->store : textf(s->f, "%s-wal", s->store), &b);
        found = found || memmem(b.data, b.len, both, 32) != NULL ||
                memmem(b.data, b.len, both + 32, 8) != NULL;
        buf_release(&b);
    }
    return found;
}

TEST(at_midnight_the_day_ends_and_leaves_no_trace)
{
    struct fixture *f = *state;
    struct server *s = start_at_noon(f, NULL);
    const char *both;

    assert_view(s, "1", "Firefox", "1", "1");
    assert_view(s, "2", "Firefox", "2", "2");
    EVENTUALLY(look(s, "SELECT visitors FROM visits") == 2);
    both = secrets(s);
    assert_true(traces(s, both));
    set_clock_to_tomorrow(f); /* and nobody comes */
    EVENTUALLY(look(s, "SELECT visitors FROM visits") == 0);
    EVENTUALLY(!traces(s, both));
    assert_int_equal(look(s, "SELECT count(*) FROM visitors"), 0);
    assert_view(s, "2", "Firefox", "3", "1");
    assert_view(s, "1", "Firefox", "4", "2");
    EVENTUALLY(stored_views(s) == 4);
    assert_memory_not_equal(secrets(s), both, 32);
}

TEST(a_start_on_the_next_day_deletes_the_last)
{
    struct fixture *f = *state;
    struct server *s = start_at_noon(f, NULL);
    const char *both;

    assert_view(s, "1", "Firefox", "1", "1");
    EVENTUALLY(stored_views(s) == 1);
    both = secrets(s);
    server_stop(s);
    set_clock_to_tomorrow(f);
    server_again(s);
    EVENTUALLY(!traces(s, both));
    assert_view(s, "1", "Firefox", "2", "1");
}

TEST(no_address_and_no_browser_is_in_the_store_or_its_log)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("trusted_proxies=127.0.0.0/8"));
    struct buf b = BUF_INIT;

    assert_status(
        ASK(s, .path = "/", .headers = HEADERS("X-Real-IP: 192.0.2.77", "User-Agent: Curious/1.0")),
        200);
    EVENTUALLY(stored_views(s) == 1);
    for (int i = 0; i < 2; i++) {
        read_into(i == 0 ? s->store : textf(f, "%s-wal", s->store), &b);
        assert_null(memmem(b.data, b.len, "192.0.2.77", 10));
        assert_null(memmem(b.data, b.len, "\xc0\x00\x02\x4d", 4));
        assert_null(memmem(b.data, b.len, "Curious", 7));
    }
    buf_release(&b);
}

RUN_TESTS(T(a_visitor_is_an_address_and_a_browser_and_counts_once_a_day),
          T(only_views_of_the_home_page_count),
          T(a_trusted_proxy_says_who_the_visitor_is),
          T(a_restart_keeps_the_views_and_todays_visitors),
          T(a_kill_loses_only_what_was_not_written_yet),
          T(views_are_written_seldom_and_nobody_waits_for_that),
          T(counting_goes_on_while_the_store_is_down_and_is_caught_up_with),
          T(a_store_that_was_taken_away_gets_everything_again),
          T(at_midnight_the_day_ends_and_leaves_no_trace),
          T(a_start_on_the_next_day_deletes_the_last),
          T(no_address_and_no_browser_is_in_the_store_or_its_log))

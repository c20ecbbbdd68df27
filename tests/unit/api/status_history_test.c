/* SPDX-License-Identifier: MIT */
/* Which moments are kept, and which of them a window begins with. The clock is a number. */
#include "tests/unit/unit.h"

#include "api/status_history.h"

enum { START_S = 1000 };

#define AT(s) ((START_S + (uint64_t)(s)) * NS_PER_SEC)

static struct status_now now_with(uint64_t requests)
{
    struct status_now now = {.n_rows = 0};

    now.totals.requests = requests;
    return now;
}

/* Each second up to `s`, with as many requests as seconds have passed. */
static void run_until(struct status_history *h, uint64_t from, uint64_t s)
{
    for (uint64_t i = from; i <= s; i++) {
        struct status_now now = now_with(i);

        assert_true(history_due(h, AT(i)));
        history_add(h, AT(i), &now);
    }
}

TEST(a_process_starts_with_nothing_counted)
{
    struct status_history *h = history_new(AT(0));

    assert_int_equal(history_first(h), 0);
    assert_int_equal(history_last(h), 0);
    assert_int_equal(history_seconds(h), 1);
    assert_int_equal(history_second(h, 0)->at_ns, AT(0));
    assert_int_equal(history_snapshot(h, 0)->at_ns, AT(0));
    assert_int_equal(history_base(h, AT(0), 300 * NS_PER_SEC), 0);
    assert_int_equal(history_row(h, 3, 0).server_errors, 0);
    history_free(h);
    history_free(NULL);
}

TEST(a_second_is_due_a_little_early_but_not_twice)
{
    struct status_history *h = history_new(AT(0));
    struct status_now now = now_with(1);

    assert_false(history_due(h, AT(0)));
    assert_false(history_due(h, AT(1) - 51 * NS_PER_MS));
    assert_true(history_due(h, AT(1) - 50 * NS_PER_MS));
    history_add(h, AT(1) - 50 * NS_PER_MS, &now);
    assert_false(history_due(h, AT(1)));
    assert_false(history_due(h, AT(2) - 51 * NS_PER_MS)); /* a grid: being early does not add up */
    assert_true(history_due(h, AT(2) - 50 * NS_PER_MS));
    history_free(h);
}

TEST(every_tenth_second_is_a_snapshot)
{
    struct status_history *h = history_new(AT(0));

    run_until(h, 1, 9);
    assert_int_equal(history_last(h), 0);
    assert_true(history_step_due(h, AT(10)));
    run_until(h, 10, 25);
    assert_int_equal(history_last(h), 2);
    assert_int_equal(history_snapshot(h, 1)->totals.requests, 10);
    assert_int_equal(history_snapshot(h, 2)->totals.requests, 20);
    assert_int_equal(history_seconds(h), 26);
    assert_int_equal(history_second(h, 25)->requests, 25);
    history_free(h);
}

TEST(a_window_begins_with_the_newest_snapshot_that_is_old_enough)
{
    struct status_history *h = history_new(AT(0));

    run_until(h, 1, 400);
    assert_int_equal(history_base(h, AT(400), 300 * NS_PER_SEC), 10);
    assert_int_equal(history_base(h, AT(409), 300 * NS_PER_SEC), 10);
    assert_int_equal(history_base(h, AT(410), 300 * NS_PER_SEC), 11);
    assert_int_equal(history_base(h, AT(400), 3600 * NS_PER_SEC), 0);
    assert_int_equal(history_base(h, AT(9999), 300 * NS_PER_SEC), 40);
    history_free(h);
}

TEST(an_hour_and_five_minutes_are_kept_and_no_more)
{
    struct status_history *h = history_new(AT(0));

    run_until(h, 1, 3600);
    assert_int_equal(history_first(h), 0);
    assert_int_equal(history_last(h), 360);
    run_until(h, 3601, 7777);
    assert_int_equal(history_last(h), 777);
    assert_int_equal(history_first(h), 777 - HISTORY_SNAPSHOTS + 1);
    assert_int_equal(history_snapshot(h, history_first(h))->totals.requests, 4170);
    assert_int_equal(history_base(h, AT(7777), 3600 * NS_PER_SEC), 417);
    assert_int_equal(history_base(h, AT(7779), 3600 * NS_PER_SEC), 417);
    assert_int_equal(history_seconds(h), HISTORY_SECONDS);
    assert_int_equal(history_second(h, 0)->requests, 7477);
    assert_int_equal(history_second(h, HISTORY_SECONDS - 1)->requests, 7777);
    history_free(h);
}

TEST(a_row_was_zero_before_it_was_asked_for)
{
    struct status_history *h = history_new(AT(0));
    struct status_now now = now_with(0);

    run_until(h, 1, 10);
    now.n_rows = 2;
    now.rows[1].buckets[3] = (UINT64_C(1) << 32) + 5;
    now.rows[1].server_errors = 6;
    for (uint64_t i = 11; i <= 20; i++)
        history_add(h, AT(i), &now);
    assert_int_equal(history_row(h, 1, 1).buckets[3], 0);
    assert_int_equal(history_row(h, 1, 2).buckets[3], 5); /* modulo 2^32 */
    assert_int_equal(history_row(h, 1, 2).server_errors, 6);
    assert_int_equal(history_row(h, 0, 2).buckets[3], 0);
    assert_int_equal(history_row(h, STATUS_ROWS_MAX, 2).buckets[3], 0);
    assert_int_equal(history_second(h, 20)->buckets[3], 5);
    history_free(h);
}

TEST(after_a_pause_time_goes_on_from_there)
{
    struct status_history *h = history_new(AT(0));
    struct status_now now = now_with(50);

    run_until(h, 1, 10);
    history_add(h, AT(500), &now);
    assert_int_equal(history_seconds(h), 12);
    assert_int_equal(history_last(h), 2);
    assert_int_equal(history_snapshot(h, 2)->at_ns, AT(500));
    assert_false(history_due(h, AT(500)));
    assert_false(history_step_due(h, AT(509)));
    assert_true(history_due(h, AT(501)));
    history_free(h);
}

RUN_TESTS(T(a_process_starts_with_nothing_counted),
          T(a_second_is_due_a_little_early_but_not_twice),
          T(every_tenth_second_is_a_snapshot),
          T(a_window_begins_with_the_newest_snapshot_that_is_old_enough),
          T(an_hour_and_five_minutes_are_kept_and_no_more),
          T(a_row_was_zero_before_it_was_asked_for),
          T(after_a_pause_time_goes_on_from_there))

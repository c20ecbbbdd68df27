/* SPDX-License-Identifier: MIT */
/*
 * Syncs that fail under load: once, now and then, for a while. What else a disk can do to a call is
 * store_calls_test.c's.
 */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/disk_scene.h"
#include "tests/faults/lib/promise.h"

#include <errno.h>

enum { SOME = 50 };

#define COMMIT_ERRORS "store_errors_total{operation=\"commit\"}"

/* Long enough for the disk to have failed as often as it was told. */
static void await_sound(const struct disk *d)
{
    EVENTUALLY(disk_is_sound(d));
}

TEST(a_sync_that_fails_now_and_then_costs_a_pause_and_nothing_else)
{
    unsigned rounds = faults_long() ? 100 : 3;
    struct scene t = SCENE(*state, .faulty = true);
    struct reckoning sum;

    for (unsigned i = 0; i < rounds; i++) {
        people_await(t.c, SOME);
        DISK_BREAK(t.d, .call = DISK_SYNC, .error = EIO, .n = 1, .skip = (int32_t)(i % 7),
                   .files = DISK_LOG);
        await_sound(t.d);
        assert_store_down(t.s);
        assert_store_up(t.s);
        assert_metric(t.s, "store_reopens_total", i + 1);
    }
    people_await(t.c, SOME);
    assert_metric(t.s, COMMIT_ERRORS, rounds);
    assert_int_equal(assert_outages_logged(t.s), rounds);
    assert_int_equal(disk_injected(t.d, DISK_SYNC), rounds);
    sum = people_reckon(t.s, t.c);
    assert_true(sum.refused >= rounds);
    promise("F75",
            "A sync that fails is never answered 201, and the store comes back when the disk does",
            "fsync and fdatasync return EIO once, again and again, while six clients send",
            "%u syncs failed, %llu acknowledged, 0 lost, 0 doubled, %llu answers of 503", rounds,
            (unsigned long long)sum.acknowledged, (unsigned long long)sum.refused);
}

/* Some in a row: the commit's, those of the checkpoint that must follow, those of the next try. */
TEST(syncs_that_fail_while_it_comes_back_keep_it_out_of_service)
{
    int32_t most = faults_long() ? 12 : 2, failed = 0;
    struct scene t = SCENE(*state, .faulty = true);
    struct reckoning sum;

    for (int32_t n = 2; n <= most; n++)
        for (int32_t every = 1; every <= 2; every++) {
            people_await(t.c, SOME);
            DISK_BREAK(t.d, .call = DISK_SYNC, .error = EIO, .n = n, .every = every);
            await_sound(t.d);
            assert_store_up(t.s);
            failed += n;
        }
    people_await(t.c, SOME);
    assert_true(metric(t.s, COMMIT_ERRORS) <= metric(t.s, "store_reopens_total"));
    (void)assert_outages_logged(t.s);
    assert_int_equal(disk_injected(t.d, DISK_SYNC), failed);
    sum = people_reckon(t.s, t.c);
    promise("F75", "A store whose log could not be synced on the way back takes nothing",
            "up to 12 syncs in a row, or every other one, return EIO: of a commit, of the "
            "checkpoint after it, of the next try",
            "%d syncs failed, %llu acknowledged, 0 lost, 0 doubled", (int)failed,
            (unsigned long long)sum.acknowledged);
}

/* For as long as somebody looks at it: each second a try, and the same reason is said once. */
TEST(a_disk_that_syncs_no_more_is_one_line_in_the_log_until_it_is_mended)
{
    unsigned tries = faults_long() ? 30 : 3;
    struct scene t = SCENE(*state, .faulty = true);
    const struct reply *r;
    struct reckoning sum;

    people_await(t.c, SOME);
    DISK_BREAK(t.d, .call = DISK_SYNC, .error = EIO);
    scene_outage_begin(&t, SOME);
    EVENTUALLY(disk_injected(t.d, DISK_SYNC) >= tries);
    r = post_form(t.s, ADA_FORM);
    assert_error(t.f, r, 503, "store_unavailable");
    assert_non_null(reply_field(r, "retry-after"));
    assert_status(get(t.s, "/"), 200);
    assert_store_down(t.s);
    /* Of the commit, and of the checkpoint that follows each second. */
    assert_in_range(count_of(log_text(t.s), "\"event\":\"store_failed\""), 1, 2);
    assert_int_equal(count_of(log_text(t.s), "\"event\":\"store_reopened\""), 0);
    scene_outage_end(&t);
    disk_mend(t.d);
    assert_store_up(t.s);
    assert_int_equal(scene_await_all_logged(&t, SOME), 1);
    sum = people_reckon(t.s, t.c);
    promise(
        "F75",
        "While no sync succeeds, every submission is 503 with Retry-After, and the rest is served",
        "fsync and fdatasync return EIO until they are mended",
        "%llu syncs failed, %llu answers of 503, %llu acknowledged before and after, 0 lost, "
        "0 doubled",
        (unsigned long long)disk_injected(t.d, DISK_SYNC), (unsigned long long)sum.refused,
        (unsigned long long)sum.acknowledged);
}

/*
 * What SIGTERM finds when the disk is broken: nothing that was acknowledged is lost with the
 * process.
 */
TEST(it_ends_in_order_on_a_disk_that_syncs_no_more)
{
    unsigned rounds = faults_long() ? 30 : 2;
    struct scene t = SCENE(*state, .faulty = true);
    struct reckoning sum;

    for (unsigned i = 0; i < rounds; i++) {
        people_await(t.c, SOME);
        DISK_BREAK(t.d, .call = DISK_SYNC, .error = EIO);
        if (i % 2 == 0)
            assert_store_down(t.s);
        people_server_gone(t.c);
        server_stop(t.s);
        disk_mend(t.d);
        scene_server_again(&t);
    }
    people_await(t.c, SOME);
    sum = people_reckon(t.s, t.c);
    promise("F75, F94", "SIGTERM while the disk fails: exit 0, and the next start has it all",
            "stopped with and without an outage that was noticed, then started again",
            "%u ends, %llu acknowledged, 0 lost, 0 doubled", rounds,
            (unsigned long long)sum.acknowledged);
}

RUN_TESTS(T(a_sync_that_fails_now_and_then_costs_a_pause_and_nothing_else),
          T(syncs_that_fail_while_it_comes_back_keep_it_out_of_service),
          T(a_disk_that_syncs_no_more_is_one_line_in_the_log_until_it_is_mended),
          T(it_ends_in_order_on_a_disk_that_syncs_no_more))

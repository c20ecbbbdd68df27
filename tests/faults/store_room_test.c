/* SPDX-License-Identifier: MIT */
/*
 * Disks that are really full, under load; each in a mount namespace of the test. That the kernel
 * refuses one call is store_calls_test.c's.
 */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/disk_mount.h"
#include "tests/faults/lib/disk_scene.h"
#include "tests/faults/lib/promise.h"

enum { SOME = 50 };

#define FAILURES "store_errors_total"

/* What an outage frees, the next one takes, until nothing moves any more. */
static void fill_up(const struct scene *t)
{
    double before = metric_sum(t->s, FAILURES);

    for (uint64_t end_ns = 0; metric_sum(t->s, FAILURES) < before + 3;
         try_again(&end_ns, "the store fails for good"))
        mount_fill(t->f, t->dir);
}

TEST(a_full_disk_refuses_until_there_is_room_again)
{
    unsigned rounds = faults_long() ? 40 : 2;
    struct scene t = SCENE(*state, .tmpfs_kib = 64 * 1024);
    struct reckoning sum;

    for (unsigned i = 0; i < rounds; i++) {
        people_await(t.c, SOME);
        fill_up(&t);
        scene_outage_begin(&t, SOME);
        scene_outage_end(&t);
        mount_free(t.f, t.dir);
        assert_store_up(t.s);
    }
    people_await(t.c, SOME);
    assert_contains(log_event_wait(t.s, "store_failed"), "full");
    (void)assert_outages_logged(t.s);
    sum = people_reckon(t.s, t.c);
    promise("F76", "A full disk is 503 with Retry-After until there is room, and then all goes on",
            "a tmpfs filled to its last page and freed again under six clients",
            "%u times full, %llu answers of 503, %llu acknowledged, 0 lost, 0 doubled", rounds,
            (unsigned long long)sum.refused, (unsigned long long)sum.acknowledged);
}

TEST(a_disk_that_the_submissions_fill_themselves_goes_on_when_it_grows)
{
    double outages = faults_long() ? 12 : 2;
    struct scene t = SCENE(*state, .tmpfs_kib = 400, .pause_ms = SCENE_NO_PAUSE);
    struct reckoning sum;

    EVENTUALLY(metric_sum(t.s, FAILURES) >= outages);
    mount_resize(t.dir, 64 * 1024);
    assert_store_up(t.s);
    (void)scene_await_all_logged(&t, 20 * SOME);
    sum = people_reckon(t.s, t.c);
    promise("F76",
            "A disk that runs full of submissions loses none of them, and goes on when it grows",
            "a tmpfs of 400 KiB, enlarged while it is full", "%llu acknowledged, 0 lost, 0 doubled",
            (unsigned long long)sum.acknowledged);
}

TEST(on_a_full_disk_it_does_not_start_and_keeps_what_a_kill_left)
{
    struct scene t = SCENE(*state, .tmpfs_kib = 4096);
    const struct outcome *o;
    struct reckoning sum;

    people_await(t.c, 4 * SOME);
    people_server_gone(t.c);
    server_kill(t.s);
    mount_fill(t.f, t.dir); /* the log it left waits to be copied */
    o = server_command(t.s, ARGS("--set", "store.lock_wait=0s"));
    assert_int_equal(o->status, 1);
    assert_contains(o->err, "full");
    mount_free(t.f, t.dir);
    scene_server_again(&t);
    people_await(t.c, SOME);
    sum = people_reckon(t.s, t.c);
    promise("F76", "On a full disk a killed server does not start, says why, and loses nothing",
            "SIGKILL under load, the disk filled, a start, the disk freed, a start",
            "%llu acknowledged, 0 lost, 0 doubled", (unsigned long long)sum.acknowledged);
}

RUN_TESTS(T(a_full_disk_refuses_until_there_is_room_again),
          T(a_disk_that_the_submissions_fill_themselves_goes_on_when_it_grows),
          T(on_a_full_disk_it_does_not_start_and_keeps_what_a_kill_left))

/* SPDX-License-Identifier: MIT */
/*
 * Power cuts under load, on a disk that keeps nothing but what was synced, and drops what a failed
 * sync found. That a killed process loses nothing is crash_test.c's in tests/e2e/: there the kernel
 * still writes what it has.
 */
#include "tests/e2e/lib/client.h"
#include "tests/faults/lib/disk_scene.h"
#include "tests/faults/lib/promise.h"

#include <errno.h>
#include <stdlib.h>

enum { FEW = 10, WITHIN_MS = 150 };

static void cut_power(struct scene *t)
{
    people_server_gone(t->c);
    server_kill(t->s);
    disk_mend(t->d);
    disk_cut_power(t->d, t->s);
    scene_server_again(t);
}

TEST(what_was_acknowledged_survives_power_cuts_once)
{
    unsigned rounds = faults_long() ? 500 : 15, seed = (unsigned)clock_wall_ms();
    struct scene t = SCENE(*state, .remembers = true, .pause_ms = 2);
    struct reckoning sum;

    print_message("  %u rounds, seed %u\n", rounds, seed);
    for (unsigned i = 0; i < rounds; i++) {
        people_await(t.c, FEW);
        clock_sleep_ms((uint32_t)rand_r(&seed) % WITHIN_MS);
        cut_power(&t);
    }
    people_await(t.c, FEW);
    sum = people_reckon(t.s, t.c);
    promise("F98", "What was acknowledged survives a power cut",
            "SIGKILL under load, and the file and its log put back to what was synced",
            "%u cuts, %llu acknowledged, 0 lost, 0 doubled", rounds,
            (unsigned long long)sum.acknowledged);
}

/*
 * What a failed sync dropped reads as if it were there: nothing may be acknowledged on top of it.
 */
TEST(and_power_cuts_while_the_disk_fails)
{
    unsigned rounds = faults_long() ? 150 : 4, seed = (unsigned)clock_wall_ms();
    struct scene t = SCENE(*state, .remembers = true, .pause_ms = 2);
    struct reckoning sum;

    for (unsigned i = 0; i < rounds; i++) {
        people_await(t.c, FEW);
        DISK_BREAK(t.d, .call = DISK_SYNC, .error = EIO, .n = (int32_t)(i % 3) + 1);
        assert_store_down(t.s);
        if (i % 2 == 0) { /* acknowledged on top of what was dropped */
            assert_store_up(t.s);
            people_await(t.c, FEW);
        } else {
            clock_sleep_ms((uint32_t)rand_r(&seed) % (10 * WITHIN_MS));
        }
        cut_power(&t);
    }
    people_await(t.c, FEW);
    sum = people_reckon(t.s, t.c);
    promise(
        "F75, F98", "What was acknowledged survives a power cut while the disk fails",
        "the same after failed syncs, which drop what was written, before and after the store is back",
        "%u cuts, %llu acknowledged, 0 lost, 0 doubled", rounds,
        (unsigned long long)sum.acknowledged);
}

static const char *export_of(struct server *s)
{
    const struct outcome *o = server_command(s, ARGS("contacts", "export", "--format", "json"));

    assert_int_equal(o->status, 0);
    return o->out;
}

/*
 * A commit whose sync failed is read from the log by the reopened store, which copies it into the
 * file. If the log on the disk lacked it, a power cut would leave a file and a log of different
 * times.
 */
TEST(what_a_failed_sync_left_to_read_is_on_the_disk_once_the_store_is_back)
{
    unsigned rounds = faults_long() ? 100 : 8;
    struct fixture *f = *state;
    struct disk *d = disk_new(f);
    struct server *s;
    const char *before, *after;

    disk_remember(d);
    s = disk_server_start(f, SETS("contact.rate=off"), d);
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned k = 0; k <= i % 5; k++)
            assert_status(post_json(s, ADA), 201);
        DISK_BREAK(d, .call = DISK_SYNC, .error = EIO, .n = (int32_t)(i % 4) + 1);
        while (post_json(s, ADA)->status == 201)
            continue;
        assert_store_up(s);
        before = export_of(s);
        server_kill(s);
        disk_cut_power(d, s);
        server_again(s);
        /* The last one was not acknowledged: it may come back. */
        after = export_of(s);
        assert_memory_equal(after, before, (size_t)(strrchr(before, '}') - before) + 1);
    }
    promise(
        "F75, F98", "What can be read after a failed sync stays so through a power cut",
        "one to four syncs fail, of a commit and of what follows; as soon as the store is back the power is cut",
        "%u cuts, nothing gone from the export", rounds);
}

RUN_TESTS(T(what_was_acknowledged_survives_power_cuts_once),
          T(and_power_cuts_while_the_disk_fails),
          T(what_a_failed_sync_left_to_read_is_on_the_disk_once_the_store_is_back))

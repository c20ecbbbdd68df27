/* SPDX-License-Identifier: MIT */
/*
 * Power cuts under load, on a disk that keeps nothing but what was synced, and drops what a failed
 * sync found. That a killed process loses nothing is crash_test.c's in tests/e2e/: there the kernel
 * still writes what it has.
 */
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

RUN_TESTS(T(what_was_acknowledged_survives_power_cuts_once), T(and_power_cuts_while_the_disk_fails))

/* SPDX-License-Identifier: MIT */
/*
 * Power cuts under load, on a disk that keeps nothing but what was synced, and drops what a failed sync found. That a killed process
 * loses nothing is crash_test.c's in tests/e2e/: there the kernel still writes what it has.
 */
#include "tests/faults/lib/disk_faults.h"
#include "tests/faults/lib/disk_people.h"
#include "tests/faults/lib/promise.h"

#include <errno.h>
#include <stdlib.h>

enum { PEOPLE = 6, PAUSE_MS = 2, FEW = 10, WITHIN_MS = 150 };

static void cut_power(struct server *s, struct disk *d, struct people *c)
{
    server_kill(s);
    disk_mend(d);
    disk_cut_power(d, s);
    server_again(s);
    people_server_back(c, s);
}

TEST(what_was_acknowledged_survives_power_cuts_once)
{
    unsigned rounds = faults_long() ? 500 : 15, seed = (unsigned)clock_wall_ms();
    struct fixture *f = *state;
    struct disk *d = disk_new(f);
    struct reckoning sum;
    struct server *s;
    struct people *c;

    disk_remember(d);
    s = server_start_with(
        f, &(struct server_options){.sets = SETS("contact.rate=off"), .env = disk_env(f, d)});
    c = people_start(s, PEOPLE, PAUSE_MS);
    people_server_gone(c);
    print_message("  %u rounds, seed %u\n", rounds, seed);
    for (unsigned i = 0; i < rounds; i++) {
        people_await(c, FEW);
        clock_sleep_ms((uint32_t)rand_r(&seed) % WITHIN_MS);
        cut_power(s, d, c);
    }
    people_await(c, FEW);
    sum = people_reckon(s, c);
    promise("F98", "What was acknowledged survives a power cut",
            "SIGKILL under load, and the file and its log put back to what was synced",
            "%u cuts, %llu acknowledged, 0 lost, 0 doubled", rounds,
            (unsigned long long)sum.acknowledged);
}

/* What a failed sync dropped reads as if it were there: nothing may be acknowledged on top of it. */
TEST(and_power_cuts_while_the_disk_fails)
{
    unsigned rounds = faults_long() ? 150 : 4, seed = (unsigned)clock_wall_ms();
    struct fixture *f = *state;
    struct disk *d = disk_new(f);
    struct reckoning sum;
    struct server *s;
    struct people *c;

    disk_remember(d);
    s = server_start_with(
        f, &(struct server_options){.sets = SETS("contact.rate=off"), .env = disk_env(f, d)});
    c = people_start(s, PEOPLE, PAUSE_MS);
    people_server_gone(c);
    for (unsigned i = 0; i < rounds; i++) {
        people_await(c, FEW);
        DISK_BREAK(d, .call = DISK_SYNC, .error = EIO, .n = (int32_t)(i % 3) + 1);
        assert_store_down(s);
        if (i % 2 == 0) { /* acknowledged on top of what was dropped */
            assert_store_up(s);
            people_await(c, FEW);
        } else {
            clock_sleep_ms((uint32_t)rand_r(&seed) % (10 * WITHIN_MS));
        }
        cut_power(s, d, c);
    }
    people_await(c, FEW);
    sum = people_reckon(s, c);
    promise(
        "F75, F98", "What was acknowledged survives a power cut while the disk fails",
        "the same after failed syncs, which drop what was written, before and after the store is back",
        "%u cuts, %llu acknowledged, 0 lost, 0 doubled", rounds,
        (unsigned long long)sum.acknowledged);
}

RUN_TESTS(T(what_was_acknowledged_survives_power_cuts_once), T(and_power_cuts_while_the_disk_fails))

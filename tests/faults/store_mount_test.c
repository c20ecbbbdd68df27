/* SPDX-License-Identifier: MIT */
/* File systems that turn read-only under load; each in a mount namespace of the test. */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/disk.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/disk_mount.h"
#include "tests/faults/lib/disk_scene.h"
#include "tests/faults/lib/promise.h"

#include <errno.h>

enum { SOME = 50 };

#define FAILURES "store_errors_total"

/*
 * Before a sync, never during one: ext4 of Linux 6.18 may tell a sync that is in flight at that
 * moment that all is well, and lose what it was to write, whoever asked for it.
 */
static void break_before_a_sync(struct fixture *f, const char *dir)
{
    disk_hold(f, true);
    EVENTUALLY(disk_waits(f));
    mount_ext4_break(f, dir);
    disk_hold(f, false);
}

TEST(a_file_system_that_becomes_read_only_is_an_outage_until_it_is_mounted_anew)
{
    unsigned rounds = faults_long() ? 20 : 1;
    struct fixture *f = *state;
    struct ext4 fs = {.name = "disk",
                      .image = in_dir(f, "image"),
                      .kib = 32 * 1024,
                      .mkfs = "has_journal",
                      .options = "errors=remount-ro"};
    struct reckoning sum;
    const char *dir;
    struct scene t;

    if (!mounts_begin())
        skip();
    dir = mount_ext4(f, &fs);
    if (dir == NULL)
        skip();
    t = SCENE(f, .dir = dir, .stalls = true);
    for (unsigned i = 0; i < rounds; i++) {
        people_await(t.c, SOME);
        break_before_a_sync(f, dir);
        scene_outage_begin(&t, SOME);
        scene_outage_end(&t);
        people_server_gone(t.c);
        server_stop(t.s);
        mount_ext4_again(f, &fs);
        scene_server_again(&t);
    }
    people_await(t.c, SOME);
    sum = people_reckon(t.s, t.c);
    promise(
        "F77",
        "A file system that turns read-only is an outage; mounted anew it has what was acknowledged",
        "ext4 with errors=remount-ro, broken through sysfs under load",
        "%u times, %llu acknowledged, 0 lost, 0 doubled", rounds,
        (unsigned long long)sum.acknowledged);
}

/*
 * The kernel remounts read-only only what nobody writes to: here that is while a failed store is
 * closed.
 */
TEST(a_read_only_mount_keeps_it_out_of_service_until_it_is_writable)
{
    unsigned rounds = faults_long() ? 60 : 1;
    struct scene t = SCENE(*state, .faulty = true, .tmpfs_kib = 64 * 1024);
    struct reckoning sum;

    for (unsigned i = 0; i < rounds; i++) {
        double before;

        people_await(t.c, SOME);
        mount_read_only(t.dir);
        DISK_BREAK(t.d, .call = DISK_SYNC, .error = EIO, .n = 1);
        scene_outage_begin(&t, SOME);
        before = metric_sum(t.s, FAILURES);
        EVENTUALLY(metric_sum(t.s, FAILURES) >= before + 2);
        scene_outage_end(&t);
        mount_writable(t.dir);
        assert_store_up(t.s);
    }
    (void)scene_await_all_logged(&t, SOME);
    sum = people_reckon(t.s, t.c);
    promise("F77", "A store on a read-only mount takes nothing, and comes back when it is writable",
            "the directory of the store bound over itself read-only while a sync fails",
            "%u times, %llu acknowledged, 0 lost, 0 doubled", rounds,
            (unsigned long long)sum.acknowledged);
}

RUN_TESTS(T(a_file_system_that_becomes_read_only_is_an_outage_until_it_is_mounted_anew),
          T(a_read_only_mount_keeps_it_out_of_service_until_it_is_writable))

/* SPDX-License-Identifier: MIT */
/* File systems that turn read-only under load; each in a mount namespace of the test. */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/disk_faults.h"
#include "tests/faults/lib/disk_mount.h"
#include "tests/faults/lib/disk_people.h"
#include "tests/faults/lib/promise.h"

#include <errno.h>

enum { PEOPLE = 6, PAUSE_MS = 5, SOME = 50 };

static const char *store_in(struct fixture *f, const char *dir)
{
    return textf(f, "store.path=%s/sidelight.db", dir);
}

#define FAILURES "store_errors_total"

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
    struct server *s;
    struct people *c;
    const char *dir;

    if (!mounts_begin())
        skip();
    dir = mount_ext4(f, &fs);
    if (dir == NULL)
        skip();
    s = server_start(f, SETS("contact.rate=off", store_in(f, dir)));
    c = people_start(s, PEOPLE, PAUSE_MS);
    people_server_gone(c);
    for (unsigned i = 0; i < rounds; i++) {
        people_await(c, SOME);
        mount_ext4_break(f, dir);
        assert_store_down(s);
        people_outage(c, true);
        people_await_refused(c, SOME);
        assert_store_down(s);
        people_outage(c, false);
        server_stop(s);
        mount_ext4_again(f, &fs);
        server_again(s);
        people_server_back(c, s);
    }
    people_await(c, SOME);
    sum = people_reckon(s, c);
    promise(
        "F77",
        "A file system that turns read-only is an outage; mounted anew it has what was acknowledged",
        "ext4 with errors=remount-ro, broken through sysfs under load",
        "%u times, %llu acknowledged, 0 lost, 0 doubled", rounds,
        (unsigned long long)sum.acknowledged);
}

/* The kernel remounts read-only only what nobody writes to: here that is while a failed store is closed. */
TEST(a_read_only_mount_keeps_it_out_of_service_until_it_is_writable)
{
    unsigned rounds = faults_long() ? 60 : 1;
    struct fixture *f = *state;
    struct reckoning sum;
    struct server *s;
    struct people *c;
    struct disk *d;
    const char *dir;

    if (!mounts_begin())
        skip();
    dir = mount_tmpfs(f, "disk", 64 * 1024);
    s = server_start_on_faulty_disk(f, SETS("contact.rate=off", store_in(f, dir)), &d);
    c = people_start(s, PEOPLE, PAUSE_MS);
    for (unsigned i = 0; i < rounds; i++) {
        double before;

        people_await(c, SOME);
        mount_read_only(dir);
        DISK_BREAK(d, .call = DISK_SYNC, .error = EIO, .n = 1);
        assert_store_down(s);
        people_outage(c, true);
        before = metric_sum(s, FAILURES);
        EVENTUALLY(metric_sum(s, FAILURES) >= before + 2);
        people_await_refused(c, SOME);
        assert_store_down(s);
        people_outage(c, false);
        mount_writable(dir);
        assert_store_up(s);
    }
    people_await(c, SOME);
    (void)assert_outages_logged(s);
    sum = people_reckon(s, c);
    promise("F77", "A store on a read-only mount takes nothing, and comes back when it is writable",
            "the directory of the store bound over itself read-only while a sync fails",
            "%u times, %llu acknowledged, 0 lost, 0 doubled", rounds,
            (unsigned long long)sum.acknowledged);
}

RUN_TESTS(T(a_file_system_that_becomes_read_only_is_an_outage_until_it_is_mounted_anew),
          T(a_read_only_mount_keeps_it_out_of_service_until_it_is_writable))

/* SPDX-License-Identifier: MIT */
/*
 * Disks that are really full, under load; each in a mount namespace of the test. That the kernel refuses one call is
 * store_calls_test.c's.
 */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/disk_mount.h"
#include "tests/faults/lib/disk_people.h"
#include "tests/faults/lib/promise.h"

enum { PEOPLE = 6, PAUSE_MS = 5, SOME = 50 };

static const char *store_in(struct fixture *f, const char *dir)
{
    return textf(f, "store.path=%s/sidelight.db", dir);
}

#define FAILURES "store_errors_total"

/* What an outage frees, the next one takes, until nothing moves any more. */
static void fill_up(struct server *s, const char *dir)
{
    double before = metric_sum(s, FAILURES);

    for (uint64_t end_ns = 0; metric_sum(s, FAILURES) < before + 3;
         try_again(&end_ns, "the store fails for good"))
        mount_fill(s->f, dir);
    assert_store_down(s);
}

TEST(a_full_disk_refuses_until_there_is_room_again)
{
    unsigned rounds = faults_long() ? 40 : 2;
    struct fixture *f = *state;
    struct reckoning sum;
    struct server *s;
    struct people *c;
    const char *dir;

    if (!mounts_begin())
        skip();
    dir = mount_tmpfs(f, "disk", 64 * 1024);
    s = server_start(f, SETS("contact.rate=off", store_in(f, dir)));
    c = people_start(s, PEOPLE, PAUSE_MS);
    for (unsigned i = 0; i < rounds; i++) {
        people_await(c, SOME);
        fill_up(s, dir);
        people_outage(c, true);
        people_await_refused(c, SOME);
        assert_store_down(s);
        people_outage(c, false);
        mount_free(f, dir);
        assert_store_up(s);
    }
    people_await(c, SOME);
    assert_contains(log_event_wait(s, "store_failed"), "full");
    (void)assert_outages_logged(s);
    sum = people_reckon(s, c);
    promise("F76", "A full disk is 503 with Retry-After until there is room, and then all goes on",
            "a tmpfs filled to its last page and freed again under six clients",
            "%u times full, %llu answers of 503, %llu acknowledged, 0 lost, 0 doubled", rounds,
            (unsigned long long)sum.refused, (unsigned long long)sum.acknowledged);
}

TEST(a_disk_that_the_submissions_fill_themselves_goes_on_when_it_grows)
{
    double outages = faults_long() ? 12 : 2;
    struct fixture *f = *state;
    struct reckoning sum;
    struct server *s;
    struct people *c;
    const char *dir;

    if (!mounts_begin())
        skip();
    dir = mount_tmpfs(f, "disk", 400);
    s = server_start(f, SETS("contact.rate=off", store_in(f, dir)));
    c = people_start(s, PEOPLE, 0);
    EVENTUALLY(metric_sum(s, FAILURES) >= outages);
    mount_resize(dir, 64 * 1024);
    assert_store_up(s);
    people_await(c, 20 * SOME);
    (void)assert_outages_logged(s);
    sum = people_reckon(s, c);
    promise("F76",
            "A disk that runs full of submissions loses none of them, and goes on when it grows",
            "a tmpfs of 400 KiB, enlarged while it is full", "%llu acknowledged, 0 lost, 0 doubled",
            (unsigned long long)sum.acknowledged);
}

TEST(on_a_full_disk_it_does_not_start_and_keeps_what_a_kill_left)
{
    struct fixture *f = *state;
    const struct outcome *o;
    struct reckoning sum;
    struct server *s;
    struct people *c;
    const char *dir;

    if (!mounts_begin())
        skip();
    dir = mount_tmpfs(f, "disk", 4096);
    s = server_start(f, SETS("contact.rate=off", store_in(f, dir)));
    c = people_start(s, PEOPLE, PAUSE_MS);
    people_await(c, 4 * SOME);
    people_server_gone(c);
    server_kill(s);
    mount_fill(f, dir); /* the log it left waits to be copied */
    o = server_command(s, ARGS("--set", "store.lock_wait=0s"));
    assert_int_equal(o->status, 1);
    assert_contains(o->err, "full");
    mount_free(f, dir);
    server_again(s);
    people_server_back(c, s);
    people_await(c, SOME);
    sum = people_reckon(s, c);
    promise("F76", "On a full disk a killed server does not start, says why, and loses nothing",
            "SIGKILL under load, the disk filled, a start, the disk freed, a start",
            "%llu acknowledged, 0 lost, 0 doubled", (unsigned long long)sum.acknowledged);
}

RUN_TESTS(T(a_full_disk_refuses_until_there_is_room_again),
          T(a_disk_that_the_submissions_fill_themselves_goes_on_when_it_grows),
          T(on_a_full_disk_it_does_not_start_and_keeps_what_a_kill_left))

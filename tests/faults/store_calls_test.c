/* SPDX-License-Identifier: MIT */
/*
 * Calls on the store's files that fail, or do half of what they should, under load. Syncs are
 * store_sync_test.c's; a disk that is really full or read-only is store_room_test.c's.
 */
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/disk_scene.h"
#include "tests/faults/lib/promise.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

enum { SOME = 30 };

/* ---- what is no error ---- */

TEST(calls_that_do_half_of_their_work_are_finished)
{
    unsigned rounds = faults_long() ? 200 : 3;
    struct scene t = SCENE(*state, .faulty = true);
    struct reckoning sum;

    for (unsigned i = 0; i < rounds; i++) {
        int32_t every = (int32_t)(i % 3) + 1;

        DISK_BREAK(t.d, .call = DISK_WRITE, .every = every);
        DISK_BREAK(t.d, .call = DISK_READ, .every = every);
        people_await(t.c, SOME);
    }
    disk_mend(t.d);
    assert_metric(t.s, "store_reopens_total", 0);
    sum = people_reckon(t.s, t.c);
    assert_int_equal(sum.refused, 0);
    assert_true(disk_injected(t.d, DISK_WRITE) > rounds);
    promise("F78", "Short writes and reads are finished; nobody notices",
            "every write and read of the store's files, every other, every third does half",
            "%llu short calls, %llu acknowledged, 0 answers of 503, 0 lost, 0 doubled",
            (unsigned long long)disk_injected_in_all(t.d), (unsigned long long)sum.acknowledged);
}

/* With a failed sync, so that it is also reopened like that. */
TEST(interrupted_calls_are_made_again)
{
    static const enum disk_call calls[] = {DISK_WRITE, DISK_READ, DISK_OPEN, DISK_TRUNCATE};
    unsigned rounds = faults_long() ? 60 : 1;
    struct scene t = SCENE(*state, .faulty = true);
    struct reckoning sum;

    for (unsigned i = 0; i < rounds; i++) {
        uint64_t refused;

        for (size_t k = 0; k < ARRAY_LEN(calls); k++)
            DISK_BREAK(t.d, .call = calls[k], .error = EINTR, .every = 2);
        refused = people_refused(t.c);
        people_await(t.c, SOME);
        assert_int_equal(people_refused(t.c), refused);
        DISK_BREAK(t.d, .call = DISK_SYNC, .error = EINTR, .n = 1);
        assert_store_down(t.s);
        assert_store_up(t.s);
    }
    disk_mend(t.d);
    assert_int_equal(assert_outages_logged(t.s), rounds);
    sum = people_reckon(t.s, t.c);
    promise("F78", "An interrupted call is made again; an interrupted sync counts as failed",
            "every other write, read, open and truncation returns EINTR, and now and then a sync",
            "%llu calls interrupted, %llu acknowledged, 0 lost, 0 doubled",
            (unsigned long long)disk_injected_in_all(t.d), (unsigned long long)sum.acknowledged);
}

/* SIGHUP is for one thread only; stopping and going on interrupts the waits of all of them. */
TEST(a_storm_of_signals_interrupts_nothing)
{
    static const int signals[] = {SIGSTOP, SIGCONT, SIGHUP, SIGURG, SIGWINCH, SIGCHLD, SIGCONT};
    unsigned storm = faults_long() ? 200000 : 5000;
    struct scene t = SCENE(*state, .faulty = false);
    struct reckoning sum;

    for (unsigned i = 0; i < storm; i++) {
        server_signal(t.s, signals[i % ARRAY_LEN(signals)]);
        if (i % 70 == 0)
            clock_sleep_ms(1);
    }
    server_signal(t.s, SIGCONT);
    people_await(t.c, SOME);
    assert_metric(t.s, "store_reopens_total", 0);
    sum = people_reckon(t.s, t.c);
    assert_int_equal(sum.refused, 0);
    promise("F78, F95", "Signals interrupt no submission",
            "SIGSTOP, SIGCONT, SIGHUP, SIGURG, SIGWINCH and SIGCHLD in turn while clients send",
            "%u signals, %llu acknowledged, 0 answers of 503, 0 lost, 0 doubled", storm,
            (unsigned long long)sum.acknowledged);
}

/* ---- errors, each until it is mended ---- */

enum {
    SYNCS = 1 << DISK_SYNC,
    WRITES = 1 << DISK_WRITE,
    READS = 1 << DISK_READ,
    OPENS = 1 << DISK_OPEN,
    CUTS = 1 << DISK_TRUNCATE,
};

struct trouble {
    const char *what;
    bool later; /* it is met only when the store is opened anew: first a sync fails */
    int calls;  /* a set */
    int32_t files;
    int error;
    const char *says; /* in the log */
};

static const struct trouble troubles[] = {
    {"the disk is full in a page", false, WRITES,                        DISK_ANY,      DISK_TORN | ENOSPC, "disk is full"       },
    {"all is read-only",           false, WRITES | OPENS | CUTS | SYNCS, DISK_ANY,      EROFS,              "Read-only file"     },
    {"the disk is full",           false, WRITES,                        DISK_ANY,      ENOSPC,             "disk is full"       },
    {"writes fail",                false, WRITES,                        DISK_ANY,      EIO,                "Input/output error" },
    {"a quota is used up",         false, WRITES,                        DISK_ANY,      DISK_TORN | EDQUOT, "quota exceeded"     },
    {"reads fail",                 true,  READS,                         DISK_ANY,      EIO,                "\"open\""           },
    {"the log can't be cut",       true,  CUTS,                          DISK_ANY,      EIO,                "\"open\""           },
    {"no room in the file",        true,  WRITES,                        DISK_DATABASE, ENOSPC,             "\"checkpoint\""     },
    {"no room for the index",      true,  WRITES,                        DISK_INDEX,    ENOSPC,             "\"open\""           },
    {"no more descriptors",        true,  OPENS,                         DISK_ANY,      EMFILE,             "Too many open files"},
    {"too many on this machine",   true,  OPENS,                         DISK_ANY,      ENFILE,             "Too many open files"},
    {"the file may not be opened", true,  OPENS,                         DISK_ANY,      EACCES,             "Permission denied"  },
};
enum { IN_SHORT = 2 };

static void begin(struct disk *d, const struct trouble *t)
{
    for (int call = 0; call < DISK_CALLS; call++)
        if ((t->calls & 1 << call) != 0)
            DISK_BREAK(d, .call = (enum disk_call)call, .error = t->error, .files = t->files);
    if (t->later)
        DISK_BREAK(d, .call = DISK_SYNC, .error = EIO, .n = 1);
}

/* Until it has been tried again. */
static void suffer(struct scene *t, const struct trouble *trouble)
{
    size_t before;

    people_await(t->c, SOME);
    before = strlen(log_text(t->s));
    begin(t->d, trouble);
    scene_outage_begin(t, SOME);
    EVENTUALLY(strstr(log_text(t->s) + before, trouble->says) != NULL);
    scene_outage_end(t);
    disk_mend(t->d);
    assert_store_up(t->s);
}

TEST(an_error_of_any_call_is_an_outage_that_ends_with_it)
{
    unsigned rounds = faults_long() ? 6 : 1;
    size_t n = faults_long() ? ARRAY_LEN(troubles) : IN_SHORT;
    struct scene t = SCENE(*state, .faulty = true);
    struct reckoning sum;

    for (unsigned i = 0; i < rounds; i++)
        for (size_t k = 0; k < n; k++) {
            print_message("  %s\n", troubles[k].what);
            suffer(&t, &troubles[k]);
        }
    (void)scene_await_all_logged(&t, SOME);
    sum = people_reckon(t.s, t.c);
    promise("F76-F78", "An error of any call on the store's files is 503 until it is gone",
            "ENOSPC, EDQUOT, EROFS, EIO, EMFILE, whole and after half a page, of writes, reads, "
            "opens and truncations of the file, its log and its index",
            "%llu calls failed, %llu acknowledged, 0 lost, 0 doubled",
            (unsigned long long)disk_injected_in_all(t.d), (unsigned long long)sum.acknowledged);
}

/* ---- no descriptor left ---- */

static void limit_descriptors(const struct server *s, rlim_t n)
{
    struct rlimit limit;

    assert_int_equal(prlimit(s->pid, RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = n;
    assert_int_equal(prlimit(s->pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

static int status_on(struct fixture *f, struct wire *w, const char *path)
{
    wire_send(w, textf(f, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path));
    return wire_reply(f, w)->status;
}

/*
 * Really none: accepting fails, too, so all that is asked here is on connections that stood before.
 */
TEST(without_a_descriptor_to_reopen_with_it_waits_for_one)
{
    unsigned rounds = faults_long() ? 30 : 1;
    struct scene t = SCENE(*state, .faulty = true);
    struct reckoning sum;

    for (unsigned i = 0; i < rounds; i++) {
        struct wire *w = wire_to(t.s);
        struct rlimit had;

        assert_int_equal(status_on(t.f, w, "/"), 200);
        people_await(t.c, SOME);
        assert_int_equal(prlimit(t.s->pid, RLIMIT_NOFILE, NULL, &had), 0);
        limit_descriptors(t.s, 3);
        DISK_BREAK(t.d, .call = DISK_SYNC, .error = EIO, .n = 1);
        EVENTUALLY(count_of(log_text(t.s), "Too many open files") > i);
        people_await_refused(t.c, SOME);
        assert_int_equal(status_on(t.f, w, "/health/readiness"), 503);
        assert_int_equal(status_on(t.f, w, "/health/liveness"), 200);
        limit_descriptors(t.s, had.rlim_cur);
        assert_store_up(t.s);
    }
    assert_int_equal(scene_await_all_logged(&t, SOME), rounds);
    sum = people_reckon(t.s, t.c);
    promise(
        "F89",
        "Without a descriptor to reopen the store it stays out of service, and comes back by itself",
        "RLIMIT_NOFILE of the running server below what it has open, while a sync fails",
        "%u outages, %llu acknowledged, 0 lost, 0 doubled", rounds,
        (unsigned long long)sum.acknowledged);
}

RUN_TESTS(T(calls_that_do_half_of_their_work_are_finished),
          T(interrupted_calls_are_made_again),
          T(a_storm_of_signals_interrupts_nothing),
          T(an_error_of_any_call_is_an_outage_that_ends_with_it),
          T(without_a_descriptor_to_reopen_with_it_waits_for_one))

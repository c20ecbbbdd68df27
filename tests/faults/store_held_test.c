/* SPDX-License-Identifier: MIT */
/*
 * Another process in the store's file, by SQLite, past the lock that only our own programs take: it
 * writes, it reads, it has the file to itself, it dies. What becomes of one submission is
 * store_test.c's in tests/e2e/.
 */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/page.h"
#include "tests/faults/lib/disk_other.h"
#include "tests/faults/lib/disk_scene.h"
#include "tests/faults/lib/promise.h"

#include <errno.h>

enum { SOME = 50, MOMENT_MS = 300 };

#define BUSY "store_errors_total{operation=\"begin\"}"
#define JUNK                                                                                   \
    "INSERT INTO submissions (id, received_ms, name, email, message, source, correlation_id, " \
    "flagged) VALUES ('x', 1, 'x', 'x', 'x', 'x', 'x', 0)"

/* SQLite waits a second for a lock: shorter is a late answer, longer an outage. */
TEST(a_write_lock_of_another_process_delays_or_refuses_and_loses_nothing)
{
    unsigned rounds = faults_long() ? 60 : 1;
    struct fixture *f = *state;
    struct other *o = other_new(f, in_dir(f, "sidelight.db"));
    struct scene t = SCENE(f, .faulty = false);
    struct reckoning sum;
    uint64_t refused;

    for (unsigned i = 0; i < rounds; i++) {
        people_await(t.c, SOME);
        refused = people_refused(t.c);
        other_run(o, "BEGIN IMMEDIATE");
        clock_sleep_ms(MOMENT_MS);
        other_run(o, "ROLLBACK");
        people_await(t.c, SOME);
        assert_int_equal(people_refused(t.c), refused);
        other_run(o, "BEGIN IMMEDIATE");
        scene_outage_begin(&t, SOME);
        scene_outage_end(&t);
        other_run(o, "ROLLBACK");
        assert_store_up(t.s);
    }
    people_await(t.c, SOME);
    assert_metric(t.s, BUSY, rounds);
    assert_int_equal(assert_outages_logged(t.s), rounds);
    sum = people_reckon(t.s, t.c);
    promise("F78", "A lock of another process is waited for, then answered 503 until it is gone",
            "BEGIN IMMEDIATE by another process, for less and for more than a second, under load",
            "%u locks, %llu acknowledged, %llu answers of 503, 0 lost, 0 doubled", 2 * rounds,
            (unsigned long long)sum.acknowledged, (unsigned long long)sum.refused);
}

/* Half a transaction of a process that was killed is not there. */
TEST(a_process_that_dies_with_the_lock_leaves_the_store_usable)
{
    unsigned rounds = faults_long() ? 40 : 2;
    struct fixture *f = *state;
    struct other *others[40];
    struct reckoning sum;
    struct scene t;

    for (unsigned i = 0; i < rounds; i++)
        others[i] = other_new(f, in_dir(f, "sidelight.db"));
    t = SCENE(f, .faulty = false);
    for (unsigned i = 0; i < rounds; i++) {
        people_await(t.c, SOME);
        other_run(others[i], "BEGIN IMMEDIATE; " JUNK);
        if (i % 2 == 1)
            assert_store_down(t.s);
        other_kill(others[i]);
        EVENTUALLY(get(t.s, "/health/readiness")->status == 200);
    }
    people_await(t.c, SOME);
    sum = people_reckon(t.s, t.c); /* every row is one that was sent */
    promise("F78", "A process killed in the middle of a write to the file does no harm",
            "SIGKILL while it holds the write lock and has inserted a row",
            "%u killed, %llu acknowledged, 0 lost, 0 doubled", rounds,
            (unsigned long long)sum.acknowledged);
}

/*
 * A reader holds nobody up, but after a failed sync: no promise is made until all of the log could
 * be copied.
 */
TEST(a_reader_holds_nobody_up_and_delays_only_the_way_back_from_a_failed_sync)
{
    unsigned rounds = faults_long() ? 40 : 1;
    struct fixture *f = *state;
    struct other *o = other_new(f, in_dir(f, "sidelight.db"));
    struct scene t = SCENE(f, .faulty = true);
    struct reckoning sum;

    for (unsigned i = 0; i < rounds; i++) {
        uint64_t refused = people_refused(t.c);

        people_await(t.c, SOME);
        other_run(o, "BEGIN; SELECT count(*) FROM submissions");
        people_await(t.c, 2 * SOME);
        assert_int_equal(people_refused(t.c), refused);
        DISK_BREAK(t.d, .call = DISK_SYNC, .error = EIO, .n = 1);
        assert_store_down(t.s);
        EVENTUALLY(metric(t.s, "store_errors_total{operation=\"checkpoint\"}") > i);
        assert_store_down(t.s);
        other_run(o, "COMMIT");
        assert_store_up(t.s);
    }
    (void)scene_await_all_logged(&t, SOME);
    sum = people_reckon(t.s, t.c);
    promise("F75, F78",
            "A reader of the file delays no submission; after a failed sync it is waited for",
            "a transaction of another process that reads, while a sync fails",
            "%u readers, %llu acknowledged, 0 lost, 0 doubled", rounds,
            (unsigned long long)sum.acknowledged);
}

TEST(a_store_that_another_process_has_locked_is_refused_at_the_start_and_kept)
{
    static const struct {
        const char *sql, *says;
    } holds[] = {
        {"BEGIN IMMEDIATE",                                          "somebody else uses the store"},
        {"BEGIN EXCLUSIVE",                                          "somebody else uses the store"},
        {"PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT", "locked"                      },
    };
    struct fixture *f = *state;
    struct other *others[ARRAY_LEN(holds)];
    struct buf before = BUF_INIT, after = BUF_INIT;
    struct server *s = server_start(f, SETS("contact.rate=off"));

    for (size_t i = 0; i < ARRAY_LEN(holds); i++)
        others[i] = other_new(f, s->store);
    for (int i = 0; i < SOME; i++)
        assert_status(post_json(s, ADA), 201);
    server_stop(s);
    read_into(s->store, &before);
    for (size_t i = 0; i < ARRAY_LEN(holds); i++) {
        const struct outcome *out;

        other_run(others[i], holds[i].sql);
        out = server_command(s, ARGS("--set", "store.lock_wait=0s"));
        assert_int_equal(out->status, 1);
        assert_contains(out->err, holds[i].says);
        read_into(s->store, &after);
        assert_int_equal(after.len, before.len);
        assert_memory_equal(after.data, before.data, before.len);
        other_kill(others[i]);
    }
    buf_release(&before);
    buf_release(&after);
    server_again(s);
    assert_status(post_json(s, ADA), 201);
    promise("F78",
            "A store that another process has locked is refused at the start, by name, and kept",
            "BEGIN IMMEDIATE, BEGIN EXCLUSIVE and an exclusive locking mode",
            "%zu locks, 0 bytes changed", ARRAY_LEN(holds));
}

RUN_TESTS(T(a_write_lock_of_another_process_delays_or_refuses_and_loses_nothing),
          T(a_process_that_dies_with_the_lock_leaves_the_store_usable),
          T(a_reader_holds_nobody_up_and_delays_only_the_way_back_from_a_failed_sync),
          T(a_store_that_another_process_has_locked_is_refused_at_the_start_and_kept))

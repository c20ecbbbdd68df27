/* SPDX-License-Identifier: MIT */
/*
 * contact.retention on a real file, with the time handed in. Forgetting keys is in sqlite_test.c, traces in sqlite_rows_test.c.
 */
#include "tests/unit/store/rows.h"

#define NOW UINT64_C(4100000000000)

/* A store with one submission of each age, numbered from 0. */
static struct store_backend *aged(struct place *p, const int64_t *ages_ms, unsigned n)
{
    struct store_backend *b;

    place_make(p);
    b = sqlite_backend(p);
    for (unsigned i = 0; i < n; i++) {
        struct test_job t;
        char key[16];

        test_job_init(&t, i);
        t.job.sub.received_ms = NOW - (uint64_t)ages_ms[i];
        (void)snprintf(key, sizeof(key), "k%u", i);
        test_job_key(&t, key, 1);
        assert_int_equal(add_alone(b, &t), STORE_STORED);
    }
    return b;
}

TEST(what_is_older_than_the_retention_goes_and_the_rest_stays)
{
    static const int64_t ages[] = {-5 * HOUR_MS, 0, HOUR_MS - 1, HOUR_MS, 30 * HOUR_MS};
    static const struct {
        const char *what;
        uint64_t retention_ms;
        int rows;
    } cases[] = {
        {"off",               0,                  5},
        {"an hour",           HOUR_MS,            3},
        {"an hour and a bit", HOUR_MS + 1,        4},
        {"a day",             24 * HOUR_MS,       4},
        {"exactly its age",   30 * HOUR_MS,       4},
        {"longer than all",   30 * HOUR_MS + 1,   5},
        {"longer than time",  NOW + 24 * HOUR_MS, 5},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct place p;
        struct store_backend *b = aged(&p, ages, ARRAY_LEN(ages));
        struct store_upkeep upkeep = {NOW, cases[i].retention_ms};
        struct store_tidied tidied = {99, true};

        assert_true(sqlite_ops.tidy(b, &upkeep, &tidied, NULL));
        assert_int_equal(tidied.expired, ARRAY_LEN(ages) - (size_t)cases[i].rows);
        assert_false(tidied.more);
        assert_int_equal(rows(&p), cases[i].rows);
        /* No key leads to a submission that is gone; a day's keys are kept in any case. */
        assert_int_equal(look(p.path, "SELECT count(*) FROM idempotency WHERE submission_id NOT IN"
                                      " (SELECT id FROM submissions)"),
                         0);
        assert_int_equal(keys(&p), cases[i].rows < 4 ? cases[i].rows : 4);
        sqlite_ops.close(b);
        place_remove(&p);
    }
}

TEST(much_that_expired_goes_in_short_steps_oldest_first)
{
    enum { OLD = 1100, YOUNG = 5, STEP = 500 };
    static const size_t steps[] = {STEP, STEP, OLD - 2 * STEP};
    struct place p;
    struct store_backend *b;
    struct store_upkeep upkeep = {NOW, (uint64_t)HOUR_MS};

    place_make(&p);
    b = sqlite_backend(&p);
    begin(b);
    /* The youngest were stored first: the clock was set back. */
    for (unsigned i = 0; i < OLD + YOUNG; i++) {
        struct test_job t;

        test_job_init(&t, i);
        t.job.sub.received_ms = i < YOUNG ? NOW : NOW - 2 * (uint64_t)HOUR_MS - i;
        assert_int_equal(add(b, &t), STORE_STORED);
    }
    commit(b);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct store_tidied tidied = {0, false};

        assert_true(sqlite_ops.tidy(b, &upkeep, &tidied, NULL));
        assert_int_equal(tidied.expired, steps[i]);
        assert_int_equal(tidied.more, i + 1 < ARRAY_LEN(steps));
        /* The last one made is the oldest. */
        assert_int_equal(look(p.path, "SELECT count(*) FROM submissions"
                                      " WHERE id LIKE '%000000000450'"),
                         0);
    }
    assert_int_equal(rows(&p), YOUNG);
    sqlite_ops.close(b);
    place_remove(&p);
}

TEST(a_failed_step_changes_nothing)
{
    static const int64_t ages[] = {2 * HOUR_MS};
    struct place p;
    struct store_backend *b = aged(&p, ages, 1);
    struct store_upkeep upkeep = {NOW, (uint64_t)HOUR_MS};
    struct store_tidied tidied = {99, true};
    struct err err = ERR_INIT;
    char away[128];

    (void)snprintf(away, sizeof(away), "%s.away", p.path);
    assert_int_equal(rename(p.path, away), 0);
    assert_false(sqlite_ops.tidy(b, &upkeep, &tidied, &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_int_equal(tidied.expired, 99);
    assert_true(tidied.more);
    assert_int_equal(rename(away, p.path), 0);
    assert_int_equal(rows(&p), 1);
    assert_true(sqlite_ops.tidy(b, &upkeep, &tidied, NULL));
    assert_int_equal(tidied.expired, 1);
    sqlite_ops.close(b);
    place_remove(&p);
}

RUN_TESTS(T(what_is_older_than_the_retention_goes_and_the_rest_stays),
          T(much_that_expired_goes_in_short_steps_oldest_first),
          T(a_failed_step_changes_nothing))

/* SPDX-License-Identifier: MIT */
/*
 * The SQLite backend by hand: one job at a time, and a look at the rows by a connection of its own.
 */
#ifndef SIDELIGHT_TESTS_STORE_ROWS_H
#define SIDELIGHT_TESTS_STORE_ROWS_H

#include "tests/unit/store/fixture.h"

#include <sqlite3.h>

#define HOUR_MS INT64_C(3600000)

/* The first column of the first row of `sql`, seen by a connection of its own; -1 without a row. */
UNUSED static int64_t look(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    int64_t value = -1;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(db, 1000 * PATIENCE_SECONDS), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    if (sqlite3_step(st) == SQLITE_ROW)
        value = sqlite3_column_int64(st, 0);
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return value;
}

UNUSED static void begin(struct store_backend *b)
{
    assert_true(sqlite_ops.begin(b, NULL));
}

UNUSED static enum store_result add(struct store_backend *b, struct test_job *t)
{
    assert_true(sqlite_ops.add(b, &t->job, NULL));
    return t->job.result;
}

UNUSED static void commit(struct store_backend *b)
{
    assert_true(sqlite_ops.commit(b, NULL));
}

UNUSED static enum store_result add_alone(struct store_backend *b, struct test_job *t)
{
    enum store_result result;

    begin(b);
    result = add(b, t);
    commit(b);
    return result;
}

UNUSED static enum store_result delete_alone(struct store_backend *b, unsigned n)
{
    struct test_job t;

    test_job_delete(&t, n);
    begin(b);
    assert_true(sqlite_ops.remove(b, &t.job, NULL));
    commit(b);
    return t.job.result;
}

UNUSED static int64_t rows(const struct place *p)
{
    return look(p->path, "SELECT count(*) FROM submissions");
}

UNUSED static int64_t keys(const struct place *p)
{
    return look(p->path, "SELECT count(*) FROM idempotency");
}

#endif

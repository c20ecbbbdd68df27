/* SPDX-License-Identifier: MIT */
/*
 * The visitor counter's rows: one of the table visits, and a day's hashes in blocks, of which only the last one ever grows.
 */
#include "store/sqlite_backend.h"

#include <stdlib.h>

enum {
    HASH = sizeof(uint64_t),
    BLOCK_BYTES = STORE_BLOCK * HASH,
    BLOCKS_MAX = (STORE_VISITORS_MAX + STORE_BLOCK - 1) / STORE_BLOCK,
};

/* ---- write ---- */

/* What is stored: the day and how many visitors; a day of -1 when there is no row. */
static bool find_state(struct store_backend *b, int64_t *ret_day, int64_t *ret_n, struct err *err)
{
    sqlite3_stmt *st = b->st[SQL_FIND_VISITS];
    int rc = sqlite3_step(st);
    bool row = rc == SQLITE_ROW, ok = row || rc == SQLITE_DONE;

    if (ok) {
        *ret_day = row ? sqlite3_column_int64(st, 0) : -1;
        *ret_n = row ? sqlite3_column_int64(st, 1) : 0;
    } else {
        backend_fail(b, err, "look up the visits");
    }
    (void)sqlite3_reset(st);
    return ok;
}

static bool put_blocks(struct store_backend *b, const struct store_visits *v, struct err *err)
{
    sqlite3_stmt *st = b->st[SQL_PUT_VISITORS];

    for (size_t at = v->first; at < v->visitors; at += STORE_BLOCK) {
        size_t n = v->visitors - at < STORE_BLOCK ? v->visitors - at : STORE_BLOCK;
        int rc = sqlite3_bind_int64(st, 1, (int64_t)(at / STORE_BLOCK)) |
                 sqlite3_bind_blob64(st, 2, &v->hashes[at - v->first], n * HASH, SQLITE_STATIC);

        if (!backend_run(b, SQL_PUT_VISITORS, rc, "store visitors", err))
            return false;
    }
    return true;
}

static bool put_state(struct store_backend *b, const struct store_visits *v, struct err *err)
{
    sqlite3_stmt *st = b->st[SQL_PUT_VISITS];
    int rc = sqlite3_bind_int64(st, 1, (int64_t)v->views) |
             sqlite3_bind_int64(st, 2, (int64_t)v->day) |
             sqlite3_bind_blob(st, 3, v->salt, STORE_SALT, SQLITE_STATIC) |
             sqlite3_bind_int64(st, 4, (int64_t)v->visitors);

    return backend_run(b, SQL_PUT_VISITS, rc, "store the visits", err);
}

/*
 * A write from the first visitor on is all there is. What was there goes at once, so that SQLite overwrites its pages whole,
 * unused parts and all.
 */
bool sqlite_put_visits(struct store_backend *b, struct store_job *job, struct err *err)
{
    struct store_visits *v = job->visits;
    int64_t day = -1, stored = 0;

    MUST(v->first % STORE_BLOCK == 0 && v->first <= v->visitors);
    if (!find_state(b, &day, &stored, err))
        return false;
    v->wiped = day != -1 && day != (int64_t)v->day;
    if (day != (int64_t)v->day || stored < 0)
        stored = 0;
    job->result = (size_t)stored < v->first ? STORE_NOT_FOUND : STORE_STORED;
    if (job->result == STORE_NOT_FOUND) {
        v->wiped = false;
        return true;
    }
    if (v->first == 0 && !backend_run(b, SQL_DELETE_VISITORS, SQLITE_OK, "delete visitors", err))
        return false;
    b->traces = b->traces || v->wiped;
    return put_blocks(b, v, err) && put_state(b, v, err);
}

/* ---- read ---- */

static bool read_state(sqlite3_stmt *st, struct store_visits *v)
{
    const void *salt = sqlite3_column_blob(st, 2);
    int64_t views = sqlite3_column_int64(st, 0), day = sqlite3_column_int64(st, 1);

    v->views = views > 0 ? (uint64_t)views : 0;
    if (day <= 0 || salt == NULL || sqlite3_column_bytes(st, 2) != STORE_SALT)
        return false;
    v->day = (uint64_t)day;
    memcpy(v->salt, salt, STORE_SALT);
    return true;
}

/* Block number `n`; false when it is not what it must be, or too much: the day ends before it. */
static bool read_block(sqlite3_stmt *st, size_t n, struct store_visits *v)
{
    const void *hashes = sqlite3_column_blob(st, 1);
    size_t bytes = (size_t)sqlite3_column_bytes(st, 1);

    if (n == BLOCKS_MAX || sqlite3_column_int64(st, 0) != (int64_t)n ||
        v->visitors != n * STORE_BLOCK || hashes == NULL || bytes > BLOCK_BYTES ||
        bytes % HASH != 0)
        return false;
    memcpy(&v->hashes[v->visitors], hashes, bytes);
    v->visitors += bytes / HASH;
    return true;
}

/* Memory for all at once: what realloc leaves behind would not be overwritten. */
static bool read_blocks(sqlite3 *db, struct store_visits *v, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int64_t blocks = 0;
    size_t n = 0;
    int rc;

    if (!db_int(db, "SELECT count(*) FROM visitors", &blocks, err) ||
        !db_prepare(db, "SELECT block, hashes FROM visitors ORDER BY block", &st, err))
        return false;
    if (blocks > BLOCKS_MAX)
        blocks = BLOCKS_MAX;
    v->hashes = must_calloc((size_t)blocks + 1, BLOCK_BYTES);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && read_block(st, n, v))
        n++;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        db_fail(db, err, "read the visitors");
    (void)sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

bool sqlite_get_visits(struct store_backend *b, struct store_visits *ret, struct err *err)
{
    struct store_visits v = {.views = 0};
    sqlite3_stmt *st = NULL;
    bool day = false, ok;
    int rc;

    if (!db_prepare(b->db, "SELECT views, day, salt FROM visits WHERE id = 1", &st, err))
        return false;
    rc = sqlite3_step(st);
    ok = rc == SQLITE_ROW || rc == SQLITE_DONE || backend_fail(b, err, "read the visits");
    if (rc == SQLITE_ROW)
        day = read_state(st, &v);
    (void)sqlite3_finalize(st);
    if (!ok || (day && !read_blocks(b->db, &v, err))) {
        store_visits_release(&v);
        return false;
    }
    *ret = v;
    return true;
}

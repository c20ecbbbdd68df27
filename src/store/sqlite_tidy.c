/* SPDX-License-Identifier: MIT */
/*
 * Upkeep: old keys, expired submissions, and the log, where traces of what was deleted would
 * outlive it.
 */
#include "store/sqlite_backend.h"

enum { TIDY_ROWS = 500 }; /* of each table in one step */

/*
 * All of the log into the file. *ret says whether the log is empty now: a reader may have kept it
 * from that.
 */
static bool empty_log(struct store_backend *b, bool *ret, struct err *err)
{
    int pages = -1;
    int rc = sqlite3_wal_checkpoint_v2(b->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &pages, NULL);

    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        return backend_fail(b, err, "checkpoint");
    *ret = rc == SQLITE_OK && pages == 0;
    if (*ret) {
        b->log_pages = 0;
        b->checked_pages = 0;
        b->traces = false;
    }
    backend_stamp(b);
    return true;
}

bool sqlite_checkpoint(struct store_backend *b, struct err *err)
{
    bool empty = false;

    return log_settle(b, err) && empty_log(b, &empty, err) && (empty || backend_in_use(b, err));
}

/* Submissions must not wait for a reader; without success it is tried again a minute later. */
static bool wipe_traces(struct store_backend *b, struct err *err)
{
    bool ok, empty = false;

    MUST(sqlite3_busy_timeout(b->db, 0) == SQLITE_OK);
    ok = empty_log(b, &empty, err);
    MUST(sqlite3_busy_timeout(b->db, WRITER_BUSY_MS) == SQLITE_OK);
    return ok;
}

/* Runs a statement that deletes at most TIDY_ROWS rows up to a time; their number goes to *ret. */
static bool delete_until(
    struct store_backend *b, enum statement which, int64_t until_ms, size_t *ret, struct err *err)
{
    sqlite3_stmt *st = b->st[which];
    int rc = sqlite3_bind_int64(st, 1, until_ms) | sqlite3_bind_int(st, 2, TIDY_ROWS);

    if (!backend_run(b, which, rc, "delete what is old", err))
        return false;
    *ret = (size_t)sqlite3_changes(b->db);
    return true;
}

/* A key goes no later than its submission, so that none leads to one that is gone. */
static bool delete_old(struct store_backend *b,
                       const struct store_upkeep *upkeep,
                       struct store_tidied *ret,
                       struct err *err)
{
    int64_t now = (int64_t)upkeep->now_ms, keys = now - KEY_MS,
            rows = now - (int64_t)upkeep->retention_ms;
    bool expire = upkeep->retention_ms > 0;
    size_t n = 0;

    if (!delete_until(b, SQL_FORGET_KEYS, expire && rows > keys ? rows : keys, &n, err))
        return false;
    ret->more = n == TIDY_ROWS;
    if (!expire || ret->more)
        return true;
    if (!delete_until(b, SQL_EXPIRE, rows, &ret->expired, err))
        return false;
    ret->more = ret->expired == TIDY_ROWS;
    b->traces = b->traces || ret->expired > 0;
    return true;
}

bool sqlite_tidy(struct store_backend *b,
                 const struct store_upkeep *upkeep,
                 struct store_tidied *ret,
                 struct err *err)
{
    struct store_tidied done = {0, false};

    if (!sqlite_begin(b, err))
        return false;
    if (!delete_old(b, upkeep, &done, err) || !sqlite_commit(b, err)) {
        sqlite_rollback(b);
        return false;
    }
    b->used_ms = upkeep->now_ms;
    backend_stamp(b);
    if (b->traces && !done.more && !wipe_traces(b, err))
        return false;
    *ret = done;
    return true;
}

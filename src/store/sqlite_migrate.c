/* SPDX-License-Identifier: MIT */
/*
 * The schema by number. A step may add tables, indexes and columns that are NULL or have a default;
 * it may remove only what the version before no longer used, so that the program before this one
 * can still serve the database.
 */
#include "base/buf.h"
#include "store/sqlite_db.h"

#include <sqlite3.h>

/* steps[n] leads from n to n + 1. Text is stored as it came, whatever its bytes. */
static const char *const steps[SCHEMA_VERSION] = {
    "CREATE TABLE submissions ("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " received_ms INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " email TEXT NOT NULL,"
    " message TEXT NOT NULL,"
    " source TEXT NOT NULL,"
    " correlation_id TEXT NOT NULL,"
    " flagged INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX submissions_received ON submissions (received_ms);"
    "CREATE TABLE idempotency ("
    " key TEXT PRIMARY KEY NOT NULL,"
    " fingerprint BLOB NOT NULL,"
    " submission_id TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX idempotency_created ON idempotency (created_ms);",

    "CREATE TABLE visits ("
    " id INTEGER PRIMARY KEY CHECK (id = 1),"
    " views INTEGER NOT NULL,"
    " day INTEGER NOT NULL,"
    " salt BLOB NOT NULL,"
    " visitors INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE visitors ("
    " block INTEGER PRIMARY KEY,"
    " hashes BLOB NOT NULL"
    ") STRICT;",
};

bool schema_version(sqlite3 *db, const char *path, int64_t *ret, struct err *err)
{
    int64_t app = 0, version = 0, objects = 0;

    if (!db_int(db, "PRAGMA application_id", &app, NULL) ||
        !db_int(db, "PRAGMA user_version", &version, NULL) ||
        !db_int(db, "SELECT count(*) FROM sqlite_master", &objects, NULL))
        return db_unusable(db, path, err);
    if (app == 0 && version == 0 && objects == 0) {
        *ret = 0;
        return true;
    }
    if (app != SCHEMA_APP_ID || version < 1)
        return err_set(err, ERR_INVALID,
                       "'%s' is a database of another program; it was left as it is", path);
    if (version > SCHEMA_VERSION + 1)
        return err_set(
            err, ERR_INVALID,
            "the store '%s' has schema %lld, made by a newer version; this one serves up "
            "to %d; it was left as it is",
            path, (long long)version, SCHEMA_VERSION + 1);
    *ret = version;
    return true;
}

bool schema_migrate(sqlite3 *db, int64_t version, struct err *err)
{
    struct buf sql = BUF_INIT;
    bool ok = true;

    for (; ok && version < SCHEMA_VERSION; version++) {
        buf_clear(&sql);
        buf_addf(
            &sql,
            "BEGIN IMMEDIATE; %s PRAGMA application_id = %d; PRAGMA user_version = %lld; COMMIT",
            steps[version], SCHEMA_APP_ID, (long long)version + 1);
        ok = db_exec(db, buf_cstr(&sql), "migrate it", err);
        if (!ok && sqlite3_get_autocommit(db) == 0)
            (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    buf_release(&sql);
    return ok;
}

/* SPDX-License-Identifier: MIT */
/*
 * What the SQLite backend and the reader share: opening a file without changing it, errors, and the
 * schema by number. Private to store/sqlite*.c.
 *
 * Failures: SQLITE_BUSY, _LOCKED and _FULL are ERR_UNAVAILABLE, _CORRUPT and _NOTADB ERR_INVALID,
 * the rest ERR_IO. Their text never holds a bound value.
 */
#ifndef SIDELIGHT_STORE_SQLITE_DB_H
#define SIDELIGHT_STORE_SQLITE_DB_H

#include "base/err.h"

struct sqlite3;
struct sqlite3_stmt;

/* How long a statement waits for somebody else's lock. */
enum { WRITER_BUSY_MS = 1000, READER_BUSY_MS = 5000 };

enum {
    SCHEMA_VERSION = 2,         /* PRAGMA user_version of a database this program made */
    SCHEMA_APP_ID = 0x53444c54, /* PRAGMA application_id, "SDLT" */
};

/*
 * Opens the existing file at `path`, for writing or read-only, for use by one thread at a time.
 * Only its header was read, and until db_accept not even closing changes the file. Refuses a file
 * beside a log that cannot be its own: a backup put in the place of a store whose log was left.
 */
MUST_CHECK bool db_open(const char *path, bool write, struct sqlite3 **ret, struct err *err);
void db_accept(struct sqlite3 *db);
/*
 * Opens a store to read it from beside a server, or without one if the user may write beside the
 * file (SQLite's -shm). ERR_NOT_FOUND when there is none, or nothing in it yet.
 */
MUST_CHECK bool db_open_reader(const char *path, struct sqlite3 **ret, struct err *err);
void db_close(struct sqlite3 *db); /* NULL is fine; every statement must be finalized */

/*
 * Both are always false. The store's path, "is not usable" or "cannot <doing>", and what SQLite
 * says about its last call.
 */
bool db_unusable(struct sqlite3 *db, const char *path, struct err *err);
bool db_fail(struct sqlite3 *db, struct err *err, const char *doing);

MUST_CHECK bool db_exec(struct sqlite3 *db, const char *sql, const char *doing, struct err *err);
/* The first column of the first row, which must be there. */
MUST_CHECK bool db_int(struct sqlite3 *db, const char *sql, int64_t *ret, struct err *err);
MUST_CHECK bool db_prepare(struct sqlite3 *db,
                           const char *sql,
                           struct sqlite3_stmt **ret,
                           struct err *err);

/*
 * Reads each page once: a damaged one must be known before something is stored beside it, and
 * before the next backup takes the place of a good one. Indexes are not compared with their tables.
 * ERR_INVALID when one is damaged, ERR_IO when one could not be read.
 */
MUST_CHECK bool db_check(struct sqlite3 *db, const char *path, struct err *err);

/*
 * The schema's number; 0 for an empty database. Refuses what is not a database, another program's,
 * and one newer than SCHEMA_VERSION + 1. These are the cheap checks; db_check is the whole one.
 */
MUST_CHECK bool schema_version(struct sqlite3 *db, const char *path, int64_t *ret, struct err *err);
/*
 * From `version` to SCHEMA_VERSION, each step in a transaction of its own. A newer one is left as
 * it is.
 */
MUST_CHECK bool schema_migrate(struct sqlite3 *db, int64_t version, struct err *err);

#endif

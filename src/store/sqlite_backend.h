/* SPDX-License-Identifier: MIT */
/*
 * The SQLite backend's own struct, shared by the files that implement its operations. Private to
 * store/sqlite*.c.
 */
#ifndef SIDELIGHT_STORE_SQLITE_BACKEND_H
#define SIDELIGHT_STORE_SQLITE_BACKEND_H

#include "store/sqlite.h"
#include "store/sqlite_db.h"

#include <sqlite3.h>
#include <sys/types.h>

#define KEY_MS (STORE_KEY_HOURS * INT64_C(3600000))

/* Prepared once; their text is in sqlite.c. */
enum statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_INSERT,
    SQL_FIND_KEY,
    SQL_PUT_KEY,
    SQL_DELETE_KEY,
    SQL_DELETE,
    SQL_FORGET_KEYS,
    SQL_EXPIRE,
    SQL_PROBE,
    SQL_FIND_VISITS,
    SQL_PUT_VISITS,
    SQL_PUT_VISITORS,
    SQL_DELETE_VISITORS,
    SQL_COUNT,
};

struct file_id {
    dev_t dev;
    ino_t ino;
};

struct store_backend {
    sqlite3 *db;
    sqlite3_stmt *st[SQL_COUNT];
    char *path, *log_path;
    const struct store_lock *lock; /* NULL: not checked */
    struct file_id file, log;      /* what was opened, whatever bears the names now */
    int log_pages;                 /* in the log after the last commit */
    int checked_pages;             /* log_pages at the last checkpoint */
    bool traces;                   /* the log may hold what was deleted */
};

/*
 * Steps a statement that returns nothing of interest; `bound` is the OR of what its binds returned.
 */
MUST_CHECK bool backend_run(
    struct store_backend *b, enum statement which, int bound, const char *doing, struct err *err);

/* Of store_ops, each in the file of its name. */
MUST_CHECK bool sqlite_begin(struct store_backend *b, struct err *err);
MUST_CHECK bool sqlite_commit(struct store_backend *b, struct err *err);
void sqlite_rollback(struct store_backend *b);
/* sqlite_rows.c */
MUST_CHECK bool sqlite_add(struct store_backend *b, struct store_job *job, struct err *err);
MUST_CHECK bool sqlite_remove(struct store_backend *b, struct store_job *job, struct err *err);
/* sqlite_visits.c */
MUST_CHECK bool sqlite_put_visits(struct store_backend *b, struct store_job *job, struct err *err);
MUST_CHECK bool sqlite_get_visits(struct store_backend *b,
                                  struct store_visits *ret,
                                  struct err *err);
/* sqlite_tidy.c */
MUST_CHECK bool sqlite_checkpoint(struct store_backend *b, struct err *err);
MUST_CHECK bool sqlite_tidy(struct store_backend *b,
                            const struct store_upkeep *upkeep,
                            struct store_tidied *ret,
                            struct err *err);
/* sqlite_backup.c */
MUST_CHECK bool sqlite_backup(void *arg,
                              const char *file,
                              store_stop_fn *stop,
                              void *ctx,
                              uint64_t *ret_bytes,
                              struct err *err);

#endif

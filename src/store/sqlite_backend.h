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
#include <sys/stat.h>

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

enum { STORE_HEADER = 100, LOG_SALT = 8 };

/* What the wal-index says of the log. */
struct log_index {
    uint32_t page, frames;
    uint32_t backfilled, attempted; /* frames that checkpoints copied into the file, or began to */
    unsigned char salt[LOG_SALT];   /* new each time the log starts over */
};

/* What sqlite_guard.c knows. */
struct guard {
    bool noted;
    struct stat file;
    unsigned char header[STORE_HEADER];
    struct log_index index;
};

struct store_backend {
    sqlite3 *db;
    sqlite3_stmt *st[SQL_COUNT];
    char *path, *log_path;
    struct sqlite_options *options;
    const struct store_lock *lock; /* NULL: not checked */
    struct file_id file, log;      /* what was opened, whatever bears the names now */
    int fd, log_fd;                /* the same files, O_PATH and to be read; -1: not yet */
    uint64_t used_ms;              /* Unix time by which ages were judged last; 0: never */
    int log_pages;                 /* in the log after the last commit */
    int checked_pages;             /* log_pages at the last checkpoint */
    bool traces;                   /* the log may hold what was deleted */
    bool settled;                  /* all of the log is on the disk, or never was said to be */
    bool spoilt;                   /* somebody changed a file in place: it is left as it is */
    struct guard guard;
};

/*
 * Steps a statement that returns nothing of interest; `bound` is the OR of what its binds returned.
 */
MUST_CHECK bool backend_run(
    struct store_backend *b, enum statement which, int bound, const char *doing, struct err *err);

/* Like db_fail; what was damaged is read whole before it is used again. */
bool backend_fail(const struct store_backend *b, struct err *err, const char *doing);

/* Keeps used_ms for the next start. After each write to the file, which it notes (guard_note). */
void backend_stamp(struct store_backend *b);

/* Always false: another process keeps the log from being emptied. Whoever waits may try again. */
bool backend_in_use(const struct store_backend *b, struct err *err);

/* The file itself, mode 0600 when it is made; again when a signal interrupts it. As open(2). */
int store_open_file(const char *path, int flags);

/*
 * sqlite_settle.c: before the first checkpoint of a log that was found, or is left by a commit that
 * failed. Afterwards all of it is on the disk.
 */
MUST_CHECK bool log_settle(struct store_backend *b, struct err *err);

/* sqlite_guard.c: what was noted is how the file shall be, until SQLite writes to it again. */
void guard_note(struct store_backend *b);
/* False once somebody cut or overwrote the file or the log in place, as far as can be seen. */
MUST_CHECK bool guard_check(struct store_backend *b, struct err *err);

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

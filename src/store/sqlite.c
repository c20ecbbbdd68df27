/* SPDX-License-Identifier: MIT */
/*
 * The SQLite backend: opening and closing the one file, and transactions. What is in them is in
 * sqlite_rows.c and sqlite_visits.c, upkeep in sqlite_tidy.c, copies in sqlite_backup.c; the schema
 * in sqlite_migrate.c, reading from elsewhere in sqlite_read.c.
 */
#include "store/sqlite_backend.h"

#include "base/buf.h"
#include "base/clock.h"
#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHECKPOINT_PAGES = 1000 }; /* of 4 KiB in the log; then it is copied into the file */

/*
 * The log is cut back to 8 MiB when it starts over. 1 MiB of cache is plenty: rows are written
 * once. Deleted rows are overwritten with zeros; a copy that SQLite left in an unused part of a
 * page when it moved the row to another is not.
 */
static const char pragmas[] = "PRAGMA synchronous = FULL;"
                              "PRAGMA secure_delete = ON;"
                              "PRAGMA cell_size_check = ON;"
                              "PRAGMA journal_size_limit = 8388608;"
                              "PRAGMA temp_store = MEMORY;"
                              "PRAGMA cache_size = -1024;";

static const char *const statements[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_INSERT] = "INSERT INTO submissions (id, received_ms, name, email, message, source,"
                   " correlation_id, flagged) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_FIND_KEY] = "SELECT fingerprint, submission_id FROM idempotency"
                     " WHERE key = ?1 AND created_ms > ?2",
    [SQL_PUT_KEY] = "INSERT OR REPLACE INTO idempotency"
                    " (key, fingerprint, submission_id, created_ms) VALUES (?1, ?2, ?3, ?4)",
    [SQL_DELETE_KEY] = "DELETE FROM idempotency WHERE submission_id = ?1 AND created_ms ="
                       " (SELECT received_ms FROM submissions WHERE id = ?1)",
    [SQL_DELETE] = "DELETE FROM submissions WHERE id = ?1",
    [SQL_FORGET_KEYS] = "DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency"
                        " WHERE created_ms <= ?1 ORDER BY created_ms LIMIT ?2)",
    [SQL_EXPIRE] = "DELETE FROM submissions WHERE seq IN (SELECT seq FROM submissions"
                   " WHERE received_ms <= ?1 ORDER BY received_ms LIMIT ?2)",
    [SQL_PROBE] = "SELECT max(seq) FROM submissions",
    [SQL_FIND_VISITS] = "SELECT day, visitors FROM visits WHERE id = 1",
    [SQL_PUT_VISITS] = "INSERT OR REPLACE INTO visits (id, views, day, salt, visitors)"
                       " VALUES (1, ?1, ?2, ?3, ?4)",
    [SQL_PUT_VISITORS] = "INSERT OR REPLACE INTO visitors (block, hashes) VALUES (?1, ?2)",
    [SQL_DELETE_VISITORS] = "DELETE FROM visitors",
};

/* ---- small things ---- */

int store_open_file(const char *path, int flags)
{
    int fd;

    do {
        fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static bool file_id(const char *path, struct file_id *ret, struct err *err)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return err_set_errno(err, errno, "cannot look at '%s'", path);
    *ret = (struct file_id){st.st_dev, st.st_ino};
    return true;
}

static bool same_file(const char *path, const struct file_id *opened, struct err *err)
{
    struct file_id now = {0, 0};

    if (!file_id(path, &now, err))
        return false;
    if (now.dev != opened->dev || now.ino != opened->ino)
        return err_set(err, ERR_CONFLICT, "'%s' was replaced while it was open", path);
    return true;
}

static bool locked(const struct store_lock *lock, struct err *err)
{
    return lock == NULL || store_lock_in_place(lock, err);
}

/*
 * A commit into a file that somebody deleted or replaced syncs well and is lost all the same.
 * Without the lock's file somebody else may serve the store.
 */
static bool files_in_place(struct store_backend *b, struct err *err)
{
    return locked(b->lock, err) && same_file(b->path, &b->file, err) &&
           same_file(b->log_path, &b->log, err) && guard_check(b, err);
}

bool backend_fail(const struct store_backend *b, struct err *err, const char *doing)
{
    int rc = sqlite3_errcode(b->db) & 0xff;

    if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
        b->options->checked = false;
    return db_fail(b->db, err, doing);
}

bool backend_in_use(const struct store_backend *b, struct err *err)
{
    return err_set(
        err, ERR_CONFLICT,
        "cannot checkpoint: somebody else uses the store '%s', so its log was not emptied",
        b->path);
}

bool backend_run(
    struct store_backend *b, enum statement which, int bound, const char *doing, struct err *err)
{
    sqlite3_stmt *st = b->st[which];
    int rc = bound == SQLITE_OK ? sqlite3_step(st) : SQLITE_ERROR;
    bool ok = rc == SQLITE_DONE || rc == SQLITE_ROW;

    if (!ok)
        backend_fail(b, err, doing);
    (void)sqlite3_reset(st); /* repeats the error of the step */
    return ok;
}

/*
 * The file's modification time is the time that ages are judged by, whatever the wall clock says
 * when something is written. By name, since Linux sets no time through O_PATH before 5.8.
 */
static void stamp(const struct store_backend *b)
{
    const struct timespec times[] = {
        {.tv_nsec = UTIME_OMIT                 },
        { (time_t)(b->used_ms / 1000), (long)(b->used_ms % 1000 * NS_PER_MS)},
    };

    if (b->used_ms != 0 && same_file(b->path, &b->file, NULL))
        (void)utimensat(AT_FDCWD, b->path, times, AT_SYMLINK_NOFOLLOW);
}

void backend_stamp(struct store_backend *b)
{
    stamp(b);
    guard_note(b);
}

/* ---- open and close ---- */

/*
 * Whether the file that was opened has another name now; false when it has none: then it goes when
 * it is closed.
 */
static bool was_renamed(const struct store_backend *b)
{
    struct stat st;

    return b->fd >= 0 && !same_file(b->path, &b->file, NULL) && fstat(b->fd, &st) == 0 &&
           st.st_nlink > 0;
}

/*
 * SQLite checkpoints when it closes, but not into a file that somebody renamed; its last
 * submissions belong there, too. Then that file has it all, and the log that it left behind must
 * not keep a new store from being made.
 */
static void sqlite_close(struct store_backend *b)
{
    int how = was_renamed(b) ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;

    bool settled = b->fd >= 0 && !b->spoilt && log_settle(b, NULL);

    if (b->db != NULL && !settled)
        MUST(sqlite3_db_config(b->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) == SQLITE_OK);
    else if (b->log_pages > 0)
        (void)sqlite3_wal_checkpoint_v2(b->db, NULL, how, NULL, NULL);
    for (size_t i = 0; i < SQL_COUNT; i++)
        (void)sqlite3_finalize(b->st[i]);
    db_close(b->db);
    if (b->fd >= 0) {
        if (!b->spoilt)
            stamp(b);
        (void)close(b->fd);
    }
    if (b->log_fd >= 0)
        (void)close(b->log_fd);
    free(b->path);
    free(b->log_path);
    free(b);
}

static uint64_t sqlite_used_ms(const struct store_backend *b)
{
    return b->used_ms;
}

/* Before anything is written to it; 0 when there is none, or nothing in it. */
static uint64_t last_used_ms(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0 || st.st_size == 0 || st.st_mtim.tv_sec < 0)
        return 0;
    return (uint64_t)st.st_mtim.tv_sec * 1000 + (uint64_t)st.st_mtim.tv_nsec / NS_PER_MS;
}

/*
 * SQLite would make it 0644 and let the umask decide; its log files take their mode from this one.
 * It syncs the directory when it first syncs a log, so that a new file lives through a power cut
 * once anything in it was acknowledged.
 */
static bool create_file(const char *path, struct err *err)
{
    int fd = store_open_file(path, O_RDWR | O_CREAT | O_EXCL);
    bool ok;

    if (fd < 0)
        return errno == EEXIST || err_set_errno(err, errno, "cannot make the store '%s'", path);
    ok = fchmod(fd, 0600) == 0;
    if (!ok)
        err_set_errno(err, errno, "cannot set the mode of '%s'", path);
    (void)close(fd);
    return ok;
}

static int note_pages(void *arg, UNUSED sqlite3 *db, UNUSED const char *name, int pages)
{
    struct store_backend *b = arg;

    b->log_pages = pages;
    return SQLITE_OK;
}

static bool use_wal(sqlite3 *db, struct err *err)
{
    sqlite3_stmt *st = NULL;
    const char *mode;
    bool ok;

    if (!db_prepare(db, "PRAGMA journal_mode = WAL", &st, err))
        return false;
    if (sqlite3_step(st) != SQLITE_ROW) {
        ok = db_fail(db, err, "switch it to WAL");
    } else {
        mode = (const char *)sqlite3_column_text(st, 0);
        ok = (mode != NULL && strcmp(mode, "wal") == 0) ||
             err_set(err, ERR_IO, "the file system of the store '%s' can't do WAL",
                     sqlite3_db_filename(db, "main"));
    }
    (void)sqlite3_finalize(st);
    return ok;
}

static bool prepare_all(struct store_backend *b, struct err *err)
{
    for (size_t i = 0; i < SQL_COUNT; i++)
        if (!db_prepare(b->db, statements[i], &b->st[i], err))
            return false;
    return true;
}

/*
 * The log of a database that was not in WAL, like a backup, is made by the first read. O_PATH,
 * since closing any other descriptor of the file would drop SQLite's locks.
 */
static bool note_files(struct store_backend *b, struct err *err)
{
    if (!file_id(b->path, &b->file, err))
        return false;
    b->fd = store_open_file(b->path, O_PATH);
    if (b->fd < 0)
        return err_set_errno(err, errno, "cannot look at the store '%s'", b->path);
    if (!backend_run(b, SQL_PROBE, SQLITE_OK, "read it", err) ||
        !file_id(b->log_path, &b->log, err))
        return false;
    b->log_fd = store_open_file(b->log_path, O_RDONLY);
    if (b->log_fd < 0)
        return err_set_errno(err, errno, "cannot open '%s'", b->log_path);
    guard_note(b);
    return true;
}

/* Nothing is written before these checks and schema_version have accepted the file. */
static bool open_checked(struct store_backend *b, bool checked, struct err *err)
{
    int64_t version = 0;

    if (!db_open(b->path, true, &b->db, err) || !schema_version(b->db, b->path, &version, err) ||
        (!checked && !db_check(b->db, b->path, err)))
        return false;
    db_accept(b->db);
    (void)sqlite3_wal_hook(b->db, note_pages, b); /* in place of SQLite's own checkpoints */
    /*
     * NORMAL spares a new store three syncs; the checkpoint that follows each open syncs it all,
     * before any promise.
     */
    return db_exec(b->db, "PRAGMA synchronous = NORMAL", "configure it", err) &&
           use_wal(b->db, err) && schema_migrate(b->db, version, err) &&
           db_exec(b->db, pragmas, "configure it", err) && prepare_all(b, err) &&
           note_files(b, err);
}

/* What is left may look sound; another file in its place is another matter. */
static bool check_spoilt(struct sqlite_options *opt, struct err *err)
{
    struct stat st;

    if (opt->spoilt.ino == 0)
        return true;
    if (stat(opt->path, &st) == 0 && st.st_dev == opt->spoilt.dev && st.st_ino == opt->spoilt.ino)
        return err_set(err, ERR_INVALID,
                       "the store '%s' or its log was cut or overwritten while it was open, and "
                       "messages may be missing; put the whole store or a backup in its place, or "
                       "restart the server to go on with what is left",
                       opt->path);
    opt->spoilt.ino = 0;
    opt->checked = false;
    return true;
}

static bool sqlite_open(void *arg, struct store_backend **ret, struct err *err)
{
    struct sqlite_options *opt = arg;
    struct buf path = BUF_INIT, log_path = BUF_INIT;
    struct store_backend *b;
    uint64_t used_ms;

    if (!locked(opt->lock, err) || !check_spoilt(opt, err) || !place_prepare(opt->path, err) ||
        !store_log_has_file(opt->path, err))
        return false;
    used_ms = last_used_ms(opt->path);
    if (!create_file(opt->path, err))
        return false;
    buf_add_str(&path, opt->path);
    buf_addf(&log_path, "%s-wal", opt->path);
    (void)buf_cstr(&path);
    (void)buf_cstr(&log_path);
    b = must_calloc(1, sizeof(*b));
    b->path = path.data;
    b->log_path = log_path.data;
    b->fd = -1;
    b->log_fd = -1;
    b->options = opt;
    b->used_ms = used_ms;
    b->lock = opt->lock;
    if (!open_checked(b, opt->checked, err)) {
        sqlite_close(b);
        return false;
    }
    opt->checked = true; /* a store that goes in and out of service is not read whole each time */
    *ret = b;
    return true;
}

/* ---- transactions ---- */

/*
 * Copies the log into the file once it is long. Before a commit, not after it as SQLite does by
 * itself: no acknowledgement waits for it, and its errors are seen. Readers may keep it from
 * finishing; then it tries again later.
 */
static bool checkpoint_when_long(struct store_backend *b, struct err *err)
{
    int pages = 0, rc;

    if (b->log_pages < b->checked_pages)
        b->checked_pages = 0; /* it started over */
    if (b->log_pages - b->checked_pages < CHECKPOINT_PAGES)
        return true;
    rc = sqlite3_wal_checkpoint_v2(b->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, NULL);
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        return backend_fail(b, err, "checkpoint");
    b->checked_pages = b->log_pages;
    backend_stamp(b);
    return true;
}

bool sqlite_begin(struct store_backend *b, struct err *err)
{
    return files_in_place(b, err) && checkpoint_when_long(b, err) &&
           backend_run(b, SQL_BEGIN, SQLITE_OK, "begin", err);
}

bool sqlite_commit(struct store_backend *b, struct err *err)
{
    if (backend_run(b, SQL_COMMIT, SQLITE_OK, "commit", err))
        return guard_check(b, err);
    b->settled = false;
    return false;
}

/* Some errors have rolled back already. */
void sqlite_rollback(struct store_backend *b)
{
    if (sqlite3_get_autocommit(b->db) == 0)
        (void)!backend_run(b, SQL_ROLLBACK, SQLITE_OK, "roll back", NULL);
}

static bool sqlite_probe(struct store_backend *b, struct err *err)
{
    return files_in_place(b, err) && backend_run(b, SQL_PROBE, SQLITE_OK, "read it", err);
}

const struct store_ops sqlite_ops = {
    .open = sqlite_open,
    .close = sqlite_close,
    .used_ms = sqlite_used_ms,
    .begin = sqlite_begin,
    .add = sqlite_add,
    .remove = sqlite_remove,
    .put_visits = sqlite_put_visits,
    .get_visits = sqlite_get_visits,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .checkpoint = sqlite_checkpoint,
    .probe = sqlite_probe,
    .tidy = sqlite_tidy,
    .backup = sqlite_backup,
};

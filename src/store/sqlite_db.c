/* SPDX-License-Identifier: MIT */
/*
 * Opening a SQLite file with care, and turning its errors into ours.
 */
#include "store/sqlite_db.h"

#include "base/buf.h"
#include "store/place.h"
#include "store/sqlite.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>

static enum err_kind kind_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
        return ERR_UNAVAILABLE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_INVALID;
    default:
        return ERR_IO;
    }
}

static bool say(sqlite3 *db, struct err *err, const char *path, const char *what)
{
    int rc = sqlite3_extended_errcode(db), primary = rc & 0xff;
    int sys = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN ? sqlite3_system_errno(db) : 0;

    if (sys != 0)
        return err_set_errno(err, sys, "the store '%s'%s: %s (SQLite %d)", path, what,
                             sqlite3_errmsg(db), rc);
    return err_set(err, kind_of(rc), "the store '%s'%s: %s (SQLite %d)", path, what,
                   sqlite3_errmsg(db), rc);
}

bool db_fail(sqlite3 *db, struct err *err, const char *doing)
{
    struct buf what = BUF_INIT;

    buf_addf(&what, ": cannot %s", doing);
    (void)say(db, err, sqlite3_db_filename(db, "main"), buf_cstr(&what));
    buf_release(&what);
    return false;
}

bool db_unusable(sqlite3 *db, const char *path, struct err *err)
{
    return say(db, err, path, " is not usable");
}

static void configure(sqlite3 *db)
{
    static const struct {
        int option, value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE,        1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA,   0},
        {SQLITE_DBCONFIG_DQS_DML,          0},
        {SQLITE_DBCONFIG_DQS_DDL,          0},
        {SQLITE_DBCONFIG_ENABLE_FKEY,      1},
        {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        MUST(sqlite3_db_config(db, options[i].option, options[i].value, NULL) == SQLITE_OK);
}

/*
 * SQLite plays any log into any file. That of a store, with submissions in it, was in WAL (header,
 * byte 18: 2) before it had a log; a backup is not until it is served. Read through SQLite: to open
 * and close the file here would drop the locks of other connections in this process.
 */
static bool check_foreign_log(sqlite3 *db, const char *path, struct err *err)
{
    enum { VERSION_AT = 18, ROLLBACK = 1 };
    sqlite3_file *file = NULL;
    unsigned char version = 0;
    struct buf name = BUF_INIT;
    struct stat log;
    bool logged;

    buf_addf(&name, "%s-wal", path);
    logged = stat(buf_cstr(&name), &log) == 0 && log.st_size > 0;
    buf_release(&name);
    if (!logged ||
        sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        file->pMethods->xRead(file, &version, 1, VERSION_AT) != SQLITE_OK || version != ROLLBACK)
        return true;
    return err_set(err, ERR_INVALID,
                   "the store '%s' is a backup beside a log (-wal) of another store; move the log "
                   "away; nothing was changed",
                   path);
}

bool db_open(const char *path, bool write, sqlite3 **ret, struct err *err)
{
    int flags = (write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX |
                SQLITE_OPEN_EXRESCODE;
    struct buf name = BUF_INIT;
    sqlite3 *db = NULL;
    int rc;

    /* ":memory:" and "file:..." (Debian's SQLite takes URIs) are file names here. */
    buf_addf(&name, "%s%s", path[0] == '/' ? "" : "./", path);
    rc = sqlite3_open_v2(buf_cstr(&name), &db, flags, NULL);
    buf_release(&name);
    MUST(db != NULL);
    if (rc != SQLITE_OK || !check_foreign_log(db, path, err)) {
        if (rc != SQLITE_OK)
            db_unusable(db, path, err);
        db_close(db);
        return false;
    }
    configure(db);
    MUST(sqlite3_busy_timeout(db, write ? WRITER_BUSY_MS : READER_BUSY_MS) == SQLITE_OK);
    *ret = db;
    return true;
}

void db_accept(sqlite3 *db)
{
    MUST(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL) == SQLITE_OK);
}

void db_close(sqlite3 *db)
{
    MUST(sqlite3_close(db) == SQLITE_OK);
}

/*
 * Reading WAL takes a -shm file beside the database: the server's, or one of our own when none
 * runs.
 */
static bool read_version(sqlite3 *db, const char *path, struct err *err)
{
    int64_t version = 0;
    int rc;

    if (schema_version(db, path, &version, err))
        return version > 0 ||
               err_set(err, ERR_NOT_FOUND, "the store at '%s' is empty: no server has used it yet",
                       path);
    rc = sqlite3_errcode(db) & 0xff;
    if (rc == SQLITE_READONLY || rc == SQLITE_CANTOPEN)
        err_set(err, ERR_IO,
                "no server runs on the store '%s', and this user may not write beside it; "
                "run this as its owner",
                path);
    return false;
}

bool db_open_reader(const char *path, sqlite3 **ret, struct err *err)
{
    sqlite3 *db = NULL;
    struct stat file;

    if (!place_side_files(path, err) || !store_log_has_file(path, err))
        return false;
    if (stat(path, &file) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return err_set(err, ERR_NOT_FOUND, "there is no store at '%s'", path);
        return err_set_errno(err, errno, "cannot look at the store '%s'", path);
    }
    if (file.st_size == 0) /* SQLite would delete a log beside it */
        return err_set(err, ERR_NOT_FOUND, "the store at '%s' is empty: no server has used it yet",
                       path);
    if (!db_open(path, false, &db, err))
        return false;
    if (!read_version(db, path, err)) {
        db_close(db);
        return false;
    }
    *ret = db;
    return true;
}

bool db_exec(sqlite3 *db, const char *sql, const char *doing, struct err *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return db_fail(db, err, doing);
    return true;
}

bool db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct err *err)
{
    sqlite3_stmt *st = NULL;

    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
        return db_fail(db, err, "prepare a statement");
    *ret = st;
    return true;
}

bool db_int(sqlite3 *db, const char *sql, int64_t *ret, struct err *err)
{
    sqlite3_stmt *st = NULL;
    bool ok;

    if (!db_prepare(db, sql, &st, err))
        return false;
    ok = sqlite3_step(st) == SQLITE_ROW;
    if (ok)
        *ret = sqlite3_column_int64(st, 0);
    else
        db_fail(db, err, "read it");
    (void)sqlite3_finalize(st); /* repeats the error of the step */
    return ok;
}

/* What quick_check found, in one line: its first line names the database. */
static bool not_whole(const char *path, const char *said, struct err *err)
{
    const char *detail = strncmp(said, "***", 3) == 0 ? strchr(said, '\n') : NULL;
    int n;

    detail = detail != NULL ? detail + 1 : said;
    n = (int)strcspn(detail, "\n");
    if (strstr(detail, "unable to get the page") != NULL) /* memory or the disk, not the page */
        return err_set(err, ERR_IO, "the store '%s': cannot check it: %.*s", path, n, detail);
    return err_set(err, ERR_INVALID, "the store '%s' is malformed; it was left as it is: %.*s",
                   path, n, detail);
}

bool db_check(sqlite3 *db, const char *path, struct err *err)
{
    sqlite3_stmt *st = NULL;
    const char *said = NULL;
    bool ok;

    if (!db_prepare(db, "PRAGMA quick_check(1)", &st, err))
        return false;
    if (sqlite3_step(st) == SQLITE_ROW)
        said = (const char *)sqlite3_column_text(st, 0);
    if (said == NULL)
        ok = db_fail(db, err, "check it");
    else
        ok = strcmp(said, "ok") == 0 || not_whole(path, said, err);
    (void)sqlite3_finalize(st);
    return ok;
}

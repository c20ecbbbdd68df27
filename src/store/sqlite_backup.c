/* SPDX-License-Identifier: MIT */
/*
 * A copy of the store made beside the writing thread: one long read transaction, during which the
 * log grows. What was deleted is not in it, since VACUUM INTO copies rows, not pages.
 */
#include "store/sqlite_backend.h"

#include "base/buf.h"
#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEPS_BETWEEN_STOPS = 10000 }; /* of SQLite's virtual machine: a few milliseconds */

struct stop {
    store_stop_fn *fn;
    void *ctx;
};

static int ask_stop(void *arg)
{
    const struct stop *stop = arg;

    return stop->fn(stop->ctx);
}

/* What SQLite or this store keeps beside a store; "" is the store itself. */
static bool is_kept_name(const char *name, const char *store)
{
    static const char *const tails[] = {"", "-journal", "-wal", "-shm", ".lock", ".sock"};
    size_t n = strlen(store);

    if (strncmp(name, store, n) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(tails); i++)
        if (strcmp(name + n, tails[i]) == 0)
            return true;
    return false;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/*
 * Such a file would be taken for the store's own log or lock by the next who opens it. By the
 * directory itself, since a link or a mount gives it other names.
 */
static bool check_name(const char *file, const char *store, struct err *err)
{
    char directory[PATH_MAX], home[PATH_MAX];
    struct stat ours, theirs;

    if (!place_directory(file, directory, err) || !place_directory(store, home, err))
        return false;
    if (!is_kept_name(last_part(file), last_part(store)) || stat(directory, &theirs) != 0 ||
        stat(home, &ours) != 0 || theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino)
        return true;
    return err_set(err, ERR_INVALID,
                   "a backup can't be named '%s': that is kept for the store's own files", file);
}

/*
 * SQLite takes an empty file; made here, it has the right mode from the start and is nobody else's.
 */
static bool make_partial(const char *partial, struct err *err)
{
    int fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0 && errno == EEXIST)
        return err_set(err, ERR_CONFLICT,
                       "'%s' is in the way: another backup is being made, or one was cut short "
                       "and its file must be deleted",
                       partial);
    if (fd < 0)
        return err_set_errno(err, errno, "cannot make '%s'", partial);
    (void)close(fd);
    return true;
}

static bool copy_rows(sqlite3 *db, const char *partial, struct err *err)
{
    sqlite3_stmt *st = NULL;
    struct buf doing = BUF_INIT;
    int rc;

    if (!db_prepare(db, "VACUUM INTO ?1", &st, err))
        return false;
    buf_addf(&doing, "copy it to '%s'", partial);
    rc = sqlite3_bind_text(st, 1, partial, -1, SQLITE_STATIC);
    rc = rc == SQLITE_OK ? sqlite3_step(st) : rc;
    if ((rc & 0xff) == SQLITE_INTERRUPT)
        err_set(err, ERR_UNAVAILABLE, "the backup was told to stop");
    else if (rc != SQLITE_DONE)
        db_fail(db, err, buf_cstr(&doing));
    (void)sqlite3_finalize(st);
    buf_release(&doing);
    return rc == SQLITE_DONE;
}

static bool sync_file(const char *partial, uint64_t *ret_bytes, struct err *err)
{
    int fd = open(partial, O_RDONLY | O_CLOEXEC);
    struct stat st;
    bool ok;

    if (fd < 0)
        return err_set_errno(err, errno, "cannot open '%s'", partial);
    ok = fsync(fd) == 0 && fstat(fd, &st) == 0;
    if (ok)
        *ret_bytes = (uint64_t)st.st_size;
    else
        err_set_errno(err, errno, "cannot sync '%s'", partial);
    (void)close(fd);
    return ok;
}

/*
 * Gives the copy its name, unless somebody has taken that meanwhile. NFS has only the second way.
 */
static bool publish(const char *partial, const char *file, struct err *err)
{
    if (renameat2(AT_FDCWD, partial, AT_FDCWD, file, RENAME_NOREPLACE) == 0)
        return true;
    if ((errno == EINVAL || errno == ENOSYS) && link(partial, file) == 0) {
        (void)unlink(partial);
        return true;
    }
    return err_set_errno(err, errno, "cannot name the backup '%s'", file);
}

/* SQLite leaves the copy's journal behind when a write failed. */
static void discard(const char *partial)
{
    struct buf journal = BUF_INIT;

    buf_addf(&journal, "%s-journal", partial);
    (void)unlink(partial);
    (void)unlink(buf_cstr(&journal));
    buf_release(&journal);
}

static bool make_copy(
    sqlite3 *db, const char *partial, const char *file, uint64_t *ret_bytes, struct err *err)
{
    char directory[PATH_MAX];
    uint64_t bytes = 0;

    if (!place_directory(file, directory, err) || !make_partial(partial, err))
        return false;
    if (!copy_rows(db, partial, err) || !sync_file(partial, &bytes, err) ||
        !publish(partial, file, err)) {
        discard(partial);
        return false;
    }
    if (!place_sync(directory, err))
        return false;
    *ret_bytes = bytes;
    return true;
}

bool sqlite_backup(void *arg,
                   const char *file,
                   store_stop_fn *stop,
                   void *ctx,
                   uint64_t *ret_bytes,
                   struct err *err)
{
    const struct sqlite_options *opt = arg;
    struct stop asked = {stop, ctx};
    struct buf partial = BUF_INIT;
    sqlite3 *db;
    struct stat st;
    bool ok;

    if (file[0] != '/')
        return err_set(err, ERR_INVALID, "'%s' is not an absolute path", file);
    if (lstat(file, &st) == 0)
        return err_set(err, ERR_CONFLICT, "'%s' exists; a backup takes a new name", file);
    if (!check_name(file, opt->path, err))
        return false;
    if (!db_open_reader(opt->path, &db, err))
        return false;
    if (stop != NULL)
        sqlite3_progress_handler(db, STEPS_BETWEEN_STOPS, ask_stop, &asked);
    buf_addf(&partial, "%s.partial", file);
    ok = make_copy(db, buf_cstr(&partial), file, ret_bytes, err);
    buf_release(&partial);
    db_close(db);
    return ok;
}

/* SPDX-License-Identifier: MIT */
/*
 * The SQLite backend: one file, WAL, synchronous=FULL, migrations by number (PRAGMA user_version).
 *
 * One process, one file: store_lock holds `<path>.lock` (flock) for the life of the process.
 * Network file systems are refused, since neither the lock nor WAL can be trusted there. A schema
 * newer by more than one version is refused and the file left alone; newer by one is served
 * (migrations are additive for one version, so that a rollback works).
 *
 * Readers (contacts_*) open the file read-only in another process and read page by page, so that no
 * long read transaction lets the WAL grow.
 *
 * A file that is not ours, damaged, or a symbolic link is refused with its bytes untouched; so is a
 * log without its file, or beside a backup that is not its file. A database or log that is renamed
 * or deleted under the running server fails the next batch or probe instead of swallowing it. So
 * does one that was cut or overwritten in place, which then stays out of service until another file
 * bears its name. The
 * store then starts a new file, but not when the old one was deleted and left a log. A lock file
 * that is gone fails them, too, and every attempt to reopen.
 */
#ifndef SIDELIGHT_STORE_SQLITE_H
#define SIDELIGHT_STORE_SQLITE_H

#include "store/store.h"

#include <sys/types.h>

struct store_lock;

struct file_id {
    dev_t dev;
    ino_t ino;
};

/* `arg` of store_ops.open. Borrowed by the backend for its life. */
struct sqlite_options {
    const char *path;              /* missing directories of it are made, 0700; files are 0600 */
    const struct store_lock *lock; /* of that path; NULL: somebody else keeps others away */
    /* The backend's own, zero to begin with. */
    bool checked;          /* each page was read, and no damage was seen since */
    struct file_id spoilt; /* the file that somebody changed while it was open; no inode: none */
};
extern const struct store_ops sqlite_ops;

/*
 * Takes the lock of the store at `path`, waiting at most `wait_ms`. On failure the message names
 * the holder's pid. Blocks; polls every 50 ms, and stops early with ERR_UNAVAILABLE when *stop (may
 * be NULL) becomes true.
 */
MUST_CHECK bool store_lock_take(const char *path,
                                uint64_t wait_ms,
                                const _Atomic bool *stop,
                                struct store_lock **ret,
                                struct err *err);
void store_lock_release(struct store_lock *lock); /* NULL is fine */
/*
 * False (ERR_UNAVAILABLE) once the lock file was deleted or replaced: its name then locks nobody
 * out. Never heals, unless the very file is moved back. Any thread.
 */
MUST_CHECK bool store_lock_in_place(const struct store_lock *lock, struct err *err);

/*
 * Refuses (ERR_INVALID) a log without its store: `path` is missing or empty, and `<path>-wal` is
 * not. SQLite takes that for a new store and deletes the log, which may hold what was acknowledged.
 * Opens neither; so do all that open the store, first.
 */
MUST_CHECK bool store_log_has_file(const char *path, struct err *err);

/* One stored submission, as read back; slices live until the callback returns. */
struct contact {
    int64_t seq; /* order of arrival */
    struct slice id, name, email, message, source, correlation_id;
    uint64_t received_ms;
    bool flagged;
};
typedef bool contact_fn(void *ctx,
                        const struct contact *c,
                        struct err *err); /* false stops the reading and fails it */

/*
 * Calls `fn` for every submission in order of arrival, flagged ones only with `flagged`. Reads
 * CONTACTS_PAGE rows per transaction, and none is open while `fn` runs. ERR_NOT_FOUND when there is
 * no store at `path`. Works beside a running server, and without one if the user may write beside
 * the file (SQLite's -shm).
 */
enum { CONTACTS_PAGE = 200 };
MUST_CHECK bool contacts_read(
    const char *path, bool flagged, contact_fn *fn, void *ctx, struct err *err);

#endif

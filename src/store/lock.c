/* SPDX-License-Identifier: MIT */
/*
 * One process per store: `<path>.lock`, held by flock(2) for the life of the process. The file is
 * never deleted: whoever waits has it open, and a new one of the same name would be another lock.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/parse.h"
#include "store/place.h"
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_POLL_MS = 50 };

struct store_lock {
    int fd;
    char *name; /* of the lock file */
};

/* What the holder wrote; 0 when it has not yet, or released it. */
static uint64_t holder(int fd)
{
    char text[24];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    uint64_t pid = 0;

    if (n > 0 && text[n - 1] == '\n')
        (void)!parse_u64((struct slice){text, (size_t)n - 1}, 1, INT32_MAX, &pid, NULL);
    return pid;
}

static bool in_use(int fd, const char *path, struct err *err)
{
    uint64_t pid = holder(fd);

    if (pid == 0)
        return err_set(err, ERR_UNAVAILABLE, "the store %s is in use by another process", path);
    return err_set(err, ERR_UNAVAILABLE, "the store %s is in use by process %llu", path,
                   (unsigned long long)pid);
}

static bool wait_for(
    int fd, const char *path, uint64_t wait_ms, const _Atomic bool *stop, struct err *err)
{
    uint64_t end = clock_mono_ns() + wait_ms * NS_PER_MS;

    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return err_set_errno(err, errno, "cannot lock %s.lock", path);
        if (stop != NULL && *stop)
            return err_set(err, ERR_UNAVAILABLE, "told to stop while waiting for the store %s",
                           path);
        if (clock_mono_ns() >= end)
            return in_use(fd, path, err);
        clock_sleep_ms(LOCK_POLL_MS);
    }
    return true;
}

/* Whether `name` is still the file that was locked. */
static bool same_file(int fd, const char *name)
{
    struct stat locked, named;

    return fstat(fd, &locked) == 0 && lstat(name, &named) == 0 && locked.st_dev == named.st_dev &&
           locked.st_ino == named.st_ino;
}

static bool check_lock_file(int fd, const char *name, struct err *err)
{
    return same_file(fd, name) ||
           err_set(err, ERR_UNAVAILABLE, "%s was replaced while it was waited for", name);
}

bool store_lock_in_place(const struct store_lock *lock, struct err *err)
{
    return same_file(lock->fd, lock->name) ||
           err_set(err, ERR_UNAVAILABLE,
                   "the lock was deleted or replaced, so another process may use the store: %s",
                   lock->name);
}

/* Only for messages; a full disk must not keep the store shut. */
static void write_pid(int fd)
{
    char text[FMT_U64 + 1], *end = fmt_u64(text, (uint64_t)getpid());

    *end++ = '\n';
    if (ftruncate(fd, 0) == 0)
        (void)!pwrite(fd, text, (size_t)(end - text), 0);
}

/*
 * A new lock of root's would keep out the server, which runs as another user: it gets the owner of
 * the store, or of its directory. Only a file that we made: an old one may be a link to anything.
 */
static void give_to_owner(int fd, const char *path)
{
    char dir[PATH_MAX];
    struct stat st;

    if (geteuid() == 0 && place_directory(path, dir, NULL) &&
        (lstat(path, &st) == 0 || stat(dir, &st) == 0))
        (void)!fchown(fd, st.st_uid, st.st_gid);
}

static int open_lock(const char *name, const char *path)
{
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd >= 0)
        give_to_owner(fd, path);
    else if (errno == EEXIST)
        fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd;
}

bool store_lock_take(const char *path,
                     uint64_t wait_ms,
                     const _Atomic bool *stop,
                     struct store_lock **ret,
                     struct err *err)
{
    struct buf buf = BUF_INIT;
    const char *name;
    bool ok;
    int fd;

    if (!place_prepare(path, err))
        return false;
    buf_addf(&buf, "%s.lock", path);
    name = buf_cstr(&buf);
    fd = open_lock(name, path);
    if (fd < 0) {
        ok = err_set_errno(err, errno, "cannot open %s", name);
        goto out;
    }
    ok = wait_for(fd, path, wait_ms, stop, err) && check_lock_file(fd, name, err);
    if (!ok) {
        (void)close(fd);
        goto out;
    }
    write_pid(fd);
    *ret = must_calloc(1, sizeof(**ret));
    (*ret)->fd = fd;
    (*ret)->name = buf.data;
    buf = (struct buf)BUF_INIT;
out:
    buf_release(&buf);
    return ok;
}

void store_lock_release(struct store_lock *lock)
{
    if (lock == NULL)
        return;
    (void)!ftruncate(lock->fd, 0); /* so that nobody names a pid that is gone */
    (void)close(lock->fd);
    free(lock->name);
    free(lock);
}

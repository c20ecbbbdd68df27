/* SPDX-License-Identifier: MIT */
/*
 * Stands in front of the calls that SQLite makes on the store's files, by LD_PRELOAD, and lets them fail as the page
 * DISK_CONTROL says (disk.h). Built by lib/disk_faults.c.
 */
#include "tests/faults/preload/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct disk_control *control;
static const char *control_path;
static _Thread_local int torn; /* the error that the next write of this thread gets */

/* Before main, and so before anything is given up. */
__attribute__((constructor)) static void map_control(void)
{
    const char *path = getenv(DISK_CONTROL); /* NOLINT(concurrency-mt-unsafe): no threads yet */
    void *page;
    int fd;

    fd = path != NULL ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    page = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)syscall(SYS_close, fd);
    if (page == MAP_FAILED)
        return;
    control_path = path;
    control = page;
}

/* ---- which file it is ---- */

static int ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);

    return n >= m && strcmp(path + n - m, end) == 0;
}

static int kind_of_path(const char *path)
{
    if (ends_in(path, ".db"))
        return DISK_DATABASE;
    if (ends_in(path, ".db-wal"))
        return DISK_LOG;
    return ends_in(path, ".db-shm") ? DISK_INDEX : 0;
}

static int kind_of(int fd)
{
    char link[40], path[PATH_MAX];
    struct stat st;
    ssize_t n;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    if (n < 0)
        return 0;
    path[n] = '\0';
    if (kind_of_path(path) != 0)
        return kind_of_path(path);
    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? DISK_DIRECTORY : 0;
}

/* ---- whether it fails ---- */

/* Takes one off a number above zero; what it was. */
static int32_t take_one(_Atomic int32_t *n)
{
    int32_t had = *n;

    while (had > 0 && !atomic_compare_exchange_weak(n, &had, had - 1))
        ;
    return had;
}

static int is_armed(enum disk_call call)
{
    return control != NULL && control->faults[call].left > 0;
}

/* Whether this call is made to fail; `kind` of the file. */
static int must_fail(enum disk_call call, int kind)
{
    struct disk_fault *f = &control->faults[call];
    uint64_t number;

    if ((kind & f->files) == 0)
        return 0;
    number = f->calls++;
    if (take_one(&f->skip) > 0 || number % (uint64_t)f->every != 0 || take_one(&f->left) <= 0)
        return 0;
    f->injected++;
    return 1;
}

static int fails(enum disk_call call, int fd)
{
    return is_armed(call) && must_fail(call, kind_of(fd));
}

static int refuse(enum disk_call call)
{
    errno = control->faults[call].error & ~DISK_TORN;
    return -1;
}

/* Of `n` bytes, those that are transferred in a call that fails; below 0: none, with an error. */
static ssize_t part_of(enum disk_call call, size_t n)
{
    int error = control->faults[call].error;

    if ((error != 0 && (error & DISK_TORN) == 0) || n < 2)
        return error != 0 ? refuse(call) : (ssize_t)n;
    torn = error & ~DISK_TORN;
    return (ssize_t)(n / 2);
}

static int is_torn(void)
{
    if (torn == 0)
        return 0;
    errno = torn;
    torn = 0;
    return 1;
}

/* ---- what was synced ---- */

/*
 * One file as a disk has it that keeps what a sync that succeeded found to be written since the last one. What was written
 * before a sync that failed is dropped, as the kernel does with it, though it can still be read: only if it is written
 * again, the next sync keeps it.
 */
enum { WRITES_MAX = 1 << 16 };
struct kept {
    struct {
        off64_t at;
        size_t n;
    } writes[WRITES_MAX]; /* since the last sync */
    size_t n;
    ino_t file; /* 0: none seen yet */
};
static struct kept kept[2]; /* the file, the log: one thread writes both */

static int is_kept(int kind)
{
    return kind == DISK_DATABASE || kind == DISK_LOG;
}

static void note_write(int fd, off64_t at, ssize_t n)
{
    int kind = control != NULL && control->keep_synced != 0 && n > 0 ? kind_of(fd) : 0;
    struct kept *k = &kept[kind == DISK_LOG];

    if (!is_kept(kind))
        return;
    if (k->n == WRITES_MAX)
        abort();
    k->writes[k->n].at = at;
    k->writes[k->n++].n = (size_t)n;
}

static void copy_part(int from, int to, off64_t at, size_t n)
{
    char block[65536];

    while (n > 0) {
        long part = syscall(SYS_pread64, from, block, n < sizeof(block) ? n : sizeof(block), at);

        if (part <= 0)
            return; /* cut since */
        if (syscall(SYS_pwrite64, to, block, part, at) != part)
            abort();
        at += part;
        n -= (size_t)part;
    }
}

/* A new file of the same name begins empty; the first one that is seen is the one that is kept. */
static void keep(struct kept *k, int fd, int to)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || (k->file != 0 && k->file != st.st_ino && ftruncate64(to, 0) != 0))
        abort();
    k->file = st.st_ino;
    for (size_t i = 0; i < k->n; i++)
        copy_part(fd, to, k->writes[i].at, k->writes[i].n);
    if (ftruncate64(to, st.st_size) != 0)
        abort();
}

static void note_sync(int fd, int ok)
{
    int kind = control != NULL && control->keep_synced != 0 ? kind_of(fd) : 0, to;
    struct kept *k = &kept[kind == DISK_LOG];
    char path[PATH_MAX];

    if (!is_kept(kind))
        return;
    if (ok) {
        (void)snprintf(path, sizeof(path), "%s.%s", control_path,
                       kind == DISK_LOG ? "wal" : "file");
        to = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (to < 0)
            abort();
        keep(k, fd, to);
        (void)syscall(SYS_close, to);
    }
    k->n = 0;
}

/* ---- the calls ---- */

static int synced(long number, int fd)
{
    int rc = fails(DISK_SYNC, fd) ? refuse(DISK_SYNC) : (int)syscall(number, fd);

    note_sync(fd, rc == 0);
    return rc;
}

int fsync(int fd)
{
    return synced(SYS_fsync, fd);
}

int fdatasync(int fildes)
{
    return synced(SYS_fdatasync, fildes);
}

ssize_t write(int fd, const void *buf, size_t n)
{
    ssize_t part = (ssize_t)n;

    if (is_torn())
        return -1;
    if (fails(DISK_WRITE, fd))
        part = part_of(DISK_WRITE, n);
    return part < 0 ? part : syscall(SYS_write, fd, buf, part);
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t offset)
{
    ssize_t part = (ssize_t)n;

    if (is_torn())
        return -1;
    if (fails(DISK_WRITE, fd))
        part = part_of(DISK_WRITE, n);
    if (part >= 0)
        part = syscall(SYS_pwrite64, fd, buf, part, offset);
    note_write(fd, offset, part);
    return part;
}

ssize_t read(int fd, void *buf, size_t nbytes)
{
    ssize_t part = (ssize_t)nbytes;

    if (fails(DISK_READ, fd))
        part = part_of(DISK_READ, nbytes);
    return part < 0 ? part : syscall(SYS_read, fd, buf, part);
}

ssize_t pread64(int fd, void *buf, size_t nbytes, off64_t offset)
{
    ssize_t part = (ssize_t)nbytes;

    if (fails(DISK_READ, fd))
        part = part_of(DISK_READ, nbytes);
    return part < 0 ? part : syscall(SYS_pread64, fd, buf, part, offset);
}

int ftruncate64(int fd, off64_t length)
{
    return fails(DISK_TRUNCATE, fd) ? refuse(DISK_TRUNCATE)
                                    : (int)syscall(SYS_ftruncate, fd, length);
}

/* A read-only file system still opens for reading. */
static int open_fails(const char *path, int flags)
{
    if (!is_armed(DISK_OPEN))
        return 0;
    if (control->faults[DISK_OPEN].error == EROFS && (flags & O_ACCMODE) == O_RDONLY)
        return 0;
    return must_fail(DISK_OPEN, kind_of_path(path));
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list args;

    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    if (open_fails(path, flags))
        return refuse(DISK_OPEN);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* ---- as the program itself calls them: its off_t is of 64 bits, too ---- */

int open(const char *path, int flags, ...) __attribute__((alias("open64")));
ssize_t pwrite(int fd, const void *buf, size_t n, off_t offset) __attribute__((alias("pwrite64")));
ssize_t pread(int fd, void *buf, size_t nbytes, off_t offset) __attribute__((alias("pread64")));
int ftruncate(int fd, off_t length) __attribute__((alias("ftruncate64")));

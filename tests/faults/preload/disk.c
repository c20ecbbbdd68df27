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

static int copy_all(int from, int to)
{
    char block[65536];
    long at = 0, n;

    while ((n = syscall(SYS_pread64, from, block, sizeof(block), at)) > 0) {
        if (syscall(SYS_write, to, block, n) != n)
            return 0;
        at += n;
    }
    return n == 0;
}

/* Whole or not at all. */
static void keep_synced(int fd)
{
    int kind = control != NULL && control->keep_synced ? kind_of(fd) : 0, to;
    char path[PATH_MAX], half[PATH_MAX];

    if (kind != DISK_DATABASE && kind != DISK_LOG)
        return;
    (void)snprintf(path, sizeof(path), "%s%s", control_path, kind == DISK_LOG ? ".db-wal" : ".db");
    (void)snprintf(half, sizeof(half), "%s.half", control_path);
    to = (int)syscall(SYS_openat, AT_FDCWD, half, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0)
        return;
    if (copy_all(fd, to))
        (void)rename(half, path);
    (void)syscall(SYS_close, to);
}

/* ---- the calls ---- */

static int synced(long number, int fd)
{
    int rc = fails(DISK_SYNC, fd) ? refuse(DISK_SYNC) : (int)syscall(number, fd);

    if (rc == 0)
        keep_synced(fd);
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
    return part < 0 ? part : syscall(SYS_pwrite64, fd, buf, part, offset);
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

/* SPDX-License-Identifier: MIT */
/*
 * A log that may hold what is not on the disk. After a sync that failed the kernel calls pages
 * clean that it never wrote: they read well, the next sync has nothing to do, and a power cut takes
 * them. A checkpoint from such a log would leave a file and a log of different times behind, so
 * it is written again first.
 */
#include "store/sqlite_backend.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { BLOCK = 64 * 1024 };

/* All of `n` bytes, or fewer at the end of the file when reading. */
static ssize_t move(int fd, char *block, size_t n, off_t at, bool write)
{
    size_t done = 0;

    while (done < n) {
        off_t here = at + (off_t)done;
        ssize_t part = write ? pwrite(fd, block + done, n - done, here)
                             : pread(fd, block + done, n - done, here);

        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return -1;
        if (part == 0)
            break;
        done += (size_t)part;
    }
    return (ssize_t)done;
}

static bool write_again(int fd)
{
    struct buf block = BUF_INIT;
    ssize_t n = BLOCK;
    off_t at = 0;

    while (n == BLOCK) {
        n = move(fd, buf_reserve(&block, BLOCK), BLOCK, at, false);
        if (n < 0 || move(fd, block.data, (size_t)n, at, true) != n)
            break;
        at += n;
    }
    buf_release(&block);
    return n >= 0 && n < BLOCK && (at == 0 || fsync(fd) == 0);
}

bool log_settle(struct store_backend *b, struct err *err)
{
    int fd;

    if (b->settled)
        return true;
    fd = store_open_file(b->log_path, O_RDWR);
    if (fd < 0)
        return err_set_errno(err, errno, "cannot open '%s'", b->log_path);
    /* Nobody appends to the log meanwhile, or begins it anew. */
    if (!backend_run(b, SQL_BEGIN, SQLITE_OK, "begin", err)) {
        (void)close(fd);
        return (sqlite3_errcode(b->db) & 0xff) == SQLITE_BUSY ? backend_in_use(b, err) : false;
    }
    b->settled = write_again(fd);
    if (!b->settled)
        err_set_errno(err, errno, "cannot write '%s' again", b->log_path);
    (void)close(fd);
    sqlite_rollback(b);
    return b->settled;
}

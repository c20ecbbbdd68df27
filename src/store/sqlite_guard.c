/* SPDX-License-Identifier: MIT */
/*
 * Whether the store's two files are still as SQLite left them. SQLite does not look: a log that was
 * cut under it is written on beyond the hole, syncs well and is gone at the next start. Files that
 * were renamed or deleted are sqlite.c's.
 *
 * The wal-index says how far the log goes and who checkpointed (https://sqlite.org/walformat.html,
 * sections 2.1 and 2.2), so that another process may do both.
 */
#include "store/sqlite_backend.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOG_HEADER = 32,
    LOG_SALT_AT = 16,
    FRAME_HEADER = 24,
    FRAME_SALT_AT = 8,
    INDEX_BLOCK = 32768, /* the unit in which it is mapped */
    INDEX_COPY = 48,     /* two of these; the same, unless one is being written */
    INDEX_PAGE_AT = 14,
    INDEX_FRAMES_AT = 16,
    INDEX_SALT_AT = 32,
    INDEX_BACKFILLED_AT = 96,
    INDEX_ATTEMPTED_AT = 128, /* set before a checkpoint writes to the file */
    INDEX_HEADER = 136,
};

static uint32_t u32_at(const unsigned char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v)); /* the index is in the machine's order */
    return v;
}

static sqlite3_file *file_of(const struct store_backend *b)
{
    sqlite3_file *file = NULL;

    return sqlite3_file_control(b->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK
               ? file
               : NULL;
}

static bool read_index(const struct store_backend *b, struct log_index *ret)
{
    sqlite3_file *file = file_of(b);
    uint64_t words[INDEX_HEADER / sizeof(uint64_t)];
    const unsigned char *p = (const unsigned char *)words;
    void volatile *map = NULL;
    uint16_t page;

    if (file == NULL || file->pMethods->iVersion < 2 ||
        file->pMethods->xShmMap(file, 0, INDEX_BLOCK, 0, &map) != SQLITE_OK || map == NULL)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        words[i] = ((const uint64_t volatile *)map)[i];
    if (memcmp(p, p + INDEX_COPY, INDEX_COPY) != 0)
        return false;
    memcpy(&page, p + INDEX_PAGE_AT, sizeof(page));
    ret->page = page == 1 ? 65536 : page;
    ret->frames = u32_at(p + INDEX_FRAMES_AT);
    memcpy(ret->salt, p + INDEX_SALT_AT, sizeof(ret->salt));
    ret->backfilled = u32_at(p + INDEX_BACKFILLED_AT);
    ret->attempted = u32_at(p + INDEX_ATTEMPTED_AT);
    return true;
}

/* Through SQLite: to close a descriptor of our own would drop its locks. */
static bool read_header(const struct store_backend *b, unsigned char ret[STORE_HEADER])
{
    sqlite3_file *file = file_of(b);
    int rc;

    if (file == NULL)
        return false;
    rc = file->pMethods->xRead(file, ret, STORE_HEADER, 0);
    return rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ; /* the rest is zeros then */
}

void guard_note(struct store_backend *b)
{
    struct guard *g = &b->guard;

    g->noted = fstat(b->fd, &g->file) == 0 && read_header(b, g->header) && read_index(b, &g->index);
}

/* ---- the log ---- */

static bool has_salt(const struct store_backend *b, off_t at, const unsigned char salt[LOG_SALT])
{
    unsigned char found[LOG_SALT];
    size_t n = 0;
    ssize_t got = 1;

    while (n < LOG_SALT && got != 0) {
        got = pread(b->log_fd, found + n, LOG_SALT - n, at + (off_t)n);
        if (got < 0 && errno != EINTR)
            return true; /* a disk that fails shows itself */
        n += got > 0 ? (size_t)got : 0;
    }
    return n == LOG_SALT && memcmp(found, salt, LOG_SALT) == 0;
}

static off_t frame_at(const struct log_index *x, uint32_t frame)
{
    return LOG_HEADER + (off_t)(frame - 1) * (FRAME_HEADER + (off_t)x->page);
}

/*
 * A commit after the cut makes the log as long as it was, with a hole: so look at its header, and
 * at the frame that was the last one before (`was`).
 */
static bool log_is_whole(const struct store_backend *b,
                         const struct log_index *was,
                         const struct log_index *now)
{
    struct stat st;

    if (now->frames == 0)
        return true;
    if (fstat(b->log_fd, &st) != 0 || st.st_size < frame_at(now, now->frames + 1) ||
        !has_salt(b, LOG_SALT_AT, now->salt))
        return false;
    return was->frames == 0 || was->frames > now->frames ||
           memcmp(was->salt, now->salt, LOG_SALT) != 0 ||
           has_salt(b, frame_at(now, was->frames) + FRAME_SALT_AT, now->salt);
}

/* ---- the file ---- */

static bool same_time(const struct stat *a, const struct stat *b)
{
    return a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Whether another process may have changed the file by the rules. */
static bool was_checkpointed(const struct log_index *was, const struct log_index *now)
{
    return was->backfilled != now->backfilled || was->attempted != now->attempted ||
           memcmp(was->salt, now->salt, LOG_SALT) != 0;
}

/* Most often nothing has touched it; a new mode or owner is nothing, too. */
static bool file_is_whole(struct store_backend *b, const struct log_index *now)
{
    struct guard *g = &b->guard;
    unsigned char header[STORE_HEADER];
    struct stat st;

    if (fstat(b->fd, &st) != 0 || (same_time(&st, &g->file) && st.st_size == g->file.st_size))
        return true;
    if (was_checkpointed(&g->index, now)) {
        guard_note(b);
        return true;
    }
    if (st.st_size < g->file.st_size ||
        (read_header(b, header) && memcmp(header, g->header, STORE_HEADER) != 0))
        return false;
    g->file = st;
    return true;
}

bool guard_check(struct store_backend *b, struct err *err)
{
    struct guard *g = &b->guard;
    struct log_index now;
    const char *changed = NULL;

    if (!g->noted || !read_index(b, &now))
        return true;
    if (!file_is_whole(b, &now))
        changed = b->path;
    else if (!log_is_whole(b, &g->index, &now))
        changed = b->log_path;
    if (changed != NULL) {
        b->options->spoilt = (struct file_id){b->file.dev, b->file.ino};
        b->spoilt = true;
        return err_set(err, ERR_INVALID,
                       "'%s' was cut or overwritten while it was open; nothing is stored until a "
                       "whole store has its place or the server is restarted",
                       changed);
    }
    g->index = now;
    return true;
}

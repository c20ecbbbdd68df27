/* SPDX-License-Identifier: MIT */
/*
 * Reading submissions from another process, a page at a time. Nothing is written, not even a
 * checkpoint at the end: a read-only connection can't, and the server's is the only one that may.
 */
#include "base/buf.h"
#include "store/sqlite.h"
#include "store/sqlite_db.h"

#include <sqlite3.h>
#include <stdlib.h>

static const char page_sql[] = "SELECT seq, received_ms, flagged, id, name, email, message, source,"
                               " correlation_id FROM submissions"
                               " WHERE seq > ?1 AND (flagged = 0 OR ?2) ORDER BY seq LIMIT ?3";

enum { N_TEXTS = 6, FIRST_TEXT = 3 };

/*
 * A row copied out, so that no transaction is open while the callback runs: it may wait for a
 * pager.
 */
struct row {
    struct contact contact;
    size_t
        end[N_TEXTS]; /* of each text in page.bytes; the first starts where the last row's ended */
};

struct page {
    struct buf bytes;
    size_t n;
    struct row rows[CONTACTS_PAGE];
};

static void copy_row(struct page *page, sqlite3_stmt *st)
{
    struct row *row = &page->rows[page->n++];

    row->contact = (struct contact){
        .seq = sqlite3_column_int64(st, 0),
        .received_ms = (uint64_t)sqlite3_column_int64(st, 1),
        .flagged = sqlite3_column_int(st, 2) != 0,
    };
    for (int i = 0; i < N_TEXTS; i++) {
        const char *text = (const char *)sqlite3_column_text(st, FIRST_TEXT + i);

        if (text != NULL)
            buf_add(&page->bytes, text, (size_t)sqlite3_column_bytes(st, FIRST_TEXT + i));
        row->end[i] = page->bytes.len;
    }
}

/* One statement is one short read transaction. */
static bool read_page(
    sqlite3 *db, sqlite3_stmt *st, int64_t after, struct page *page, struct err *err)
{
    int rc = sqlite3_bind_int64(st, 1, after);
    bool ok;

    page->n = 0;
    buf_clear(&page->bytes);
    if (rc == SQLITE_OK)
        while ((rc = sqlite3_step(st)) == SQLITE_ROW)
            copy_row(page, st);
    ok = rc == SQLITE_DONE || db_fail(db, err, "read it");
    (void)sqlite3_reset(st);
    return ok;
}

static void fill_texts(const struct page *page, size_t i, struct contact *c)
{
    struct slice *const texts[N_TEXTS] = {&c->id,      &c->name,   &c->email,
                                          &c->message, &c->source, &c->correlation_id};
    size_t start = i > 0 ? page->rows[i - 1].end[N_TEXTS - 1] : 0;

    for (size_t k = 0; k < N_TEXTS; k++) {
        size_t end = page->rows[i].end[k];

        *texts[k] = (struct slice){end > start ? page->bytes.data + start : "", end - start};
        start = end;
    }
}

static bool hand_over(struct page *page, contact_fn *fn, void *ctx, struct err *err)
{
    for (size_t i = 0; i < page->n; i++) {
        fill_texts(page, i, &page->rows[i].contact);
        if (!fn(ctx, &page->rows[i].contact, err))
            return false;
    }
    return true;
}

static bool read_all(sqlite3 *db, bool flagged, contact_fn *fn, void *ctx, struct err *err)
{
    struct page *page;
    sqlite3_stmt *st = NULL;
    int64_t after = INT64_MIN;
    bool ok;

    if (!db_prepare(db, page_sql, &st, err))
        return false;
    page = must_calloc(1, sizeof(*page));
    ok = sqlite3_bind_int(st, 2, flagged) == SQLITE_OK &&
         sqlite3_bind_int(st, 3, CONTACTS_PAGE) == SQLITE_OK;
    MUST(ok);
    do {
        ok = read_page(db, st, after, page, err) && hand_over(page, fn, ctx, err);
        if (page->n > 0)
            after = page->rows[page->n - 1].contact.seq;
    } while (ok && page->n == CONTACTS_PAGE);
    (void)sqlite3_finalize(st);
    buf_release(&page->bytes);
    free(page);
    return ok;
}

bool contacts_read(const char *path, bool flagged, contact_fn *fn, void *ctx, struct err *err)
{
    sqlite3 *db;
    bool ok;

    if (!db_open_reader(path, &db, err))
        return false;
    ok = read_all(db, flagged, fn, ctx, err);
    db_close(db);
    return ok;
}

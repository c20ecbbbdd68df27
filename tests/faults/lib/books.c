/* SPDX-License-Identifier: MIT */
/* Message `i` has the text m-i, and the key key-i. */
#include "tests/faults/lib/books.h"

#include "tests/e2e/lib/client.h"

#include <sqlite3.h>
#include <stdlib.h>

size_t books_open(struct books *b)
{
    assert_true(b->n < BOOKS_MAX);
    return b->n++;
}

void books_acknowledge(struct books *b, size_t i)
{
    MUST(i < b->n && !b->acknowledged[i]);
    b->acknowledged[i] = true;
    b->n_acknowledged++;
}

static const char *post(struct fixture *f, const char *type, const char *fields, const char *body)
{
    return textf(
        f, "POST /contact HTTP/1.1\r\nHost: localhost\r\n%s%s\r\nContent-Length: %zu\r\n\r\n%s",
        type, fields, strlen(body), body);
}

const char *books_form(struct fixture *f, size_t i, const char *fields)
{
    return post(f, FORM_TYPE, fields, textf(f, "name=a&email=a%%40example.com&message=m-%zu", i));
}

const char *books_json(struct fixture *f, size_t i, const char *fields)
{
    return post(f, JSON_TYPE, textf(f, "\r\nIdempotency-Key: key-%zu%s", i, fields),
                textf(f, "{\"name\":\"a\",\"email\":\"a@example.com\",\"message\":\"m-%zu\"}", i));
}

static sqlite3_stmt *query(sqlite3 *db, const char *sql, const char *doing)
{
    sqlite3_stmt *st = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", doing, sqlite3_errmsg(db));
    return st;
}

static void check_messages(const struct books *b, sqlite3_stmt *st, const char *doing)
{
    bool *found = must_calloc(b->n + 1, sizeof(*found));

    while (sqlite3_step(st) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(st, 0);
        size_t i = strtoul(text + strlen("m-"), NULL, 10);

        if (i >= b->n || found[i])
            fail_msg("%s: %s is stored %s", doing, text, i < b->n ? "twice" : "and was never sent");
        found[i] = true;
    }
    for (size_t i = 0; i < b->n; i++)
        if (b->acknowledged[i] && !found[i])
            fail_msg("%s: m-%zu was acknowledged and is lost", doing, i);
    free(found);
}

void books_check(const struct books *b, const char *path, const char *doing)
{
    sqlite3_stmt *st;
    sqlite3 *db;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(db, DEADLINE_MS), SQLITE_OK);
    st = query(db, "PRAGMA integrity_check", doing);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(st, 0), "ok");
    (void)sqlite3_finalize(st);
    st = query(db, "SELECT message FROM submissions", doing);
    check_messages(b, st, doing);
    (void)sqlite3_finalize(st);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

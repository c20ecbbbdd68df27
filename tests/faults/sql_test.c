/* SPDX-License-Identifier: MIT */
/* SQL in every field that a submission has: text like any other. */
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/bodies.h"
#include "tests/faults/lib/promise.h"

#include <sqlite3.h>

static const char *const injections[] = {
    "'; DROP TABLE submissions; --",
    "\"; DROP TABLE submissions; --",
    "'); DELETE FROM submissions; --",
    "' OR '1'='1",
    "\" OR \"\"=\"",
    "' OR 1=1 --",
    "1; ATTACH DATABASE '/etc/passwd' AS x; --",
    "' UNION SELECT name, sql, 1, 1 FROM sqlite_master --",
    "'||(SELECT group_concat(email) FROM submissions)||'",
    "a' || randomblob(1000000000) || 'b",
    "'; PRAGMA writable_schema=1; --",
    "'; VACUUM INTO '/dev/null'; --",
    "' AND load_extension('/lib/x.so') --",
    "?1",
    ":name",
    "@name",
    "$name",
    "%s%n",
    "\\'; DROP TABLE submissions; --",
    "\xef\xbc\x87; DROP TABLE submissions; --", /* a quote of full width */
    "\xca\xbc OR 1=1",
    "NULL",
    "x'53514c'",
    "/*",
    "--",
};

/* In every field that is read: in those that refuse it, it is refused. */
static void inject(struct server *s, size_t i)
{
    struct fixture *f = s->f;
    const char *text = injections[i], *id = textf(f, "inject-%zu", i);
    struct buf b = BUF_INIT;
    const struct reply *r;

    add_submission(&b, AS_JSON, slice_str(text), slice_str(text));
    r = flow_one(s, "/contact", JSON_TYPE, id, (struct slice){b.data, b.len});
    assert_status(r, 201);
    buf_clear(&b);
    buf_addf(&b, "email=");
    add_spelled(&b, AS_FORM, slice_str(text));
    buf_addf(&b, "&name=a&message=m");
    r = flow_one(s, "/contact", FORM_TYPE, "inject-email", (struct slice){b.data, b.len});
    assert_true(r->status == 422);
    buf_addf(&b, "&website_url=x&other=");
    add_spelled(&b, AS_FORM, slice_str(text));
    r = flow_one(s, "/contact", FORM_TYPE, "inject-other", (struct slice){b.data, b.len});
    assert_true(r->status == 422);
    buf_release(&b);
    /* As a key: one that is valid is a key like any other, and finds only itself. */
    r = flow_one(s, "/contact", textf(f, JSON_TYPE "\r\nIdempotency-Key: %s", text), "inject-key",
                 SLICE_LIT(ADA));
    assert_true(r->status == 201 || r->status == 422);
    r = flow_one(s, "/contact?id=1'%20OR%201=1", textf(f, JSON_TYPE "\r\nCookie: id=%s", text),
                 text, SLICE_LIT("{}"));
    assert_status(r, 422);
}

static const char *sql_text(struct fixture *f, const char *path, const char *query)
{
    sqlite3_stmt *st = NULL;
    sqlite3 *db = NULL;
    const char *text;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    text = textf(f, "%s", (const char *)sqlite3_column_text(st, 0));
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return text;
}

TEST(sql_is_text_like_any_other)
{
    static const char schema[] = "SELECT group_concat(sql, ';') FROM sqlite_master ORDER BY name";
    struct fixture *f = *state;
    struct server *s = serve_all(f);
    const char *before;
    struct stored rows;

    server_stop(s);
    before = sql_text(f, s->store, schema);
    server_again(s);
    for (size_t i = 0; i < ARRAY_LEN(injections); i++)
        inject(s, i);
    server_stop(s);
    assert_string_equal(sql_text(f, s->store, schema), before);
    assert_string_equal(sql_text(f, s->store, "PRAGMA integrity_check"), "ok");
    rows = stored_rows(s);
    for (size_t i = 0; i < ARRAY_LEN(injections); i++) {
        const struct stored_row *row = stored_find(&rows, textf(f, "inject-%zu", i));

        assert_non_null(row);
        assert_string_equal(row->name.p, injections[i]);
        assert_string_equal(row->message.p, injections[i]);
    }
    promise("B40", "SQL in any field is text: stored as it came, and the tables are as before",
            "a list of injections as name, message, e-mail, key, ID, cookie and unknown field",
            "%zu injections in 7 places, schema and integrity unchanged", ARRAY_LEN(injections));
}

RUN_TESTS(T(sql_is_text_like_any_other))

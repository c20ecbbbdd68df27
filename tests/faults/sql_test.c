/* SPDX-License-Identifier: MIT */
/* SQL in every field that a submission has: text like any other. */
#include "tests/e2e/lib/json.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/bodies.h"
#include "tests/faults/lib/promise.h"

#include <ctype.h>
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

/* What became of them, for the store to be asked afterwards. */
struct injected {
    size_t stored, keys;
    const char *ids[ARRAY_LEN(injections)]; /* of those sent as IDs */
};

static const struct reply *send_form(
    struct server *s, const char *id, const char *email, const char *field, const char *text)
{
    struct buf b = BUF_INIT;
    const struct reply *r;

    buf_add_str(&b, "name=a&message=m&email=");
    add_spelled(&b, AS_FORM, slice_str(email));
    if (field != NULL) {
        buf_addf(&b, "&%s=", field);
        add_spelled(&b, AS_FORM, slice_str(text));
    }
    r = flow_one(s, "/contact", FORM_TYPE, id, (struct slice){b.data, b.len});
    buf_release(&b);
    return r;
}

/* An address with all of the text that one may have: quotes, too. */
static const char *as_address(struct fixture *f, const char *text)
{
    struct buf b = BUF_INIT;
    const char *address;

    for (; *text != '\0'; text++)
        if (isalnum((unsigned char)*text) || strchr("!#$%&'*+/=?^_`{|}~-", *text) != NULL)
            buf_add_char(&b, *text);
    buf_add_str(&b, "@b.example");
    address = keep_text(f, b.data, b.len);
    buf_release(&b);
    return address;
}

/* A key may have no blanks, which SQL does not need. */
static const char *as_key(struct fixture *f, const char *text)
{
    struct buf b = BUF_INIT;
    const char *key;

    for (; *text != '\0'; text++)
        if (*text == ' ')
            buf_add_str(&b, "/**/");
        else
            buf_add_char(&b, *text);
    key = keep_text(f, b.data, b.len);
    buf_release(&b);
    return key;
}

static bool key_is_good(const char *key)
{
    for (const char *p = key; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~' || *p == '"' || *p == '\\')
            return false;
    return key[0] != '\0' && strlen(key) <= 128;
}

/* One that is good is a key like any other: it finds itself, and nothing else. */
static void inject_key(struct server *s, size_t i, struct injected *in)
{
    struct fixture *f = s->f;
    const char *key = as_key(f, injections[i]);
    const char *header = textf(f, JSON_TYPE "\r\nIdempotency-Key: %s", key);
    const struct reply *first, *second;

    first = flow_one(s, "/contact", header, "inject-key", SLICE_LIT(ADA));
    second = flow_one(s, "/contact", header, "inject-key", SLICE_LIT(ADA));
    assert_status(first, key_is_good(key) ? 201 : 422);
    assert_status(second, first->status);
    if (key_is_good(key))
        assert_string_equal(json_text(f, second->body, "id"), json_text(f, first->body, "id"));
    in->keys += key_is_good(key);
    in->stored += key_is_good(key);
}

/* In every field that is read, with all else right. */
static void inject(struct server *s, size_t i, struct injected *in)
{
    struct fixture *f = s->f;
    const char *text = injections[i], *id = textf(f, "inject-%zu", i);
    struct buf b = BUF_INIT;
    const struct reply *r;

    add_submission(&b, AS_JSON, slice_str(text), slice_str(text));
    r = flow_one(s, "/contact", JSON_TYPE, id, (struct slice){b.data, b.len});
    buf_release(&b);
    assert_status(r, 201);
    assert_status(send_form(s, "inject-email", text, NULL, NULL), 422);
    r = send_form(s, textf(f, "inject-mail-%zu", i), as_address(f, text), NULL, NULL);
    assert_status(r, 303);
    assert_status(send_form(s, "inject-other", "a@b.c", "other", text), 303);
    assert_status(send_form(s, "inject-trap", "a@b.c", "website_url", text), 303);
    inject_key(s, i, in);
    r = flow_one(s, "/contact?id=1'%20OR%201=1", textf(f, JSON_TYPE "\r\nCookie: id=%s", text),
                 text, SLICE_LIT(ADA));
    assert_status(r, 201);
    in->ids[i] = reply_field(r, "x-correlation-id");
    in->stored += 5;
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
    struct injected in = {.stored = 0};
    const char *before;
    struct stored rows;

    server_stop(s);
    before = sql_text(f, s->store, schema);
    server_again(s);
    for (size_t i = 0; i < ARRAY_LEN(injections); i++)
        inject(s, i, &in);
    server_stop(s);
    assert_string_equal(sql_text(f, s->store, schema), before);
    assert_string_equal(sql_text(f, s->store, "PRAGMA integrity_check"), "ok");
    rows = stored_rows(s);
    assert_int_equal(rows.n, in.stored);
    for (size_t i = 0; i < ARRAY_LEN(injections); i++) {
        const struct stored_row *row = stored_find(&rows, textf(f, "inject-%zu", i));

        assert_non_null(row);
        assert_string_equal(row->name.p, injections[i]);
        assert_string_equal(row->message.p, injections[i]);
        assert_non_null(stored_find(&rows, in.ids[i]));
        assert_string_equal(
            sql_text(f, s->store,
                     textf(f,
                           "SELECT email FROM submissions WHERE correlation_id='inject-mail-%zu'",
                           i)),
            as_address(f, injections[i]));
    }
    assert_true(in.keys >= ARRAY_LEN(injections) / 2);
    promise(
        "B40", "SQL in any field is text: stored as it came, and the tables are as before",
        "injections as name and message, e-mail, key, ID, cookie, honeypot and unknown field of "
        "submissions that are right otherwise",
        "%zu injections, %zu of them good keys; %zu submissions, schema and integrity unchanged",
        ARRAY_LEN(injections), in.keys, rows.n);
}

RUN_TESTS(T(sql_is_text_like_any_other))

/* SPDX-License-Identifier: MIT */
/*
 * Reading what came in: `sidelight contacts list` and `export`, beside a running server and without
 * one.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/load.h"
#include "tests/e2e/lib/page.h"

#include <sqlite3.h>

static const char *list(struct server *s)
{
    const struct outcome *o = server_command(s, ARGS("contacts", "list"));

    assert_int_equal(o->status, 0);
    return o->out;
}

static const char *export(struct server *s, const char *format)
{
    const struct outcome *o = server_command(s, ARGS("contacts", "export", "--format", format));

    assert_int_equal(o->status, 0);
    assert_string_equal(o->err, "");
    return o->out;
}

static void post(struct server *s, const char *name, const char *message)
{
    struct buf b = BUF_INIT;

    buf_add_str(&b, "{\"email\":\"ada@example.com\",\"name\":\"");
    buf_add_json(&b, slice_str(name));
    buf_add_str(&b, "\",\"message\":\"");
    buf_add_json(&b, slice_str(message));
    buf_add_str(&b, "\"}");
    assert_status(post_json(s, buf_cstr(&b)), 201);
    buf_release(&b);
}

TEST(a_list_shows_each_message_in_the_order_of_arrival)
{
    struct server *s = server_start(*state, NULL);
    const char *text, *first, *second;

    post(s, "Ada", "The first\nhas two lines");
    post(s, "Grace", "The second");
    text = list(s);
    first = strstr(text, "Ada <ada@example.com>  source website");
    second = strstr(text, "Grace <ada@example.com>");
    assert_non_null(first);
    assert_non_null(second);
    assert_true(first < second);
    assert_contains(text, "The first\n    has two lines\n");
    assert_contains(text, "The second\n");
    server_stop(s);
    assert_string_equal(list(s), text); /* no server is needed */
}

TEST(an_empty_store_lists_nothing)
{
    struct server *s = server_start(*state, NULL);
    const struct outcome *o = server_command(s, ARGS("contacts", "list"));

    assert_int_equal(o->status, 0);
    assert_string_equal(o->out, "");
    assert_string_equal(export(s, "json"), "[\n]\n");
    assert_string_equal(export(s, "csv"),
                        "id,received_at,name,email,message,source,correlation_id\r\n");
}

TEST(a_store_that_is_not_there_is_an_error_and_is_not_made)
{
    struct fixture *f = *state;
    const char *path = in_dir(f, "nothing.db"), *set = textf(f, "store.path=%s", path);
    const struct outcome *o = run_sidelight(f, "contacts", "list", "--set", set);

    assert_int_equal(o->status, 1);
    assert_contains(o->err, "nothing.db");
    assert_string_equal(o->out, "");
    o = run(f, ARGS("ls", "-A", fixture_dir(f)), NULL);
    assert_lacks(o->out, "nothing.db");
}

TEST(csv_has_the_columns_quotes_and_no_formulas)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct reply *r =
        ASK(s, .path = "/contact", .headers = HEADERS(JSON_TYPE, "X-Correlation-ID: csv"),
            .body = "{\"name\":\"=HYPERLINK(\\\"x\\\")\",\"email\":\"+1@example.com\","
                    "\"message\":\"-1, \\\"two\\\"\\nlines\"}");
    const char *text;

    assert_status(r, 201);
    post(s, "@SUM(1)", "\tTab");
    text = export(s, "csv");
    assert_int_equal(
        strncmp(text, "id,received_at,name,email,message,source,correlation_id\r\n", 57), 0);
    assert_contains(
        text,
        "\"'=HYPERLINK(\"\"x\"\")\",\"'+1@example.com\",\"'-1, \"\"two\"\"\nlines\",\"website\",\"csv\"\r\n");
    assert_contains(text, "\"'@SUM(1)\"");
    assert_contains(text, "\"'\tTab\"");
    assert_contains(text, json_text(f, r->body, "id"));
    assert_int_equal(server_command(s, ARGS("contacts", "export"))->status, 64); /* which format? */
}

TEST(python_reads_the_csv_back)
{
    static const char script[] = "import csv, sys, json\n"
                                 "rows = list(csv.reader(open(sys.argv[1], newline='')))\n"
                                 "print(json.dumps(rows[1:]))\n";
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const struct outcome *o;

    post(s, "A \"quoted\", name", "one\r\ntwo,three\n\"four\"");
    write_file(in_dir(f, "out.csv"), export(s, "csv"));
    o = run(f, ARGS("python3", "-c", script, in_dir(f, "out.csv")), NULL);
    assert_int_equal(o->status, 0);
    assert_json(f, o->out, "0.2", "A \"quoted\", name");
    assert_json(f, o->out, "0.4", "one\r\ntwo,three\n\"four\"");
    assert_int_equal(json_size(f, o->out, "0"), 7);
}

TEST(json_has_all_fields)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *text;

    post(s, "Ada", "Hello");
    text = export(s, "json");
    assert_int_equal(json_size(f, text, ""), 1);
    assert_int_equal(json_size(f, text, "0"), 8);
    assert_int_equal(strlen(json_text(f, text, "0.id")), 36);
    assert_int_equal(strlen(json_text(f, text, "0.received_at")), 24);
    assert_json(f, text, "0.name", "Ada");
    assert_json(f, text, "0.email", "ada@example.com");
    assert_json(f, text, "0.message", "Hello");
    assert_json(f, text, "0.source", "website");
    assert_json(f, text, "0.flagged", "false");
}

TEST(control_bytes_do_not_reach_the_terminal)
{
    struct server *s = server_start(*state, NULL);
    sqlite3 *db = NULL;
    const char *text;

    post(s, "Ada", "a\tb\rc");
    server_stop(s);
    /* What the rules let nobody send may be there from elsewhere. */
    assert_int_equal(sqlite3_open(s->store, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(
            db,
            "UPDATE submissions SET name = 'x' || char(27) || '[31m' || char(7) || "
            "char(155) || char(127) || char(1564), message = message || char(27) || ']0;t' || char(10)",
            NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    text = list(s);
    for (const char *p = text; *p != '\0'; p++)
        assert_true(*p == '\n' || ((unsigned char)*p >= 0x20 && *p != 0x7f));
    assert_lacks(text, "\xc2\x9b");
    assert_contains(text, "\\x1b[31m\\x07");
    assert_lacks(text, "\xd8\x9c"); /* U+061C reorders text as U+200F does */
    assert_contains(text, "\\u061c");
    for (const char *p = export(s, "json"); *p != '\0'; p++)
        assert_true(*p == '\n' || ((unsigned char)*p >= 0x20 && *p != 0x7f));
}

TEST(reading_works_while_submissions_come_in)
{
    enum { ROUNDS = 15 };
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    struct load *l = load_start(s, &(struct load_options){LOAD_CONTACT, 3, 0, 300});
    struct load_result result;
    size_t last = 0;

    for (int i = 0; i < ROUNDS; i++) {
        const char *text = export(s, "json");
        size_t n = json_size(f, text, ""), lines;

        assert_true(n >= last);
        assert_int_equal(count_of(text, "\"id\":"), n);
        last = n;
        lines = count_of(list(s), "Ada <ada@example.com>");
        assert_true(lines >= n);
    }
    result = load_end(l, false);
    assert_int_equal(result.failed, 0);
    assert_true(result.answered > 0);
    assert_int_equal(json_size(f, export(s, "json"), ""), result.answered);
}

TEST(output_that_cannot_be_written_is_an_error)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *command;

    post(s, "Ada", "Hello");
    command = textf(f, "exec %s contacts list --set store.path=%s >/dev/full", program(), s->store);
    assert_int_equal(run(f, ARGS("sh", "-c", command), NULL)->status, 1);
}

RUN_TESTS(T(a_list_shows_each_message_in_the_order_of_arrival),
          T(an_empty_store_lists_nothing),
          T(a_store_that_is_not_there_is_an_error_and_is_not_made),
          T(csv_has_the_columns_quotes_and_no_formulas),
          T(python_reads_the_csv_back),
          T(json_has_all_fields),
          T(control_bytes_do_not_reach_the_terminal),
          T(reading_works_while_submissions_come_in),
          T(output_that_cannot_be_written_is_an_error))

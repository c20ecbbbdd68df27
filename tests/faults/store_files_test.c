/* SPDX-License-Identifier: MIT */
/*
 * What the server finds where its store should be: damaged, newer, or another thing. It does not start, says
 * why, and leaves every byte as it is; so do the commands.
 */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/promise.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, SUBMISSIONS_MIN = 200, MESSAGE = 900 };

/* ---- a store with something in it ---- */

static const char *submission(struct fixture *f, unsigned i)
{
    char *text = keep(f, MESSAGE + 1);
    const char *body;

    memset(text, 'a' + (int)(i % 26), MESSAGE);
    body =
        textf(f, "{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"message\":\"%u %s\"}", i, text);
    return textf(f,
                 "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE
                 "\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(body), body);
}

static void fill(struct server *s, unsigned n)
{
    struct wire *w = wire_to(s);

    for (unsigned i = 0; i < n; i++) {
        wire_send(w, submission(s->f, i));
        assert_status(wire_reply(s->f, w), 201);
    }
}

/* Stopped, with what it stored, all in the one file. */
static struct server *stored(struct fixture *f)
{
    struct server *s = server_start(f, SETS("contact.rate=off", "store.lock_wait=0s"));

    fill(s, SUBMISSIONS_MIN);
    server_stop(s);
    assert_int_not_equal(access(textf(f, "%s-wal", s->store), F_OK), 0);
    return s;
}

static void write_all(const char *path, const struct buf *b)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(b->data, 1, b->len, file), b->len);
    assert_int_equal(fclose(file), 0);
}

static void assert_unchanged(const char *path, const struct buf *was, const char *what)
{
    struct buf now = BUF_INIT;

    read_into(path, &now);
    if (now.len != was->len || memcmp(now.data, was->data, was->len) != 0)
        fail_msg("%s: %s was changed", what, path);
    buf_release(&now);
}

/* The server itself, and each command that would open the store. */
enum { COMMANDS = 4 };

static const struct outcome *run_command(struct server *s, int which)
{
    static const char id[] = "01a1ff49-181c-73f3-a725-a549b3b418af";
    const struct outcome *o = NULL;

    switch (which) {
    case 0:
        o = server_command(s, ARGS(NULL));
        break;
    case 1:
        o = server_command(s, ARGS("contacts", "export", "--format", "json"));
        break;
    case 2:
        o = server_command(s, ARGS("contacts", "delete", id));
        break;
    case 3:
        o = server_command(s, ARGS("store", "backup", in_dir(s->f, "backup.db")));
        (void)unlink(in_dir(s->f, "backup.db"));
        break;
    }
    return o;
}

/* It ends at once with 1 and the reason; the commands leave the file alone, too. */
static void assert_refused(struct server *s,
                           const struct buf *was,
                           const char *what,
                           const char *says)
{
    const struct outcome *o = run_command(s, 0);

    if (o->status != 1 || strstr(o->err, says) == NULL)
        fail_msg("%s: %d %s", what, o->status, o->err);
    assert_lacks(o->out, "\"listening\"");
    assert_unchanged(s->store, was, what);
    for (int i = 1; i < COMMANDS; i++) {
        (void)run_command(s, i);
        assert_unchanged(s->store, was, textf(s->f, "%s, command %d", what, i));
    }
}

/* ---- damage ---- */

enum how { OVERWRITE, ZERO, CUT };

struct damage {
    const char *what;
    enum how how;
    size_t at, n; /* bytes; CUT: what is left */
    const char *says;
};

static const struct damage damages[] = {
    {"text in place of the file",  OVERWRITE, 0,             SIZE_MAX, "is not usable"},
    {"zeros in place of the file", ZERO,      0,             SIZE_MAX, "is not usable"},
    {"the header overwritten",     OVERWRITE, 0,             100,      "is not usable"},
    {"the header zeroed",          ZERO,      0,             100,      "is not usable"},
    {"the magic overwritten",      OVERWRITE, 0,             16,       "is not usable"},
    {"the page size overwritten",  OVERWRITE, 16,            2,        "is not usable"},
    {"the schema overwritten",     OVERWRITE, 100,           PAGE,     "malformed"    },
    {"the schema zeroed",          ZERO,      100,           PAGE,     "malformed"    },
    {"cut to half of its pages",   CUT,       SIZE_MAX,      0,        "malformed"    },
    {"cut within a page",          CUT,       9 * PAGE + 77, 0,        "malformed"    },
    {"cut to its first page",      CUT,       PAGE,          0,        "malformed"    },
    {"cut within its first page",  CUT,       PAGE / 2,      0,        "malformed"    },
    {"cut within the header",      CUT,       60,            0,        "is not usable"},
    {"cut to two bytes",           CUT,       2,             0,        "is not usable"},
};

static void do_damage(const struct damage *d, struct buf *b)
{
    size_t n;

    if (d->how == CUT) {
        b->len = d->at != SIZE_MAX ? d->at : b->len / PAGE / 2 * PAGE;
        return;
    }
    n = d->n < b->len - d->at ? d->n : b->len - d->at;
    memset(b->data + d->at, d->how == ZERO ? 0 : '~', n);
}

TEST(a_damaged_store_is_refused_and_kept)
{
    struct fixture *f = *state;
    struct server *s = stored(f);
    struct buf sound = BUF_INIT;

    read_into(s->store, &sound);
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct buf b = BUF_INIT;

        buf_add(&b, sound.data, sound.len);
        do_damage(&damages[i], &b);
        write_all(s->store, &b);
        assert_refused(s, &b, damages[i].what, damages[i].says);
        buf_release(&b);
    }
    write_all(s->store, &sound); /* put back, it is served */
    buf_release(&sound);
    server_again(s);
    assert_status(post_json(s, ADA), 201);
    promise("F78",
            "A damaged store is refused at the start with the reason, and kept byte for byte",
            "header, magic, schema, whole file overwritten or zeroed; cut anywhere; by the server "
            "and by the commands",
            "%zu kinds of damage, %zu tries, 0 bytes changed", ARRAY_LEN(damages),
            ARRAY_LEN(damages) * (size_t)COMMANDS);
}

TEST(a_store_with_a_damaged_page_is_refused_and_kept)
{
    struct fixture *f = *state;
    struct server *s = stored(f);
    struct buf sound = BUF_INIT;
    size_t pages, tried = 0;

    read_into(s->store, &sound);
    pages = sound.len / PAGE;
    assert_true(pages > 40);
    for (size_t i = 1; i < pages; i += faults_long() ? 1 : pages / 6) {
        struct buf b = BUF_INIT;
        const char *what = textf(f, "page %zu of %zu overwritten", i, pages);

        buf_add(&b, sound.data, sound.len);
        memset(b.data + i * PAGE, '~', PAGE);
        write_all(s->store, &b);
        assert_refused(s, &b, what, "malformed");
        buf_release(&b);
        tried++;
    }
    buf_release(&sound);
    promise("F78", "One damaged page anywhere is found at the start",
            "pages of the file overwritten one at a time", "%zu of %zu pages, each refused", tried,
            pages);
}

/* ---- newer ---- */

static sqlite3 *open_store(const struct server *s)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(s->store, &db), SQLITE_OK);
    return db;
}

static void run_sql(sqlite3 *db, const char *sql)
{
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int schema_of(sqlite3 *db)
{
    sqlite3_stmt *st = NULL;
    int version;

    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    version = sqlite3_column_int(st, 0);
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    return version;
}

/* As a newer program would leave it: in the file, or killed, so that it is still in the log. */
static void make_newer(struct server *s, bool killed)
{
    sqlite3 *db = open_store(s);

    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, killed, NULL),
                     SQLITE_OK);
    run_sql(db, textf(s->f,
                      "CREATE TABLE newer_%d (x); INSERT INTO newer_%d VALUES (1);"
                      "PRAGMA user_version = %d",
                      killed, killed, schema_of(db) + (killed ? 0 : 2)));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

TEST(a_schema_newer_by_two_is_refused_and_kept_with_its_log)
{
    struct fixture *f = *state;
    struct server *s = stored(f);
    const char *log = textf(f, "%s-wal", s->store);

    for (int killed = 0; killed < 2; killed++) {
        struct buf file = BUF_INIT, wal = BUF_INIT;

        make_newer(s, killed != 0);
        read_into(s->store, &file);
        read_into(log, &wal);
        assert_true((wal.len > 0) == (killed != 0));
        assert_refused(s, &file, "a newer schema", "newer version");
        assert_unchanged(log, &wal, "a newer schema");
        buf_release(&file);
        buf_release(&wal);
    }
    promise("F78", "A schema two versions newer is refused at the start, and kept byte for byte",
            "user_version raised by two, in the file and in a log that a killed process left",
            "2 stores, %zu tries, 0 bytes changed", 2 * (size_t)COMMANDS);
}

/* ---- other things ---- */

TEST(what_is_no_file_is_refused_and_not_waited_for)
{
    struct fixture *f = *state;
    const char *path = in_dir(f, "thing"), *setting = textf(f, "store.path=%s", path);
    struct server *s = stored(f);
    struct stat st;

    for (int i = 0; i < 3; i++) {
        static const char *const whats[] = {"a directory", "a FIFO", "a link to the store"};
        const struct outcome *o;
        int made = i == 0   ? mkdir(path, 0700)
                   : i == 1 ? mkfifo(path, 0600)
                            : symlink(s->store, path);
        mode_t mode;

        assert_int_equal(made, 0);
        assert_int_equal(lstat(path, &st), 0);
        mode = st.st_mode;
        o = run_sidelight(f, "--set", "listen.public=127.0.0.1:0", "--set",
                          "listen.metrics=127.0.0.1:0", "--set", setting);
        if (o->status != 1 || strstr(o->err, path) == NULL)
            fail_msg("%s: %d %s", whats[i], o->status, o->err);
        assert_int_equal(lstat(path, &st), 0);
        assert_int_equal(st.st_mode, mode);
        assert_int_equal(remove(path), 0);
    }
    promise("F78",
            "A directory, a FIFO or a link in place of the store is refused at once, by name",
            "each under the name of the store", "3 of 3 refused, unchanged");
}

/* ---- a log without its file ---- */

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Killed, so that what it stored is in its log. */
static struct server *logged(struct fixture *f, unsigned n, struct buf *file, struct buf *log)
{
    struct server *s = server_start(f, SETS("contact.rate=off", "store.lock_wait=0s"));

    fill(s, n);
    server_kill(s);
    read_into(s->store, file);
    read_into(textf(f, "%s-wal", s->store), log);
    assert_true(log->len > 0);
    return s;
}

/*
 * The server and every command say why and what to do, and name the store once; neither file is
 * touched.
 */
static void assert_log_kept(struct server *s,
                            const struct buf *file,
                            const struct buf *log,
                            const char *says)
{
    const char *log_path = textf(s->f, "%s-wal", s->store);

    for (int i = 0; i < COMMANDS; i++) {
        const struct outcome *o = run_command(s, i);
        const char *named = strstr(o->err, s->store);

        if (o->status != 1 || strstr(o->err, says) == NULL ||
            strstr(o->err, "move the log away") == NULL || named == NULL ||
            strstr(named + 1, s->store) != NULL)
            fail_msg("%s, command %d: %d %s", says, i, o->status, o->err);
        assert_unchanged(log_path, log, says);
        if (file == NULL)
            assert_false(is_there(s->store));
        else
            assert_unchanged(s->store, file, says);
    }
}

/*
 * A file without a byte is one that a start left that was killed; but not when there is a log to
 * it.
 */
TEST(a_log_without_its_store_is_refused_and_kept)
{
    enum { N = 3 };
    static const char *const whats[] = {"is missing", "is empty"};
    struct fixture *f = *state;
    struct buf file = BUF_INIT, log = BUF_INIT, nothing = BUF_INIT;
    struct server *s = logged(f, N, &file, &log);
    const char *log_path = textf(f, "%s-wal", s->store);

    (void)buf_cstr(&nothing);
    for (size_t i = 0; i < ARRAY_LEN(whats); i++) {
        if (i == 0)
            assert_int_equal(unlink(s->store), 0);
        else
            write_all(s->store, &nothing);
        assert_log_kept(s, i == 0 ? NULL : &nothing, &log, whats[i]);
    }
    write_all(s->store, &file); /* put back, it has all of it */
    server_again(s);
    assert_status(post_json(s, ADA), 201);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, N + 1);
    write_all(log_path, &log); /* or it begins anew without the log */
    assert_int_equal(unlink(s->store), 0);
    assert_int_equal(rename(log_path, in_dir(f, "log")), 0);
    server_again(s);
    assert_status(post_json(s, ADA), 201);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, 1);
    buf_release(&file);
    buf_release(&log);
    buf_release(&nothing);
    promise("F78",
            "A log whose store is missing or empty is refused at the start, and kept byte for byte",
            "the file deleted or emptied after a SIGKILL; by the server and by the commands",
            "%zu tries, 0 bytes changed; put back, %d of %d submissions",
            ARRAY_LEN(whats) * (size_t)COMMANDS, N, N);
}

TEST(a_backup_beside_the_log_of_another_store_is_refused_and_kept)
{
    struct fixture *f = *state;
    struct buf file = BUF_INIT, log = BUF_INIT, backup = BUF_INIT;
    struct server *s = logged(f, 3, &file, &log);
    const char *copy = in_dir(f, "copy.db");

    assert_int_equal(server_command(s, ARGS("store", "backup", copy))->status, 0);
    read_into(copy, &backup);
    write_all(s->store, &backup);
    assert_log_kept(s, &backup, &log, "of another store");
    assert_int_equal(unlink(textf(f, "%s-wal", s->store)), 0);
    server_again(s);
    assert_status(post_json(s, ADA), 201);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, 4);
    buf_release(&file);
    buf_release(&log);
    buf_release(&backup);
    promise("F78", "A backup put beside the log of the store before it is refused, and both kept",
            "a backup in place of a killed server's file; by the server and by the commands",
            "%d tries, 0 bytes changed", COMMANDS);
}

TEST(a_store_that_is_deleted_under_the_server_is_an_outage_and_its_log_is_kept)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    const char *log_path = textf(f, "%s-wal", s->store);
    struct buf log = BUF_INIT;

    fill(s, 3);
    read_into(log_path, &log);
    assert_int_equal(unlink(s->store), 0);
    EVENTUALLY(log_find(s, "is missing") != NULL);
    assert_status(post_json(s, ADA), 503);
    assert_status(get(s, "/health/readiness"), 503);
    assert_unchanged(log_path, &log, "deleted under the server");
    assert_false(is_there(s->store));
    assert_int_equal(rename(log_path, in_dir(f, "log")), 0);
    EVENTUALLY(get(s, "/health/readiness")->status == 200);
    assert_status(post_json(s, ADA), 201);
    buf_release(&log);
    promise(
        "F78",
        "A store that is deleted under the server is an outage, not a new store beside an old log",
        "the file deleted, then its log moved away",
        "0 bytes of the log changed; served after it was moved");
}

/* ---- what is said ---- */

TEST(each_reason_names_the_store_once)
{
    struct fixture *f = *state;
    struct server *s = stored(f);
    static const char *const sqls[] = {"BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"};
    size_t tried = 0;

    for (size_t i = 0; i < ARRAY_LEN(sqls); i++) {
        sqlite3 *db = open_store(s);

        run_sql(db, "PRAGMA journal_mode = DELETE");
        run_sql(db, sqls[i]);
        for (int k = 0; k < COMMANDS; k++) {
            const struct outcome *o = run_command(s, k);
            const char *named = strstr(o->err, s->store);

            if (o->status == 0)
                continue; /* a reader is not held up by a writer */
            if (named == NULL || strstr(named + 1, s->store) != NULL)
                fail_msg("%s, command %d: %s", sqls[i], k, o->err);
            tried++;
        }
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
    }
    assert_true(tried >= COMMANDS);
}

RUN_TESTS(T(a_damaged_store_is_refused_and_kept),
          T(a_store_with_a_damaged_page_is_refused_and_kept),
          T(a_schema_newer_by_two_is_refused_and_kept_with_its_log),
          T(what_is_no_file_is_refused_and_not_waited_for),
          T(a_log_without_its_store_is_refused_and_kept),
          T(a_backup_beside_the_log_of_another_store_is_refused_and_kept),
          T(a_store_that_is_deleted_under_the_server_is_an_outage_and_its_log_is_kept),
          T(each_reason_names_the_store_once))

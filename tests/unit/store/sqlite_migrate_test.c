/* SPDX-License-Identifier: MIT */
/*
 * Which files are taken, which are refused, and that a refused one is as it was.
 */
#include "store/sqlite_db.h"
#include "tests/unit/store/fixture.h"

#include <sqlite3.h>

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t ask(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    int64_t value = -1;

    assert_true(db_open(path, false, &db, NULL));
    assert_true(db_int(db, sql, &value, NULL));
    db_close(db);
    return value;
}

/* Makes a store with one submission. */
static void make_store(struct place *p)
{
    struct store *s = sqlite_store(p);
    struct test_job job;

    test_job_init(&job, 1);
    assert_int_equal(submit_and_wait(s, &job), STORE_STORED);
    store_free(s);
}

static bool count_contact(void *ctx, UNUSED const struct contact *c, UNUSED struct err *err)
{
    ++*(int *)ctx;
    return true;
}

/* Neither the server nor a reader takes the file, both say why, and it keeps its bytes. */
static void assert_refused(struct place *p, const char *why)
{
    size_t n_before, n_after;
    char *before = file_bytes(p->path, &n_before), *after;
    struct store_backend *b = NULL;
    struct err err = ERR_INIT;
    int n = 0;

    assert_false(sqlite_ops.open(&p->sqlite, &b, &err));
    assert_null(b);
    assert_int_equal(err.kind, ERR_INVALID);
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' is not in: %s", why, err.text);
    err = (struct err)ERR_INIT;
    assert_false(contacts_read(p->path, true, count_contact, &n, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    assert_non_null(strstr(err.text, why));
    assert_int_equal(n, 0);
    after = file_bytes(p->path, &n_after);
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before);
    free(before);
    free(after);
}

TEST(a_new_file_gets_the_whole_schema)
{
    struct place p;

    place_make(&p);
    make_store(&p);
    assert_int_equal(ask(p.path, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(ask(p.path, "PRAGMA application_id"), SCHEMA_APP_ID);
    assert_int_equal(ask(p.path,
                         "SELECT count(*) FROM pragma_table_list"
                         " WHERE name IN ('submissions', 'idempotency', 'visits', 'visitors')"
                         " AND strict"),
                     4);
    place_remove(&p);
}

TEST(an_empty_file_is_a_new_one)
{
    struct place p;

    place_make(&p);
    write_file(p.path, "", 0);
    make_store(&p);
    assert_int_equal(ask(p.path, "PRAGMA user_version"), SCHEMA_VERSION);
    place_remove(&p);
}

TEST(a_process_that_died_before_the_migration_is_no_obstacle)
{
    struct place p;

    place_make(&p);
    run_sql(p.path, "PRAGMA journal_mode = WAL");
    make_store(&p);
    assert_int_equal(ask(p.path, "PRAGMA user_version"), SCHEMA_VERSION);
    place_remove(&p);
}

/* What the program before this one left behind. */
static const char to_schema_1[] = "DROP TABLE visits; DROP TABLE visitors; PRAGMA user_version = 1";

TEST(schema_1_is_migrated_with_all_that_is_in_it)
{
    struct place p;
    struct store *s;
    struct store_visits visits = {.views = 9};
    int n = 0;

    place_make(&p);
    make_store(&p);
    run_sql(p.path, to_schema_1);
    s = sqlite_store(&p);
    store_take_visits(s, &visits);
    store_free(s);
    assert_int_equal(visits.views, 0);
    assert_int_equal(ask(p.path, "PRAGMA user_version"), 2);
    assert_int_equal(ask(p.path, "SELECT count(*) FROM visits"), 0);
    assert_int_equal(ask(p.path, "SELECT count(*) FROM visitors"), 0);
    assert_true(contacts_read(p.path, false, count_contact, &n, NULL));
    assert_int_equal(n, 1);
    place_remove(&p);
}

TEST(a_schema_that_is_not_migrated_yet_can_be_read)
{
    struct place p;
    int n = 0;

    place_make(&p);
    make_store(&p);
    run_sql(p.path, to_schema_1);
    assert_true(contacts_read(p.path, false, count_contact, &n, NULL));
    assert_int_equal(n, 1);
    assert_int_equal(ask(p.path, "PRAGMA user_version"), 1);
    place_remove(&p);
}

TEST(a_schema_newer_by_one_is_served_as_it_is)
{
    struct place p;
    struct store *s;
    struct test_job job;
    char sql[160];
    int n = 0;

    place_make(&p);
    make_store(&p);
    (void)snprintf(sql, sizeof(sql),
                   "PRAGMA user_version = %d; ALTER TABLE submissions ADD COLUMN phone TEXT",
                   SCHEMA_VERSION + 1);
    run_sql(p.path, sql);
    test_job_init(&job, 2);
    s = sqlite_store(&p);
    assert_int_equal(submit_and_wait(s, &job), STORE_STORED);
    store_free(s);
    assert_int_equal(ask(p.path, "PRAGMA user_version"), SCHEMA_VERSION + 1);
    assert_true(contacts_read(p.path, false, count_contact, &n, NULL));
    assert_int_equal(n, 2);
    place_remove(&p);
}

TEST(a_schema_newer_by_two_is_refused_and_the_file_left_alone)
{
    struct place p;
    char sql[160];

    place_make(&p);
    make_store(&p);
    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", SCHEMA_VERSION + 2);
    run_sql(p.path, sql);
    assert_refused(&p, "newer version");
    place_remove(&p);
}

TEST(a_newer_schema_that_died_keeps_its_log)
{
    struct place p;
    sqlite3 *db;
    char sql[320], *log_before, *log_after;
    size_t n_before, n_after;

    place_make(&p);
    make_store(&p);
    /* Closed without a checkpoint: as after a SIGKILL. */
    assert_int_equal(sqlite3_open(p.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL), SQLITE_OK);
    (void)snprintf(sql, sizeof(sql),
                   "PRAGMA user_version = %d; CREATE TABLE more (x); INSERT INTO more VALUES (1)",
                   SCHEMA_VERSION + 2);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    log_before = file_bytes(p.log_path, &n_before);
    assert_true(n_before > 0);
    assert_refused(&p, "newer version");
    log_after = file_bytes(p.log_path, &n_after);
    assert_int_equal(n_before, n_after);
    assert_memory_equal(log_before, log_after, n_before);
    free(log_before);
    free(log_after);
    place_remove(&p);
}

TEST(a_database_of_another_program_is_refused)
{
    static const char *const foreign[] = {
        "CREATE TABLE bookmarks (url TEXT)",
        "PRAGMA application_id = 7; CREATE TABLE x (y)",
        "PRAGMA user_version = 1; CREATE TABLE x (y)",
        "PRAGMA application_id = 7",
        "PRAGMA user_version = 1",
        "PRAGMA journal_mode = WAL; CREATE TABLE x (y)",
        "CREATE TABLE submissions (seq INTEGER PRIMARY KEY, id TEXT)",
    };

    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        struct place p;

        place_make(&p);
        run_sql(p.path, foreign[i]);
        assert_refused(&p, "another program");
        place_remove(&p);
    }
}

TEST(what_is_no_database_is_refused)
{
    static const char text[] =
        "Dear diary, this is certainly longer than a hundred bytes, because a "
        "shorter file could be taken for a torn one.\n";
    struct place p;

    place_make(&p);
    write_file(p.path, text, sizeof(text) - 1);
    assert_refused(&p, "not a database");
    place_remove(&p);
}

TEST(a_damaged_store_is_refused)
{
    static const struct {
        const char *what;
        size_t from, n; /* overwritten with 0xff */
        size_t cut;     /* 0: not cut */
    } damages[] = {
        {"the magic",              0,   16,  0  },
        {"the page size",          16,  2,   0  },
        {"the first page's cells", 100, 900, 0  },
        {"cut in the first page",  0,   0,   512},
        {"cut in the header",      0,   0,   50 },
    };

    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct place p;
        char *bytes;
        size_t n;

        place_make(&p);
        make_store(&p);
        bytes = file_bytes(p.path, &n);
        memset(bytes + damages[i].from, 0xff, damages[i].n);
        write_file(p.path, bytes, damages[i].cut != 0 ? damages[i].cut : n);
        free(bytes);
        assert_refused(&p, "is not usable");
        place_remove(&p);
    }
}

TEST(a_store_that_lost_its_end_does_not_start)
{
    struct place p;
    struct store *s = NULL;
    struct store_options options;
    struct err err = ERR_INIT;
    char *before, *after;
    size_t n, n_after;

    place_make(&p);
    make_store(&p);
    assert_int_equal(truncate(p.path, 4096), 0);
    before = file_bytes(p.path, &n);
    options = (struct store_options){
        .ops = &sqlite_ops, .arg = &p.sqlite, .metrics = p.registry, .shard = p.shard};
    assert_false(store_new(&options, &s, &err));
    assert_null(s);
    assert_int_equal(err.kind, ERR_INVALID);
    after = file_bytes(p.path, &n_after);
    assert_int_equal(n, n_after);
    assert_memory_equal(before, after, n);
    free(before);
    free(after);
    place_remove(&p);
}

TEST(a_store_without_its_tables_is_refused)
{
    struct place p;
    struct store_backend *b = NULL;
    struct err err = ERR_INIT;

    place_make(&p);
    make_store(&p);
    run_sql(p.path, "DROP TABLE idempotency");
    assert_false(sqlite_ops.open(&p.sqlite, &b, &err));
    assert_null(b);
    assert_non_null(strstr(err.text, "idempotency"));
    place_remove(&p);
}

RUN_TESTS(T(a_new_file_gets_the_whole_schema),
          T(an_empty_file_is_a_new_one),
          T(a_process_that_died_before_the_migration_is_no_obstacle),
          T(schema_1_is_migrated_with_all_that_is_in_it),
          T(a_schema_that_is_not_migrated_yet_can_be_read),
          T(a_schema_newer_by_one_is_served_as_it_is),
          T(a_schema_newer_by_two_is_refused_and_the_file_left_alone),
          T(a_newer_schema_that_died_keeps_its_log),
          T(a_database_of_another_program_is_refused),
          T(what_is_no_database_is_refused),
          T(a_damaged_store_is_refused),
          T(a_store_that_lost_its_end_does_not_start),
          T(a_store_without_its_tables_is_refused))

/* SPDX-License-Identifier: MIT */
/*
 * Files that somebody cuts or overwrites while they are open, which SQLite does not see; and what SQLite itself
 * does to them, here or in another process, which is no reason to stop.
 */
#include "tests/unit/store/rows.h"

#include <sys/stat.h>

/* Numbers `first` to `first + n - 1`, each in its own transaction. */
static void fill(struct store_backend *b, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++) {
        struct test_job t;

        test_job_init(&t, i);
        assert_int_equal(add_alone(b, &t), STORE_STORED);
    }
}

static off_t size_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

/* ---- by the rules ---- */

static void run_elsewhere(const struct place *p, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

TEST(what_sqlite_does_to_its_files_stops_nothing)
{
    static const char *const sqls[] = {
        "PRAGMA wal_checkpoint(PASSIVE)",
        "PRAGMA wal_checkpoint(FULL)",
        "PRAGMA wal_checkpoint(RESTART)",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "VACUUM",
        "DELETE FROM submissions WHERE seq % 2 = 1",
        "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)",
    };
    const struct store_upkeep upkeep = {.now_ms = UINT64_C(4100000000123)};
    struct store_tidied tidied;
    struct store_backend *b;
    struct place p;
    unsigned n = 0;

    place_make(&p);
    b = sqlite_backend(&p);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < ARRAY_LEN(sqls); i++, n += 40) {
            fill(b, n, 20);
            run_elsewhere(&p, sqls[i]);
            assert_true(sqlite_ops.probe(b, NULL));
            fill(b, n + 20, 20);
            assert_true(sqlite_ops.tidy(b, &upkeep, &tidied, NULL));
            if (round == 1)
                assert_true(sqlite_ops.checkpoint(b, NULL));
        }
    assert_int_equal(chmod(p.path, 0640), 0);
    fill(b, n, 1);
    fill(b, n + 1, 2000); /* over checkpoints of its own, when the log starts over */
    sqlite_ops.close(b);
    place_remove(&p);
}

/* ---- against them ---- */

enum when { BEFORE_BEGIN, BEFORE_COMMIT };
enum what { LOG_EMPTIED, LOG_CUT, LOG_CUT_BY_ONE, FILE_EMPTIED, FILE_CUT, FILE_OVERWRITTEN, WHATS };

static void spoil(const struct place *p, enum what what)
{
    char *bytes;
    size_t n;

    switch (what) {
    case LOG_EMPTIED:
        assert_int_equal(truncate(p->log_path, 0), 0);
        break;
    case LOG_CUT:
        assert_int_equal(truncate(p->log_path, size_of(p->log_path) / 2), 0);
        break;
    case LOG_CUT_BY_ONE:
        assert_int_equal(truncate(p->log_path, size_of(p->log_path) - 4096 - 24), 0);
        break;
    case FILE_EMPTIED:
        assert_int_equal(truncate(p->path, 0), 0);
        break;
    case FILE_CUT:
        assert_int_equal(truncate(p->path, size_of(p->path) - 4096), 0);
        break;
    case FILE_OVERWRITTEN: /* by something as long */
        bytes = file_bytes(p->path, &n);
        memset(bytes + 24, 7, 4);
        write_file(p->path, bytes, n);
        free(bytes);
        break;
    case WHATS:
        break;
    }
}

static void assert_spoilt(const struct place *p, struct err *err, enum what what)
{
    assert_int_equal(err->kind, ERR_INVALID);
    if (strstr(err->text, what <= LOG_CUT_BY_ONE ? p->log_path : p->path) == NULL ||
        strstr(err->text, "cut or overwritten") == NULL)
        fail_msg("%d: %s", (int)what, err->text);
    *err = (struct err)ERR_INIT;
}

/* Nothing is promised once it happened, and no byte is changed by closing or opening again. */
static void check_spoilt(enum what what, enum when when)
{
    struct place p;
    struct store_backend *b, *again = NULL;
    struct err err = ERR_INIT;
    struct test_job t;
    char *was[2], *is;
    size_t n[2], n_is;

    place_make(&p);
    b = sqlite_backend(&p);
    fill(b, 0, 40);
    assert_true(sqlite_ops.checkpoint(b, NULL));
    fill(b, 40, 10);
    test_job_init(&t, 50);
    if (when == BEFORE_COMMIT) {
        begin(b);
        assert_int_equal(add(b, &t), STORE_STORED);
    }
    spoil(&p, what);
    if (when == BEFORE_COMMIT) {
        assert_false(sqlite_ops.commit(b, &err));
        assert_spoilt(&p, &err, what);
    }
    assert_false(sqlite_ops.begin(b, &err));
    assert_spoilt(&p, &err, what);
    assert_false(sqlite_ops.probe(b, &err));
    assert_spoilt(&p, &err, what);
    was[0] = file_bytes(p.path, &n[0]);
    was[1] = file_bytes(p.log_path, &n[1]);
    sqlite_ops.close(b);
    for (int i = 0; i < 2; i++) {
        assert_false(sqlite_ops.open(&p.sqlite, &again, &err));
        assert_null(again);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_non_null(strstr(err.text, p.path));
        is = file_bytes(i == 0 ? p.path : p.log_path, &n_is);
        assert_int_equal(n_is, n[i]);
        assert_memory_equal(is, was[i], n[i]);
        free(is);
        free(was[i]);
    }
    place_remove(&p);
}

TEST(nothing_is_promised_in_a_file_that_was_cut_or_overwritten_nor_is_it_opened_again)
{
    for (int what = 0; what < WHATS; what++) {
        check_spoilt((enum what)what, BEFORE_BEGIN);
        check_spoilt((enum what)what, BEFORE_COMMIT);
    }
}

TEST(another_file_in_the_place_of_a_spoilt_one_is_checked_and_opened)
{
    struct place p;
    struct store_backend *b;
    struct err err = ERR_INIT;
    char copy[128];
    uint64_t bytes;

    place_make(&p);
    (void)snprintf(copy, sizeof(copy), "%s.copy", p.path);
    b = sqlite_backend(&p);
    fill(b, 0, 20);
    assert_true(sqlite_ops.checkpoint(b, NULL));
    assert_true(sqlite_ops.backup(&p.sqlite, copy, NULL, NULL, &bytes, NULL));
    assert_int_equal(truncate(p.path, 4096), 0);
    assert_false(sqlite_ops.probe(b, NULL));
    sqlite_ops.close(b);
    b = NULL;
    assert_false(sqlite_ops.open(&p.sqlite, &b, NULL));
    assert_int_equal(rename(copy, p.path), 0);
    if (!sqlite_ops.open(&p.sqlite, &b, &err))
        fail_msg("%s", err.text);
    assert_int_equal(rows(&p), 20);
    sqlite_ops.close(b);
    place_remove(&p);
}

/* A reopening reads each page again only then. */
TEST(a_store_in_which_damage_was_met_is_read_whole_before_it_is_used_again)
{
    struct place p;
    struct store_backend *b = NULL;
    struct err err = ERR_INIT;
    char *bytes;
    size_t n;

    place_make(&p);
    b = sqlite_backend(&p);
    fill(b, 0, 200);
    sqlite_ops.close(b);
    bytes = file_bytes(p.path, &n);
    assert_true(n > 12 * (size_t)4096);
    memset(bytes + n - 4 * (size_t)4096, '~', 4 * (size_t)4096);
    write_file(p.path, bytes, n);
    free(bytes);
    assert_true(p.sqlite.checked); /* as when it only was out of service */
    b = NULL;
    if (sqlite_ops.open(&p.sqlite, &b, &err)) {
        bool ok = true;

        for (unsigned i = 200; ok && i < 400; i++) {
            struct test_job t;

            test_job_init(&t, i);
            ok = sqlite_ops.begin(b, &err) && sqlite_ops.add(b, &t.job, &err) &&
                 sqlite_ops.commit(b, &err);
        }
        assert_false(ok);
        sqlite_ops.rollback(b);
        sqlite_ops.close(b);
    }
    assert_int_equal(err.kind, ERR_INVALID);
    assert_false(p.sqlite.checked);
    b = NULL;
    assert_false(sqlite_ops.open(&p.sqlite, &b, &err));
    assert_null(b);
    assert_non_null(strstr(err.text, "malformed"));
    place_remove(&p);
}

RUN_TESTS(T(what_sqlite_does_to_its_files_stops_nothing),
          T(nothing_is_promised_in_a_file_that_was_cut_or_overwritten_nor_is_it_opened_again),
          T(another_file_in_the_place_of_a_spoilt_one_is_checked_and_opened),
          T(a_store_in_which_damage_was_met_is_read_whole_before_it_is_used_again))

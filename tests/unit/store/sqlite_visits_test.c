/* SPDX-License-Identifier: MIT */
/*
 * The visitor counter on a real file: what is written is read back, whatever order it came in, and a day that ended leaves
 * nothing behind. The queue and the batches around it are in store_visits_test.c.
 */
#include "tests/unit/store/rows.h"

enum { DAY = 20500 };

/* Visitors `first` to `n` of a day; the hash of each is its number, in a form that is found in a file. */
static struct store_visits visits(uint64_t views, uint64_t day, size_t first, size_t n)
{
    struct store_visits v = {.views = views, .day = day, .visitors = n, .first = first};

    memset(v.salt, (int)(day & 0xff) | 0x80, sizeof(v.salt));
    v.hashes = must_calloc(n - first + 1, sizeof(v.hashes[0]));
    for (size_t i = first; i < n; i++)
        v.hashes[i - first] = UINT64_C(0xfeedfacecafe0000) * day + i;
    return v;
}

static enum store_result put(struct store_backend *b, struct store_visits v, bool wiped)
{
    struct store_job job = {.kind = STORE_VISITS, .visits = &v, .result = STORE_FAILED};

    begin(b);
    assert_true(sqlite_ops.put_visits(b, &job, NULL));
    commit(b);
    assert_int_equal(v.wiped, wiped);
    store_visits_release(&v);
    assert_null(v.hashes);
    return job.result;
}

/* What is stored is what `want` says; releases that. */
static void expect(struct store_backend *b, struct store_visits want)
{
    struct store_visits v = {.views = 99};

    assert_true(sqlite_ops.get_visits(b, &v, NULL));
    assert_int_equal(v.views, want.views);
    assert_int_equal(v.day, want.day);
    assert_int_equal(v.visitors, want.visitors);
    assert_int_equal(v.first, 0);
    assert_memory_equal(v.salt, want.salt, STORE_SALT);
    if (want.visitors > 0)
        assert_memory_equal(v.hashes, want.hashes, want.visitors * sizeof(v.hashes[0]));
    store_visits_release(&v);
    store_visits_release(&want);
}

TEST(nothing_is_read_where_nothing_was_written)
{
    struct place p;
    struct store_backend *b;
    struct store_visits v = {.views = 99, .day = 99};

    place_make(&p);
    b = sqlite_backend(&p);
    assert_true(sqlite_ops.get_visits(b, &v, NULL));
    assert_int_equal(v.views, 0);
    assert_int_equal(v.day, 0);
    assert_null(v.hashes);
    sqlite_ops.close(b);
    place_remove(&p);
}

TEST(what_is_written_is_read_back_also_by_the_next_process)
{
    static const size_t counts[] = {0,    1,     STORE_BLOCK - 1, STORE_BLOCK, STORE_BLOCK + 1,
                                    4096, 200000};

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct place p;
        struct store_backend *b;

        place_make(&p);
        b = sqlite_backend(&p);
        assert_int_equal(put(b, visits(7, DAY, 0, counts[i]), false), STORE_STORED);
        expect(b, visits(7, DAY, 0, counts[i]));
        sqlite_ops.close(b);
        b = sqlite_backend(&p);
        expect(b, visits(7, DAY, 0, counts[i]));
        sqlite_ops.close(b);
        place_remove(&p);
    }
}

TEST(a_day_grows_by_its_last_blocks_and_a_repeated_write_changes_nothing)
{
    struct place p;
    struct store_backend *b;

    place_make(&p);
    b = sqlite_backend(&p);
    assert_int_equal(put(b, visits(1, DAY, 0, 10), false), STORE_STORED);
    assert_int_equal(put(b, visits(2, DAY, 0, STORE_BLOCK), false), STORE_STORED);
    assert_int_equal(put(b, visits(3, DAY, STORE_BLOCK, STORE_BLOCK), false), STORE_STORED);
    assert_int_equal(put(b, visits(4, DAY, STORE_BLOCK, 2 * STORE_BLOCK + 1), false), STORE_STORED);
    assert_int_equal(put(b, visits(4, DAY, STORE_BLOCK, 2 * STORE_BLOCK + 1), false), STORE_STORED);
    expect(b, visits(4, DAY, 0, 2 * STORE_BLOCK + 1));
    assert_int_equal(look(p.path, "SELECT count(*) FROM visitors"), 3);
    sqlite_ops.close(b);
    place_remove(&p);
}

TEST(what_builds_on_something_that_is_not_there_is_sent_back)
{
    struct place p;
    struct store_backend *b;

    place_make(&p);
    b = sqlite_backend(&p);
    assert_int_equal(put(b, visits(5, DAY, STORE_BLOCK, STORE_BLOCK + 1), false), STORE_NOT_FOUND);
    assert_int_equal(look(p.path, "SELECT count(*) FROM visits"), 0);
    assert_int_equal(put(b, visits(5, DAY, 0, STORE_BLOCK - 1), false), STORE_STORED);
    assert_int_equal(put(b, visits(6, DAY, STORE_BLOCK, STORE_BLOCK + 1), false), STORE_NOT_FOUND);
    /* Another day's are no ground to build on, and are not deleted for nothing. */
    assert_int_equal(put(b, visits(7, DAY, 0, STORE_BLOCK), false), STORE_STORED);
    assert_int_equal(put(b, visits(8, DAY + 1, STORE_BLOCK, STORE_BLOCK + 1), false),
                     STORE_NOT_FOUND);
    expect(b, visits(7, DAY, 0, STORE_BLOCK));
    sqlite_ops.close(b);
    place_remove(&p);
}

/* Whether any of a day's salt or hashes is in a file. */
static bool traces_of(const char *path, uint64_t day, size_t n)
{
    struct store_visits v = visits(0, day, 0, n);
    bool found;
    size_t size;
    char *bytes = file_bytes(path, &size);

    found = memmem(bytes, size, v.salt, sizeof(v.salt)) != NULL;
    for (size_t i = 0; i < n && !found; i += 97)
        found = memmem(bytes, size, &v.hashes[i], sizeof(v.hashes[0])) != NULL;
    free(bytes);
    store_visits_release(&v);
    return found;
}

TEST(a_day_that_ended_leaves_no_trace_in_the_file_or_its_log)
{
    static const size_t counts[] = {1, 40, STORE_BLOCK, 10 * STORE_BLOCK + 7};

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct store_upkeep upkeep = {(DAY + 1) * UINT64_C(86400000), 0};
        struct store_tidied tidied;
        struct place p;
        struct store_backend *b;
        size_t n = counts[i], first = n / STORE_BLOCK * STORE_BLOCK;

        place_make(&p);
        b = sqlite_backend(&p);
        for (size_t k = 1; k < n; k += k) /* as a day grows */
            assert_int_equal(put(b, visits(k, DAY, 0, k), false), STORE_STORED);
        assert_int_equal(put(b, visits(n, DAY, 0, n), false), STORE_STORED);
        assert_int_equal(put(b, visits(n, DAY, first, n), false), STORE_STORED);
        assert_true(sqlite_ops.checkpoint(b, NULL));
        assert_true(traces_of(p.path, DAY, n));
        assert_int_equal(put(b, visits(n + 1, DAY + 1, 0, 0), true), STORE_STORED);
        assert_true(sqlite_ops.tidy(b, &upkeep, &tidied, NULL));
        assert_false(traces_of(p.path, DAY, n));
        assert_false(traces_of(p.log_path, DAY, n));
        expect(b, visits(n + 1, DAY + 1, 0, 0));
        sqlite_ops.close(b);
        place_remove(&p);
    }
}

/* As another process would. */
static void damage(const struct place *p, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

TEST(a_malformed_part_is_as_if_it_were_absent)
{
    static const struct {
        const char *sql;
        uint64_t views, day;
        size_t visitors;
    } cases[] = {
        {"UPDATE visits SET views = -1",                                   0, DAY, STORE_BLOCK + 5                                     },
        {"UPDATE visits SET salt = x'00'",                                 7, 0,   0                                                   },
        {"UPDATE visits SET day = -5",                                     7, 0,   0                                                   },
        {"UPDATE visits SET visitors = -5",                                7, DAY, STORE_BLOCK + 5                                     },
        {"DELETE FROM visits",                                             0, 0,   0                                                   },
        {"DELETE FROM visitors WHERE block = 0",                           7, DAY, 0                                                   },
        {"DELETE FROM visitors WHERE block = 1",                           7, DAY, STORE_BLOCK                                         },
        {"UPDATE visitors SET hashes = x'' WHERE block = 0",               7, DAY, 0                                                   },
        {"UPDATE visitors SET hashes = x'0102' WHERE block = 1",           7, DAY, STORE_BLOCK                                         },
        {"UPDATE visitors SET hashes = zeroblob(5000) WHERE block = 0",    7, DAY, 0                                                   },
        {"UPDATE visitors SET block = -1 WHERE block = 1",                 7, DAY, 0                                                   },
        {"INSERT INTO visitors VALUES (2, zeroblob(8)), (9, zeroblob(8))", 7, DAY, STORE_BLOCK + 5                                     },
        {"DELETE FROM visitors;"
         "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)"
         "INSERT INTO visitors SELECT i, zeroblob(4096) FROM n",  7, DAY, (STORE_VISITORS_MAX / STORE_BLOCK + 1) * STORE_BLOCK},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_visits v = {.views = 99};
        struct place p;
        struct store_backend *b;

        place_make(&p);
        b = sqlite_backend(&p);
        assert_int_equal(put(b, visits(7, DAY, 0, STORE_BLOCK + 5), false), STORE_STORED);
        damage(&p, cases[i].sql);
        assert_true(sqlite_ops.get_visits(b, &v, NULL));
        if (v.views != cases[i].views || v.day != cases[i].day || v.visitors != cases[i].visitors)
            fail_msg("%s: %zu visitors", cases[i].sql, v.visitors);
        store_visits_release(&v);
        /* And the next write mends it. */
        assert_int_equal(put(b, visits(8, DAY + 3, 0, 1), cases[i].day != 0 || cases[i].views > 0),
                         STORE_STORED);
        expect(b, visits(8, DAY + 3, 0, 1));
        assert_int_equal(look(p.path, "SELECT count(*) FROM visitors"), 1);
        sqlite_ops.close(b);
        place_remove(&p);
    }
}

TEST(a_damaged_number_of_visitors_is_nothing_to_build_on)
{
    static const struct {
        const char *sql;
        enum store_result result;
    } cases[] = {
        {"UPDATE visits SET visitors = -5", STORE_NOT_FOUND},
        {"UPDATE visits SET visitors = 0",  STORE_NOT_FOUND},
        {"UPDATE visits SET views = -5",    STORE_STORED   },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct place p;
        struct store_backend *b;
        enum store_result result;

        place_make(&p);
        b = sqlite_backend(&p);
        assert_int_equal(put(b, visits(7, DAY, 0, STORE_BLOCK), false), STORE_STORED);
        damage(&p, cases[i].sql);
        result = put(b, visits(8, DAY, STORE_BLOCK, STORE_BLOCK + 1), false);
        if (result != cases[i].result)
            fail_msg("%s: %d", cases[i].sql, (int)result);
        assert_int_equal(put(b, visits(8, DAY, 0, STORE_BLOCK + 1), false), STORE_STORED);
        expect(b, visits(8, DAY, 0, STORE_BLOCK + 1));
        sqlite_ops.close(b);
        place_remove(&p);
    }
}

TEST(a_backup_has_the_counter)
{
    struct place p;
    struct store_backend *b, *copy = NULL;
    struct sqlite_options options;
    uint64_t bytes = 0;
    char path[128];

    place_make(&p);
    b = sqlite_backend(&p);
    assert_int_equal(put(b, visits(7, DAY, 0, 1000), false), STORE_STORED);
    (void)snprintf(path, sizeof(path), "%s/copy.db", p.dir);
    assert_true(sqlite_ops.backup(&p.sqlite, path, NULL, NULL, &bytes, NULL));
    options = (struct sqlite_options){.path = path};
    assert_true(sqlite_ops.open(&options, &copy, NULL));
    expect(copy, visits(7, DAY, 0, 1000));
    sqlite_ops.close(copy);
    sqlite_ops.close(b);
    place_remove(&p);
}

RUN_TESTS(T(nothing_is_read_where_nothing_was_written),
          T(what_is_written_is_read_back_also_by_the_next_process),
          T(a_day_grows_by_its_last_blocks_and_a_repeated_write_changes_nothing),
          T(what_builds_on_something_that_is_not_there_is_sent_back),
          T(a_day_that_ended_leaves_no_trace_in_the_file_or_its_log),
          T(a_malformed_part_is_as_if_it_were_absent),
          T(a_damaged_number_of_visitors_is_nothing_to_build_on),
          T(a_backup_has_the_counter))

/* SPDX-License-Identifier: MIT */
/*
 * The SQLite backend on a real file: order, idempotency, bytes, the log. Deleting is in sqlite_rows_test.c, faults of the disk
 * in sqlite_fault_test.c, deaths in sqlite_crash_test.c.
 */
#include "tests/unit/store/rows.h"

#include <sys/stat.h>

/* ---- order ---- */

struct watched_job {
    struct store_job job;
    const char *path;
    int64_t seen;
    sem_t done;
};

static void watched_done(struct store_job *job)
{
    struct watched_job *w = CONTAINER_OF(job, struct watched_job, job);
    char sql[128];

    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM submissions WHERE id = '%s'",
                   job->sub.id);
    w->seen = look(w->path, sql);
    (void)sem_post(&w->done);
}

TEST(whoever_hears_of_a_submission_can_read_it)
{
    struct place p;
    struct store *s;

    place_make(&p);
    s = sqlite_store(&p);
    for (unsigned i = 0; i < 20; i++) {
        struct watched_job w = {.job.done = watched_done, .path = p.path, .seen = -1};

        make_id(w.job.sub.id, i);
        assert_int_equal(sem_init(&w.done, 0, 0), 0);
        assert_int_equal(store_submit(s, &w.job), STORE_ACCEPTED);
        wait_sem(&w.done);
        assert_int_equal(w.job.result, STORE_STORED);
        assert_int_equal(w.seen, 1);
    }
    store_free(s);
    place_remove(&p);
}

TEST(a_rolled_back_batch_leaves_nothing)
{
    struct place p;
    struct store_backend *b;
    struct test_job job;

    place_make(&p);
    b = sqlite_backend(&p);
    test_job_init(&job, 1);
    test_job_key(&job, "key", 1);
    begin(b);
    assert_int_equal(add(b, &job), STORE_STORED);
    sqlite_ops.rollback(b);
    sqlite_ops.rollback(b); /* nothing to roll back */
    assert_int_equal(look(p.path, "SELECT count(*) FROM submissions"), 0);
    assert_int_equal(add_alone(b, &job), STORE_STORED);
    sqlite_ops.close(b);
    place_remove(&p);
}

/* ---- idempotency ---- */

TEST(a_key_is_remembered_for_a_day_with_what_it_stood_for)
{
    static const struct {
        const char *what;
        int64_t later_ms;
        const char *key;
        uint8_t fingerprint;
        enum store_result result;
        unsigned id; /* that the job has afterwards */
    } cases[] = {
        {"another key",                      1,                "other", 1, STORE_STORED,     2},
        {"no key",                           1,                "",      1, STORE_STORED,     2},
        {"same key, same body",              1,                "key",   1, STORE_REPLAYED,   1},
        {"the same instant",                 0,                "key",   1, STORE_REPLAYED,   1},
        {"the clock went back",              -50 * HOUR_MS,    "key",   1, STORE_REPLAYED,   1},
        {"a moment before a day has passed", 24 * HOUR_MS - 1, "key",   1, STORE_REPLAYED,   1},
        {"a day later",                      24 * HOUR_MS,     "key",   1, STORE_STORED,     2},
        {"same key, other body",             1,                "key",   2, STORE_KEY_REUSED, 2},
        {"other body a day later",           24 * HOUR_MS,     "key",   2, STORE_STORED,     2},
        {"keys are compared by bytes",       1,                "KEY",   1, STORE_STORED,     2},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct place p;
        struct store_backend *b;
        struct test_job first, second, third;
        char id[ID_LEN + 1];
        int rows = cases[i].result == STORE_STORED ? 2 : 1;

        place_make(&p);
        b = sqlite_backend(&p);
        test_job_init(&first, 1);
        test_job_key(&first, "key", 1);
        assert_int_equal(add_alone(b, &first), STORE_STORED);
        test_job_init(&second, 2);
        second.job.sub.received_ms =
            (uint64_t)((int64_t)first.job.sub.received_ms + cases[i].later_ms);
        test_job_key(&second, cases[i].key, cases[i].fingerprint);
        assert_int_equal(add_alone(b, &second), cases[i].result);
        make_id(id, cases[i].id);
        assert_string_equal(second.job.sub.id, id);
        assert_int_equal(look(p.path, "SELECT count(*) FROM submissions"), rows);
        /* Whatever came of it, the next one with its key is a replay of it. */
        if (cases[i].result == STORE_STORED && cases[i].key[0] != '\0') {
            test_job_init(&third, 3);
            third.job.sub.received_ms = second.job.sub.received_ms;
            test_job_key(&third, cases[i].key, cases[i].fingerprint);
            assert_int_equal(add_alone(b, &third), STORE_REPLAYED);
            assert_string_equal(third.job.sub.id, id);
        }
        sqlite_ops.close(b);
        place_remove(&p);
    }
}

/* Its own stamp is the wall clock's, which may be wrong. */
TEST(a_key_is_as_old_as_the_store_says)
{
    struct place p;
    struct store_backend *b;
    struct test_job t;

    place_make(&p);
    b = sqlite_backend(&p);
    for (unsigned i = 0; i < 3; i++) {
        test_job_init(&t, i);
        t.job.now_ms = t.job.sub.received_ms + (i < 2 ? 0 : 24 * (uint64_t)HOUR_MS);
        t.job.sub.received_ms += i * 90000 * (uint64_t)HOUR_MS; /* ten years */
        test_job_key(&t, "key", 1);
        assert_int_equal(add_alone(b, &t), i == 1 ? STORE_REPLAYED : STORE_STORED);
    }
    sqlite_ops.close(b);
    place_remove(&p);
}

TEST(a_key_works_within_a_batch_too)
{
    struct place p;
    struct store_backend *b;
    struct test_job jobs[3];

    place_make(&p);
    b = sqlite_backend(&p);
    for (unsigned i = 0; i < 3; i++) {
        test_job_init(&jobs[i], i);
        test_job_key(&jobs[i], "key", i == 2 ? 2 : 1);
    }
    begin(b);
    assert_int_equal(add(b, &jobs[0]), STORE_STORED);
    assert_int_equal(add(b, &jobs[1]), STORE_REPLAYED);
    assert_int_equal(add(b, &jobs[2]), STORE_KEY_REUSED);
    commit(b);
    assert_string_equal(jobs[1].job.sub.id, jobs[0].job.sub.id);
    assert_int_equal(look(p.path, "SELECT count(*) FROM submissions"), 1);
    sqlite_ops.close(b);
    place_remove(&p);
}

TEST(a_key_is_remembered_over_a_restart)
{
    struct place p;
    struct store *s;
    struct test_job first, second;

    place_make(&p);
    test_job_init(&first, 1);
    test_job_key(&first, "key", 1);
    test_job_init(&second, 2);
    test_job_key(&second, "key", 1);
    s = sqlite_store(&p);
    assert_int_equal(submit_and_wait(s, &first), STORE_STORED);
    store_free(s);
    s = sqlite_store(&p);
    assert_int_equal(submit_and_wait(s, &second), STORE_REPLAYED);
    assert_string_equal(second.job.sub.id, first.job.sub.id);
    store_free(s);
    place_remove(&p);
}

TEST(old_keys_are_forgotten_however_many_there_are)
{
    enum { OLD = 2500, YOUNG = 3 };
    struct place p;
    struct store_backend *b;
    const uint64_t now = 1800000000000;
    const struct store_upkeep upkeep = {.now_ms = now};
    struct store_tidied tidied = {.more = true};

    place_make(&p);
    b = sqlite_backend(&p);
    begin(b);
    for (unsigned i = 0; i < OLD + YOUNG; i++) {
        struct test_job t;
        char key[16];

        test_job_init(&t, i);
        t.job.sub.received_ms = i < OLD ? now - 24 * (uint64_t)HOUR_MS : now - (uint64_t)HOUR_MS;
        (void)snprintf(key, sizeof(key), "key-%u", i);
        test_job_key(&t, key, 1);
        assert_int_equal(add(b, &t), STORE_STORED);
    }
    commit(b);
    while (tidied.more)
        assert_true(sqlite_ops.tidy(b, &upkeep, &tidied, NULL));
    assert_int_equal(look(p.path, "SELECT count(*) FROM idempotency"), YOUNG);
    assert_int_equal(look(p.path, "SELECT count(*) FROM submissions"), OLD + YOUNG);
    sqlite_ops.close(b);
    place_remove(&p);
}

/* ---- bytes ---- */

struct expectation {
    const struct slice *texts;
    size_t n, i;
};

static bool expect_text(void *ctx, const struct contact *c, UNUSED struct err *err)
{
    struct expectation *e = ctx;
    const struct slice *text = &e->texts[e->i];

    assert_true(e->i < e->n);
    assert_true(slice_eq(c->name, *text));
    assert_true(slice_eq(c->email, *text));
    assert_true(slice_eq(c->message, *text));
    assert_true(slice_eq(c->source, *text));
    assert_true(slice_eq(c->correlation_id, *text));
    e->i++;
    return true;
}

TEST(text_is_stored_byte_for_byte)
{
    static char huge[40000];
    const struct slice texts[] = {
        SLICE_LIT("Ada"),
        SLICE_LIT(""),
        SLICE_NONE,
        SLICE_LIT("'; DROP TABLE submissions; --"),
        SLICE_LIT("Robert\"); \\ %s %n ?1 :a @b $c"),
        SLICE_LIT(" leading and trailing \r\n\t "),
        SLICE_LIT("\xef\xbb\xbf"
                  "BOM"),
        SLICE_LIT("\xf0\x9f\x92\xa9 \xe2\x80\xae"
                  "rtl \xe2\x80\x8b"),
        SLICE_LIT("\xff\xfe\xc0\xaf\xed\xa0\x80 not UTF-8"),
        SLICE_LIT("\x01\x1b[31m\x7f"),
        SLICE_LIT("123"),
        SLICE_LIT("0x10"),
        SLICE_LIT("NULL"),
        SLICE_LIT("=1+1"),
        {huge, sizeof(huge)},
    };
    struct expectation e = {texts, ARRAY_LEN(texts), 0};
    struct place p;
    struct store *s;

    memset(huge, 'x', sizeof(huge));
    place_make(&p);
    s = sqlite_store(&p);
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
        struct test_job t;

        test_job_init(&t, i);
        t.job.sub.name = t.job.sub.email = t.job.sub.message = t.job.sub.source =
            t.job.sub.correlation_id = texts[i];
        if (texts[i].n <= STORE_KEY_MAX)
            t.job.sub.key = texts[i];
        assert_int_equal(submit_and_wait(s, &t), STORE_STORED);
    }
    assert_true(contacts_read(p.path, false, expect_text, &e, NULL));
    assert_int_equal(e.i, e.n);
    store_free(s);
    place_remove(&p);
}

/* ---- the log ---- */

static off_t size_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

TEST(a_checkpoint_empties_the_log_and_closing_removes_it)
{
    struct place p;
    struct store *s;
    struct store_backend *b;
    struct test_job job;

    place_make(&p);
    b = sqlite_backend(&p);
    test_job_init(&job, 1);
    assert_int_equal(add_alone(b, &job), STORE_STORED);
    assert_true(size_of(p.log_path) > 0);
    assert_true(sqlite_ops.checkpoint(b, NULL));
    assert_int_equal(size_of(p.log_path), 0);
    sqlite_ops.close(b);
    assert_int_not_equal(access(p.log_path, F_OK), 0);
    s = sqlite_store(&p);
    store_free(s);
    assert_int_not_equal(access(p.log_path, F_OK), 0);
    place_remove(&p);
}

TEST(the_log_stays_bounded_while_much_is_stored)
{
    enum { COMMITS = 100, EACH = 4, BYTES = 40000 };
    struct place p;
    struct store_backend *b;
    char *text = must_calloc(BYTES, 1);
    off_t longest = 0;

    memset(text, 'x', BYTES);
    place_make(&p);
    b = sqlite_backend(&p);
    for (unsigned i = 0; i < COMMITS; i++) {
        begin(b);
        for (unsigned k = 0; k < EACH; k++) {
            struct test_job t;

            test_job_init(&t, i * EACH + k);
            t.job.sub.message = (struct slice){text, BYTES};
            assert_int_equal(add(b, &t), STORE_STORED);
        }
        commit(b);
        if (size_of(p.log_path) > longest)
            longest = size_of(p.log_path);
    }
    assert_true(longest < INT64_C(8) * 1024 * 1024);
    assert_true(size_of(p.path) > (off_t)COMMITS * (EACH * BYTES / 2));
    sqlite_ops.close(b);
    place_remove(&p);
    free(text);
}

TEST(a_checkpoint_that_a_reader_holds_up_is_a_failure)
{
    struct place p;
    struct store_backend *b;
    struct test_job job;
    struct err err = ERR_INIT;
    sqlite3 *reader;

    place_make(&p);
    b = sqlite_backend(&p);
    test_job_init(&job, 1);
    assert_int_equal(sqlite3_open(p.path, &reader), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM submissions", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(add_alone(b, &job), STORE_STORED);
    assert_false(sqlite_ops.checkpoint(b, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    assert_true(sqlite_ops.checkpoint(b, NULL));
    sqlite_ops.close(b);
    place_remove(&p);
}

RUN_TESTS(T(whoever_hears_of_a_submission_can_read_it),
          T(a_rolled_back_batch_leaves_nothing),
          T(a_key_is_remembered_for_a_day_with_what_it_stood_for),
          T(a_key_is_as_old_as_the_store_says),
          T(a_key_works_within_a_batch_too),
          T(a_key_is_remembered_over_a_restart),
          T(old_keys_are_forgotten_however_many_there_are),
          T(text_is_stored_byte_for_byte),
          T(a_checkpoint_empties_the_log_and_closing_removes_it),
          T(the_log_stays_bounded_while_much_is_stored),
          T(a_checkpoint_that_a_reader_holds_up_is_a_failure))

/* SPDX-License-Identifier: MIT */
/*
 * Deleting a submission: what goes, what stays, and that nothing of it can be read afterwards. Storing is in sqlite_test.c.
 */
#include "tests/unit/store/rows.h"

#define SECRET "a-secret-that-nobody-else-writes"

TEST(a_deletion_takes_the_submission_and_its_key_and_nothing_else)
{
    struct place p;
    struct store_backend *b;
    struct test_job jobs[3], again;
    char key[8], id[ID_LEN + 1];

    place_make(&p);
    b = sqlite_backend(&p);
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(key, sizeof(key), "k%u", i);
        test_job_init(&jobs[i], i);
        jobs[i].job.sub.received_ms = 4100000000000; /* all the same: the key is told by its ID */
        test_job_key(&jobs[i], key, 1);
        assert_int_equal(add_alone(b, &jobs[i]), STORE_STORED);
    }
    assert_int_equal(delete_alone(b, 1), STORE_DELETED);
    assert_int_equal(rows(&p), 2);
    assert_int_equal(keys(&p), 2);
    /* The same form sent again is a new submission; another one's key still works. */
    test_job_init(&again, 9);
    test_job_key(&again, "k1", 1);
    assert_int_equal(add_alone(b, &again), STORE_STORED);
    test_job_init(&again, 10);
    test_job_key(&again, "k2", 1);
    assert_int_equal(add_alone(b, &again), STORE_REPLAYED);
    make_id(id, 2);
    assert_string_equal(again.job.sub.id, id);
    sqlite_ops.close(b);
    place_remove(&p);
}

TEST(what_is_not_there_is_not_found_and_a_deletion_counts_once)
{
    struct place p;
    struct store_backend *b;
    struct test_job job;

    place_make(&p);
    b = sqlite_backend(&p);
    assert_int_equal(delete_alone(b, 1), STORE_NOT_FOUND);
    test_job_init(&job, 1);
    assert_int_equal(add_alone(b, &job), STORE_STORED);
    assert_int_equal(delete_alone(b, 2), STORE_NOT_FOUND);
    assert_int_equal(rows(&p), 1);
    assert_int_equal(delete_alone(b, 1), STORE_DELETED);
    assert_int_equal(delete_alone(b, 1), STORE_NOT_FOUND);
    assert_int_equal(rows(&p), 0);
    sqlite_ops.close(b);
    place_remove(&p);
}

TEST(a_deletion_in_a_batch_sees_what_came_before_it_and_is_rolled_back_with_it)
{
    struct place p;
    struct store_backend *b;
    struct test_job before, same, deletions[2];

    place_make(&p);
    b = sqlite_backend(&p);
    test_job_init(&before, 1);
    assert_int_equal(add_alone(b, &before), STORE_STORED);
    test_job_init(&same, 2);
    test_job_delete(&deletions[0], 1);
    test_job_delete(&deletions[1], 2);
    for (int commits = 0; commits < 2; commits++) {
        begin(b);
        assert_int_equal(add(b, &same), STORE_STORED);
        for (int i = 0; i < 2; i++) {
            assert_true(sqlite_ops.remove(b, &deletions[i].job, NULL));
            assert_int_equal(deletions[i].job.result, STORE_DELETED);
        }
        if (commits == 0)
            sqlite_ops.rollback(b);
        else
            commit(b);
        assert_int_equal(rows(&p), commits == 0 ? 1 : 0);
    }
    sqlite_ops.close(b);
    place_remove(&p);
}

/* ---- traces ---- */

static bool holds_secret(const char *path)
{
    size_t n;
    char *bytes = file_bytes(path, &n);
    bool found = memmem(bytes, n, SECRET, strlen(SECRET)) != NULL;

    free(bytes);
    return found;
}

static void tidy(struct store_backend *b)
{
    struct store_upkeep upkeep = {.now_ms = 4100000000000};
    struct store_tidied tidied = {.expired = 99, .more = true};

    assert_true(sqlite_ops.tidy(b, &upkeep, &tidied, NULL));
    assert_int_equal(tidied.expired, 0);
    assert_false(tidied.more);
}

/* `size` bytes of text with the secret all over. */
static void fill(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        text[i] = SECRET[i % (sizeof(SECRET) - 1)];
}

TEST(nothing_of_a_deleted_submission_is_left_in_the_files)
{
    enum { LARGEST = 40000, OTHERS = 60 };
    static const size_t sizes[] = {sizeof(SECRET), 200, 3000, 5000, LARGEST};
    char *text = must_calloc(LARGEST, 1);

    fill(text, LARGEST);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct place p;
        struct store_backend *b;

        place_make(&p);
        b = sqlite_backend(&p);
        for (unsigned k = 0; k < OTHERS; k++) {
            struct test_job t;

            test_job_init(&t, k);
            if (k == OTHERS / 2)
                t.job.sub.message = (struct slice){text, sizes[i]};
            assert_int_equal(add_alone(b, &t), STORE_STORED);
        }
        assert_true(sqlite_ops.checkpoint(b, NULL));
        assert_true(holds_secret(p.path));
        assert_int_equal(delete_alone(b, OTHERS / 2), STORE_DELETED);
        tidy(b);
        assert_false(holds_secret(p.path));
        assert_false(holds_secret(p.log_path));
        assert_int_equal(rows(&p), OTHERS - 1);
        sqlite_ops.close(b);
        place_remove(&p);
    }
    free(text);
}

TEST(a_reader_only_delays_the_wiping_of_the_log)
{
    struct place p;
    struct store_backend *b;
    struct test_job job;
    sqlite3 *reader;

    place_make(&p);
    b = sqlite_backend(&p);
    test_job_init(&job, 1);
    job.job.sub.message = SLICE_LIT(SECRET);
    assert_int_equal(add_alone(b, &job), STORE_STORED);
    assert_int_equal(sqlite3_open(p.path, &reader), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM submissions", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(delete_alone(b, 1), STORE_DELETED);
    tidy(b); /* no failure: the store stays in service */
    assert_true(holds_secret(p.log_path));
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    tidy(b);
    assert_false(holds_secret(p.log_path));
    assert_false(holds_secret(p.path));
    sqlite_ops.close(b);
    place_remove(&p);
}

RUN_TESTS(T(a_deletion_takes_the_submission_and_its_key_and_nothing_else),
          T(what_is_not_there_is_not_found_and_a_deletion_counts_once),
          T(a_deletion_in_a_batch_sees_what_came_before_it_and_is_rolled_back_with_it),
          T(nothing_of_a_deleted_submission_is_left_in_the_files),
          T(a_reader_only_delays_the_wiping_of_the_log))

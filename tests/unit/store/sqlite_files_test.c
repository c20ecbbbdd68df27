/* SPDX-License-Identifier: MIT */
/*
 * The SQLite backend and its files: modes, odd names, and files that are taken away.
 */
#include "tests/unit/store/rows.h"

#include <sys/stat.h>

TEST(files_are_private_whatever_the_umask)
{
    static const mode_t umasks[] = {0, 022, 0777};

    for (size_t i = 0; i < ARRAY_LEN(umasks); i++) {
        struct place p;
        struct store_backend *b;
        struct stat st;
        char shm[128];
        mode_t old;

        place_make(&p);
        (void)snprintf(shm, sizeof(shm), "%s-shm", p.path);
        old = umask(umasks[i]);
        b = sqlite_backend(&p);
        (void)umask(old);
        assert_int_equal(stat(p.path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(stat(p.log_path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(stat(shm, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        sqlite_ops.close(b);
        place_remove(&p);
    }
}

TEST(a_name_that_means_something_to_sqlite_is_a_file_all_the_same)
{
    static const char *const names[] = {":memory:", "file:x?mode=memory", "file::memory:"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct place p;
        struct sqlite_options options = {.path = names[i]};
        struct store_backend *b = NULL;
        struct stat st;
        char old[4096];

        place_make(&p);
        assert_non_null(getcwd(old, sizeof(old)));
        assert_int_equal(chdir(p.dir), 0);
        assert_true(sqlite_ops.open(&options, &b, NULL));
        assert_int_equal(stat(names[i], &st), 0);
        assert_true(st.st_size > 0);
        sqlite_ops.close(b);
        assert_int_equal(chdir(old), 0);
        place_remove(&p);
    }
}

struct loss {
    bool file; /* the database was renamed, else its log */
    int rows; /* afterwards, at the store's own name, of the one stored before and the one stored after */
};

static void check_loss(const struct loss *loss)
{
    struct place p;
    struct store *s;
    struct test_job jobs[3];
    char away[128];

    place_make(&p);
    (void)snprintf(away, sizeof(away), "%s.away", loss->file ? p.path : p.log_path);
    s = sqlite_store(&p);
    for (unsigned i = 0; i < 3; i++)
        test_job_init(&jobs[i], i);
    assert_int_equal(submit_and_wait(s, &jobs[0]), STORE_STORED);
    assert_int_equal(rename(loss->file ? p.path : p.log_path, away), 0);
    /* The probe may have seen it first. */
    if (store_submit(s, &jobs[1].job) == STORE_ACCEPTED)
        assert_int_equal(test_job_wait(&jobs[1]), STORE_FAILED);
    WAIT_UNTIL(is_up(s));
    assert_int_equal(submit_and_wait(s, &jobs[2]), STORE_STORED);
    assert_int_equal(look(p.path, "SELECT count(*) FROM submissions"), loss->rows);
    /* What was acknowledged before is where its file is. */
    if (loss->file)
        assert_int_equal(look(away, "SELECT count(*) FROM submissions"), 1);
    store_free(s);
    place_remove(&p);
}

TEST(a_store_whose_files_were_taken_away_stores_nothing_in_them)
{
    static const struct loss losses[] = {
        {.file = true,  .rows = 1},
        {.file = false, .rows = 2},
    };

    for (size_t i = 0; i < ARRAY_LEN(losses); i++)
        check_loss(&losses[i]);
}

TEST(a_probe_reads_and_sees_missing_files)
{
    struct place p;
    struct store_backend *b;
    struct err err = ERR_INIT;

    place_make(&p);
    b = sqlite_backend(&p);
    assert_true(sqlite_ops.probe(b, NULL));
    assert_int_equal(unlink(p.path), 0);
    assert_false(sqlite_ops.probe(b, &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.text, p.path));
    sqlite_ops.close(b);
    place_remove(&p);
}

TEST(a_missing_directory_is_made_and_an_impossible_one_is_an_error)
{
    struct place p;
    struct sqlite_options options = {.lock = NULL};
    struct store_backend *b = NULL;
    struct err err = ERR_INIT;
    char path[160];

    place_make(&p);
    options.path = path;
    (void)snprintf(path, sizeof(path), "%s/a/b/test.db", p.dir);
    assert_true(sqlite_ops.open(&options, &b, NULL));
    sqlite_ops.close(b);
    b = NULL;
    options.path = "/proc/no-such-directory/test.db";
    assert_false(sqlite_ops.open(&options, &b, &err));
    assert_null(b);
    assert_int_equal(err.kind, ERR_IO);
    place_remove(&p);
}

TEST(a_store_whose_lock_file_is_gone_writes_nothing_more)
{
    struct place p;
    struct store_lock *lock = NULL;
    struct store_backend *b = NULL, *again = NULL;
    struct sqlite_options options;
    struct err err = ERR_INIT;
    char name[128];

    place_make(&p);
    (void)snprintf(name, sizeof(name), "%s.lock", p.path);
    assert_true(store_lock_take(p.path, 0, NULL, &lock, NULL));
    options = (struct sqlite_options){.path = p.path, .lock = lock};
    assert_true(sqlite_ops.open(&options, &b, NULL));
    assert_true(sqlite_ops.probe(b, NULL));
    assert_int_equal(unlink(name), 0);
    assert_false(sqlite_ops.probe(b, &err));
    assert_non_null(strstr(err.text, name));
    assert_false(sqlite_ops.begin(b, NULL));
    sqlite_ops.close(b);
    assert_false(sqlite_ops.open(&options, &again, &err));
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_null(again);
    store_lock_release(lock);
    place_remove(&p);
}

RUN_TESTS(T(files_are_private_whatever_the_umask),
          T(a_name_that_means_something_to_sqlite_is_a_file_all_the_same),
          T(a_store_whose_files_were_taken_away_stores_nothing_in_them),
          T(a_probe_reads_and_sees_missing_files),
          T(a_missing_directory_is_made_and_an_impossible_one_is_an_error),
          T(a_store_whose_lock_file_is_gone_writes_nothing_more))

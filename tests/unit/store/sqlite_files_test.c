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

/* ---- a log without its file ---- */

struct bytes {
    char *data;
    size_t n;
};

static struct bytes bytes_of(const char *path)
{
    struct bytes b;

    b.data = file_bytes(path, &b.n);
    return b;
}

/* Closed; with one submission more than its file has in `ret_log`, as a killed server leaves it. */
static void make_logged(struct place *p,
                        unsigned first,
                        struct bytes *ret_file,
                        struct bytes *ret_log)
{
    struct store_backend *b;
    struct test_job t;

    place_make(p);
    b = sqlite_backend(p);
    test_job_init(&t, first);
    assert_int_equal(add_alone(b, &t), STORE_STORED);
    assert_true(sqlite_ops.checkpoint(b, NULL));
    test_job_init(&t, first + 1);
    assert_int_equal(add_alone(b, &t), STORE_STORED);
    *ret_file = bytes_of(p->path);
    *ret_log = bytes_of(p->log_path);
    assert_true(ret_log->n > 0);
    sqlite_ops.close(b);
    assert_int_not_equal(access(p->log_path, F_OK), 0);
}

static void assert_bytes(const char *path, const struct bytes *was)
{
    struct bytes now = bytes_of(path);

    assert_int_equal(now.n, was->n);
    assert_memory_equal(now.data, was->data, was->n);
    free(now.data);
}

static void assert_said(const struct place *p, struct err *err, const char *says)
{
    const char *named = strstr(err->text, p->path);

    assert_int_equal(err->kind, ERR_INVALID);
    if (named == NULL || strstr(named + 1, p->path) != NULL || strstr(err->text, says) == NULL)
        fail_msg("%s", err->text);
    *err = (struct err)ERR_INIT;
}

static bool no_contact(UNUSED void *ctx, UNUSED const struct contact *c, UNUSED struct err *err)
{
    fail_msg("something was read");
    return false;
}

/* By whoever opens it; the reason bears the store's name once. */
static void assert_all_refuse(struct place *p, const char *says)
{
    struct store_backend *b = NULL;
    struct err err = ERR_INIT;
    uint64_t bytes = 99;
    char copy[128];

    (void)snprintf(copy, sizeof(copy), "%s.copy", p->path);
    p->sqlite = (struct sqlite_options){.path = p->path};
    assert_false(sqlite_ops.open(&p->sqlite, &b, &err));
    assert_null(b);
    assert_said(p, &err, says);
    assert_false(contacts_read(p->path, true, no_contact, NULL, &err));
    assert_said(p, &err, says);
    assert_false(sqlite_ops.backup(&p->sqlite, copy, NULL, NULL, &bytes, &err));
    assert_said(p, &err, says);
    assert_int_equal(bytes, 99);
    assert_int_not_equal(access(copy, F_OK), 0);
}

TEST(a_log_without_its_file_is_refused_and_kept)
{
    static const char *const whats[] = {"missing", "empty"};

    for (size_t i = 0; i < ARRAY_LEN(whats); i++) {
        struct place p;
        struct bytes file, log;
        struct store_backend *b;
        struct err err = ERR_INIT;

        make_logged(&p, 1, &file, &log);
        assert_int_equal(unlink(p.path), 0);
        if (i == 1)
            write_file(p.path, "", 0);
        write_file(p.log_path, log.data, log.n);
        assert_all_refuse(&p, whats[i]);
        assert_false(store_log_has_file(p.path, &err));
        assert_said(&p, &err, "move the log away");
        assert_int_equal(access(p.path, F_OK), i == 0 ? -1 : 0);
        assert_bytes(p.log_path, &log);
        /* Put back, it has both. */
        write_file(p.path, file.data, file.n);
        assert_true(store_log_has_file(p.path, NULL));
        b = sqlite_backend(&p);
        assert_int_equal(rows(&p), 2);
        sqlite_ops.close(b);
        free(file.data);
        free(log.data);
        place_remove(&p);
    }
}

TEST(an_empty_log_alone_is_no_obstacle)
{
    struct place p;

    place_make(&p);
    write_file(p.log_path, "", 0);
    assert_true(store_log_has_file(p.path, NULL));
    sqlite_ops.close(sqlite_backend(&p));
    place_remove(&p);
}

/* SQLite would play it into the backup. */
TEST(a_backup_beside_the_log_of_another_store_is_refused_and_kept)
{
    struct place p;
    struct bytes file, log, backup;
    struct store_backend *b;
    char copy[128];
    uint64_t n = 0;

    make_logged(&p, 1, &file, &log);
    (void)snprintf(copy, sizeof(copy), "%s.copy", p.path);
    assert_true(sqlite_ops.backup(&p.sqlite, copy, NULL, NULL, &n, NULL));
    backup = bytes_of(copy);
    assert_int_equal(unlink(copy), 0);
    write_file(p.path, backup.data, backup.n);
    write_file(p.log_path, log.data, log.n);
    assert_all_refuse(&p, "of another store");
    assert_bytes(p.path, &backup);
    assert_bytes(p.log_path, &log);
    assert_int_equal(unlink(p.log_path), 0);
    b = sqlite_backend(&p);
    assert_int_equal(rows(&p), 2);
    sqlite_ops.close(b);
    free(file.data);
    free(log.data);
    free(backup.data);
    place_remove(&p);
}

TEST(a_store_that_was_deleted_under_way_stays_out_of_service_until_its_log_is_moved_away)
{
    struct place p;
    struct store *s;
    struct test_job t;
    char away[128];

    place_make(&p);
    (void)snprintf(away, sizeof(away), "%s.away", p.log_path);
    s = sqlite_store(&p);
    test_job_init(&t, 1);
    assert_int_equal(submit_and_wait(s, &t), STORE_STORED);
    assert_int_equal(unlink(p.path), 0);
    WAIT_UNTIL(errors_of(&p, "open") > 3);
    assert_false(is_up(s));
    assert_int_not_equal(access(p.path, F_OK), 0);
    assert_int_equal(rename(p.log_path, away), 0);
    WAIT_UNTIL(is_up(s));
    assert_int_equal(rows(&p), 0);
    store_free(s);
    place_remove(&p);
}

/* ---- what the next start knows of the time ---- */

static int64_t modified_ms(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mtim.tv_sec * INT64_C(1000) + st.st_mtim.tv_nsec / 1000000;
}

TEST(the_file_keeps_the_time_by_which_ages_were_judged_whatever_the_clock_says)
{
    const struct store_upkeep upkeep = {.now_ms = UINT64_C(4100000000123)};
    struct store_tidied tidied;
    struct store_backend *b;
    struct test_job t;
    struct place p;

    place_make(&p);
    b = sqlite_backend(&p);
    assert_int_equal(sqlite_ops.used_ms(b), 0); /* a new one */
    assert_true(sqlite_ops.tidy(b, &upkeep, &tidied, NULL));
    assert_int_equal(modified_ms(p.path), upkeep.now_ms);
    test_job_init(&t, 1);
    assert_int_equal(add_alone(b, &t), STORE_STORED);
    assert_true(sqlite_ops.checkpoint(b, NULL)); /* it writes to the file */
    assert_int_equal(modified_ms(p.path), upkeep.now_ms);
    test_job_init(&t, 2);
    assert_int_equal(add_alone(b, &t), STORE_STORED);
    sqlite_ops.close(b);
    assert_int_equal(modified_ms(p.path), upkeep.now_ms);
    b = sqlite_backend(&p); /* and ends before its first upkeep */
    assert_int_equal(sqlite_ops.used_ms(b), upkeep.now_ms);
    assert_int_equal(delete_alone(b, 2), STORE_DELETED);
    sqlite_ops.close(b);
    assert_int_equal(modified_ms(p.path), upkeep.now_ms);
    place_remove(&p);
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
          T(a_log_without_its_file_is_refused_and_kept),
          T(an_empty_log_alone_is_no_obstacle),
          T(a_backup_beside_the_log_of_another_store_is_refused_and_kept),
          T(a_store_that_was_deleted_under_way_stays_out_of_service_until_its_log_is_moved_away),
          T(the_file_keeps_the_time_by_which_ages_were_judged_whatever_the_clock_says),
          T(a_probe_reads_and_sees_missing_files),
          T(a_missing_directory_is_made_and_an_impossible_one_is_an_error),
          T(a_store_whose_lock_file_is_gone_writes_nothing_more))

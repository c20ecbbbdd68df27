/* SPDX-License-Identifier: MIT */
/*
 * Copies of a real store: whole, private, complete or not there at all.
 */
#include "tests/unit/store/rows.h"

#include <sys/stat.h>

/* A store with `n` submissions, and room for the names of copies. */
struct source {
    struct place place;
    struct store_backend *backend;
    char copy[96], partial[112];
};

static void source_make(struct source *s, unsigned n)
{
    place_make(&s->place);
    s->backend = sqlite_backend(&s->place);
    (void)snprintf(s->copy, sizeof(s->copy), "%s/copy.db", s->place.dir);
    (void)snprintf(s->partial, sizeof(s->partial), "%s.partial", s->copy);
    begin(s->backend);
    for (unsigned i = 0; i < n; i++) {
        struct test_job t;

        test_job_init(&t, i);
        assert_int_equal(add(s->backend, &t), STORE_STORED);
    }
    commit(s->backend);
}

static void source_end(struct source *s)
{
    sqlite_ops.close(s->backend);
    place_remove(&s->place);
}

static bool back_up(struct source *s, const char *file, uint64_t *bytes, struct err *err)
{
    return sqlite_ops.backup(&s->place.sqlite, file, NULL, NULL, bytes, err);
}

static void assert_refused(struct source *s, const char *file, enum err_kind kind, const char *why)
{
    struct err err = ERR_INIT;
    uint64_t bytes = 7;

    assert_false(back_up(s, file, &bytes, &err));
    assert_int_equal(err.kind, kind);
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' is not in: %s", why, err.text);
    assert_int_equal(bytes, 7);
}

TEST(a_backup_is_the_same_store_private_and_under_its_own_name_only)
{
    struct source s;
    struct stat st;
    struct store_backend *b = NULL;
    struct sqlite_options options = {.path = s.copy};
    struct test_job job;
    uint64_t bytes = 0;
    mode_t old = umask(0);

    source_make(&s, 300);
    assert_true(back_up(&s, s.copy, &bytes, NULL));
    (void)umask(old);
    assert_int_equal(stat(s.copy, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, bytes);
    assert_int_not_equal(access(s.partial, F_OK), 0);
    assert_int_equal(look(s.copy, "SELECT count(*) FROM submissions"), 300);
    /* It serves: nothing is migrated, and it takes more. */
    assert_true(sqlite_ops.open(&options, &b, NULL));
    test_job_init(&job, 1000);
    assert_int_equal(add_alone(b, &job), STORE_STORED);
    sqlite_ops.close(b);
    assert_int_equal(rows(&s.place), 300);
    source_end(&s);
}

TEST(a_backup_holds_what_was_committed_and_nothing_that_was_deleted)
{
    struct source s;
    struct test_job open;
    uint64_t bytes = 0;
    size_t n;
    char *text;

    source_make(&s, 3);
    test_job_init(&open, 10);
    open.job.sub.message = SLICE_LIT("to-be-deleted");
    assert_int_equal(add_alone(s.backend, &open), STORE_STORED);
    assert_int_equal(delete_alone(s.backend, 10), STORE_DELETED);
    begin(s.backend);
    test_job_init(&open, 11);
    assert_int_equal(add(s.backend, &open), STORE_STORED);
    assert_true(back_up(&s, s.copy, &bytes, NULL));
    commit(s.backend);
    assert_int_equal(look(s.copy, "SELECT count(*) FROM submissions"), 3);
    text = file_bytes(s.copy, &n);
    assert_null(memmem(text, n, "to-be-deleted", strlen("to-be-deleted")));
    free(text);
    source_end(&s);
}

TEST(what_can_not_be_backed_up_says_why_and_leaves_nothing)
{
    struct source s;
    char path[160], text[] = "somebody's";
    size_t n;
    char *bytes;

    source_make(&s, 1);
    assert_refused(&s, "copy.db", ERR_INVALID, "absolute");
    (void)snprintf(path, sizeof(path), "%s/none/copy.db", s.place.dir);
    assert_refused(&s, path, ERR_IO, "No such file");
    write_file(s.copy, text, strlen(text));
    assert_refused(&s, s.copy, ERR_CONFLICT, "exists");
    assert_int_equal(unlink(s.copy), 0);
    assert_int_equal(symlink("nowhere", s.copy), 0);
    assert_refused(&s, s.copy, ERR_CONFLICT, "exists");
    assert_int_equal(unlink(s.copy), 0);
    write_file(s.partial, text, strlen(text));
    assert_refused(&s, s.copy, ERR_CONFLICT, "in the way");
    bytes = file_bytes(s.partial, &n); /* not ours */
    assert_string_equal(bytes, text);
    free(bytes);
    assert_int_equal(unlink(s.partial), 0);
    s.place.sqlite.path = "/nowhere/test.db";
    assert_refused(&s, s.copy, ERR_NOT_FOUND, "no store");
    assert_int_not_equal(access(s.copy, F_OK), 0);
    assert_int_not_equal(access(s.partial, F_OK), 0);
    s.place.sqlite.path = s.place.path;
    source_end(&s);
}

/* Also by another name of the directory, and whether something bears the name or not. */
TEST(a_name_that_the_store_keeps_for_itself_is_refused)
{
    static const char *const tails[] = {"-journal", "-wal", "-shm", ".lock", ".sock"};
    struct source s;
    char link[96], path[224];
    struct stat st;
    uint64_t bytes = 0;

    source_make(&s, 1);
    sqlite_ops.close(s.backend); /* its log and index go */
    (void)snprintf(link, sizeof(link), "%s/link", s.place.dir);
    assert_int_equal(symlink(".", link), 0);
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", s.place.path, tails[i]);
        (void)unlink(path);
        assert_refused(&s, path, ERR_INVALID, "kept for the store's own files");
        assert_int_not_equal(lstat(path, &st), 0);
        (void)snprintf(path, sizeof(path), "%s/./%s%s", link, strrchr(s.place.path, '/') + 1,
                       tails[i]);
        assert_refused(&s, path, ERR_INVALID, "kept for the store's own files");
        assert_int_not_equal(lstat(path, &st), 0);
    }
    (void)snprintf(path, sizeof(path), "%s-other", s.place.path);
    assert_true(back_up(&s, path, &bytes, NULL));
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s/sub", s.place.dir); /* elsewhere the name is free */
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/sub/%s-wal", s.place.dir,
                   strrchr(s.place.path, '/') + 1);
    assert_true(back_up(&s, path, &bytes, NULL));
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s/sub", s.place.dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(unlink(link), 0);
    s.backend = sqlite_backend(&s.place);
    source_end(&s);
}

struct asked {
    int times;
    int stop_at;
    const char *seen; /* a path that must be there while it is asked */
};

static bool ask(void *ctx)
{
    struct asked *a = ctx;

    assert_int_equal(access(a->seen, F_OK), 0);
    return ++a->times == a->stop_at;
}

TEST(a_backup_that_is_told_to_stop_leaves_nothing)
{
    struct source s;
    struct asked asked = {.stop_at = 3, .seen = s.partial};
    struct err err = ERR_INIT;
    uint64_t bytes = 7;

    source_make(&s, 20000);
    assert_false(sqlite_ops.backup(&s.place.sqlite, s.copy, ask, &asked, &bytes, &err));
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_int_equal(asked.times, 3);
    assert_int_equal(bytes, 7);
    assert_int_not_equal(access(s.copy, F_OK), 0);
    assert_int_not_equal(access(s.partial, F_OK), 0);
    asked.times = 4;
    assert_true(sqlite_ops.backup(&s.place.sqlite, s.copy, ask, &asked, &bytes, &err));
    assert_true(asked.times > 4);
    source_end(&s);
}

/* Stores and answers while the copy is made. */
static bool store_one_more(void *ctx)
{
    struct source *s = ctx;
    struct test_job t;

    test_job_init(&t, 100000 + (unsigned)rows(&s->place));
    assert_int_equal(add_alone(s->backend, &t), STORE_STORED);
    return false;
}

TEST(storing_goes_on_while_a_backup_is_made_and_is_not_in_it)
{
    enum { N = 5000 };
    struct source s;
    uint64_t bytes = 0;

    source_make(&s, N);
    assert_true(sqlite_ops.backup(&s.place.sqlite, s.copy, store_one_more, &s, &bytes, NULL));
    assert_int_equal(look(s.copy, "SELECT count(*) FROM submissions"), N);
    assert_true(rows(&s.place) > N);
    assert_true(sqlite_ops.checkpoint(s.backend, NULL)); /* it holds nothing up any more */
    source_end(&s);
}

RUN_TESTS(T(a_backup_is_the_same_store_private_and_under_its_own_name_only),
          T(a_backup_holds_what_was_committed_and_nothing_that_was_deleted),
          T(what_can_not_be_backed_up_says_why_and_leaves_nothing),
          T(a_name_that_the_store_keeps_for_itself_is_refused),
          T(a_backup_that_is_told_to_stop_leaves_nothing),
          T(storing_goes_on_while_a_backup_is_made_and_is_not_in_it))

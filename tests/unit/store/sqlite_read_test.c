/* SPDX-License-Identifier: MIT */
/*
 * Reading submissions: pages, beside a server that writes, and after one that died.
 */
#include "tests/unit/store/fixture.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct reading {
    int n, flagged;
    int64_t last_seq;
    int stop_after;         /* 0: never */
    struct store *store;    /* submit one job in each callback */
    struct test_job *extra; /* those */
};

static bool take_contact(void *ctx, const struct contact *c, struct err *err)
{
    struct reading *r = ctx;

    assert_true(c->seq > r->last_seq);
    assert_int_equal(c->id.n, ID_LEN);
    assert_true(slice_eq(c->name, SLICE_LIT("Ada")));
    assert_true(slice_eq(c->email, SLICE_LIT("ada@example.com")));
    assert_true(slice_eq(c->message, SLICE_LIT("Hello")));
    assert_true(slice_eq(c->source, SLICE_LIT("website")));
    assert_true(slice_eq(c->correlation_id, SLICE_LIT("corr-1")));
    assert_true(c->received_ms >= 4100000000000);
    r->last_seq = c->seq;
    r->n++;
    r->flagged += c->flagged;
    if (r->store != NULL && r->n <= 401)
        assert_int_equal(submit_and_wait(r->store, &r->extra[r->n - 1]), STORE_STORED);
    if (r->n == r->stop_after)
        return err_set(err, ERR_CONFLICT, "enough");
    return true;
}

/* Submissions number from..to-1; each `flag_every`th one is flagged. */
static void fill(struct store_backend *b, unsigned from, unsigned to, unsigned flag_every)
{
    assert_true(sqlite_ops.begin(b, NULL));
    for (unsigned i = from; i < to; i++) {
        struct test_job t;

        test_job_init(&t, i);
        t.job.sub.flagged = flag_every != 0 && i % flag_every == 0;
        assert_true(sqlite_ops.add(b, &t.job, NULL));
    }
    assert_true(sqlite_ops.commit(b, NULL));
}

TEST(every_submission_is_read_once_in_order_whatever_the_number_of_pages)
{
    static const int counts[] = {0,   1,   CONTACTS_PAGE - 1,    CONTACTS_PAGE, CONTACTS_PAGE + 1,
                                 399, 400, 2 * CONTACTS_PAGE + 1};

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct place p;
        struct store_backend *b;
        struct reading r = {0};

        place_make(&p);
        b = sqlite_backend(&p);
        fill(b, 0, (unsigned)counts[i], 0);
        assert_true(contacts_read(p.path, false, take_contact, &r, NULL));
        assert_int_equal(r.n, counts[i]);
        sqlite_ops.close(b);
        /* And when no server runs. */
        r = (struct reading){0};
        assert_true(contacts_read(p.path, false, take_contact, &r, NULL));
        assert_int_equal(r.n, counts[i]);
        place_remove(&p);
    }
}

TEST(flagged_ones_are_read_only_on_request)
{
    struct place p;
    struct store_backend *b;
    struct reading r = {0};

    place_make(&p);
    b = sqlite_backend(&p);
    fill(b, 0, 500, 5);
    sqlite_ops.close(b);
    assert_true(contacts_read(p.path, false, take_contact, &r, NULL));
    assert_int_equal(r.n, 400);
    assert_int_equal(r.flagged, 0);
    r = (struct reading){0};
    assert_true(contacts_read(p.path, true, take_contact, &r, NULL));
    assert_int_equal(r.n, 500);
    assert_int_equal(r.flagged, 100);
    place_remove(&p);
}

TEST(a_callback_that_fails_ends_the_reading)
{
    struct place p;
    struct store_backend *b;
    struct reading r = {.stop_after = 201};
    struct err err = ERR_INIT;

    place_make(&p);
    b = sqlite_backend(&p);
    fill(b, 0, 500, 0);
    assert_false(contacts_read(p.path, false, take_contact, &r, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_string_equal(err.text, "enough");
    assert_int_equal(r.n, 201);
    sqlite_ops.close(b);
    place_remove(&p);
}

TEST(a_reader_and_a_writer_do_not_wait_for_each_other)
{
    struct place p;
    struct store_backend *b;
    struct store *s;
    struct reading r = {0};

    place_make(&p);
    b = sqlite_backend(&p);
    fill(b, 0, 401, 0);
    sqlite_ops.close(b);
    s = sqlite_store(&p);
    r.store = s;
    r.extra = must_calloc(401, sizeof(*r.extra));
    for (unsigned i = 0; i < 401; i++)
        test_job_init(&r.extra[i], 1000 + i);
    /* Each row read stores another, durably, before the next is read; those come last. */
    assert_true(contacts_read(p.path, false, take_contact, &r, NULL));
    assert_int_equal(r.n, 802);
    assert_true(is_up(s));
    store_free(s);
    free(r.extra);
    place_remove(&p);
}

TEST(no_store_is_not_found)
{
    struct place p;
    struct reading r = {0};
    struct err err = ERR_INIT;
    char path[160];

    place_make(&p);
    assert_false(contacts_read(p.path, false, take_contact, &r, &err));
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    assert_int_not_equal(access(p.path, F_OK), 0); /* and none is made */
    (void)snprintf(path, sizeof(path), "%s/no/such/dir.db", p.dir);
    err = (struct err)ERR_INIT;
    assert_false(contacts_read(path, false, take_contact, &r, &err));
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    write_file(p.path, "", 0);
    err = (struct err)ERR_INIT;
    assert_false(contacts_read(p.path, false, take_contact, &r, &err));
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    assert_int_equal(r.n, 0);
    place_remove(&p);
}

/* A child that stores `n` submissions and is then killed without closing anything. */
static void store_and_die(struct place *p, unsigned n)
{
    int ends[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        fill(sqlite_backend(p), 0, n, 0);
        if (write(ends[1], "x", 1) == 1)
            for (;;)
                (void)pause();
        _exit(1);
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

TEST(what_a_killed_server_left_in_its_log_is_read_and_left_there)
{
    for (int with_index = 0; with_index < 2; with_index++) {
        struct place p;
        struct reading r = {0};
        struct stat before, after;
        char shm[128];

        place_make(&p);
        (void)snprintf(shm, sizeof(shm), "%s-shm", p.path);
        store_and_die(&p, 401);
        if (!with_index)
            assert_int_equal(unlink(shm), 0); /* as after a power cut */
        assert_int_equal(stat(p.log_path, &before), 0);
        assert_true(before.st_size > 0);
        assert_true(contacts_read(p.path, false, take_contact, &r, NULL));
        assert_int_equal(r.n, 401);
        assert_int_equal(stat(p.log_path, &after), 0);
        assert_int_equal(before.st_size, after.st_size);
        /* The next server takes it over. */
        store_free(sqlite_store(&p));
        r = (struct reading){0};
        assert_true(contacts_read(p.path, false, take_contact, &r, NULL));
        assert_int_equal(r.n, 401);
        place_remove(&p);
    }
}

/* Reads as a user who is neither root nor the owner; the exit status says whether that failed with `why`. */
static int read_as_nobody(const struct place *p, const char *why)
{
    struct reading r = {0};
    struct err err = ERR_INIT;
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(2);
        if (contacts_read(p->path, false, take_contact, &r, &err))
            _exit(3);
        _exit(err.kind == ERR_IO && strstr(err.text, why) != NULL ? 0 : 4);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

TEST(a_reader_without_the_rights_is_told_so)
{
    static const struct {
        mode_t dir, file;
        const char *why;
    } cases[] = {
        {0555, 0,    "Permission denied"      },
        {0555, 0444, "may not write beside it"},
        {0,    0444, "Permission denied"      },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct place p;

        place_make(&p);
        sqlite_ops.close(sqlite_backend(&p));
        assert_int_equal(chmod(p.path, cases[i].file), 0);
        assert_int_equal(chmod(p.dir, cases[i].dir), 0);
        assert_int_equal(read_as_nobody(&p, cases[i].why), 0);
        assert_int_equal(chmod(p.dir, 0700), 0);
        place_remove(&p);
    }
}

RUN_TESTS(T(every_submission_is_read_once_in_order_whatever_the_number_of_pages),
          T(flagged_ones_are_read_only_on_request),
          T(a_callback_that_fails_ends_the_reading),
          T(a_reader_and_a_writer_do_not_wait_for_each_other),
          T(no_store_is_not_found),
          T(what_a_killed_server_left_in_its_log_is_read_and_left_there),
          T(a_reader_without_the_rights_is_told_so))

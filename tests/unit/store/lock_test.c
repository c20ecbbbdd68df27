/* SPDX-License-Identifier: MIT */
/*
 * One process per store. flock(2) belongs to the open file, so a second taker in this process is as good as a second process;
 * what a death does is shown with a real one.
 */
#include "store/sqlite.h"

#include "tests/unit/store/fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

TEST(a_lock_can_be_taken_released_and_taken_again)
{
    struct place p;
    struct store_lock *lock = NULL;

    place_make(&p);
    for (int i = 0; i < 3; i++) {
        assert_true(store_lock_take(p.path, 0, NULL, &lock, NULL));
        store_lock_release(lock);
    }
    store_lock_release(NULL);
    place_remove(&p);
}

TEST(the_lock_file_is_private_closed_on_exec_and_stays)
{
    struct place p;
    struct store_lock *lock = NULL;
    char name[128];
    struct stat st;

    place_make(&p);
    (void)snprintf(name, sizeof(name), "%s.lock", p.path);
    assert_true(store_lock_take(p.path, 0, NULL, &lock, NULL));
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    for (int fd = 3; fd < 64; fd++) {
        struct stat open_file;

        if (fstat(fd, &open_file) == 0 && open_file.st_ino == st.st_ino)
            assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    }
    store_lock_release(lock);
    assert_int_equal(stat(name, &st), 0);
    place_remove(&p);
}

TEST(a_second_taker_is_told_who_holds_it)
{
    struct place p;
    struct store_lock *lock = NULL, *other = NULL;
    struct err err = ERR_INIT;
    char expected[256];

    place_make(&p);
    assert_true(store_lock_take(p.path, 0, NULL, &lock, NULL));
    assert_false(store_lock_take(p.path, 0, NULL, &other, &err));
    (void)snprintf(expected, sizeof(expected), "the store %s is in use by process %d", p.path,
                   (int)getpid());
    assert_string_equal(err.text, expected);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_null(other);
    store_lock_release(lock);
    place_remove(&p);
}

TEST(a_holder_that_wrote_no_number_is_another_process)
{
    static const char *const contents[] = {"",     "12",  "x\n",
                                           "-3\n", "0\n", "99999999999999999999\n"};
    struct place p;
    struct store_lock *lock = NULL, *other = NULL;
    char name[128];

    place_make(&p);
    (void)snprintf(name, sizeof(name), "%s.lock", p.path);
    assert_true(store_lock_take(p.path, 0, NULL, &lock, NULL));
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        struct err err = ERR_INIT;
        FILE *f = fopen(name, "w");

        assert_non_null(f);
        assert_true(fputs(contents[i], f) >= 0);
        assert_int_equal(fclose(f), 0);
        assert_false(store_lock_take(p.path, 0, NULL, &other, &err));
        assert_non_null(strstr(err.text, "by another process"));
        assert_null(other);
    }
    store_lock_release(lock);
    place_remove(&p);
}

struct taker {
    const char *path;
    uint64_t wait_ms;
    _Atomic bool stop, running, done;
    bool taken;
    struct store_lock *lock;
    struct err err;
};

static void *take(void *arg)
{
    struct taker *t = arg;

    t->running = true;
    t->taken = store_lock_take(t->path, t->wait_ms, &t->stop, &t->lock, &t->err);
    t->done = true;
    return NULL;
}

TEST(a_waiter_gets_the_lock_when_it_is_released)
{
    struct place p;
    struct store_lock *lock = NULL;
    struct taker t = {.wait_ms = UINT64_C(1000) * PATIENCE_SECONDS};
    pthread_t thread;

    place_make(&p);
    t.path = p.path;
    assert_true(store_lock_take(p.path, 0, NULL, &lock, NULL));
    assert_int_equal(pthread_create(&thread, NULL, take, &t), 0);
    WAIT_UNTIL(t.running);
    assert_false(t.done);
    store_lock_release(lock);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(t.taken);
    store_lock_release(t.lock);
    place_remove(&p);
}

TEST(a_waiter_stops_when_told_to)
{
    struct place p;
    struct store_lock *lock = NULL;
    struct taker t = {.wait_ms = UINT64_C(3600000)};
    pthread_t thread;

    place_make(&p);
    t.path = p.path;
    assert_true(store_lock_take(p.path, 0, NULL, &lock, NULL));
    assert_int_equal(pthread_create(&thread, NULL, take, &t), 0);
    WAIT_UNTIL(t.running);
    t.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(t.taken);
    assert_int_equal(t.err.kind, ERR_UNAVAILABLE);
    assert_null(t.lock);
    store_lock_release(lock);
    place_remove(&p);
}

/* Takes the lock in a child, which then waits to be killed. */
static pid_t hold_in_child(const char *path)
{
    int ends[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store_lock *lock = NULL;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!store_lock_take(path, 0, NULL, &lock, NULL) || write(ends[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    return pid;
}

TEST(another_process_is_named_and_its_death_frees_the_lock)
{
    struct place p;
    struct store_lock *lock = NULL;
    struct err err = ERR_INIT;
    char expected[64];
    pid_t pid;

    place_make(&p);
    pid = hold_in_child(p.path);
    assert_false(store_lock_take(p.path, 0, NULL, &lock, &err));
    (void)snprintf(expected, sizeof(expected), "in use by process %d", (int)pid);
    assert_non_null(strstr(err.text, expected));
    assert_null(lock);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(store_lock_take(p.path, 0, NULL, &lock, NULL));
    store_lock_release(lock);
    place_remove(&p);
}

TEST(the_directories_of_a_store_are_made_with_its_lock)
{
    struct place p;
    struct store_lock *lock = NULL;
    char path[128];
    struct stat st;

    place_make(&p);
    (void)snprintf(path, sizeof(path), "%s/data/test.db", p.dir);
    assert_true(store_lock_take(path, 0, NULL, &lock, NULL));
    store_lock_release(lock);
    (void)snprintf(path, sizeof(path), "%s/data", p.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    place_remove(&p);
}

TEST(a_lock_that_root_makes_is_the_owner_s_of_the_store_or_else_of_its_directory)
{
    enum { USER = 65534, OTHER = 12345 };
    struct place p;
    struct store_lock *lock = NULL;
    struct stat st;
    char name[128];

    if (geteuid() != 0) {
        print_message("skipped: only root can give a file away\n");
        skip();
    }
    place_make(&p);
    (void)snprintf(name, sizeof(name), "%s.lock", p.path);
    assert_int_equal(chown(p.dir, USER, OTHER), 0);
    for (int i = 0; i < 2; i++) {
        if (i == 1) {
            write_file(p.path, "", 0);
            assert_int_equal(chown(p.path, OTHER, USER), 0);
        }
        assert_true(store_lock_take(p.path, 0, NULL, &lock, NULL));
        store_lock_release(lock);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_uid, i == 0 ? USER : OTHER);
        assert_int_equal(st.st_gid, i == 0 ? OTHER : USER);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(chown(name, 0, 0), 0); /* one that is there is left as it is */
        assert_true(store_lock_take(p.path, 0, NULL, &lock, NULL));
        store_lock_release(lock);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_uid, 0);
        assert_int_equal(unlink(name), 0);
    }
    place_remove(&p);
}

TEST(a_lock_file_that_is_a_link_is_refused)
{
    struct place p;
    struct store_lock *lock = NULL;
    struct err err = ERR_INIT;
    char name[128];

    place_make(&p);
    (void)snprintf(name, sizeof(name), "%s.lock", p.path);
    assert_int_equal(symlink("elsewhere", name), 0);
    assert_false(store_lock_take(p.path, 0, NULL, &lock, &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_null(lock);
    place_remove(&p);
}

TEST(a_lock_whose_file_was_deleted_or_replaced_is_noticed)
{
    struct place p;
    struct store_lock *lock = NULL, *other = NULL;
    struct err err = ERR_INIT;
    char name[128], away[128];

    place_make(&p);
    (void)snprintf(name, sizeof(name), "%s.lock", p.path);
    (void)snprintf(away, sizeof(away), "%s.away", p.path);
    assert_true(store_lock_take(p.path, 0, NULL, &lock, NULL));
    assert_true(store_lock_in_place(lock, &err));
    assert_string_equal(err.text, "");
    assert_int_equal(rename(name, away), 0);
    assert_false(store_lock_in_place(lock, &err));
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, name));
    assert_true(store_lock_take(p.path, 0, NULL, &other, NULL)); /* nothing locks it out */
    assert_true(store_lock_in_place(other, NULL));
    assert_false(store_lock_in_place(lock, NULL));
    assert_int_equal(unlink(name), 0);
    assert_int_equal(symlink(away, name), 0);
    assert_false(store_lock_in_place(lock, NULL));
    assert_int_equal(rename(away, name), 0);
    assert_true(store_lock_in_place(lock, NULL));
    store_lock_release(other);
    store_lock_release(lock);
    place_remove(&p);
}

RUN_TESTS(T(a_lock_can_be_taken_released_and_taken_again),
          T(the_lock_file_is_private_closed_on_exec_and_stays),
          T(a_second_taker_is_told_who_holds_it),
          T(a_holder_that_wrote_no_number_is_another_process),
          T(a_waiter_gets_the_lock_when_it_is_released),
          T(a_waiter_stops_when_told_to),
          T(another_process_is_named_and_its_death_frees_the_lock),
          T(the_directories_of_a_store_are_made_with_its_lock),
          T(a_lock_that_root_makes_is_the_owner_s_of_the_store_or_else_of_its_directory),
          T(a_lock_file_that_is_a_link_is_refused),
          T(a_lock_whose_file_was_deleted_or_replaced_is_noticed))

/* SPDX-License-Identifier: MIT */
/*
 * The store's files as people handle them: cut or overwritten in place under the running server, linked, read by a
 * shell. What is found damaged at a start is store_files_test.c's.
 */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/audit.h"
#include "tests/faults/lib/disk_other.h"
#include "tests/faults/lib/promise.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGE = 400, SMALL = 5, MOMENT_MS = 1500 };

static void fill(struct server *s, unsigned n)
{
    struct wire *w = wire_to(s);
    const char *request = textf(s->f,
                                "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE
                                "\r\nContent-Length: %zu\r\n\r\n" ADA,
                                sizeof(ADA) - 1);

    for (unsigned i = 0; i < n; i++) {
        wire_send(w, request);
        assert_status(wire_reply(s->f, w), 201);
    }
}

static void write_all(const char *path, const struct buf *b)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(b->data, 1, b->len, file), b->len);
    assert_int_equal(fclose(file), 0);
}

static const char *log_path(const struct server *s)
{
    return textf(s->f, "%s-wal", s->store);
}

/* ---- cut or overwritten in place ---- */

enum what {
    LOG_EMPTIED,
    LOG_HALVED,
    FILE_EMPTIED,
    FILE_HALVED,
    SMALLER_STORE,
    LARGER_STORE,
    WHATS
};

static const char *const whats[WHATS] = {"the log emptied",         "the log cut to its half",
                                         "the file emptied",        "the file cut to its half",
                                         "a smaller store over it", "a larger store over it"};

/* The files of a stopped server with `n` submissions; it then has none. */
static void make_store(struct server *s, unsigned n, struct buf *ret)
{
    fill(s, n);
    server_stop(s);
    read_into(s->store, ret);
    assert_int_equal(unlink(s->store), 0);
    server_again(s);
}

static void cut(const char *path, int parts)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 0);
    assert_int_equal(truncate(path, parts == 0 ? 0 : st.st_size / 2 / 4096 * 4096), 0);
}

static void spoil(struct server *s,
                  enum what what,
                  const struct buf *smaller,
                  const struct buf *larger)
{
    if (what == LOG_EMPTIED || what == LOG_HALVED)
        cut(log_path(s), what == LOG_EMPTIED ? 0 : 2);
    else if (what == FILE_EMPTIED || what == FILE_HALVED)
        cut(s->store, what == FILE_EMPTIED ? 0 : 2);
    else
        write_all(s->store, what == SMALLER_STORE ? smaller : larger);
}

static const char *spoilt_path(const struct server *s, enum what what)
{
    return what == LOG_EMPTIED || what == LOG_HALVED ? log_path(s) : s->store;
}

/* Nothing more is acknowledged, and trying again does not change that, nor the files. */
static void assert_out_of_service(struct server *s, enum what what)
{
    struct buf file = BUF_INIT, log = BUF_INIT, now = BUF_INIT;

    for (int i = 0; i < SMALL; i++)
        assert_status(post_json(s, ADA), 503);
    EVENTUALLY(log_find(s, "cut or overwritten") != NULL);
    assert_contains(log_find(s, "cut or overwritten"), spoilt_path(s, what));
    read_into(s->store, &file);
    read_into(log_path(s), &log);
    EVENTUALLY(metric(s, "store_errors_total{operation=\"open\"}") >= 2);
    assert_status(get(s, "/health/readiness"), 503);
    assert_status(post_json(s, ADA), 503);
    assert_null(log_find(s, "store_reopened"));
    read_into(s->store, &now);
    assert_int_equal(now.len, file.len);
    assert_memory_equal(now.data, file.data, file.len);
    now.len = 0;
    read_into(log_path(s), &now);
    assert_int_equal(now.len, log.len);
    buf_release(&file);
    buf_release(&log);
    buf_release(&now);
}

TEST(a_store_that_is_cut_or_overwritten_in_place_acknowledges_nothing_more)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    struct buf smaller = BUF_INIT, larger = BUF_INIT;

    make_store(s, SMALL, &smaller);
    make_store(s, 3 * LARGE, &larger);
    for (int what = 0; what < WHATS; what++) {
        print_message("  %s\n", whats[what]);
        fill(s, LARGE);
        server_stop(s);
        server_again(s); /* its file has them all */
        fill(s, SMALL);
        spoil(s, (enum what)what, &smaller, &larger);
        assert_out_of_service(s, (enum what)what);
        server_signal(s, SIGTERM);
        assert_int_equal(server_end(s), 1);
        assert_int_equal(unlink(s->store), 0);
        (void)unlink(log_path(s));
        (void)unlink(textf(f, "%s-shm", s->store));
        server_again(s);
    }
    buf_release(&smaller);
    buf_release(&larger);
    promise("F78",
            "A store or log that is cut or overwritten in place is an outage until it is put right",
            "truncate and cp over the file and over the log of a running server",
            "%d kinds, 0 acknowledged after it, 0 bytes changed, 0 reopened", WHATS);
}

/* All of it was in the log, and nobody came by before the end. */
TEST(a_server_whose_store_was_spoilt_says_so_at_its_end)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));

    for (int i = 0; i < 2; i++) {
        fill(s, SMALL);
        cut(i == 0 ? s->store : log_path(s), 0);
        server_signal(s, SIGTERM);
        assert_int_equal(server_end(s), 1);
        assert_non_null(log_find(s, "store_failed"));
        (void)unlink(s->store);
        (void)unlink(log_path(s));
        (void)unlink(textf(f, "%s-shm", s->store));
        server_again(s);
    }
}

/* A whole store in its place is served, without a restart. */
TEST(a_backup_that_is_moved_into_the_place_of_a_spoilt_store_is_served)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    const char *copy = in_dir(f, "copy.db");

    fill(s, LARGE);
    assert_int_equal(server_command(s, ARGS("store", "backup", copy))->status, 0);
    cut(s->store, 0);
    assert_out_of_service(s, FILE_EMPTIED);
    assert_int_equal(rename(log_path(s), in_dir(f, "log")), 0);
    assert_int_equal(rename(copy, s->store), 0);
    EVENTUALLY(get(s, "/health/readiness")->status == 200);
    assert_status(post_json(s, ADA), 201);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, LARGE + 1);
}

/* ---- at the start ---- */

static void assert_refused(struct server *s, const char *says)
{
    const struct outcome *o = server_command(s, ARGS("--set", "store.lock_wait=0s"));

    if (o->status != 1 || strstr(o->err, says) == NULL)
        fail_msg("%d %s", o->status, o->err);
}

TEST(a_store_with_a_second_name_is_not_served_twice)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    const char *other = in_dir(f, "other.db");
    const struct outcome *o;

    fill(s, SMALL);
    assert_int_equal(link(s->store, other), 0);
    o = run_sidelight(f, "--set", "listen.public=127.0.0.1:0", "--set",
                      "listen.metrics=127.0.0.1:0", "--set", textf(f, "store.path=%s", other));
    assert_int_equal(o->status, 1);
    assert_contains(o->err, "2 names (hard links)");
    fill(s, SMALL); /* the first one goes on */
    server_stop(s);
    assert_refused(s, "2 names (hard links)");
    assert_int_equal(unlink(other), 0);
    server_again(s);
    fill(s, SMALL);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, 3 * SMALL);
    promise("F78", "A store with two names is served under one of them only",
            "a hard link to the file of a running server, and of a stopped one",
            "2 of 2 starts refused, %d of %d submissions", 3 * SMALL, 3 * SMALL);
}

TEST(a_fifo_beside_the_store_is_refused_by_name_and_not_waited_for)
{
    static const char *const ends[] = {"-journal", "-wal", "-shm"};
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));

    fill(s, SMALL);
    server_stop(s);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const char *name = textf(f, "%s%s", s->store, ends[i]);
        const struct outcome *o;

        assert_int_equal(mkfifo(name, 0600), 0);
        assert_refused(s, name);
        o = server_command(s, ARGS("contacts", "export", "--format", "json"));
        assert_int_equal(o->status, 1);
        assert_contains(o->err, name);
        assert_int_equal(unlink(name), 0);
    }
    server_again(s);
    fill(s, SMALL);
    promise("F78", "A FIFO under a name that SQLite opens beside the store is refused by name",
            "each of -journal, -wal and -shm; by the server and by an export",
            "%zu of %zu refused at once", 2 * ARRAY_LEN(ends), 2 * ARRAY_LEN(ends));
}

static void *end_reading(void *arg)
{
    clock_sleep_ms(MOMENT_MS); /* longer than SQLite itself waits */
    other_run(arg, "COMMIT");
    return NULL;
}

TEST(a_start_waits_for_somebody_who_reads_the_store)
{
    struct fixture *f = *state;
    struct other *o = other_new(f, in_dir(f, "sidelight.db"));
    struct server *s = server_start(f, SETS("contact.rate=off"));
    pthread_t thread;

    fill(s, SMALL);
    other_run(o, "BEGIN; SELECT count(*) FROM submissions");
    fill(s, SMALL);
    server_kill(s);
    assert_refused(s, "somebody else uses the store");
    assert_int_equal(pthread_create(&thread, NULL, end_reading, o), 0);
    server_again(s);
    assert_int_equal(pthread_join(thread, NULL), 0);
    fill(s, SMALL);
    server_stop(s);
    assert_int_equal(stored_rows(s).n, 3 * SMALL);
    promise("F78", "A start waits for somebody who reads the store, as for its lock",
            "a read transaction of another process over a SIGKILL and the next start",
            "waited for; %d of %d submissions", 3 * SMALL, 3 * SMALL);
}

RUN_TESTS(T(a_store_that_is_cut_or_overwritten_in_place_acknowledges_nothing_more),
          T(a_server_whose_store_was_spoilt_says_so_at_its_end),
          T(a_backup_that_is_moved_into_the_place_of_a_spoilt_store_is_served),
          T(a_store_with_a_second_name_is_not_served_twice),
          T(a_fifo_beside_the_store_is_refused_by_name_and_not_waited_for),
          T(a_start_waits_for_somebody_who_reads_the_store))

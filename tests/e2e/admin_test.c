/* SPDX-License-Identifier: MIT */
/*
 * `sidelight contacts delete` and `store backup`, through a running server and without one;
 * contact.retention; the socket.
 */
#include "tests/e2e/lib/disk.h"
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/load.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODYS_ID "01234567-89ab-7cde-8f01-23456789abcd"

static const char *exported(struct server *s)
{
    const struct outcome *o =
        server_command(s, ARGS("contacts", "export", "--format", "json", "--flagged"));

    assert_int_equal(o->status, 0);
    return o->out;
}

/* Stores one message; its ID. */
static const char *post(struct server *s, const char *message)
{
    struct fixture *f = s->f;
    const struct reply *r =
        post_json(s, textf(f, "{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"message\":\"%s\"}",
                           message));

    assert_status(r, 201);
    return json_text(f, r->body, "id");
}

static const struct outcome *erase(struct server *s, const char *id)
{
    return server_command(s, ARGS("contacts", "delete", id));
}

static const struct outcome *back_up(struct server *s, const char *file)
{
    return server_command(s, ARGS("store", "backup", file));
}

static void assert_done(const struct outcome *o, const char *out)
{
    if (o->status != 0)
        fail_msg("exit status %d: %s", o->status, o->err);
    assert_string_equal(o->out, out);
    assert_string_equal(o->err, "");
}

static void assert_refused(const struct outcome *o, int status, const char *why)
{
    assert_int_equal(o->status, status);
    assert_contains(o->err, why);
    assert_int_equal(count_of(o->err, "\n"), 1);
    assert_string_equal(o->out, "");
}

static const char *socket_of(const struct server *s)
{
    return textf(s->f, "%s.sock", s->store);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* ---- delete ---- */

static void check_deletion(struct server *s, const char *gone, const char *stays)
{
    struct fixture *f = s->f;

    assert_done(erase(s, gone), textf(f, "deleted %s\n", gone));
    assert_lacks(exported(s), gone);
    assert_contains(exported(s), stays);
    assert_lacks(server_command(s, ARGS("contacts", "list", "--flagged"))->out, gone);
    assert_refused(erase(s, gone), 1, textf(f, "there is no submission %s", gone));
    assert_refused(erase(s, NOBODYS_ID), 1, "there is no submission " NOBODYS_ID);
}

TEST(a_message_is_deleted_while_the_server_runs)
{
    struct server *s = server_start(*state, NULL);
    const char *first = post(s, "first"), *second = post(s, "second"), *third;

    check_deletion(s, first, second);
    assert_json(s->f, log_event_wait(s, "submission_deleted"), "id", first);
    third = post(s, "third");
    assert_contains(exported(s), third);
    assert_metric(s, SUBMISSIONS, 3);
    assert_metric(s, "dependency_up{name=\"store\"}", 1);
}

TEST(a_message_is_deleted_while_no_server_runs)
{
    struct server *s = server_start(*state, NULL);
    const char *first = post(s, "first"), *second = post(s, "second");

    server_stop(s);
    check_deletion(s, first, second);
    server_again(s);
    assert_lacks(exported(s), first);
    check_deletion(s, second, "");
}

TEST(a_message_is_deleted_after_the_server_was_killed)
{
    struct server *s = server_start(*state, NULL);
    const char *first = post(s, "first"), *second = post(s, "second");

    server_kill(s);
    assert_true(is_there(socket_of(s))); /* nobody listens at it */
    check_deletion(s, first, second);
    server_again(s);
    check_deletion(s, second, "");
}

TEST(a_deleted_message_that_is_sent_again_is_a_new_one)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *const *key = HEADERS(JSON_TYPE, "Idempotency-Key: again");
    const char *id =
        json_text(f, ASK(s, .path = "/contact", .headers = key, .body = ADA)->body, "id");
    const struct reply *r;

    assert_int_equal(erase(s, id)->status, 0);
    r = ASK(s, .path = "/contact", .headers = key, .body = ADA);
    assert_status(r, 201);
    assert_string_not_equal(json_text(f, r->body, "id"), id);
    assert_int_equal(json_size(f, exported(s), ""), 1);
    assert_metric(s, "contact_replays_total", 0);
    assert_metric(s, SUBMISSIONS, 2);
}

TEST(nothing_of_a_deleted_message_stays_in_the_files)
{
    static const char *const tails[] = {"", "-wal"};
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *id = post(s, "something-to-be-forgotten");

    (void)post(s, "something else");
    assert_int_equal(erase(s, id)->status, 0);
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        const char *path = textf(f, "%s%s", s->store, tails[i]);
        const struct outcome *o;

        assert_true(is_there(path));
        /* The log is emptied right after the answer. */
        do
            o = run(f, ARGS("grep", "-c", "something-to-be-forgotten", path), NULL);
        while (i > 0 && o->status == 0);
        assert_int_equal(o->status, 1);
    }
}

TEST(what_is_no_id_is_a_wrong_call)
{
    static const char *const words[] = {"x",
                                        "0",
                                        "01234567-89ab-7cde-8f01-23456789abc",
                                        "01234567-89ab-7cde-8f01-23456789abcg",
                                        "01234567089ab-7cde-8f01-23456789abcd",
                                        "%"};
    struct server *s = server_start(*state, NULL);

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        assert_refused(erase(s, words[i]), 64, "an ID looks like");
}

/* The writing thread can't tell: it hangs, too. */
TEST(a_hanging_disk_is_seen_and_answered_at_once)
{
    struct fixture *f = *state;
    struct server *s = server_start_on_disk(f, SETS("contact.rate=off"));
    const char *id = post(s, "first");
    struct wire *w = wire_to(s);

    assert_metric(s, "dependency_up{name=\"store\"}", 1);
    disk_hold(f, true);
    wire_send(w, "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE
                 "\r\nContent-Length: 58\r\n\r\n" ADA);
    EVENTUALLY(get(s, "/health/readiness")->status == 503);
    assert_metric(s, "dependency_up{name=\"store\"}", 0);
    assert_error(f, post_json(s, ADA), 503, "store_unavailable");
    assert_refused(erase(s, id), 1, "the store is out of service");
    assert_metric(s, "store_queue_length", 0);
    disk_hold(f, false);
    assert_status(wire_reply(f, w), 201);
    assert_metric(s, "dependency_up{name=\"store\"}", 1);
    assert_metric(s, "store_reopens_total", 0);
    assert_int_equal(erase(s, id)->status, 0);
}

/* ---- backup ---- */

TEST(a_backup_serves_the_same_messages)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *copy = in_dir(f, "copy.db"), *before, *after;
    struct stat st;

    (void)post(s, "first");
    (void)post(s, "second");
    before = exported(s);
    assert_int_equal(back_up(s, copy)->status, 0);
    after = post(s, "third");
    assert_int_equal(stat(copy, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_false(is_there(textf(f, "%s.partial", copy)));
    assert_json(f, log_event_wait(s, "store_backed_up"), "file", copy);
    server_stop(s);

    s->opt.sets = SETS(textf(f, "store.path=%s", copy));
    server_again(s);
    assert_string_equal(exported(s), before);
    assert_lacks(exported(s), after);
    assert_contains(exported(s), post(s, "fourth"));
}

TEST(a_backup_is_made_without_a_server_too)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *copy = in_dir(f, "copy.db");
    const struct outcome *o;
    struct stat st;

    (void)post(s, "first");
    server_stop(s);
    o = back_up(s, copy);
    assert_int_equal(stat(copy, &st), 0);
    assert_done(o, textf(f, "backed up %lld bytes to %s\n", (long long)st.st_size, copy));
    assert_int_equal(st.st_mode & 0777, 0600);
    s->opt.sets = SETS(textf(f, "store.path=%s", copy));
    assert_int_equal(json_size(f, exported(s), ""), 1);
}

TEST(a_backup_made_while_messages_come_in_is_whole_and_loses_none)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off"));
    const char *copy = in_dir(f, "copy.db");
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    struct load_result result;
    struct load *load;
    double before;
    int64_t copied;

    load = load_start(s, &(struct load_options){.kind = LOAD_CONTACT, .threads = 4});
    EVENTUALLY(metric(s, SUBMISSIONS) >= 50);
    before = metric(s, SUBMISSIONS);
    assert_int_equal(back_up(s, copy)->status, 0);
    EVENTUALLY(metric(s, SUBMISSIONS) > before);
    result = load_end(load, false);
    assert_int_equal(result.failed, 0);
    assert_int_equal(sqlite3_open_v2(copy, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM submissions", -1, &st, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    copied = sqlite3_column_int64(st, 0);
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
    assert_true((double)copied >= before);
    assert_int_equal(count_of(exported(s), "\"id\":"), (size_t)metric(s, SUBMISSIONS));
}

TEST(a_backup_takes_a_new_name_in_a_directory_that_is_there)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *taken = in_dir(f, "taken.db");

    write_file(taken, "mine");
    for (int running = 1; running >= 0; running--) {
        assert_refused(back_up(s, taken), 1, "exists");
        assert_string_equal(read_file(f, taken), "mine");
        assert_refused(back_up(s, in_dir(f, "no/copy.db")), 1, "cannot find the directory");
        assert_refused(back_up(s, textf(f, "%s/", fixture_dir(f))), 1, "does not name a file");
        assert_refused(back_up(s, textf(f, "%s/..", fixture_dir(f))), 1, "does not name a file");
        assert_refused(back_up(s, "/proc/copy.db"), 1, "cannot make");
        if (running)
            server_stop(s);
    }
}

TEST(a_name_that_the_store_keeps_for_itself_is_no_backup)
{
    static const char *const tails[] = {"-journal", "-wal", "-shm", ".lock", ".sock"};
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);

    (void)post(s, "first");
    for (int running = 1; running >= 0; running--) {
        for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
            const char *file = textf(f, "%s%s", s->store, tails[i]);
            bool there = is_there(file);

            assert_refused(back_up(s, file), 1, there ? "exists" : "kept for the store's own");
            if (!there)
                assert_false(is_there(file));
        }
        if (running)
            server_stop(s);
    }
    assert_int_equal(json_size(f, exported(s), ""), 1);
}

/* In a mount namespace of its own, where `hidden` is not ours; false: there can be none. */
static bool start_apart(struct fixture *f, const char *hidden, struct server **ret)
{
    const char *was = textf(f, "%s", program()), *script = in_dir(f, "apart.sh");

    if (geteuid() != 0 ||
        run(f, ARGS("unshare", "-m", "mount", "-t", "tmpfs", "none", hidden), NULL)->status != 0)
        return false;
    write_file(script, textf(f,
                             "#!/bin/sh\nexec unshare -m sh -c 'mount -t tmpfs none %s && "
                             "exec \"$0\" \"$@\"' %s \"$@\"\n",
                             hidden, was));
    assert_int_equal(chmod(script, 0700), 0);
    /* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
    assert_int_equal(setenv("SIDELIGHT", script, 1), 0);
    *ret = server_start(f, NULL);
    assert_int_equal(setenv("SIDELIGHT", was, 1), 0);
    /* NOLINTEND(concurrency-mt-unsafe) */
    return true;
}

TEST(a_backup_that_only_the_server_sees_is_a_failure)
{
    struct fixture *f = *state;
    const char *hidden = in_dir(f, "tmp"), *copy = in_dir(f, "tmp/copy.db");
    struct server *s = NULL;

    assert_int_equal(mkdir(hidden, 0700), 0);
    if (!start_apart(f, hidden, &s)) {
        print_message("skipped: no mount namespace can be made here\n");
        skip();
    }
    (void)post(s, "first");
    assert_refused(back_up(s, copy), 1, "directories of its own (a private /tmp");
    assert_false(is_there(copy));
    assert_json(f, log_event_wait(s, "store_backed_up"), "file", copy);
    write_file(in_dir(f, "tmp/mine.db"), "somebody's");
    assert_refused(back_up(s, in_dir(f, "tmp/mine.db")), 1, "directories of its own");
    assert_string_equal(read_file(f, in_dir(f, "tmp/mine.db")), "somebody's");
    assert_int_equal(back_up(s, in_dir(f, "copy.db"))->status, 0);
    assert_true(is_there(in_dir(f, "copy.db")));
}

/* Some 60 MB, which take a while to be copied. */
static void fill_store(struct server *s)
{
    static const char sql[] =
        "CREATE TABLE ballast AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        "WHERE i < 60000) SELECT i, zeroblob(1000) AS filling FROM n";
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(s->store, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/*
 * Sends `signo` to a backup that is under way, started by `sh` with `before`; the exit status.
 */
static int interrupt(struct server *s, const char *copy, const char *before, int signo)
{
    struct fixture *f = s->f;
    const char *partial = textf(f, "%s.partial", copy), *out = in_dir(f, "interrupted.out");
    const char *line = textf(f, "%s exec %s store backup %s --set store.path=%s", before, program(),
                             copy, s->store);
    int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), status = -1;
    pid_t pid;

    assert_true(fd >= 0);
    pid = process_start(&(struct process_options){
        .argv = ARGS("sh", "-c", line), .in = PROCESS_INHERITED, .out = fd, .err = fd});
    (void)close(fd);
    EVENTUALLY(is_there(partial) || is_there(copy));
    (void)kill(pid, signo);
    if (!process_wait(pid, DEADLINE_MS, &status)) {
        (void)kill(pid, SIGKILL);
        (void)process_wait(pid, DEADLINE_MS, &status);
        fail_msg("the backup did not end");
    }
    assert_false(is_there(partial));
    assert_false(is_there(textf(f, "%s-journal", partial)));
    return status;
}

TEST(an_interrupted_backup_leaves_nothing)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *copy = in_dir(f, "copy.db");

    server_stop(s);
    fill_store(s);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        /* It may have been quicker than the signal. */
        EVENTUALLY((unlink(copy), interrupt(s, copy, "", signals[i])) != 0);
        assert_false(is_there(copy));
        assert_contains(read_file(f, in_dir(f, "interrupted.out")), "told to stop");
    }
    /* As nohup has it. */
    assert_int_equal(interrupt(s, copy, "trap '' HUP;", SIGHUP), 0);
    assert_true(is_there(copy));
    assert_int_equal(unlink(copy), 0);
    /* Larger than a file may be. */
    assert_int_equal(interrupt(s, copy, "ulimit -f 8192;", 0), 1);
    assert_false(is_there(copy));
}

TEST(a_relative_name_is_of_the_callers_directory)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *command =
        textf(f,
              "p=$(realpath %s) && mkdir %s/sub && cd %s/sub && $p store backup copy.db --set "
              "store.path=%s",
              program(), fixture_dir(f), fixture_dir(f), s->store);
    const struct outcome *o;

    (void)post(s, "first");
    o = run(f, ARGS("sh", "-c", command), NULL);
    assert_int_equal(o->status, 0);
    assert_contains(o->out, "/sub/copy.db\n");
    assert_true(is_there(in_dir(f, "sub/copy.db")));
}

TEST(where_there_is_no_store_nothing_is_made)
{
    struct fixture *f = *state;
    const char *set = textf(f, "store.path=%s", in_dir(f, "no/store.db"));

    assert_refused(run_sidelight(f, "store", "backup", in_dir(f, "copy.db"), "--set", set), 1,
                   "there is no store");
    assert_refused(run_sidelight(f, "contacts", "delete", NOBODYS_ID, "--set", set), 1,
                   "there is no store");
    assert_false(is_there(in_dir(f, "no")));
    assert_false(is_there(in_dir(f, "copy.db")));
}

/* ---- the socket ---- */

TEST(the_socket_is_private_and_goes_with_the_server)
{
    struct server *s = server_start(*state, NULL);
    struct stat st;

    assert_int_equal(stat(socket_of(s), &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    server_stop(s);
    assert_false(is_there(socket_of(s)));
    server_again(s);
    server_kill(s);
    server_again(s); /* what a killed one left is no obstacle */
    check_deletion(s, post(s, "first"), "");
}

TEST(without_its_socket_a_server_serves_and_the_commands_say_who_has_the_store)
{
    struct fixture *f = *state;
    struct server *s;

    write_file(in_dir(f, "sidelight.db.sock"), "in the way");
    s = server_start(f, NULL);
    assert_contains(log_event_wait(s, "control_unavailable"), "no socket");
    assert_refused(erase(s, post(s, "first")), 1, textf(f, "in use by process %d", s->pid));
}

/* ---- retention ---- */

TEST(old_messages_expire_and_young_ones_stay)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, NULL);
    const char *old = post(s, "old"), *young = post(s, "young");
    const char *sql =
        textf(f, "UPDATE submissions SET received_ms = received_ms - 7200000 WHERE id = '%s'", old);
    sqlite3 *db = NULL;

    server_stop(s);
    assert_int_equal(sqlite3_open(s->store, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    server_again(s);
    assert_metric(s, "store_expired_total", 0);
    assert_contains(exported(s), old);
    server_stop(s);
    s->opt.sets = SETS("contact.retention=1h");
    server_again(s);
    assert_metric(s, "store_expired_total", 1);
    assert_lacks(exported(s), old);
    assert_contains(exported(s), young);
    assert_json(f, log_event_wait(s, "submissions_expired"), "submissions", "1");
}

RUN_TESTS(T(a_message_is_deleted_while_the_server_runs),
          T(a_message_is_deleted_while_no_server_runs),
          T(a_message_is_deleted_after_the_server_was_killed),
          T(a_deleted_message_that_is_sent_again_is_a_new_one),
          T(nothing_of_a_deleted_message_stays_in_the_files),
          T(what_is_no_id_is_a_wrong_call),
          T(a_hanging_disk_is_seen_and_answered_at_once),
          T(a_backup_serves_the_same_messages),
          T(a_backup_is_made_without_a_server_too),
          T(a_backup_made_while_messages_come_in_is_whole_and_loses_none),
          T(a_backup_takes_a_new_name_in_a_directory_that_is_there),
          T(a_name_that_the_store_keeps_for_itself_is_no_backup),
          T(a_backup_that_only_the_server_sees_is_a_failure),
          T(an_interrupted_backup_leaves_nothing),
          T(a_relative_name_is_of_the_callers_directory),
          T(where_there_is_no_store_nothing_is_made),
          T(the_socket_is_private_and_goes_with_the_server),
          T(without_its_socket_a_server_serves_and_the_commands_say_who_has_the_store),
          T(old_messages_expire_and_young_ones_stay))

/* SPDX-License-Identifier: MIT */
/*
 * Backing up and restoring as docs/operations.md says it, in its own words: each line that is run
 * here must stand on that page. That a backup under load is whole, that it takes no taken name and
 * so on, is admin_test.c's.
 */
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/load.h"
#include "tests/e2e/lib/page.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MESSAGES = 20, ID_MAX = 40 };

/*
 * Lines of the page. Of the two ways to put a file in place, the second is what Compose runs in the
 * container.
 */
#define MOVE_AWAY "old=old-$(date +%Y%m%d-%H%M%S) && mkdir \"$old\" && mv sidelight.db* \"$old\"/"
#define PUT_IN_PLACE "test ! -e sidelight.db && install -m 600 \"$backup\" sidelight.db"
#define PIPE_IN_PLACE "umask 077 && set -C && cat > sidelight.db"
#define GO_BACK                                                                       \
    "new=new-$(date +%Y%m%d-%H%M%S) && mkdir \"$new\" && mv sidelight.db* \"$new\"/ " \
    "&& mv \"$old\"/sidelight.db* ."

/* Messages with a key each, and what they were acknowledged with. */
struct sent_messages {
    const char *name; /* their texts and keys begin with it */
    char ids[MESSAGES][ID_MAX];
};

static struct server *start(struct fixture *f)
{
    const char *store = textf(f, "store.path=%s", in_dir(f, "data/sidelight.db"));

    return server_start(f, SETS("contact.rate=off", "threads=2", store));
}

static const char *send_one(struct server *s, const char *name, unsigned i)
{
    struct fixture *f = s->f;
    const char *body =
        textf(f, "{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"message\":\"%s %u\"}", name, i);
    const char *key = textf(f, "Idempotency-Key: %s-%u", name, i);
    const struct reply *r =
        ASK(s, .path = "/contact", .headers = HEADERS(JSON_TYPE, key), .body = body);

    assert_status(r, 201);
    return json_text(f, r->body, "id");
}

static void send_all(struct server *s, struct sent_messages *m)
{
    for (unsigned i = 0; i < MESSAGES; i++)
        (void)snprintf(m->ids[i], ID_MAX, "%s", send_one(s, m->name, i));
}

static const char *exported(struct server *s)
{
    const struct outcome *o = server_command(s, ARGS("contacts", "export", "--format", "json"));

    assert_int_equal(o->status, 0);
    return o->out;
}

static void assert_stored(struct server *s, const struct sent_messages *m, size_t times)
{
    const char *all = exported(s);

    for (unsigned i = 0; i < MESSAGES; i++)
        assert_int_equal(count_of(all, m->ids[i]), times);
}

/* Sent once more with their keys, they are the same ones. */
static void assert_recognised(struct server *s, const struct sent_messages *m)
{
    double before = metric(s, "contact_replays_total");

    for (unsigned i = 0; i < MESSAGES; i++)
        assert_string_equal(send_one(s, m->name, i), m->ids[i]);
    assert_metric(s, "contact_replays_total", before + MESSAGES);
    assert_stored(s, m, 1);
}

static const char *back_up(struct server *s)
{
    const char *file = in_dir(s->f, "backup.db");
    const struct outcome *o = server_command(s, ARGS("store", "backup", file));

    if (o->status != 0)
        fail_msg("exit status %d: %s", o->status, o->err);
    return file;
}

/*
 * Runs a line of the page in the directory of the store, with the backup as its input; `old` is
 * what was moved away first.
 */
static const struct outcome *try_line(struct server *s, const char *line)
{
    struct fixture *f = s->f;
    const char *script = textf(
        f,
        "cd '%s' && backup=../backup.db && old=$(ls -d old-* 2>/dev/null | head -n 1); { %s; } <../backup.db",
        in_dir(f, "data"), line);

    assert_contains(read_file(f, "docs/operations.md"), line);
    return run(f, ARGS("sh", "-c", script), NULL);
}

static void follow(struct server *s, const char *line)
{
    const struct outcome *o = try_line(s, line);

    if (o->status != 0)
        fail_msg("%s: exit status %d: %s", line, o->status, o->err);
}

static void assert_sound(struct fixture *f)
{
    const char *path = in_dir(f, "data/sidelight.db");
    sqlite3_stmt *st = NULL;
    sqlite3 *db = NULL;
    struct stat file;

    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(st, 0), "ok");
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
}

/*
 * What a restore promises, after its commands: all that was acknowledged before the backup, and its
 * keys; nothing after it.
 */
static void assert_restored(struct server *s,
                            const struct sent_messages *before,
                            const struct sent_messages *after)
{
    assert_sound(s->f);
    server_again(s);
    assert_stored(s, before, 1);
    assert_stored(s, after, 0);
    assert_recognised(s, before);
    assert_metric(s, "dependency_up{name=\"store\"}", 1);
}

TEST(a_backup_made_under_load_restores_what_was_acknowledged_before_it)
{
    struct fixture *f = *state;
    struct server *s = start(f);
    struct load *load = load_start(s, &(struct load_options){.kind = LOAD_CONTACT, .threads = 4});
    struct sent_messages before = {.name = "before"}, after = {.name = "after"};
    double acknowledged;
    size_t all, restored;

    send_all(s, &before);
    acknowledged = metric(s, SUBMISSIONS);
    (void)back_up(s);
    send_all(s, &after);
    assert_int_equal(load_end(load, false).failed, 0);
    all = count_of(exported(s), "\"id\":");
    server_stop(s);

    follow(s, MOVE_AWAY);
    follow(s, PUT_IN_PLACE);
    assert_restored(s, &before, &after);
    restored = count_of(exported(s), "\"id\":");
    assert_true((double)restored >= acknowledged && restored + MESSAGES <= all);

    /* Their senders try again: stored anew, since the restored store never saw them. */
    for (unsigned i = 0; i < MESSAGES; i++)
        assert_string_not_equal(send_one(s, after.name, i), after.ids[i]);
    assert_int_equal(count_of(exported(s), "\"id\":"), restored + MESSAGES);
}

TEST(the_way_back_to_the_old_file_loses_nothing_of_it)
{
    struct fixture *f = *state;
    struct server *s = start(f);
    struct sent_messages before = {.name = "before"}, after = {.name = "after"};
    struct sent_messages meanwhile = {.name = "meanwhile"};

    send_all(s, &before);
    (void)back_up(s);
    send_all(s, &after);
    server_stop(s);
    follow(s, MOVE_AWAY);
    follow(s, PIPE_IN_PLACE);
    assert_restored(s, &before, &after);
    send_all(s, &meanwhile);
    server_stop(s);

    follow(s, GO_BACK);
    server_again(s);
    assert_recognised(s, &before);
    assert_recognised(s, &after);
    assert_stored(s, &meanwhile, 0); /* in new-... */
    assert_int_equal(
        run(f, ARGS("sh", "-c", textf(f, "ls '%s'/new-*/sidelight.db", in_dir(f, "data"))), NULL)
            ->status,
        0);
}

/*
 * A killed server leaves its last messages in the log, which must go with the old file, and come
 * back with it.
 */
TEST(after_a_crash_the_log_goes_with_its_file)
{
    struct fixture *f = *state;
    struct server *s = start(f);
    struct sent_messages before = {.name = "before"}, after = {.name = "after"};
    struct stat log;

    send_all(s, &before);
    (void)back_up(s);
    send_all(s, &after);
    server_kill(s);
    assert_int_equal(stat(in_dir(f, "data/sidelight.db-wal"), &log), 0);
    assert_true(log.st_size > 0);
    follow(s, MOVE_AWAY);
    follow(s, PUT_IN_PLACE);
    assert_restored(s, &before, &after);
    server_stop(s);

    follow(s, GO_BACK);
    server_again(s);
    assert_recognised(s, &before);
    assert_recognised(s, &after);
}

/* Whoever forgets to move the store away, or restores once more, loses nothing. */
TEST(a_restore_over_a_store_that_is_there_is_refused)
{
    static const char *const lines[] = {PUT_IN_PLACE, PIPE_IN_PLACE};
    struct fixture *f = *state;
    struct server *s = start(f);
    struct sent_messages before = {.name = "before"}, after = {.name = "after"};

    send_all(s, &before);
    (void)back_up(s);
    send_all(s, &after);
    server_stop(s);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_true(try_line(s, lines[i])->status != 0);
    server_again(s);
    assert_stored(s, &before, 1);
    assert_stored(s, &after, 1);
}

RUN_TESTS(T(a_backup_made_under_load_restores_what_was_acknowledged_before_it),
          T(the_way_back_to_the_old_file_loses_nothing_of_it),
          T(after_a_crash_the_log_goes_with_its_file),
          T(a_restore_over_a_store_that_is_there_is_refused))

/* SPDX-License-Identifier: MIT */
/*
 * SIGKILL under load, again and again: whatever was acknowledged is there at the end, once.
 *
 * CRASH_ROUNDS says how often (20). Clients number their messages. Half of them carry an
 * Idempotency-Key and are sent again until they are acknowledged; the others are sent once and may
 * be lost when nobody said they were stored.
 */
#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/wire.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CLIENTS = 4, TEXT_MAX = 32, ID_MAX = 40, KILL_WITHIN_MS = 40 };

struct message {
    char text[TEXT_MAX]; /* unique; the key is made from it */
    char id[ID_MAX];     /* of the acknowledgement; empty: none came */
    bool keyed;
};

struct crowd;
struct client {
    struct crowd *crowd;
    unsigned number;
    pthread_t thread;
    struct message *messages;
    size_t n, room;
    uint64_t retries, failures;
    const char *wrong; /* an answer that must not be */
};

struct crowd {
    _Atomic unsigned port;
    _Atomic bool stop;
    _Atomic uint64_t acknowledged;
    bool joined;
    struct client clients[CLIENTS];
};

/* One POST; true when an answer came, and then ret->id is what it says. */
static bool send_message(struct client *c, struct wire *w, struct message *m)
{
    struct reply r = {.status = 0};
    struct buf b = BUF_INIT;
    char body[128];
    int n = snprintf(body, sizeof(body),
                     "{\"name\":\"c\",\"email\":\"c@example.com\",\"message\":\"%s\"}", m->text);
    bool answered;

    buf_addf(&b,
             "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE "\r\nContent-Length: %d\r\n",
             n);
    if (m->keyed)
        buf_addf(&b, "Idempotency-Key: key-%s\r\n", m->text);
    buf_addf(&b, "\r\n%s", body);
    (void)wire_write(w, b.data, b.len);
    buf_release(&b);
    answered = wire_read(w, false, &r) == GOT_REPLY;
    if (answered && (r.status != 201 || strncmp(r.body, "{\"id\":\"", 7) != 0))
        c->wrong = "an answer other than 201";
    else if (answered)
        (void)snprintf(m->id, sizeof(m->id), "%.36s", r.body + 7);
    reply_release(&r);
    if (answered)
        atomic_fetch_add(&c->crowd->acknowledged, 1);
    return answered;
}

static struct message *next_message(struct client *c)
{
    struct message *m;

    if (c->n == c->room) {
        c->room = c->room > 0 ? 2 * c->room : 256;
        c->messages = must_realloc(c->messages, c->room * sizeof(*c->messages));
    }
    m = &c->messages[c->n];
    *m = (struct message){.keyed = c->n % 2 == 0};
    (void)snprintf(m->text, sizeof(m->text), "m-%u-%zu", c->number, c->n);
    c->n++;
    return m;
}

/* A connection that stands, or none when the clients are told to stop. */
static bool reach(struct client *c, struct wire *w, bool *connected)
{
    while (!*connected && !atomic_load(&c->crowd->stop)) {
        *connected = wire_connect(w, atomic_load(&c->crowd->port));
        if (!*connected)
            clock_sleep_ms(1);
    }
    return *connected;
}

/* Goes on until it is acknowledged when it has a key; once otherwise. */
static void deliver(struct client *c, struct message *m, struct wire *w, bool *connected)
{
    uint64_t end = 0;

    for (;;) {
        /* Told to stop, keyed ones are still brought home: the server runs. */
        if (!*connected && !(*connected = wire_connect(w, atomic_load(&c->crowd->port)))) {
            clock_sleep_ms(1);
            end = end != 0 ? end : clock_mono_ns() + DEADLINE_MS * NS_PER_MS;
            if (clock_mono_ns() >= end)
                return;
            continue;
        }
        if (send_message(c, w, m))
            return;
        wire_close(w);
        *connected = false;
        c->failures++;
        if (!m->keyed)
            return;
        c->retries++;
    }
}

static void *client_main(void *arg)
{
    struct client *c = arg;
    bool connected = false;
    struct wire w;

    while (reach(c, &w, &connected) && !atomic_load(&c->crowd->stop))
        deliver(c, next_message(c), &w, &connected);
    if (connected)
        wire_close(&w);
    return NULL;
}

static unsigned rounds(void)
{
    const char *text = environment("CRASH_ROUNDS");

    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : 20;
}

/* Kills at a random moment after the first acknowledgement of each round. */
static void kill_again_and_again(struct server *s, struct crowd *crowd, unsigned n)
{
    unsigned seed = (unsigned)clock_wall_ms();

    print_message("  %u rounds, seed %u\n", n, seed);
    for (unsigned i = 0; i < n; i++) {
        uint64_t before = atomic_load(&crowd->acknowledged);

        EVENTUALLY(atomic_load(&crowd->acknowledged) > before);
        clock_sleep_ms((uint32_t)rand_r(&seed) % KILL_WITHIN_MS);
        server_kill(s);
        server_again(s);
        atomic_store(&crowd->port, s->public_port);
    }
}

/* ---- the reckoning ---- */

struct row {
    const char *text, *id;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->text, ((const struct row *)b)->text);
}

static const struct row *find(const struct row *rows, size_t n, const char *text)
{
    struct row key = {text, NULL};

    return bsearch(&key, rows, n, sizeof(*rows), by_text);
}

static struct row *read_rows(struct fixture *f, const cJSON *doc, size_t *ret_n)
{
    size_t n = (size_t)cJSON_GetArraySize(doc), i = 0;
    struct row *rows = keep(f, (n + 1) * sizeof(*rows));
    const cJSON *item;

    cJSON_ArrayForEach(item, doc)
    {
        rows[i].text = cJSON_GetObjectItemCaseSensitive(item, "message")->valuestring;
        rows[i++].id = cJSON_GetObjectItemCaseSensitive(item, "id")->valuestring;
    }
    qsort(rows, n, sizeof(*rows), by_text);
    *ret_n = n;
    return rows;
}

struct sum {
    uint64_t acknowledged, lost, other_id, unacknowledged, stored_anyway;
};

static void reckon(const struct client *c, const struct row *rows, size_t n, struct sum *sum)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct message *m = &c->messages[i];
        const struct row *row = find(rows, n, m->text);

        if (m->id[0] == '\0') {
            sum->unacknowledged++;
            sum->stored_anyway += row != NULL;
            continue;
        }
        sum->acknowledged++;
        if (row == NULL)
            sum->lost++;
        else if (strcmp(row->id, m->id) != 0)
            sum->other_id++;
    }
}

static void assert_sound(const char *path)
{
    sqlite3_stmt *st = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(st, 0), "ok");
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
}

static void assert_nothing_lost_or_twice(struct fixture *f,
                                         struct server *s,
                                         const struct crowd *crowd)
{
    const struct outcome *o = server_command(s, ARGS("contacts", "export", "--format", "json"));
    cJSON *doc = cJSON_Parse(o->out);
    struct sum sum = {.lost = 0};
    uint64_t twice = 0;
    struct row *rows;
    size_t n;

    assert_non_null(doc);
    rows = read_rows(f, doc, &n);
    for (size_t i = 1; i < n; i++)
        twice += by_text(&rows[i - 1], &rows[i]) == 0;
    for (unsigned i = 0; i < CLIENTS; i++)
        reckon(&crowd->clients[i], rows, n, &sum);
    cJSON_Delete(doc);
    print_message(
        "  %llu acknowledged, %llu lost, %llu twice; %llu unacknowledged, of which %llu stored\n",
        (unsigned long long)sum.acknowledged, (unsigned long long)sum.lost,
        (unsigned long long)twice, (unsigned long long)sum.unacknowledged,
        (unsigned long long)sum.stored_anyway);
    assert_int_equal(sum.lost, 0);
    assert_int_equal(twice, 0);
    assert_int_equal(sum.other_id, 0);
    assert_true(sum.acknowledged > 0);
    assert_int_equal(n, sum.acknowledged + sum.stored_anyway);
}

/* Also at the end of a test that failed, before the server goes. */
static void stop_crowd(void *arg)
{
    struct crowd *crowd = arg;

    atomic_store(&crowd->stop, true);
    for (unsigned i = 0; i < CLIENTS && !crowd->joined; i++)
        (void)pthread_join(crowd->clients[i].thread, NULL);
    crowd->joined = true;
}

static void free_messages(void *arg)
{
    struct crowd *crowd = arg;

    for (unsigned i = 0; i < CLIENTS; i++)
        free(crowd->clients[i].messages);
}

static struct crowd *start_crowd(struct fixture *f, const struct server *s)
{
    struct crowd *crowd = keep(f, sizeof(*crowd));

    atomic_store(&crowd->port, s->public_port);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *c = &crowd->clients[i];

        c->crowd = crowd;
        c->number = i;
        MUST(pthread_create(&c->thread, NULL, client_main, c) == 0);
    }
    at_end(f, free_messages, crowd);
    at_end(f, stop_crowd, crowd);
    return crowd;
}

TEST(what_was_acknowledged_survives_sigkill_once)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off", "threads=2"));
    struct crowd *crowd = start_crowd(f, s);
    uint64_t retries = 0;

    kill_again_and_again(s, crowd, rounds());
    stop_crowd(crowd);
    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct client *c = &crowd->clients[i];

        retries += c->retries;
        if (c->wrong != NULL)
            fail_msg("%s", c->wrong);
        for (size_t k = 0; k < c->n; k++)
            assert_true(!c->messages[k].keyed || c->messages[k].id[0] != '\0');
    }
    print_message("  %llu tries repeated with their key\n", (unsigned long long)retries);
    assert_nothing_lost_or_twice(f, s, crowd);
    server_stop(s);
    assert_sound(s->store);
}

RUN_TESTS(T(what_was_acknowledged_survives_sigkill_once))

/* SPDX-License-Identifier: MIT */
/* Threads with a connection each. They never assert: that is for the main thread. */
#include "tests/faults/lib/disk_people.h"

#include "base/id.h"
#include "base/parse.h"
#include "tests/e2e/lib/json.h"
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TEXT_MAX = 32, RETRY_MS = 20, RETRY_AFTER_MAX = 60 };

struct message {
    char text[TEXT_MAX]; /* unique; the key is made from it */
    char id[ID_LEN + 1]; /* of the acknowledgement; empty: none came */
    bool keyed;
};

struct person {
    struct people *people;
    unsigned number;
    pthread_t thread;
    struct message *messages;
    size_t n, room;
    uint64_t repeated;
    struct wire wire;
    bool connected;
};

struct people {
    struct fixture *f;
    _Atomic unsigned port;
    _Atomic bool stop, gone;
    _Atomic uint64_t acknowledged, refused;
    _Atomic uint64_t outage;     /* odd while each answer must be 503, see people_outage */
    _Atomic(const char *) wrong; /* what an answer was that must not be */
    unsigned pause_ms;
    bool joined;
    unsigned n;
    struct person *each;
};

/* ---- one message ---- */

static void write_request(struct buf *b, const struct message *m)
{
    char body[160];
    int n = snprintf(body, sizeof(body),
                     "{\"name\":\"c\",\"email\":\"c@example.com\",\"message\":\"%s\"}", m->text);

    buf_addf(b,
             "POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
             "X-Correlation-ID: %s\r\nContent-Length: %d\r\n",
             m->text, n);
    if (m->keyed)
        buf_addf(b, "Idempotency-Key: key-%s\r\n", m->text);
    buf_addf(b, "\r\n%s", body);
}

/* 503 with what a client needs to come back. */
static bool refused_well(const struct reply *r)
{
    const char *after = reply_field(r, "retry-after");
    uint64_t seconds = 0;

    return r->status == 503 && after != NULL &&
           parse_u64(slice_str(after), 1, RETRY_AFTER_MAX, &seconds, NULL) &&
           strstr(r->body, "\"code\":\"store_unavailable\"") != NULL;
}

/* True when it is acknowledged. `outage` is from before it was sent. */
static bool judge(struct person *p, struct message *m, const struct reply *r, uint64_t outage)
{
    struct people *c = p->people;

    if (r->status == 201 && outage % 2 == 1 && c->outage == outage)
        c->wrong = "201 while the disk fails";
    if (r->status == 201 && strncmp(r->body, "{\"id\":\"", 7) == 0) {
        (void)snprintf(m->id, sizeof(m->id), "%.*s", (int)ID_LEN, r->body + 7);
        c->acknowledged++;
        return true;
    }
    if (refused_well(r))
        c->refused++;
    else
        c->wrong = r->status == 503 ? "a bad 503" : "neither 201 nor 503";
    return false;
}

/* One try, on a connection that stands; true when it is acknowledged. */
static bool try_once(struct person *p, struct message *m)
{
    struct reply r = {.status = 0};
    struct buf b = BUF_INIT;
    uint64_t outage = p->people->outage;
    bool done = false;

    write_request(&b, m);
    (void)wire_write(&p->wire, b.data, b.len);
    buf_release(&b);
    if (wire_read(&p->wire, false, &r) == GOT_REPLY) {
        done = judge(p, m, &r, outage);
    } else {
        if (!p->people->gone)
            p->people->wrong = "no answer";
        wire_close(&p->wire);
        p->connected = false;
    }
    reply_release(&r);
    return done;
}

static bool reach(struct person *p)
{
    if (!p->connected)
        p->connected = wire_connect(&p->wire, p->people->port);
    return p->connected;
}

/* Until it is acknowledged when it has a key, and then also when told to stop: the server runs. */
static void deliver(struct person *p, struct message *m)
{
    struct people *c = p->people;
    uint64_t end = 0;

    while (c->wrong == NULL) {
        if (reach(p) && (try_once(p, m) || !m->keyed))
            return;
        if (end == 0 && c->stop)
            end = clock_mono_ns() + DEADLINE_MS * NS_PER_MS;
        if (end != 0 && clock_mono_ns() >= end)
            c->wrong = "not acknowledged in time";
        p->repeated++;
        clock_sleep_ms(RETRY_MS);
    }
}

static struct message *next_message(struct person *p)
{
    struct message *m;

    if (p->n == p->room) {
        p->room = p->room > 0 ? 2 * p->room : 256;
        p->messages = must_realloc(p->messages, p->room * sizeof(*p->messages));
    }
    m = &p->messages[p->n];
    *m = (struct message){.keyed = p->n % 2 == 0};
    (void)snprintf(m->text, sizeof(m->text), "m-%u-%zu", p->number, p->n);
    p->n++;
    return m;
}

static void *person_main(void *arg)
{
    struct person *p = arg;
    struct people *c = p->people;

    while (!c->stop && c->wrong == NULL) {
        deliver(p, next_message(p));
        clock_sleep_ms(c->pause_ms);
    }
    if (p->connected)
        wire_close(&p->wire);
    return NULL;
}

/* ---- all of them ---- */

static void join(void *arg)
{
    struct people *c = arg;

    c->stop = true;
    for (unsigned i = 0; i < c->n && !c->joined; i++)
        (void)pthread_join(c->each[i].thread, NULL);
    c->joined = true;
}

static void free_messages(void *arg)
{
    struct people *c = arg;

    for (unsigned i = 0; i < c->n; i++)
        free(c->each[i].messages);
}

struct people *people_start(struct server *s, unsigned n, unsigned pause_ms)
{
    struct people *c = keep(s->f, sizeof(*c));

    c->f = s->f;
    c->port = s->public_port;
    c->pause_ms = pause_ms;
    c->each = keep(s->f, n * sizeof(*c->each));
    at_end(s->f, free_messages, c);
    at_end(s->f, join, c);
    for (; c->n < n; c->n++) {
        struct person *p = &c->each[c->n];

        *p = (struct person){.people = c, .number = c->n};
        MUST(pthread_create(&p->thread, NULL, person_main, p) == 0);
    }
    return c;
}

static void check(const struct people *c)
{
    const char *wrong = c->wrong;

    if (wrong != NULL)
        fail_msg("a client got: %s", wrong);
}

uint64_t people_refused(const struct people *c)
{
    return c->refused;
}

static bool reached(const struct people *c, const _Atomic uint64_t *count, uint64_t want)
{
    check(c);
    return *count >= want;
}

void people_await(const struct people *c, uint64_t more)
{
    uint64_t want = c->acknowledged + more;

    EVENTUALLY(reached(c, &c->acknowledged, want));
}

void people_await_refused(const struct people *c, uint64_t more)
{
    uint64_t want = c->refused + more;

    EVENTUALLY(reached(c, &c->refused, want));
}

void people_outage(struct people *c, bool on)
{
    MUST((c->outage % 2 == 1) != on);
    c->outage++;
}

void people_server_gone(struct people *c)
{
    c->gone = true;
}

/* Answers that the old one left half may still be noticed: `gone` stays. */
void people_server_back(struct people *c, const struct server *s)
{
    c->port = s->public_port;
}

void people_end(struct people *c)
{
    join(c);
    check(c);
}

/* ---- the reckoning ---- */

struct row {
    const char *text, *id;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->text, ((const struct row *)b)->text);
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

static void reckon_person(const struct person *p,
                          const struct row *rows,
                          size_t n,
                          struct reckoning *ret)
{
    ret->repeated += p->repeated;
    for (size_t i = 0; i < p->n; i++) {
        const struct message *m = &p->messages[i];
        struct row key = {m->text, NULL};
        const struct row *row = bsearch(&key, rows, n, sizeof(*rows), by_text);

        if (m->id[0] == '\0') {
            ret->unsure += row != NULL;
            continue;
        }
        ret->acknowledged++;
        ret->lost += row == NULL || strcmp(row->id, m->id) != 0;
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

/* Where the settings say that it is. */
static const char *store_path(const struct server *s)
{
    static const char key[] = "store.path=";
    const char *path = s->store;

    for (size_t i = 0; s->opt.sets != NULL && s->opt.sets[i] != NULL; i++)
        if (strncmp(s->opt.sets[i], key, sizeof(key) - 1) == 0)
            path = s->opt.sets[i] + sizeof(key) - 1;
    return path;
}

struct reckoning people_reckon(struct server *s, struct people *c)
{
    struct reckoning sum = {.refused = c->refused};
    const struct outcome *o;
    struct row *rows;
    cJSON *doc;
    size_t n;

    people_end(c);
    o = server_command(s, ARGS("contacts", "export", "--format", "json", "--flagged"));
    assert_int_equal(o->status, 0);
    doc = cJSON_Parse(o->out);
    assert_non_null(doc);
    rows = read_rows(s->f, doc, &n);
    for (size_t i = 1; i < n; i++)
        sum.twice += by_text(&rows[i - 1], &rows[i]) == 0;
    for (unsigned i = 0; i < c->n; i++)
        reckon_person(&c->each[i], rows, n, &sum);
    cJSON_Delete(doc);
    assert_int_equal(sum.lost, 0);
    assert_int_equal(sum.twice, 0);
    assert_true(sum.acknowledged > 0);
    assert_int_equal(n, sum.acknowledged + sum.unsure);
    server_stop(s);
    assert_sound(store_path(s));
    return sum;
}

/* ---- in and out of service ---- */

void assert_store_down(struct server *s)
{
    const struct reply *r;

    EVENTUALLY(get(s, "/health/readiness")->status == 503);
    r = get(s, "/health/readiness");
    assert_status(r, 503);
    assert_json(s->f, r->body, "reason", "store");
    assert_status(get(s, "/health"), 503);
    assert_status(get_ops(s, "/health/readiness"), 503);
    assert_metric(s, "dependency_up{name=\"store\"}", 0);
    assert_status(get(s, "/health/liveness"), 200);
    assert_true(server_lives(s));
    (void)log_event_wait(s, "store_failed");
}

void assert_store_up(struct server *s)
{
    EVENTUALLY(get(s, "/health/readiness")->status == 200);
    EVENTUALLY(get_ops(s, "/health/readiness")->status == 200);
    EVENTUALLY(get(s, "/health")->status == 200);
    assert_metric(s, "dependency_up{name=\"store\"}", 1);
    assert_true(server_lives(s));
    (void)log_event_wait(s, "store_reopened");
}

static size_t reopened(struct server *s)
{
    return count_of(log_text(s), "\"event\":\"store_reopened\"");
}

size_t assert_outages_logged(struct server *s)
{
    double n = metric(s, "store_reopens_total");

    EVENTUALLY((double)reopened(s) == n);
    assert_true(count_of(log_text(s), "\"event\":\"store_failed\"") >= (size_t)n);
    return (size_t)n;
}

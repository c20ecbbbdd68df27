/* SPDX-License-Identifier: MIT */
/* Threads with a connection each. They never assert: that is for the main thread. */
#include "tests/faults/lib/disk_people.h"

#include "base/parse.h"
#include "tests/e2e/lib/ledger.h"
#include "tests/e2e/lib/wire.h"

#include <pthread.h>
#include <stdatomic.h>

enum { RETRY_MS = 20, RETRY_AFTER_MAX = 60 };

struct person {
    struct people *people;
    struct ledger *ledger;
    pthread_t thread;
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
    char odd[256];               /* the first such answer */
    unsigned pause_ms;
    bool joined;
    unsigned n;
    struct person *each;
    struct ledger *ledgers;
};

/* ---- one message ---- */

/* 503 with what a client needs to come back. */
static bool refused_well(const struct reply *r)
{
    const char *after = reply_field(r, "retry-after");
    uint64_t seconds = 0;

    return r->status == 503 && after != NULL &&
           parse_u64(slice_str(after), 1, RETRY_AFTER_MAX, &seconds, NULL) &&
           strstr(r->body, "\"code\":\"store_unavailable\"") != NULL;
}

/* `r` is as no answer may be here. */
static void note_odd(struct people *c, const struct reply *r)
{
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

    MUST(pthread_mutex_lock(&one) == 0);
    if (c->wrong == NULL) {
        (void)snprintf(c->odd, sizeof(c->odd), "neither 201 nor a good 503: %d %.200s", r->status,
                       r->body);
        c->wrong = c->odd;
    }
    MUST(pthread_mutex_unlock(&one) == 0);
}

/* True when it is acknowledged. `outage` is from before it was sent. */
static bool judge(struct person *p, struct message *m, const struct reply *r, uint64_t outage)
{
    struct people *c = p->people;

    if (r->status == 201 && outage % 2 == 1 && c->outage == outage)
        c->wrong = "201 while the disk fails";
    if (message_acknowledge(m, r)) {
        c->acknowledged++;
        return true;
    }
    if (refused_well(r))
        c->refused++;
    else
        note_odd(c, r);
    return false;
}

/* One try, on a connection that stands; true when it is acknowledged. */
static bool try_once(struct person *p, struct message *m)
{
    struct reply r = {.status = 0};
    struct buf b = BUF_INIT;
    uint64_t outage = p->people->outage;
    bool done = false;

    message_write(m, &b);
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
    unsigned port = p->people->port;

    if (!p->connected && port != 0)
        p->connected = wire_connect(&p->wire, port);
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
        clock_sleep_ms(RETRY_MS);
    }
}

static void *person_main(void *arg)
{
    struct person *p = arg;
    struct people *c = p->people;

    while (!c->stop && c->wrong == NULL) {
        deliver(p, ledger_next(p->ledger));
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

struct people *people_start(struct server *s, unsigned n, unsigned pause_ms)
{
    struct people *c = keep(s->f, sizeof(*c));

    c->f = s->f;
    c->port = s->public_port;
    c->pause_ms = pause_ms;
    c->each = keep(s->f, n * sizeof(*c->each));
    c->ledgers = ledgers_new(s->f, n);
    at_end(s->f, join, c);
    for (; c->n < n; c->n++) {
        struct person *p = &c->each[c->n];

        *p = (struct person){.people = c, .ledger = &c->ledgers[c->n]};
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
    c->port = 0;
}

/* Answers that the old one left half may still be noticed: `gone` stays. */
void people_server_back(struct people *c, const struct server *s)
{
    c->port = s->public_port;
}

/* ---- the reckoning ---- */

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
    struct tally t;

    join(c);
    check(c);
    t = ledgers_reckon(s, c->ledgers, c->n);
    assert_nothing_lost_or_twice(&t);
    server_stop(s);
    assert_sound(store_path(s));
    return (struct reckoning){.acknowledged = t.acknowledged, .refused = c->refused};
}

/* SPDX-License-Identifier: MIT */
/*
 * SIGKILL under load, again and again: whatever was acknowledged is there at the end, once.
 *
 * CRASH_ROUNDS says how often (20). Clients number their messages. Half of them carry an
 * Idempotency-Key and are sent again until they are acknowledged; the others are sent once and may
 * be lost when nobody said they were stored.
 */
#include "tests/e2e/lib/ledger.h"
#include "tests/e2e/lib/wire.h"
#include "tests/faults/lib/promise.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CLIENTS = 4, KILL_WITHIN_MS = 40 };

struct crowd;
struct client {
    struct crowd *crowd;
    struct ledger *ledger;
    pthread_t thread;
    uint64_t retries, failures;
    const char *wrong; /* an answer that must not be */
};

struct crowd {
    _Atomic unsigned port; /* 0: of nobody, so that no other program's server is asked */
    _Atomic bool stop;
    _Atomic uint64_t acknowledged;
    bool joined;
    struct ledger *ledgers;
    struct client clients[CLIENTS];
};

/* One POST; true when an answer came. */
static bool send_message(struct client *c, struct wire *w, struct message *m)
{
    struct reply r = {.status = 0};
    struct buf b = BUF_INIT;
    bool answered;

    message_write(m, &b);
    (void)wire_write(w, b.data, b.len);
    buf_release(&b);
    answered = wire_read(w, false, &r) == GOT_REPLY;
    if (answered && !message_acknowledge(m, &r))
        c->wrong = "an answer other than 201";
    reply_release(&r);
    if (answered)
        atomic_fetch_add(&c->crowd->acknowledged, 1);
    return answered;
}

static bool connect_to(const struct crowd *crowd, struct wire *w)
{
    unsigned port = atomic_load(&crowd->port);

    return port != 0 && wire_connect(w, port);
}

/* A connection that stands, or none when the clients are told to stop. */
static bool reach(struct client *c, struct wire *w, bool *connected)
{
    while (!*connected && !atomic_load(&c->crowd->stop)) {
        *connected = connect_to(c->crowd, w);
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
        if (!*connected && !(*connected = connect_to(c->crowd, w))) {
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
        deliver(c, ledger_next(c->ledger), &w, &connected);
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
        atomic_store(&crowd->port, 0);
        server_kill(s);
        server_again(s);
        atomic_store(&crowd->port, s->public_port);
    }
}

static void print_tally(const struct tally *t)
{
    print_message(
        "  %llu acknowledged, %llu lost, %llu twice; %llu unacknowledged, of which %llu stored\n",
        (unsigned long long)t->acknowledged, (unsigned long long)t->lost,
        (unsigned long long)t->twice, (unsigned long long)t->unacknowledged,
        (unsigned long long)t->unsure);
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

static struct crowd *start_crowd(struct fixture *f, const struct server *s)
{
    struct crowd *crowd = keep(f, sizeof(*crowd));

    atomic_store(&crowd->port, s->public_port);
    crowd->ledgers = ledgers_new(f, CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *c = &crowd->clients[i];

        c->crowd = crowd;
        c->ledger = &crowd->ledgers[i];
        MUST(pthread_create(&c->thread, NULL, client_main, c) == 0);
    }
    at_end(f, stop_crowd, crowd);
    return crowd;
}

/*
 * No answer was wrong, and none with a key went without its acknowledgement. How often they were
 * sent again.
 */
static uint64_t check_clients(const struct crowd *crowd)
{
    uint64_t retries = 0;

    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct client *c = &crowd->clients[i];

        retries += c->retries;
        if (c->wrong != NULL)
            fail_msg("%s", c->wrong);
        for (size_t k = 0; k < c->ledger->n; k++)
            assert_true(!c->ledger->messages[k].keyed || c->ledger->messages[k].id[0] != '\0');
    }
    return retries;
}

TEST(what_was_acknowledged_survives_sigkill_once)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("contact.rate=off", "threads=2"));
    struct crowd *crowd = start_crowd(f, s);
    struct tally sum;

    kill_again_and_again(s, crowd, rounds());
    stop_crowd(crowd);
    print_message("  %llu tries repeated with their key\n",
                  (unsigned long long)check_clients(crowd));
    sum = ledgers_reckon(s, crowd->ledgers, CLIENTS);
    print_tally(&sum);
    assert_nothing_lost_or_twice(&sum);
    server_stop(s);
    assert_sound(s->store);
    promise(
        "F73", "What was acknowledged survives SIGKILL, once",
        "SIGKILL at a random moment under load and a new start, again and again; clients repeat "
        "what was not answered, with its key",
        "%u kills, %llu acknowledged, 0 lost, 0 doubled; the file is sound", rounds(),
        (unsigned long long)sum.acknowledged);
}

RUN_TESTS(T(what_was_acknowledged_survives_sigkill_once))

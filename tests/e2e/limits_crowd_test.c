/* SPDX-License-Identifier: MIT */
/* More clients than limits.connections: who waits is served, whoever holds the connections. */
#include "tests/e2e/lib/page.h"
#include "tests/e2e/lib/wire.h"

#include <signal.h>

#define HELLO "GET /health/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n"

enum { CAP = 8, LATE = 5 };

static void start_late(struct server *s, struct wire *late[LATE])
{
    for (int i = 0; i < LATE; i++)
        wire_send(late[i] = wire_to(s), HELLO);
}

TEST(sigterm_at_the_cap_answers_those_who_wait_beyond_it)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("limits.connections=8", "threads=2", "drain.delay=0s"));
    struct wire *w[CAP], *late[LATE];

    for (int i = 0; i < CAP; i++)
        wire_send(w[i] = wire_to(s), "GET /health/liv"); /* not idle, so none makes room */
    EVENTUALLY(metric(s, "connections_accept_pauses_total") >= 1);
    start_late(s, late);
    assert_true(wire_silent(late[0], 50));
    server_signal(s, SIGTERM);
    for (int i = 0; i < LATE; i++)
        assert_status(wire_reply(f, late[i]), 200);
    for (int i = 0; i < CAP; i++)
        wire_close(w[i]);
    assert_int_equal(server_end(s), 0);
}

/* Asks again on each connection that is still open; how many answer. */
static size_t ask_all(struct wire *w[CAP])
{
    size_t open = 0;

    for (int i = 0; i < CAP; i++) {
        struct reply r = {.status = 0};

        if (!w[i]->ended && wire_write(w[i], HELLO, strlen(HELLO)))
            open += wire_read(w[i], false, &r) == GOT_REPLY;
        reply_release(&r);
    }
    return open;
}

TEST(who_asks_again_and_again_cannot_hold_all_connections)
{
    struct fixture *f = *state;
    struct server *s = server_start(f, SETS("limits.connections=8", "threads=2"));
    struct wire *w[CAP], *late[LATE];

    for (int i = 0; i < CAP; i++)
        w[i] = wire_to(s);
    for (int k = 0; k < 12; k++) {
        assert_int_equal(ask_all(w), CAP); /* nobody waits: all stay */
        clock_sleep_ms(100);
    }
    start_late(s, late);
    for (int i = 0; i < LATE; i++) {
        EVENTUALLY(ask_all(w) < CAP && !wire_silent(late[i], 1));
        assert_status(wire_reply(f, late[i]), 200);
    }
    assert_true(metric(s, "connections_shed_total{reason=\"idle\"}") >= LATE);
}

RUN_TESTS(T(sigterm_at_the_cap_answers_those_who_wait_beyond_it),
          T(who_asks_again_and_again_cannot_hold_all_connections))

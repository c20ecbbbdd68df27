/* SPDX-License-Identifier: MIT */
/*
 * Numbered messages for POST /contact, whoever sends them: which were sent, which were acknowledged
 * and under what ID, and the reckoning with what is stored at the end.
 *
 * Every other message carries an Idempotency-Key, so it may be sent again; the others are sent
 * once, and without an answer nothing is known of them.
 */
#ifndef SIDELIGHT_TESTS_E2E_LEDGER_H
#define SIDELIGHT_TESTS_E2E_LEDGER_H

#include "base/id.h"
#include "tests/e2e/lib/reply.h"
#include "tests/e2e/lib/server.h"

enum { MESSAGE_TEXT_MAX = 32 };

struct message {
    char text[MESSAGE_TEXT_MAX]; /* unique; the key is made from it */
    char id[ID_LEN + 1];         /* of the acknowledgement; empty: none came */
    bool keyed;
};

/* What one sender has sent. Of one thread; to be read by others when it has ended. */
struct ledger {
    unsigned sender;
    struct message *messages;
    size_t n, room;
};

/* One for each of `n` senders. Main thread; they live until the end of the test. */
struct ledger *ledgers_new(struct fixture *f, unsigned n);

/* Any thread, without asserting. */
struct message *ledger_next(struct ledger *l); /* until the next call */
void message_write(const struct message *m, struct buf *b);
/* True when this is the acknowledgement; it is noted. */
bool message_acknowledge(struct message *m, const struct reply *r);

/* What became of them all. */
struct tally {
    uint64_t acknowledged, lost;
    uint64_t other_id; /* stored under another ID than their sender was told */
    uint64_t twice;
    uint64_t unacknowledged, unsure; /* unsure: of those, stored all the same */
    uint64_t stored;                 /* rows */
};
/* Main thread, when the senders have ended: compares them with `sidelight contacts export`. */
struct tally ledgers_reckon(struct server *s, const struct ledger *ledgers, unsigned n);
/* What was acknowledged is there once, under its ID; and nothing is there that nobody sent. */
void assert_nothing_lost_or_twice(const struct tally *t);

/* SQLite finds nothing wrong with the file. No server uses it. */
void assert_sound(const char *path);

#endif

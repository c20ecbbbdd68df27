/* SPDX-License-Identifier: MIT */
/*
 * One thread that asks the same over and over, by many connections: as often as it is told, whether or not there were
 * answers (open loop, as visitors do), or by each connection as soon as it has its answers (closed loop).
 */
#ifndef SIDELIGHT_TESTS_FAULTS_FLOOD_H
#define SIDELIGHT_TESTS_FAULTS_FLOOD_H

#include "base/id.h"
#include "tests/e2e/lib/client.h"

struct flood_options {
    const char *request; /* one, whole */
    size_t connections;  /* at most; in the closed loop all of them */
    double rate;         /* requests a second; 0: the closed loop */
    unsigned depth;      /* closed loop: requests sent at once by each; 0: one */
};

enum { RETRY_MAX_S = 10 };

struct flood_result {
    uint64_t asked;
    uint64_t good;    /* 2xx and 303 */
    uint64_t refused; /* 429 and 503 that say to come back within RETRY_MAX_S */
    uint64_t rude;    /* 429 and 503 that don't */
    uint64_t unsure;  /* of those refused: submissions that may be stored all the same */
    uint64_t other;   /* any other status */
    uint64_t broken;  /* the connection ended, or nothing came within the deadline */
    double seconds;   /* from the first request until it was stopped */
    double median_ms, p99_ms, longest_ms; /* of good answers */
    int first_other;                      /* status */
    char (*ids)[ID_LEN + 1];              /* of the submissions that were acknowledged as JSON */
    size_t n_ids;
};

struct flood;
/* Begins at once; ends with the test at the latest. Main thread, like all that follows. */
struct flood *flood_start(struct server *s, const struct flood_options *opt);
uint64_t flood_asked(const struct flood *l); /* until now */
uint64_t flood_good(const struct flood *l);
void flood_stop(struct flood *l); /* asks no more, and returns at once */
/* The same, waits for what is under way, and closes the connections. The IDs live until the end of the test. */
struct flood_result flood_end(struct flood *l);

#define FLOOD_CONTACT \
    "POST /contact HTTP/1.1\r\nHost: localhost\r\n" JSON_TYPE "\r\nContent-Length: 58\r\n\r\n" ADA
#define FLOOD_HEALTH "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"

#endif

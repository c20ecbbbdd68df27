/* SPDX-License-Identifier: MIT */
/*
 * A witness from outside: a thread that asks for a page and for a scrape again and again, each on a new connection,
 * while a test does its worst. And what the kernel says of the server.
 */
#ifndef SIDELIGHT_TESTS_FAULTS_WATCH_H
#define SIDELIGHT_TESTS_FAULTS_WATCH_H

#include "tests/e2e/lib/server.h"

struct watch_result {
    size_t asked, failed; /* failed: no answer before the deadline, or not 200 */
    double median_ms, longest_ms;
};

struct watch;
/*
 * Begins at once; ends with the test at the latest. Main thread. `path` is /health, or /health/liveness where the real disk,
 * which stalls at times, does not matter.
 */
struct watch *watch_start(struct server *s, const char *path);
/*
 * Ends it. Fails the test when the page or a scrape was not answered once, or when most scrapes took longer
 * than 50 ms (watch_patience).
 */
void watch_end(struct watch *w, struct watch_result *ret_page, struct watch_result *ret_scrape);

/* Descriptors that it has open while no client is there. */
double watch_files(struct server *s);
/* Waits until no client is there any more and no more than `files` are open. */
void assert_all_gone(struct server *s, double files);

/*
 * How often a limit of time counts: once in `make faults`, which has the machine to itself, four times beside other tests.
 */
double watch_patience(void);
/* Whether rates, times and memory are those of the server as it ships; says so when not. */
bool watch_judges(void);

double watch_cpu_s(const struct server *s);   /* seconds of CPU it has used, to a hundredth */
double watch_peak_mb(const struct server *s); /* the most memory it ever had, resident */

#endif

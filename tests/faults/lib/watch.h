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
    double median_ms, p99_ms, longest_ms;
    double own_ms; /* the longest without what the machine took (stalls_ms) */
};

struct watch;
/*
 * Begins at once; ends with the test at the latest. Main thread. `path` is /health, or /health/liveness where the real disk,
 * which stalls at times, does not matter.
 */
struct watch *watch_start(struct server *s, const char *path);
/*
 * Ends it. Fails the test when the page or a scrape was not answered once, or when a scrape took longer than 50 ms without
 * what the machine took; in `make faults` also when more than 1 % took longer as it is.
 */
void watch_end(struct watch *w, struct watch_result *ret_page, struct watch_result *ret_scrape);

/* Fails the test when somebody had to wait for the page half a second, without what the machine took. */
void watch_judge_page(const struct watch_result *page);

/*
 * What the machine takes: how long threads of a server that could run had to wait for a CPU, as the kernel counts it
 * (schedstat). A thread that sleeps, or uses its CPU, takes its time itself.
 */
enum stalled { STALLED_MAIN, STALLED_WORST }; /* the thread that scrapes are answered by; any */
struct stalls;
/* Of the threads that are there now; ends with the test. Main thread. */
struct stalls *stalls_of(struct server *s);
/* From here on; any thread, one at a time. */
void stalls_begin(struct stalls *st);
/* Milliseconds since, and what the calling thread itself, which began it, had to wait. */
double stalls_ms(const struct stalls *st, enum stalled who);

/* Of a longer time: what is to be judged, as in the short form at most `most_ms` are the machine's, in `make faults` none. */
double stalls_excuse(const struct stalls *st, double ms, double most_ms);

enum { SCRAPE_MAX_MS = 50 };

/* Descriptors that it has open while no client is there. */
double watch_files(struct server *s);
/* Waits until no client is there any more and no more than `files` are open. */
void assert_all_gone(struct server *s, double files);

/* Whether rates, times and memory are those of the server as it ships; says so when not. */
bool watch_judges(void);

double watch_cpu_s(const struct server *s);   /* seconds of CPU it has used, to a hundredth */
double watch_peak_mb(const struct server *s); /* the most memory it ever had, resident */

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The whole path with people at its end: production files but for the durations, which scale.py divides by FACTOR, a disk that can
 * fail under the real server (lib/disk.h), a real webhook receiver and mail server, and a page that stands in for Grafana.
 */
#ifndef SIDELIGHT_TESTS_STACK_ALERTING_H
#define SIDELIGHT_TESTS_STACK_ALERTING_H

#include "tests/e2e/lib/disk.h"
#include "tests/stack/lib/sink.h"
#include "tests/stack/lib/stack.h"

/* One hour is 72 s; a scrape every 200 ms is the least that two busy CPUs keep up with. */
#define FACTOR "50"
#define SITE "https://example.com" /* PUBLIC_URL */

struct path {
    struct fixture *f;
    struct stack *s;
    struct sink *
        sink; /* webhooks to /alerts and /alive, mails to on-call@example.com and owner@example.com */
    const char *grafana; /* the page that stands in for it */
};

/* Starts it and waits until all is up and calm, and what the start may have set off is over and forgotten. */
struct path *path_start(struct fixture *f);

/* Rules were evaluated `n` times more. */
void evaluations(struct path *p, double n);
bool fires(struct path *p, const char *labels); /* an alert with these: `alertname="TunnelDown"` */
size_t heartbeats(struct path *p);
/* A GET of Prometheus' API: "rules". JSON. */
const char *prometheus_api(struct path *p, const char *path);

/* Alerts that may fire while all is well: these two, since they measure how fast this machine is, and it is FACTOR times too slow
 * for time that runs FACTOR times faster. */
#define BUT_WELL "alertname!~\"Watchdog|ContactReceived|RuleFailures|EventLoopStalled\""

/* ---- webhooks: what a line of sink.h has in it ---- */

#define TO_PAGES "\"receiver\": \"pages\""
#define TO_TICKETS "\"receiver\": \"tickets\""
#define FIRING "\"status\": \"firing\", \"alerts\""
#define RESOLVED "\"status\": \"resolved\", \"alerts\""
#define ALERT(name) "\"alertname\": \"" name "\""

#define TOLD(p, ...) (sink_find((p)->sink, "webhooks", ARGS(__VA_ARGS__)) != NULL)
#define assert_not_told(p, ...) assert_not_told_(p, ARGS(__VA_ARGS__), __FILE__, __LINE__)
void assert_not_told_(struct path *p, const char *const *parts, const char *file, int line);

/* EVENTUALLY, for what takes longer and asks more; its failure shows what fires and what was told. */
#define WITHIN(p, seconds, cond)         \
    for (uint64_t end_ns_ = 0; !(cond);) \
    wait_on(p, &end_ns_, seconds, #cond)
/* Pauses, or fails the test when the time, which the first call sets, is over. */
void wait_on(struct path *p, uint64_t *end_ns, unsigned seconds, const char *what);

#endif

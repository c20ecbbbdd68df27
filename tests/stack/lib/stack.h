/* SPDX-License-Identifier: MIT */
/*
 * The whole path for tests: tools/stack.sh starts the real Caddy, Prometheus, Alertmanager, ...
 * from the production files, each in a network namespace of its own, as compose.yaml has them in
 * containers.
 *
 * A test program of this kind calls stack_world first in main (STACK_TESTS does). It runs the
 * program again in a world of its own (unshare: network, mounts, processes; a user namespace, too,
 * when it is not root): nothing collides with what else runs, nothing outlives the program, and
 * each namespace is at hand as /run/netns/NAME. Where no such world can be made, every stack_start
 * skips its test and says why.
 *
 * Main thread only, unless it says otherwise. Links -lcurl -lcjson.
 */
#ifndef SIDELIGHT_TESTS_STACK_H
#define SIDELIGHT_TESTS_STACK_H

#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/json.h"

/*
 * Addresses, as compose.yaml and tools/stack.sh have them. The hub (the world's own namespace) is
 * each network's gateway.
 */
#define EDGE_HUB "172.31.250.1"
#define EDGE_TUNNEL "172.31.250.2"
#define EDGE_CADDY "172.31.250.3"
#define FRONT_CADDY "172.31.251.3"
#define FRONT_SIDELIGHT_1 "172.31.251.17"
#define FRONT_SIDELIGHT_2 "172.31.251.18"
#define DASHBOARDS_CADDY "172.31.252.3"
#define DASHBOARDS_GRAFANA "172.31.252.17"
#define DASHBOARDS_PROMETHEUS "172.31.252.18"
#define DASHBOARDS_ALERTMANAGER "172.31.252.19"
#define DASHBOARDS_BLACKBOX "172.31.252.20"
#define SCRAPE_PROMETHEUS "172.31.253.3"
#define SCRAPE_SIDELIGHT_1 "172.31.253.17"
#define SCRAPE_SIDELIGHT_2 "172.31.253.18"
#define TUNNEL_METRICS_TUNNEL "172.31.254.2"
#define TUNNEL_METRICS_PROMETHEUS "172.31.254.3"
#define EGRESS_ALERTMANAGER "172.31.255.3"
#define EGRESS_SINK "172.31.255.4"

/*
 * Namespaces: NULL is the hub; "cloudflared", "caddy", "sidelight-1", "sidelight-2", "prometheus",
 * "alertmanager", "blackbox", "grafana" (empty: no Grafana server is in Debian), "sink" (on egress:
 * where the tests receive alerts).
 */

struct stack_options {
    const char *files; /* a directory with the production files; NULL: the project's own */
    unsigned replicas; /* of sidelight, each with its own store; 0: 1 */
    const char *only;  /* services to start, as in "sidelight caddy"; NULL: all */
    /*
     * NAME=VALUE for the script and what it starts, ends in NULL; may be NULL.
     * STACK_SIDELIGHT_FLAGS is "--set drain.delay=0s", unless it is here.
     */
    const char *const *env;
};

struct stack {
    struct fixture *f;
    pid_t pid;       /* of tools/stack.sh */
    const char *dir; /* its STACK_DIR: log/SERVICE.log, run/SERVICE.pid, secrets/, data/SERVICE/ */
    const char *user, *password; /* of the dashboards */
};

/*
 * Runs the program again in a world of its own; returns in there, or, where that can't be, outside.
 */
void stack_world(char **argv);
#define STACK_TESTS(...)                                  \
    int main(UNUSED int argc, char **argv)                \
    {                                                     \
        const struct CMUnitTest tests[] = {__VA_ARGS__};  \
        stack_world(argv);                                \
        return cmocka_run_group_tests(tests, NULL, NULL); \
    }

/*
 * Starts it and waits until every service is ready. Ends with the test; then each service that the
 * test did not end itself must stop in order on SIGTERM. Skips the test when there is no world.
 */
struct stack *stack_start(struct fixture *f, const struct stack_options *opt);
/*
 * Signals one service: "caddy", "sidelight-1". After SIGKILL or SIGTERM its end is waited for, and
 * the test owns that.
 */
void stack_signal(struct stack *s, const char *service, int signo);
/* Starts a service that was ended, again, with the same data. */
void stack_again(struct stack *s, const char *service);
/*
 * Changes what `name` resolves to (Docker's answer when a replica comes or goes): "172.31.251.17
 * 172.31.251.18", or "" for none.
 */
void stack_dns(struct stack *s, const char *name, const char *addresses);

const char *stack_log(struct stack *s, const char *service); /* all of it, now */
/* The first line with `part`, waited for. */
const char *stack_log_wait(struct stack *s, const char *service, const char *part);

/* A request from a namespace. The answer must come; it lives until the end of the test. */
const struct reply *ask_in(
    struct stack *s, const char *netns, const char *host, unsigned port, const struct ask *ask);
#define ASK_IN(s, netns, host, port, ...) ask_in(s, netns, host, port, &(struct ask){__VA_ARGS__})
/* As users reach Caddy: through the tunnel, which says `client` is asking (NULL: 203.0.113.7). */
const struct reply *ask_tunnel(struct stack *s, const char *client, const struct ask *ask);
#define ASK_TUNNEL(s, client, ...) ask_tunnel(s, client, &(struct ask){__VA_ARGS__})
/* "Authorization: Basic ..." of the dashboards' user. */
const char *stack_authorization(struct stack *s);
const char *basic_login(struct fixture *f, const char *user, const char *password); /* of anybody */

/* ---- Prometheus, asked at its own port in its own namespace ---- */

/* The "data" of an instant query, as JSON; fails the test when Prometheus refuses the query. */
const char *prom_query(struct stack *s, const char *query);
size_t prom_size(struct stack *s, const char *query); /* series in the answer */
/*
 * The value of the one series that the query yields; NaN when it yields none, a failed test when
 * several.
 */
double prom_value(struct stack *s, const char *query);

#endif

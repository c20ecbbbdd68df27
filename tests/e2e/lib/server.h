/* SPDX-License-Identifier: MIT */
/*
 * A running server: started on free ports with a store in the test's directory, its log in a file.
 */
#ifndef SIDELIGHT_TESTS_E2E_SERVER_H
#define SIDELIGHT_TESTS_E2E_SERVER_H

#include "tests/e2e/lib/process.h"

struct server_options {
    const char *const *sets; /* KEY=VALUE each, ends in NULL; may be NULL */
    const char *config;      /* a file, or NULL */
    const char *const *env;  /* NAME=VALUE each, ends in NULL; may be NULL */
    unsigned max_files;      /* RLIMIT_NOFILE; 0: as it is */
    int out; /* 0: the log file; a pipe's end; PROCESS_CLOSED: no stdout, so no wait */
};

struct server {
    struct fixture *f;
    struct server_options opt;
    pid_t pid; /* 0: not running */
    unsigned public_port, metrics_port;
    unsigned starts;
    const char *log, *err; /* files; each start has its own log */
    const char *store;
};

#define SETS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Starts it and waits until it listens on both ports. */
struct server *server_start(struct fixture *f, const char *const *sets);
struct server *server_start_with(struct fixture *f, const struct server_options *opt);
/* A server that was killed or stopped, again, with the same options and store; the ports are new. */
void server_again(struct server *s);
/* SIGTERM; it must exit 0. */
void server_stop(struct server *s);
void server_kill(struct server *s); /* SIGKILL */
void server_signal(const struct server *s, int signo);
/* Waits for its end; the exit status, or 128 + signal. */
int server_end(struct server *s);
/* Still the same process. */
bool server_lives(const struct server *s);

/* `--set` arguments that name this server's store and ports, for its own command line: ARGS(program(), "contacts", ...). */
const struct outcome *server_command(struct server *s, const char *const *words);

/* ---- its log ---- */

const char *log_text(const struct server *s); /* all of it, now */
const char *log_find(const struct server *s,
                     const char *part); /* the first line with `part`, now; or NULL */
const char *log_event_wait(const struct server *s,
                           const char *name); /* the first line of this event */
/* The line of the request with this correlation ID. */
const char *log_request(const struct server *s, const char *correlation_id);

#endif

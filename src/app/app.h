/* SPDX-License-Identifier: MIT */
/*
 * The composition root: everything is made here in order of dependence and taken down in reverse.
 * One struct app on main's stack holds it all.
 *
 * Order of start: inherited sockets, configuration, store lock, signals, log, registry, store,
 * sandbox, metrics port, public port. The lock comes first, so that a new process waits for an old one that drains before it
 * needs the port. Until the loops run, and again while they are taken down, SIGTERM and SIGINT end
 * the process at once: what was acknowledged is durable.
 */
#ifndef SIDELIGHT_APP_APP_H
#define SIDELIGHT_APP_APP_H

#include "app/drain.h"
#include "app/systemd.h"
#include "config/cli.h"
#include "config/live.h"
#include "http/ops.h"
#include "store/control.h"
#include "store/sqlite.h"

struct app {
    const struct cli *cli;
    struct settings *settings; /* in force */
    struct settings
        *started; /* what the process was started with: keys that need a restart are read here */
    struct store_lock *lock;
    struct log *log;
    struct registry *registry;
    struct shard *shard; /* the main thread's */
    struct process_metrics *process;
    struct self_metrics *self;
    struct gauges *gauges;
    struct http_metrics *http;
    struct sqlite_options sqlite;
    struct store *store;
    struct store_control *control; /* NULL: could not be made */
    struct api api;
    struct service public, internal;
    struct ops *ops;
    struct server *server;
    unsigned workers;
    struct inherited inherited; /* sockets that nobody has taken over yet */
    struct notifier notifier;
    struct drain drain;
    unsigned signals; /* SIGTERM and SIGINT so far */
    bool stopping;    /* nothing may be reloaded any more */
};

/*
 * Serves until a signal ends it. The exit status: 0 after a drain, EXIT_CONFIG, or 1 when something
 * could not be started.
 */
int app_serve(const struct cli *cli);

/* `s` as the loops hold it: each takes a reference of its own. */
struct live_ref app_live_ref(struct settings *s);

/*
 * reload.c: SIGHUP. On any error the old configuration stays, and says so in the log and in
 * config_last_reload_successful.
 */
void app_reload(struct app *app);

/*
 * gauges.c: everything on the page that is only looked up when a page is rendered, and what a
 * (re)load sets.
 */
struct gauges *gauges_new(struct app *app);
void gauges_free(struct gauges *g);
void gauges_loaded(struct gauges *g, const struct config *c); /* objectives, time of the load */
void gauges_reload_failed(struct gauges *g);
void gauges_restart_required(struct gauges *g, bool required);
void gauges_draining(struct gauges *g);
void gauges_sandboxed(struct gauges *g, bool on);
void gauges_connection_limit(struct gauges *g, size_t limit);

/* The commands beside serving; each returns an exit status and prints to stdout and stderr. */
int app_healthcheck(const struct cli *cli);
int app_contacts(const struct cli *cli); /* list, export */
int app_admin(const struct cli *cli);    /* contacts delete, store backup */

/* "sidelight: <text>" on stderr; returns `status`. */
int app_fail(int status, const struct err *err);

#endif

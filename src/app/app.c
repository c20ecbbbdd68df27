/* SPDX-License-Identifier: MIT */
/* Starting, running and ending the server. */
#include "app/app.h"

#include "app/sandbox.h"
#include "app/version.h"
#include "base/clock.h"
#include "base/cpus.h"
#include "http/listen.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Shards after the workers': one each for the acceptor, this thread and the store's writer. */
enum { SHARD_ACCEPTOR, SHARD_MAIN, SHARD_STORE, SHARDS_BESIDE };

enum {
    FDS_LEAST = 64, /* descriptors; fewer are refused at start */
    FDS_KEPT = 64,  /* descriptors that public connections may not use */
    TICK_MS = 1000, /* of the main loop; shorter while it drains */
    HUNG_MS = 3000, /* a worker whose loop did not turn for so long is not fed for */
    DRAIN_TICK_MS = 20,
    STOP_LEAST_S = 3,    /* to take everything down, when the drain used up its time */
    OPS_CLOSE_MS = 500,  /* for answers of the metrics port under way */
    LOG_FLUSH_MS = 2000, /* for a slow reader of stdout at the end */
    EXIT_FORCED = 1,     /* a second signal */
};

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

int app_fail(int status, const struct err *err)
{
    (void)fprintf(stderr, "sidelight: %s\n", err->text);
    return status;
}

static void acquire_settings(void *owner)
{
    (void)settings_ref(owner);
}

static void release_settings(void *owner)
{
    settings_unref(owner);
}

struct live_ref app_live_ref(struct settings *s)
{
    return (struct live_ref){&s->http, s, acquire_settings, release_settings};
}

/* SIGTERM or SIGINT while no loop reads them, or the end took longer than drain.timeout (SIGALRM). */
static void end_now(UNUSED int signo)
{
    _exit(EXIT_FORCED);
}

/*
 * SIGHUP waits until it can be served. The handlers work before signals are blocked and after they are unblocked; PID 1 of a container has
 * no default action for them.
 */
static void prepare_signals(void)
{
    const struct sigaction at_once = {.sa_handler = end_now};
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)sigaction(SIGTERM, &at_once, NULL);
    (void)sigaction(SIGINT, &at_once, NULL);
    (void)sigaction(SIGALRM, &at_once, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* libh2o writes with writev(2) */
    (void)signal(SIGXFSZ, SIG_IGN); /* what passes `ulimit -f` fails with EFBIG, and is told */
}

/* Those that end us: blocked while a loop reads them, so in every thread. */
static void mask_endings(int how)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)pthread_sigmask(how, &set, NULL);
}

/* libh2o aborts when it cannot make a pipe, so too few descriptors are refused before. */
static bool raise_descriptor_limit(struct err *err)
{
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
        return true;
    lim.rlim_cur = lim.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &lim);
    if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < FDS_LEAST)
        return err_set(err, ERR_UNAVAILABLE,
                       "only %llu descriptors may be open (ulimit -n); at least %d are needed",
                       (unsigned long long)lim.rlim_cur, FDS_LEAST);
    return true;
}

/* How many connections the descriptor limit leaves room for. */
static size_t connection_limit(const struct app *app)
{
    size_t wanted = app->settings->config.limits_connections;
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
        return wanted;
    if (lim.rlim_cur == RLIM_INFINITY || lim.rlim_cur >= wanted + FDS_KEPT)
        return wanted;
    LOG_EVENT(app->log, LOG_WARN, "descriptor_limit_low", LOG_INT("limit", lim.rlim_cur),
              LOG_INT("wanted", wanted));
    return lim.rlim_cur / 2 > FDS_KEPT ? lim.rlim_cur - FDS_KEPT : lim.rlim_cur / 2;
}

static bool start_base(struct app *app, struct err *err)
{
    const struct config *c = &app->settings->config;

    app->workers = c->threads > 0 ? (unsigned)c->threads : cpus_usable("");
    if (app->workers > SERVER_WORKERS_MAX)
        app->workers = SERVER_WORKERS_MAX;
    if (!log_new(STDOUT_FILENO, c->log_level, &app->log, err))
        return false;
    app->registry = registry_new(
        metric_table, METRIC_FAMILIES,
        &(struct registry_options){app->workers + SHARDS_BESIDE, c->metrics_max_samples});
    app->shard = registry_shard(app->registry, app->workers + SHARD_MAIN);
    app->api.recent = recent_new(app->workers);
    app->process = process_metrics_new(app->registry, app->shard);
    app->self = self_metrics_new(app->registry, app->shard);
    app->http = http_metrics_new(app->registry);
    app->gauges = gauges_new(app);
    gauges_loaded(app->gauges, c);
    sandbox_no_dumps();
    return true;
}

/* Without its socket a server still serves; only `contacts delete` and `store backup` then need it stopped. */
static void start_control(struct app *app)
{
    struct store_control_options opt = {app->started->config.store_path, app->store, app->log, 0};
    struct err err = ERR_INIT;

    if (!store_control_new(&opt, &app->control, &err))
        LOG_EVENT(app->log, LOG_WARN, "control_unavailable", LOG_STR("error", err.text));
}

static bool start_store(struct app *app, struct err *err)
{
    struct store_options opt = {.ops = &sqlite_ops,
                                .arg = &app->sqlite,
                                .metrics = app->registry,
                                .shard = registry_shard(app->registry, app->workers + SHARD_STORE),
                                .log = app->log,
                                .retention_ns = app->settings->config.contact_retention,
                                .wait_ms = app->started->config.store_lock_wait / NS_PER_MS};

    app->sqlite.path = app->started->config.store_path;
    app->sqlite.lock = app->lock;
    if (!store_new(&opt, &app->store, err))
        return false;
    app->api.store = app->store;
    app->api.registry = app->registry;
    app->api.clients = rate_table_new();
    app->api.senders = rate_table_new();
    app->api.version = sidelight_version;
    app->api.service = slice_str(app->started->config.service);
    app->api.rum_keep = app->started->config.rum_keep;
    app->api.start_ns = clock_mono_ns();
    app->api.start_unix_ns = process_start_unix_ns();
    app->api.shard = app->shard;
    api_init(&app->api);
    api_prepare(&app->api, &app->started->api);
    start_control(app);
    return true;
}

static void on_signal(void *arg, int signo)
{
    struct app *app = arg;
    const struct config *c = &app->settings->config;

    if (signo == SIGHUP) {
        if (!app->stopping)
            app_reload(app);
        return;
    }
    if (++app->signals > 1) {
        LOG_EVENT(app->log, LOG_WARN, "stopped", LOG_STR("reason", "second signal"));
        log_flush(app->log, LOG_FLUSH_MS / 4);
        _exit(EXIT_FORCED); /* whatever was acknowledged is durable */
    }
    LOG_EVENT(app->log, LOG_INFO, "draining",
              LOG_STR("signal", signo == SIGTERM ? "SIGTERM" : "SIGINT"));
    app->api.draining = true;
    notifier_tell(&app->notifier, "STOPPING=1\nSTATUS=draining");
    gauges_draining(app->gauges);
    drain_begin(&app->drain,
                &(struct drain_options){c->drain_delay, c->drain_timeout, c->drain_last_scrape},
                clock_mono_ns());
}

static unsigned on_tick(void *arg)
{
    struct app *app = arg;
    uint64_t now_ns = clock_mono_ns();
    enum drain_action action;

    store_tick(app->store, now_ns);
    api_tick(&app->api, clock_wall_ms(), now_ns);
    notifier_tick(&app->notifier, server_alive(app->server, now_ns - HUNG_MS * NS_PER_MS), now_ns);
    if (app->drain.state == DRAIN_OFF)
        return TICK_MS;
    action = drain_step(&app->drain, now_ns, server_drained(app->server),
                        api_scrapers_waiting(&app->api, app->drain.began_ns));
    switch (action) {
    case DRAIN_CLOSE_PUBLIC:
        log_event(app->log, LOG_INFO, "public_port_closing", NULL, 0);
        server_drain(app->server);
        break;
    case DRAIN_CUT:
        LOG_EVENT(app->log, LOG_WARN, "drain_timeout", LOG_STR("effect", "connections cut"));
        server_cut(app->server);
        break;
    case DRAIN_END:
        return 0;
    case DRAIN_WAIT:
        break;
    }
    return DRAIN_TICK_MS;
}

/* A kernel without seccomp should not keep the server from serving; the page and the log say what is missing. */
static void enter_sandbox(struct app *app)
{
    struct err err = ERR_INIT;
    bool on = app->started->config.sandbox && sandbox_enter(&err);

    if (app->started->config.sandbox && !on)
        LOG_EVENT(app->log, LOG_WARN, "sandbox_unavailable", LOG_STR("error", err.text));
    gauges_sandboxed(app->gauges, on);
}

/* The socket that was handed over, for whoever closes it from now on. */
static int take_inherited(int *fd)
{
    int taken = *fd;

    *fd = -1;
    if (taken >= 0)
        listen_bound(taken);
    return taken;
}

static bool start_ops(struct app *app, struct err *err)
{
    struct ops_options opt = {.service = &app->internal,
                              .registry = app->registry,
                              .shard = app->workers + SHARD_MAIN,
                              .log = app->log,
                              .live = app_live_ref(app->settings),
                              .signals = signals,
                              .n_signals = ARRAY_LEN(signals),
                              .on_signal = on_signal,
                              .on_tick = on_tick,
                              .arg = app};

    if (!host_port_parse(slice_str(app->started->config.listen_metrics), &opt.listen, err))
        return false;
    service_init(&app->internal, ops_routes, n_ops_routes, &app->api, NULL);
    app->internal.conns = app->http;
    app->internal.internal = true;
    if (!opt.listen.numeric)
        app->internal.alias = opt.listen.host;
    opt.listen_fd = take_inherited(&app->inherited.metrics);
    return ops_new(&opt, &app->ops, err);
}

static bool start_public(struct app *app, struct err *err)
{
    const struct config *c = &app->started->config;
    struct server_options opt = {.workers = app->workers,
                                 .max_connections = connection_limit(app),
                                 .body_max = c->limits_body,
                                 .request_timeout_ms = c->http_request_timeout / NS_PER_MS,
                                 .service = &app->public,
                                 .registry = app->registry,
                                 .log = app->log,
                                 .live = app_live_ref(app->settings)};
    char text[LISTEN_TEXT_MAX];
    struct host_port hp;

    gauges_connection_limit(app->gauges, opt.max_connections);
    service_init(&app->public, public_routes, n_public_routes, &app->api, app->http);
    app->public.recent = app->api.recent;
    opt.listen_fd = take_inherited(&app->inherited.public);
    opt.listen_shared = opt.listen_fd >= 0;
    if (!opt.listen_shared && (!host_port_parse(slice_str(c->listen_public), &hp, err) ||
                               !listen_open(&hp, &opt.listen_fd, err)))
        return false;
    listen_text(opt.listen_fd, text);
    if (!server_new(&opt, &app->server, err))
        return false;
    LOG_EVENT(app->log, LOG_INFO, "listening", LOG_STR("port", "public"), LOG_STR("address", text),
              LOG_INT("workers", app->workers), LOG_BOOL("inherited", opt.listen_shared));
    return true;
}

/* Every thread is started from within the sandbox, or taken into it. */
static bool start_ports(struct app *app, struct err *err)
{
    enter_sandbox(app);
    return start_ops(app, err) && start_public(app, err);
}

/* What is left of drain.timeout, for the store and the rest to end; a disk that hangs must not hold the process. */
static void bound_stop(struct app *app)
{
    uint64_t age_ns = app->drain.state != DRAIN_OFF ? clock_mono_ns() - app->drain.began_ns : 0;
    uint64_t bound_ns = app->settings->config.drain_timeout;

    (void)alarm((unsigned)((bound_ns > age_ns ? bound_ns - age_ns : 0) / NS_PER_SEC) +
                STOP_LEAST_S);
}

static void close_inherited(struct app *app)
{
    if (app->inherited.public >= 0)
        (void)close(app->inherited.public);
    if (app->inherited.metrics >= 0)
        (void)close(app->inherited.metrics);
}

/*
 * In reverse, but the store is closed while the loops that its jobs return to still run, and freed after them:
 * after a drain that was cut, a worker may still be answering. False when the store was not what it was.
 */
static bool stop(struct app *app)
{
    bool ok;

    app->stopping = true;
    bound_stop(app);
    mask_endings(SIG_UNBLOCK);
    if (app->ops != NULL)
        ops_close(app->ops, OPS_CLOSE_MS);
    store_control_free(app->control);
    api_flush(&app->api);
    ok = store_close(app->store);
    server_free(app->server);
    ops_free(app->ops);
    store_free(app->store);
    service_release(&app->public);
    service_release(&app->internal);
    api_release(&app->api);
    rate_table_free(app->api.clients);
    rate_table_free(app->api.senders);
    recent_free(app->api.recent);
    gauges_free(app->gauges);
    http_metrics_free(app->http);
    self_metrics_free(app->self);
    process_metrics_free(app->process);
    close_inherited(app);
    notifier_release(&app->notifier);
    store_lock_release(app->lock);
    log_free(app->log, LOG_FLUSH_MS);
    registry_free(app->registry);
    settings_unref(app->settings);
    settings_unref(app->started);
    return ok;
}

/* Says at once who has it; whoever starts a server by hand would else see nothing for a while. */
static bool take_lock(struct app *app, struct err *err)
{
    const struct config *c = &app->started->config;
    uint64_t wait_ms = c->store_lock_wait / NS_PER_MS;

    if (store_lock_take(c->store_path, 0, NULL, &app->lock, err))
        return true;
    if (wait_ms == 0 || err->kind != ERR_UNAVAILABLE)
        return false;
    (void)fprintf(stderr, "sidelight: %s; waiting for at most %llu s\n", err->text,
                  (unsigned long long)wait_ms / 1000);
    return store_lock_take(c->store_path, wait_ms, NULL, &app->lock, err);
}

static bool load(struct app *app, struct err *err)
{
    struct config c;

    if (!config_load_cli(app->cli, &c, err))
        return false;
    app->settings = settings_new(&c);
    app->started = settings_ref(app->settings);
    return true;
}

int app_serve(const struct cli *cli)
{
    struct app app = {.cli = cli, .inherited = INHERITED_NONE};
    const struct manager_env env = manager_env();
    struct err err = ERR_INIT;
    int status = 1;

    prepare_signals();
    if (!inherited_sockets(&env, &app.inherited, &err) || !load(&app, &err))
        return app_fail(EXIT_CONFIG, &err);
    notifier_init(&app.notifier, &env);
    (void)umask(077);
    if (!raise_descriptor_limit(&err) || !take_lock(&app, &err)) {
        (void)app_fail(status, &err);
        (void)stop(&app);
        return status;
    }
    mask_endings(SIG_BLOCK);
    if (start_base(&app, &err) && start_store(&app, &err) && start_ports(&app, &err)) {
        notifier_ready(&app.notifier);
        notifier_tell(&app.notifier, "STATUS=serving");
        ops_run(app.ops);
        LOG_EVENT(app.log, LOG_INFO, "stopped", LOG_STR("reason", "drained"));
        status = 0;
    } else {
        (void)app_fail(status, &err);
    }
    return stop(&app) ? status : 1;
}

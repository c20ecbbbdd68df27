/* SPDX-License-Identifier: MIT */
/*
 * A server made of Sidelight's own library that is as large as one asks for: it shows how costs
 * grow with the number of series on the page and of endpoints in the table.
 *
 *     many [--public ADDR:PORT] [--metrics ADDR:PORT] [--series N] [--histograms N] [--routes N]
 *          [--threads N]
 *
 * N more counters with three labels, N more histograms with one and 14 bounds, N endpoints
 * /r/000000, /r/000001 .. that answer a few bytes with all duties (guard, correlation ID, log line,
 * metrics, SLO). The page is at /metrics of the second address. There is no store. It logs to
 * stdout, as Sidelight does, and ends at SIGTERM.
 */
#include "api/metrics_page.h"
#include "base/clock.h"
#include "base/parse.h"
#include "http/listen.h"
#include "http/ops.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MANY_COUNTER = METRIC_FAMILIES, MANY_HISTOGRAM, MANY_FAMILIES };
enum {
    MANY_MAX = 1000000,   /* of anything one can ask for */
    SAMPLES_A_ROUTE = 96, /* lines that one endpoint adds to the page, at most */
    CONNECTIONS = 12000,  /* limits.connections' default */
    TICK_MS = 1000,
    USAGE = 64,
};

static const struct metric_desc more[] = {
    {.name = "many_events_total",
     .help = "Events that never happened.",
     .labels = {"area", "kind", "code"},
     .type = METRIC_COUNTER},
    { .name = "many_duration_seconds",
     .help = "How long they did not take.",
     .labels = {"kind"},
     .bounds = bounds_duration,
     .n_bounds = N_BOUNDS_DURATION,
     .type = METRIC_HISTOGRAM,
     .unit = METRIC_SECONDS},
};

struct many {
    const char *public_text, *metrics_text;
    uint64_t series, histograms, routes, threads;
    struct metric_desc table[MANY_FAMILIES];
    struct route *rows;
    struct buf paths;
    struct registry *registry;
    struct log *log;
    struct http_metrics *http;
    struct process_metrics *process;
    struct http_live live;
    struct api api;
    struct service public, internal;
    struct ops *ops;
    struct server *server;
    bool stopping;
};

static bool read_flag(struct many *m, const char *name, const char *value, struct err *err)
{
    const struct {
        const char *name;
        uint64_t *n;
        uint64_t least;
    } numbers[] = {
        {"--series",     &m->series,     0},
        {"--histograms", &m->histograms, 0},
        {"--routes",     &m->routes,     1},
        {"--threads",    &m->threads,    1},
    };

    if (strcmp(name, "--public") == 0) {
        m->public_text = value;
        return true;
    }
    if (strcmp(name, "--metrics") == 0) {
        m->metrics_text = value;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (strcmp(name, numbers[i].name) == 0)
            return parse_u64(slice_str(value), numbers[i].least,
                             numbers[i].n == &m->threads ? SERVER_WORKERS_MAX : MANY_MAX,
                             numbers[i].n, err);
    return err_set(err, ERR_INVALID, "there is no flag '%s'", name);
}

static bool read_flags(struct many *m, int argc, char **argv, struct err *err)
{
    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc || !read_flag(m, argv[i], argv[i + 1], err))
            return i + 1 < argc || err_set(err, ERR_INVALID, "'%s' needs a value", argv[i]);
    return true;
}

static void static_get(struct request *rq, UNUSED void *ctx)
{
    answer_borrowed(rq, 200, "text/plain", SLICE_LIT("hello\n"));
}

/* The paths are written first, then pointed into: the buffer moves while it grows. */
static void make_routes(struct many *m)
{
    char *p;

    m->rows = must_calloc(m->routes, sizeof(m->rows[0]));
    for (uint64_t i = 0; i < m->routes; i++)
        buf_addf(&m->paths, "/r/%06llu%c", (unsigned long long)i, '\0');
    p = m->paths.data;
    for (uint64_t i = 0; i < m->routes; i++, p += strlen(p) + 1)
        m->rows[i] = (struct route){.method = HTTP_GET,
                                    .path = p,
                                    .handler = static_get,
                                    .statuses = "200",
                                    .slos = IN_AVAILABILITY | IN_LATENCY};
}

/* Values of all lengths, as a page of a server that has run for a while has them. */
static uint64_t value_of(uint64_t i)
{
    return i * UINT64_C(2654435761) % 1000000007 >> i % 24;
}

static void make_counters(struct many *m, struct shard *s)
{
    static const char *const codes[] = {"200", "404", "499", "500"};
    struct buf area = BUF_INIT, kind = BUF_INIT;

    for (uint64_t i = 0; i < m->series; i++) {
        buf_clear(&area);
        buf_clear(&kind);
        buf_addf(&area, "area-%llu", (unsigned long long)(i / 400));
        buf_addf(&kind, "kind-%llu", (unsigned long long)(i / 4 % 100));
        const struct slice values[] = {
            {area.data, area.len},
            {kind.data, kind.len},
            slice_str(codes[i % 4])
        };
        metric_add(s, series_get(m->registry, MANY_COUNTER, values), value_of(i));
    }
    buf_release(&area);
    buf_release(&kind);
}

static void make_histograms(struct many *m, struct shard *s)
{
    struct buf kind = BUF_INIT;

    for (uint64_t i = 0; i < m->histograms; i++) {
        buf_clear(&kind);
        buf_addf(&kind, "kind-%llu", (unsigned long long)i);
        struct metric h =
            series_get(m->registry, MANY_HISTOGRAM, &(struct slice){kind.data, kind.len});
        for (uint64_t k = 0; k < 100; k++)
            (void)histogram_observe(s, h, bounds_duration, N_BOUNDS_DURATION, value_of(i + k) * 10);
    }
    buf_release(&kind);
}

static void on_signal(void *arg, UNUSED int signo)
{
    struct many *m = arg;

    m->stopping = true;
}

static unsigned on_tick(void *arg)
{
    const struct many *m = arg;

    return m->stopping ? 0 : TICK_MS;
}

static void keep_live(UNUSED void *owner)
{
}

static struct live_ref live_of(struct many *m)
{
    return (struct live_ref){&m->live, m, keep_live, keep_live};
}

/* Shards: one a worker, the acceptor's, the main thread's. */
static bool start_base(struct many *m, struct err *err)
{
    struct registry_options opt = {m->threads + 2, METRICS_MAX_SAMPLES + m->series +
                                                       m->histograms * (N_BOUNDS_DURATION + 3) +
                                                       m->routes * SAMPLES_A_ROUTE};
    struct shard *s;

    if (!log_new(STDOUT_FILENO, LOG_INFO, &m->log, err))
        return false;
    memcpy(m->table, metric_table, sizeof(metric_table));
    memcpy(m->table + METRIC_FAMILIES, more, sizeof(more));
    m->registry = registry_new(m->table, MANY_FAMILIES, &opt);
    s = registry_shard(m->registry, m->threads + 1);
    m->process = process_metrics_new(m->registry, s);
    m->http = http_metrics_new(m->registry);
    m->live.latency_threshold_ns = 300 * NS_PER_MS;
    m->api.registry = m->registry;
    m->api.ops = api_ops_new(m->registry);
    m->api.start_unix_ns = process_start_unix_ns();
    make_routes(m);
    make_counters(m, s);
    make_histograms(m, s);
    return true;
}

static bool start_ops(struct many *m, struct err *err)
{
    static const int signals[] = {SIGTERM, SIGINT};
    static const struct route page[] = {
        {HTTP_GET, "/metrics", metrics_get, "200 400 503", IN_NONE, NULL, NULL, NULL},
    };
    struct ops_options opt = {.listen_fd = -1,
                              .service = &m->internal,
                              .registry = m->registry,
                              .shard = m->threads + 1,
                              .log = m->log,
                              .live = live_of(m),
                              .signals = signals,
                              .n_signals = ARRAY_LEN(signals),
                              .on_signal = on_signal,
                              .on_tick = on_tick,
                              .arg = m};

    if (!host_port_parse(slice_str(m->metrics_text), &opt.listen, err))
        return false;
    service_init(&m->internal, page, ARRAY_LEN(page), &m->api, NULL);
    m->internal.internal = true;
    return ops_new(&opt, &m->ops, err);
}

static bool start_public(struct many *m, struct err *err)
{
    struct server_options opt = {.workers = (unsigned)m->threads,
                                 .max_connections = CONNECTIONS,
                                 .body_max = 1024,
                                 .request_timeout_ms = 30000,
                                 .service = &m->public,
                                 .registry = m->registry,
                                 .log = m->log,
                                 .live = live_of(m)};
    char text[LISTEN_TEXT_MAX];
    struct host_port hp;

    service_init(&m->public, m->rows, m->routes, m, m->http);
    if (!host_port_parse(slice_str(m->public_text), &hp, err) ||
        !listen_open(&hp, &opt.listen_fd, err))
        return false;
    listen_text(opt.listen_fd, text);
    if (!server_new(&opt, &m->server, err))
        return false;
    LOG_EVENT(m->log, LOG_INFO, "listening", LOG_STR("port", "public"), LOG_STR("address", text));
    return true;
}

static void stop(struct many *m)
{
    server_free(m->server);
    ops_free(m->ops);
    service_release(&m->public);
    service_release(&m->internal);
    api_ops_free(m->api.ops);
    http_metrics_free(m->http);
    process_metrics_free(m->process);
    log_free(m->log, 1000);
    registry_free(m->registry);
    buf_release(&m->paths);
    free(m->rows);
}

static void raise_descriptor_limit(void)
{
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
        return;
    lim.rlim_cur = lim.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &lim);
}

int main(int argc, char **argv)
{
    struct many m = {.public_text = "127.0.0.1:8000",
                     .metrics_text = "127.0.0.1:9091",
                     .routes = 1,
                     .threads = 1};
    struct err err = ERR_INIT;
    bool ok;

    if (!read_flags(&m, argc, argv, &err)) {
        (void)fprintf(stderr, "many: %s\n", err.text);
        return USAGE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    ok = start_base(&m, &err) && start_ops(&m, &err) && start_public(&m, &err);
    if (ok)
        ops_run(m.ops);
    else
        (void)fprintf(stderr, "many: %s\n", err.text);
    stop(&m);
    return ok ? 0 : 1;
}

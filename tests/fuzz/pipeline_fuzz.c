/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what a client sends on one connection, through the whole request path: libh2o, the guard, the router, the
 * real handlers and their rules, the answer, the metrics and the log line. Fake are the connection (a pair of sockets)
 * and the database behind the store's thread (it forgets at once).
 *
 * The first byte is where the bytes are cut in two, as the network might. What must hold: each answer is whole, has a
 * length and an ID, and there are not more of them than requests could be; then the connection is gone, nothing is in
 * flight, and each answer of ours left one log line.
 */
#include "api/api.h"
#include "base/clock.h"
#include "config/live.h"
#include "http/loop.h"
#include "http/service.h"
#include "metrics/metrics.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    INPUT_MAX = 20000,
    OUTPUT_MAX = 1 << 20,
    TURNS_MAX = 4000,
    SHARD_LOOP = 0,
    SHARD_STORE,
    SHARDS
};

/* ---- a database that forgets ---- */

struct store_backend {
    int nothing;
};
static struct store_backend backend;

static bool no_open(UNUSED void *arg, struct store_backend **ret, UNUSED struct err *err)
{
    *ret = &backend;
    return true;
}

static void no_close(UNUSED struct store_backend *b)
{
}

static bool fine(UNUSED struct store_backend *b, UNUSED struct err *err)
{
    return true;
}

static bool stored(UNUSED struct store_backend *b, struct store_job *job, UNUSED struct err *err)
{
    job->result = STORE_STORED;
    return true;
}

static bool no_visits(UNUSED struct store_backend *b,
                      struct store_visits *ret,
                      UNUSED struct err *err)
{
    *ret = (struct store_visits){.views = 0};
    return true;
}

static bool tidied(UNUSED struct store_backend *b,
                   UNUSED const struct store_upkeep *upkeep,
                   struct store_tidied *ret,
                   UNUSED struct err *err)
{
    *ret = (struct store_tidied){0, false};
    return true;
}

static const struct store_ops forgetful = {.open = no_open,
                                           .close = no_close,
                                           .begin = fine,
                                           .add = stored,
                                           .remove = stored,
                                           .put_visits = stored,
                                           .get_visits = no_visits,
                                           .commit = fine,
                                           .rollback = no_close,
                                           .checkpoint = fine,
                                           .probe = fine,
                                           .tidy = tidied};

/* ---- a server in this thread ---- */

static struct server {
    struct registry *registry;
    struct settings *settings;
    struct http_metrics *metrics;
    struct log *log;
    struct api api;
    struct service service;
    h2o_globalconf_t conf;
    struct evloop loop;
    size_t closed;
} * server;

static void closed(void *arg)
{
    ((struct server *)arg)->closed++;
}

static void nothing(UNUSED void *owner)
{
}

/* Nothing waits for a clock here, and nobody is refused for having asked before. */
static struct settings *settings(void)
{
    static const char *const sets[] = {"contact.rate=off",
                                       "rum.rate=off",
                                       "rum.public_read=true",
                                       "rum.pages=/,/blog/*",
                                       "cors.origins=https://example.com",
                                       "trusted_proxies=127.0.0.0/8"};
    struct config c;

    config_init(&c);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        MUST(config_set(&c, sets[i], NULL));
    MUST(config_check(&c, NULL));
    return settings_new(&c);
}

static void start_api(struct server *s)
{
    struct store_options opt = {.ops = &forgetful,
                                .metrics = s->registry,
                                .shard = registry_shard(s->registry, SHARD_STORE)};

    MUST(store_new(&opt, &s->api.store, NULL));
    s->api.registry = s->registry;
    s->api.shard = registry_shard(s->registry, SHARD_LOOP);
    s->api.recent = recent_new(1);
    s->api.clients = rate_table_new();
    s->api.senders = rate_table_new();
    s->api.version = "fuzzed";
    s->api.service = SLICE_LIT("sidelight");
    s->api.start_ns = clock_mono_ns();
    api_init(&s->api);
    api_prepare(&s->api, &s->settings->api);
}

static struct server *start(void)
{
    struct server *s = must_calloc(1, sizeof(*s));
    struct loop base;

    (void)signal(SIGPIPE, SIG_IGN);
    s->registry = registry_new(metric_table, METRIC_FAMILIES,
                               &(struct registry_options){SHARDS, METRICS_MAX_SAMPLES});
    s->settings = settings();
    MUST(log_new(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_INFO, &s->log, NULL));
    s->metrics = http_metrics_new(s->registry);
    start_api(s);
    service_init(&s->service, public_routes, n_public_routes, &s->api, s->metrics);
    s->service.recent = s->api.recent;
    loop_configure(&s->conf, s->settings->config.limits_body, 30000);
    base = (struct loop){.service = &s->service,
                         .shard = registry_shard(s->registry, SHARD_LOOP),
                         .log = s->log,
                         .ring = log_ring_new(s->log, NULL),
                         .recent = recent_ring(s->api.recent, 0)};
    evloop_init(&s->loop, &s->conf, &base);
    s->loop.on_conn_close = closed;
    s->loop.on_conn_close_arg = s;
    evloop_set_live(&s->loop, &s->settings->http, s->settings, nothing);
    return s;
}

/* ---- one connection ---- */

struct output {
    size_t n;
    char bytes[OUTPUT_MAX];
};

static void drain(int fd, struct output *out)
{
    ssize_t n;

    while ((n = recv(fd, out->bytes + out->n, sizeof(out->bytes) - out->n, MSG_DONTWAIT)) > 0)
        out->n += (size_t)n;
    MUST(out->n < sizeof(out->bytes));
}

/* Writes what fits, turning the loop when it does not. */
static void push(struct server *s, int fd, struct slice bytes, struct output *out)
{
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && s->loop.n_conns == 0)
            return;
        if (n > 0)
            bytes = (struct slice){bytes.p + n, bytes.n - (size_t)n};
        evloop_turn(&s->loop, 0);
        drain(fd, out);
    }
}

static void converse(struct server *s, struct slice first, struct slice second, struct output *out)
{
    const struct sockaddr_in peer = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    size_t before = s->closed;
    int fds[2];

    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    evloop_adopt(&s->loop, conn_new(fds[0], (const struct sockaddr *)&peer));
    push(s, fds[1], first, out);
    evloop_turn(&s->loop, 0);
    push(s, fds[1], second, out);
    (void)shutdown(fds[1], SHUT_WR);
    for (unsigned turns = 0; s->closed == before; turns++) {
        MUST(turns < TURNS_MAX);
        evloop_turn(&s->loop, s->loop.n_suspended > 0 ? 1 : 0);
        drain(fds[1], out);
    }
    drain(fds[1], out);
    (void)close(fds[1]);
}

/* ---- what came back ---- */

/* The value of field `name` (in lower case, with its colon) in `head`, or nothing. */
static struct slice field(struct slice head, struct slice name)
{
    while (head.p != NULL) {
        struct slice line = slice_cut(&head, '\n');

        if (line.n > name.n && strncasecmp(line.p, name.p, name.n) == 0)
            return slice_trim((struct slice){line.p + name.n, line.n - name.n - 1});
    }
    return SLICE_NONE;
}

static size_t number(struct slice s)
{
    size_t n = 0;

    MUST(s.n > 0 && s.n < 8);
    for (size_t i = 0; i < s.n; i++) {
        MUST(s.p[i] >= '0' && s.p[i] <= '9');
        n = n * 10 + (size_t)(s.p[i] - '0');
    }
    return n;
}

/*
 * One answer off the front of `rest`; true when it was ours: libh2o's own 400 to what it can't parse has no ID, and is
 * the last. An answer to HEAD, a 204 and a 304 have no body whatever their length says.
 */
static bool take_answer(struct slice *rest)
{
    const char *end = memmem(rest->p, rest->n, "\r\n\r\n", 4);
    struct slice head, length;
    size_t status, body = 0;

    MUST(end != NULL && memcmp(rest->p, "HTTP/1.1 ", 9) == 0);
    head = (struct slice){rest->p, (size_t)(end - rest->p) + 2};
    status = number((struct slice){rest->p + 9, 3});
    if (status == 100) { /* what follows is the answer, if the body came */
        *rest = (struct slice){end + 4, rest->n - head.n - 2};
        return rest->n > 0 && take_answer(rest);
    }
    MUST(status >= 200 && status <= 599 && status != 500);
    length = field(head, SLICE_LIT("content-length:"));
    *rest = (struct slice){end + 4, rest->n - head.n - 2};
    if (length.p != NULL)
        body = number(length);
    else
        MUST(status == 204 || status == 304);
    /* Of a HEAD's answer, what follows is the next one, or nothing. */
    if (body > 0 && rest->n > 0 && !(rest->n >= 9 && memcmp(rest->p, "HTTP/1.1 ", 9) == 0)) {
        MUST(rest->n >= body);
        *rest = (struct slice){rest->p + body, rest->n - body};
    }
    return field(head, SLICE_LIT("x-correlation-id:")).n > 0;
}

/* A request ends its head with an empty line; there are no more of them than LFs behind an LF, or an LF and a CR. */
static size_t requests_at_most(struct slice in)
{
    size_t n = 1;

    for (size_t i = 1; i < in.n; i++)
        n += in.p[i] == '\n' &&
             (in.p[i - 1] == '\n' || (i > 1 && in.p[i - 1] == '\r' && in.p[i - 2] == '\n'));
    return n;
}

static void check(const struct server *s, struct slice in, const struct output *out, uint64_t lines)
{
    struct slice rest = {out->bytes, out->n};
    size_t answers = 0, ours = 0;

    while (rest.n > 0) {
        bool mine = take_answer(&rest);

        MUST(mine || rest.n == 0);
        answers++;
        ours += mine;
    }
    MUST(answers <= requests_at_most(in));
    MUST(s->loop.n_conns == 0 && s->loop.n_suspended == 0);
    MUST(lines >= ours); /* a request whose client left before its answer has a line, too */
}

static uint64_t lines_logged(const struct server *s)
{
    struct log_stats st;

    log_stats(s->log, &st);
    return st.lines + st.dropped;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct output out;
    struct slice in, first;
    uint64_t before;

    if (server == NULL)
        server = start();
    if (n < 2 || n > INPUT_MAX)
        return 0;
    in = (struct slice){(const char *)data + 1, n - 1};
    first = (struct slice){in.p, in.n * data[0] / 255};
    out.n = 0;
    before = lines_logged(server);
    converse(server, first, (struct slice){in.p + first.n, in.n - first.n}, &out);
    check(server, in, &out, lines_logged(server) - before);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* The main thread's loop: the metrics port, signals, ticks. */
#include "http/ops.h"

#include "base/clock.h"
#include "http/acceptor.h"
#include "http/bind_later.h"
#include "http/listen.h"
#include "http/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OPS_ACCEPT_BATCH = 16 };

struct ops {
    struct ops_options opt;
    h2o_globalconf_t conf;
    struct evloop loop;
    h2o_socket_t *listener; /* NULL: not there yet, or closed */
    h2o_socket_t *signals;
    struct bind_later *later; /* NULL: the listener was bound at once */
    uint64_t paused_until_ns; /* 0: accepting */
    struct metric refused_network, refused_limit;
};

static void on_accept(h2o_socket_t *listener, const char *err);

/* After a pause, by the monotonic clock. */
static void resume_listener(struct ops *o)
{
    if (o->paused_until_ns == 0 || o->loop.now_ns < o->paused_until_ns)
        return;
    o->paused_until_ns = 0;
    if (o->listener != NULL)
        h2o_socket_read_start(o->listener, on_accept);
}

static bool welcome(struct ops *o, const struct conn *c)
{
    const struct http_live *live = o->loop.base.live;

    if (live->n_metrics_allow > 0 &&
        !ip_net_has(live->metrics_allow, live->n_metrics_allow, &c->peer)) {
        metric_add(o->loop.base.shard, o->refused_network, 1);
        return false;
    }
    if (o->loop.n_conns >= OPS_CONNECTIONS_MAX) {
        metric_add(o->loop.base.shard, o->refused_limit, 1);
        return false;
    }
    return true;
}

static bool accept_one(struct ops *o)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    int fd = accept4(h2o_socket_get_fd(o->listener), (struct sockaddr *)&peer, &len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct conn *c;

    if (fd < 0)
        return false;
    c = conn_new(fd, (struct sockaddr *)&peer);
    if (welcome(o, c)) {
        evloop_adopt(&o->loop, c);
        return true;
    }
    (void)close(fd);
    free(c);
    return true;
}

/* Out of descriptors: do not spin. */
static void pause_listener(struct ops *o, int e)
{
    const struct http_metrics *m = o->opt.service->conns;

    if (m != NULL)
        metric_add(o->loop.base.shard, m->accept_errors[accept_error_kind(e)], 1);
    h2o_socket_read_stop(o->listener);
    o->paused_until_ns = o->loop.now_ns + ACCEPT_PAUSE_MS * NS_PER_MS;
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    struct ops *o = listener->data;
    unsigned batch = OPS_ACCEPT_BATCH;

    if (err != NULL)
        return;
    errno = 0;
    while (batch > 0 && accept_one(o))
        batch--;
    if (batch > 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        pause_listener(o, errno);
}

static void start_listener(struct ops *o, int fd)
{
    char text[LISTEN_TEXT_MAX];

    listen_text(fd, text);
    LOG_EVENT(o->opt.log, LOG_INFO, "listening", LOG_STR("port", "metrics"),
              LOG_STR("address", text));
    o->listener = h2o_evloop_socket_create(o->loop.ctx.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    o->listener->data = o;
    h2o_socket_read_start(o->listener, on_accept);
}

/* What the resolving thread sends: the descriptor, as a pointer. */
struct bound {
    struct ops *ops;
    int fd;
};

static void take_bound(UNUSED struct evloop *l, void *arg)
{
    struct bound *b = arg;

    start_listener(b->ops, b->fd);
    free(b);
}

static void on_bound(void *arg, int fd)
{
    struct bound *b = must_calloc(1, sizeof(*b));
    struct ops *o = arg;

    *b = (struct bound){o, fd};
    loop_call(&o->loop, take_bound, b);
}

static void on_signal(h2o_socket_t *sock, const char *err)
{
    struct ops *o = sock->data;
    struct signalfd_siginfo si;

    if (err != NULL)
        return;
    while (read(h2o_socket_get_fd(sock), &si, sizeof(si)) == (ssize_t)sizeof(si))
        o->opt.on_signal(o->opt.arg, (int)si.ssi_signo);
}

static bool open_signals(struct ops *o, int *ret_fd, struct err *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < o->opt.n_signals; i++)
        (void)sigaddset(&set, o->opt.signals[i]);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return err_set(err, ERR_IO, "cannot block signals");
    *ret_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (*ret_fd < 0)
        return err_set_errno(err, errno, "cannot watch signals");
    return true;
}

static void start_loop(struct ops *o, struct log_ring *ring, int signal_fd)
{
    struct loop base = {.service = o->opt.service,
                        .shard = registry_shard(o->opt.registry, o->opt.shard),
                        .log = o->opt.log,
                        .ring = ring};
    struct registry *r = o->opt.registry;

    loop_configure(&o->conf, OPS_BODY_MAX, OPS_REQUEST_TIMEOUT_MS);
    evloop_init(&o->loop, &o->conf, &base);
    ops_set_live(o, &o->opt.live);
    o->refused_network = series_get(r, METRIC_METRICS_REFUSED, &SLICE_LIT("network"));
    o->refused_limit = series_get(r, METRIC_METRICS_REFUSED, &SLICE_LIT("limit"));
    o->signals = h2o_evloop_socket_create(o->loop.ctx.loop, signal_fd, H2O_SOCKET_FLAG_DONT_READ);
    o->signals->data = o;
    h2o_socket_read_start(o->signals, on_signal);
}

bool ops_new(const struct ops_options *opt, struct ops **ret, struct err *err)
{
    struct ops *o = must_calloc(1, sizeof(*o));
    struct log_ring *ring = log_ring_new(opt->log, err);
    int fd = opt->listen_fd, signal_fd = -1;

    o->opt = *opt;
    if (ring == NULL || (fd < 0 && opt->listen.numeric && !listen_open(&opt->listen, &fd, err)) ||
        !open_signals(o, &signal_fd, err)) {
        if (fd >= 0)
            (void)close(fd);
        free(o);
        return false;
    }
    start_loop(o, ring, signal_fd);
    if (fd >= 0)
        start_listener(o, fd);
    else
        o->later = bind_later_start(&opt->listen, opt->log, on_bound, o);
    *ret = o;
    return true;
}

void ops_run(struct ops *o)
{
    unsigned wait_ms;

    while ((wait_ms = o->opt.on_tick(o->opt.arg)) > 0) {
        evloop_turn(&o->loop, (int)wait_ms);
        resume_listener(o);
    }
}

void ops_set_live(struct ops *o, const struct live_ref *live)
{
    live->acquire(live->owner);
    evloop_set_live(&o->loop, live->live, live->owner, live->release);
}

void ops_close(struct ops *o, unsigned ms)
{
    uint64_t end = clock_mono_ns() + ms * NS_PER_MS;

    bind_later_stop(o->later);
    o->later = NULL;
    evloop_turn(&o->loop, 0); /* a listener that was on its way */
    if (o->listener != NULL)
        h2o_socket_close(o->listener);
    o->listener = NULL;
    evloop_drain(&o->loop, 0); /* scrapers reconnect; idle connections close now */
    while (o->loop.n_conns > 0 && clock_mono_ns() < end)
        evloop_turn(&o->loop, 20);
}

void ops_free(struct ops *o)
{
    if (o == NULL)
        return;
    ops_close(o, 0);
    h2o_socket_close(o->signals);
    evloop_release(&o->loop);
    h2o_config_dispose(&o->conf);
    free(o);
}

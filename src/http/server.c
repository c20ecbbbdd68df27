/* SPDX-License-Identifier: MIT */
/* The public port's workers, and which of them gets a connection. */
#include "http/server.h"

#include "base/clock.h"
#include "http/acceptor.h"
#include "http/loop.h"

#include <pthread.h>
#include <stdlib.h>

struct worker {
    struct evloop loop;
    struct server *server;
    struct loop base; /* what the loop starts with */
    pthread_t thread;
    _Atomic size_t conns;       /* handed over and not closed */
    _Atomic uint64_t turned_ns; /* when the loop last did */
    _Atomic bool ready;         /* the loop takes messages */
    _Atomic bool finished;      /* draining, nothing left */
    _Atomic bool told_last;     /* nothing more will be posted to its loop */
};

struct server {
    struct server_options opt;
    h2o_globalconf_t conf;
    struct acceptor *acceptor;
    unsigned n; /* started */
    bool draining, told;
    struct worker *workers;
};

static void conn_closed(void *arg)
{
    struct worker *w = arg;

    atomic_fetch_sub_explicit(&w->conns, 1, memory_order_relaxed);
    acceptor_closed(w->server->acceptor);
}

static bool crowded(const void *arg)
{
    const struct worker *w = arg;

    return acceptor_crowded(w->server->acceptor);
}

static void wait_for(const _Atomic bool *flag)
{
    while (!atomic_load(flag))
        (void)sched_yield();
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct evloop *l = &w->loop;
    const struct live_ref *live = &w->server->opt.live;

    evloop_init(l, &w->server->conf, &w->base);
    l->on_conn_close = conn_closed;
    l->on_conn_close_arg = w;
    l->crowded = crowded;
    l->crowded_arg = w;
    l->input_max = INPUT_TOTAL_MAX / w->server->opt.workers;
    live->acquire(live->owner);
    evloop_set_live(l, live->live, live->owner, live->release);
    atomic_store(&w->turned_ns, clock_mono_ns());
    atomic_store(&w->ready, true);
    while (!l->quit) {
        evloop_turn(l, 1000);
        atomic_store_explicit(&w->turned_ns, l->now_ns, memory_order_relaxed);
        if (l->draining && l->n_conns == 0 && l->n_suspended == 0)
            atomic_store(&w->finished, true);
    }
    wait_for(&w->told_last);
    evloop_release(l);
    return NULL;
}

/* The worker with the fewest connections; the first of them when several are equal. */
static struct worker *least(struct server *s)
{
    struct worker *best = &s->workers[0];

    for (unsigned i = 1; i < s->n; i++)
        if (atomic_load_explicit(&s->workers[i].conns, memory_order_relaxed) <
            atomic_load_explicit(&best->conns, memory_order_relaxed))
            best = &s->workers[i];
    return best;
}

static void hand_over(void *arg, int fd, const struct sockaddr *peer)
{
    struct worker *w = least(arg);
    struct conn *c = conn_new(fd, peer);

    atomic_fetch_add_explicit(&w->conns, 1, memory_order_relaxed);
    loop_post(&w->loop, &c->msg);
}

static bool start_worker(struct server *s, struct err *err)
{
    struct worker *w = &s->workers[s->n];
    int rc;

    w->server = s;
    w->base = (struct loop){.service = s->opt.service,
                            .shard = registry_shard(s->opt.registry, s->opt.first_shard + s->n),
                            .log = s->opt.log,
                            .ring = log_ring_new(s->opt.log, err),
                            .recent = recent_ring(s->opt.service->recent, s->n)};
    if (w->base.ring == NULL)
        return false; /* its requests would leave no line */
    rc = pthread_create(&w->thread, NULL, worker_main, w);
    if (rc != 0)
        return err_set_errno(err, rc, "cannot start worker %u", s->n);
    s->n++;
    return true;
}

bool server_new(const struct server_options *opt, struct server **ret, struct err *err)
{
    struct server *s = must_calloc(1, sizeof(*s));
    struct acceptor_options ao;
    bool ok;

    MUST(opt->workers > 0 && opt->workers <= SERVER_WORKERS_MAX);
    s->opt = *opt;
    s->workers = must_calloc(opt->workers, sizeof(*s->workers));
    loop_configure(&s->conf, opt->body_max, opt->request_timeout_ms);
    ao = (struct acceptor_options){
        .listen_fd = opt->listen_fd,
        .shared = opt->listen_shared,
        .max_connections = opt->max_connections,
        .metrics = opt->service->metrics,
        .shard = registry_shard(opt->registry, opt->first_shard + opt->workers),
        .hand_over = hand_over,
        .arg = s};
    ok = acceptor_new(&ao, &s->acceptor, err);
    while (ok && s->n < opt->workers)
        ok = start_worker(s, err);
    for (unsigned i = 0; i < s->n; i++)
        wait_for(&s->workers[i].ready);
    if (!ok || !acceptor_start(s->acceptor, err)) {
        server_free(s);
        return false;
    }
    *ret = s;
    return true;
}

size_t server_connections(const struct server *s, unsigned i)
{
    return i < s->n ? atomic_load_explicit(&s->workers[i].conns, memory_order_relaxed) : 0;
}

static void take_live(struct evloop *l, void *arg)
{
    struct live_ref *live = arg;

    evloop_set_live(l, live->live, live->owner, live->release);
    free(live);
}

bool server_alive(const struct server *s, uint64_t since_ns)
{
    for (unsigned i = 0; i < s->n; i++)
        if (atomic_load_explicit(&s->workers[i].turned_ns, memory_order_relaxed) < since_ns)
            return false;
    return true;
}

void server_set_live(struct server *s, const struct live_ref *live)
{
    for (unsigned i = 0; i < s->n; i++) {
        struct live_ref *copy = must_calloc(1, sizeof(*copy));

        *copy = *live;
        live->acquire(live->owner);
        loop_call(&s->workers[i].loop, take_live, copy);
    }
}

static void drain_one(struct evloop *l, UNUSED void *arg)
{
    evloop_drain(l, DRAIN_GRACE_MS);
}

static void cut_one(struct evloop *l, UNUSED void *arg)
{
    evloop_cut(l);
}

static void quit_one(struct evloop *l, UNUSED void *arg)
{
    l->quit = true;
}

static void tell_all(struct server *s, loop_call_fn *fn)
{
    for (unsigned i = 0; i < s->n; i++)
        loop_call(&s->workers[i].loop, fn, NULL);
}

void server_drain(struct server *s)
{
    acceptor_stop(s->acceptor);
    s->draining = true;
}

/*
 * The workers are told when the acceptor has stopped: from then on no connection can follow the
 * message.
 */
bool server_drained(struct server *s)
{
    if (!s->draining || !acceptor_stopped(s->acceptor))
        return false;
    if (!s->told)
        tell_all(s, drain_one);
    s->told = true;
    for (unsigned i = 0; i < s->n; i++)
        if (!atomic_load(&s->workers[i].finished))
            return false;
    return acceptor_open(s->acceptor) == 0;
}

void server_cut(struct server *s)
{
    tell_all(s, cut_one);
}

void server_free(struct server *s)
{
    if (s == NULL)
        return;
    if (s->acceptor != NULL)
        acceptor_join(s->acceptor); /* no connection follows the messages */
    tell_all(s, cut_one);
    tell_all(s, quit_one);
    /* A message may be read before its sender has rung: the loop's pipe must still be there. */
    for (unsigned i = 0; i < s->n; i++)
        atomic_store(&s->workers[i].told_last, true);
    for (unsigned i = 0; i < s->n; i++)
        (void)pthread_join(s->workers[i].thread, NULL);
    acceptor_free(s->acceptor); /* after the workers: they tell it of each close */
    h2o_config_dispose(&s->conf);
    free(s->workers);
    free(s);
}

/* SPDX-License-Identifier: MIT */
/* Resolving and binding off the event loops: getaddrinfo may block for many seconds. */
#include "http/bind_later.h"

#include "http/listen.h"
#include "http/ops.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/*
 * Shared by the thread and its owner; the last of the two frees it, as the owner must not wait for
 * a resolver.
 */
struct bind_later {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    unsigned holders;
    bool stopped;
    struct host_port hp;
    char host[256];
    struct log *log;
    void (*done)(void *arg, int fd);
    void *arg;
};

static void let_go(struct bind_later *b)
{
    bool last;

    (void)pthread_mutex_lock(&b->lock);
    last = --b->holders == 0;
    (void)pthread_mutex_unlock(&b->lock);
    if (!last)
        return;
    (void)pthread_cond_destroy(&b->wake);
    (void)pthread_mutex_destroy(&b->lock);
    free(b);
}

/*
 * Under the lock: so `done` and the log are not touched after bind_later_stop. True when the thread
 * is through.
 */
static bool report(struct bind_later *b, bool bound, int fd, const struct err *err, bool first)
{
    if (b->stopped) {
        if (bound)
            (void)close(fd);
        return true;
    }
    if (bound) {
        b->done(b->arg, fd);
        return true;
    }
    if (first)
        LOG_EVENT(b->log, LOG_WARN, "metrics_listener_waits", LOG_STR("error", err->text));
    return false;
}

static void *bind_main(void *arg)
{
    struct bind_later *b = arg;
    bool through = false;

    for (bool first = true; !through; first = false) {
        struct err err = ERR_INIT;
        struct timespec until;
        int fd = -1;
        bool bound = listen_open(&b->hp, &fd, &err);

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += OPS_RESOLVE_RETRY_MS / 1000;
        (void)pthread_mutex_lock(&b->lock);
        through = report(b, bound, fd, &err, first);
        if (!through)
            (void)pthread_cond_timedwait(&b->wake, &b->lock, &until);
        through = through || b->stopped;
        (void)pthread_mutex_unlock(&b->lock);
    }
    let_go(b);
    return NULL;
}

struct bind_later *bind_later_start(const struct host_port *hp,
                                    struct log *log,
                                    void (*done)(void *arg, int fd),
                                    void *arg)
{
    struct bind_later *b = must_calloc(1, sizeof(*b));
    pthread_condattr_t attr;
    pthread_t thread;

    *b = (struct bind_later){.holders = 2, .hp = *hp, .log = log, .done = done, .arg = arg};
    MUST(hp->host.n < sizeof(b->host));
    memcpy(b->host, hp->host.p, hp->host.n);
    b->hp.host.p = b->host;
    (void)pthread_mutex_init(&b->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&b->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    MUST(pthread_create(&thread, NULL, bind_main, b) == 0);
    (void)pthread_detach(thread);
    return b;
}

void bind_later_stop(struct bind_later *b)
{
    if (b == NULL)
        return;
    (void)pthread_mutex_lock(&b->lock);
    b->stopped = true;
    (void)pthread_cond_signal(&b->wake);
    (void)pthread_mutex_unlock(&b->lock);
    let_go(b);
}

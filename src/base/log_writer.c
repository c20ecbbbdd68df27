/* SPDX-License-Identifier: MIT */
/*
 * The writing thread. After output it naps in steps of 20 ms, so that a busy log costs producers no
 * system call and comes out in batches; after a quiet second it sleeps until a producer wakes it.
 */
#include "base/log_writer.h"
#include "base/clock.h"
#include "base/log_out.h"
#include "base/log_ring.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    NAP_MS = 20,
    SLEEP_MS = 1000, /* a bound only: producers wake it */
    GRACE_MS = 200,  /* from the deadline until the thread is given up */
};

struct log_writer {
    struct log_out out;
    struct log_waker waker;
    struct log_ring *rings[LOG_RINGS_MAX];
    _Atomic size_t n_rings;       /* those below it are complete */
    _Atomic uint64_t deadline_ns; /* 0: not ending yet */
    int done_fd;                  /* signalled as the thread's last act */
    pthread_t thread;
};

/* False when the deadline is over. */
static bool drain_ring(struct log_writer *w, struct log_ring *ring, bool *wrote)
{
    struct slice waits = log_ring_peek(ring);

    while (waits.n > 0) {
        uint64_t lost;
        size_t n = log_out_write(&w->out, waits, &lost);

        if (n == 0)
            return false;
        log_ring_skip(ring, n, lost);
        waits.p += n;
        waits.n -= n;
        *wrote = true;
    }
    return true;
}

/* One ring after the other, each up to a line end: so lines stay whole. */
static bool drain(struct log_writer *w, bool *ret_wrote)
{
    size_t n = atomic_load(&w->n_rings);

    *ret_wrote = false;
    for (size_t i = 0; i < n; i++)
        if (!drain_ring(w, w->rings[i], ret_wrote))
            return false;
    return true;
}

static bool any_has(const struct log_writer *w, size_t bytes)
{
    size_t n = atomic_load(&w->n_rings);

    for (size_t i = 0; i < n; i++)
        if (log_ring_peek(w->rings[i]).n >= bytes)
            return true;
    return false;
}

static void rest(struct log_writer *w, bool nap)
{
    /* First say so, then look: a line that comes in between is either seen here or wakes us. */
    atomic_store(&w->waker.state, nap ? LOG_NAPPING : LOG_ASLEEP);
    if (atomic_load(&w->deadline_ns) == 0 && !any_has(w, nap ? LOG_RING_SIZE / 2 : 1))
        log_out_rest(&w->out, nap ? NAP_MS : SLEEP_MS);
    atomic_store(&w->waker.state, LOG_AWAKE);
}

static void *run(void *arg)
{
    struct log_writer *w = arg;
    const uint64_t one = 1;
    uint64_t last_ns = 0; /* of the last output */
    bool wrote = false, in_time = true, ending = false;

    while (in_time && (!ending || wrote)) {
        ending = atomic_load(&w->deadline_ns) != 0; /* read before the last look at the rings */
        in_time = drain(w, &wrote);
        uint64_t now_ns = clock_mono_ns();
        if (wrote)
            last_ns = now_ns;
        if (!ending)
            rest(w, now_ns - last_ns < NS_PER_SEC);
    }
    MUST(write(w->done_fd, &one, sizeof(one)) == sizeof(one));
    return NULL;
}

/* Signals are for other threads; a SIGPIPE of our own stays blocked, and the write says EPIPE. */
static int start_thread(struct log_writer *w)
{
    sigset_t all, old;
    int failed;

    MUST(sigfillset(&all) == 0);
    MUST(pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
    failed = pthread_create(&w->thread, NULL, run, w);
    MUST(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
    if (failed == 0)
        (void)pthread_setname_np(w->thread, "log");
    return failed;
}

static void release(struct log_writer *w)
{
    for (size_t i = 0; i < w->n_rings; i++)
        log_ring_close(w->rings[i]);
    if (w->waker.fd >= 0)
        (void)close(w->waker.fd);
    if (w->done_fd >= 0)
        (void)close(w->done_fd);
    free(w);
}

bool log_writer_new(int fd, struct log_writer **ret, struct err *err)
{
    struct log_out out;
    int failed;

    if (!log_out_init(&out, fd, err))
        return false;
    struct log_writer *w = must_calloc(1, sizeof(*w));
    w->waker.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->out = out;
    w->out.wake_fd = w->waker.fd;
    w->out.deadline_ns = &w->deadline_ns;
    failed = w->waker.fd < 0 || w->done_fd < 0 ? errno : start_thread(w);
    if (failed != 0) {
        release(w);
        return err_set_errno(err, failed, "cannot start the log");
    }
    *ret = w;
    return true;
}

struct log_ring *log_writer_add_ring(struct log_writer *w, struct err *err)
{
    size_t n = atomic_load(&w->n_rings);

    if (n == LOG_RINGS_MAX) {
        (void)err_set(err, ERR_UNAVAILABLE, "the log has %d rings already", LOG_RINGS_MAX);
        return NULL;
    }
    if (!log_ring_open(&w->waker, &w->rings[n], err))
        return NULL;
    atomic_store(&w->n_rings, n + 1);
    return w->rings[n];
}

/* False when the thread does not end in time. */
static bool await_end(const struct log_writer *w, uint64_t until_ns)
{
    struct pollfd wait = {w->done_fd, POLLIN, 0};
    int ready = 0;

    for (uint64_t now = clock_mono_ns(); ready <= 0 && now < until_ns; now = clock_mono_ns())
        ready = poll(&wait, 1, (int)((until_ns - now + NS_PER_MS - 1) / NS_PER_MS));
    return ready > 0;
}

bool log_writer_end(struct log_writer *w, uint32_t timeout_ms)
{
    const uint64_t one = 1;
    uint64_t deadline_ns = clock_mono_ns() + timeout_ms * NS_PER_MS;

    atomic_store(&w->deadline_ns, deadline_ns);
    /* Not log_waker_wake: it may also wait, awake, for the descriptor. */
    ssize_t n = write(w->waker.fd, &one, sizeof(one));
    MUST(n == sizeof(one) || errno == EAGAIN);
    if (!await_end(w, deadline_ns + GRACE_MS * NS_PER_MS)) {
        MUST(pthread_detach(w->thread) == 0);
        return false;
    }
    MUST(pthread_join(w->thread, NULL) == 0);
    return true;
}

void log_writer_free(struct log_writer *w, uint32_t timeout_ms)
{
    if (log_writer_end(w, timeout_ms))
        release(w);
}

void log_writer_stats(const struct log_writer *w, struct log_stats *ret)
{
    size_t n = atomic_load(&w->n_rings);

    *ret = (struct log_stats){0, 0};
    for (size_t i = 0; i < n; i++) {
        const struct log_ring *ring = w->rings[i];

        ret->lines += atomic_load_explicit(&ring->lines, memory_order_relaxed);
        ret->dropped += atomic_load_explicit(&ring->dropped, memory_order_relaxed) +
                        atomic_load_explicit(&ring->lost, memory_order_relaxed);
    }
}

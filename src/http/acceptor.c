/* SPDX-License-Identifier: MIT */
/*
 * One thread that only accepts. It sleeps in poll on the listener and on an eventfd that stop and
 * close ring.
 */
#include "http/acceptor.h"

#include "base/clock.h"
#include "http/listen.h"
#include "http/server.h"

#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct acceptor {
    struct acceptor_options opt;
    pthread_t thread;
    bool started;
    int bell;
    _Atomic size_t open;
    size_t cap;
    _Atomic bool waiting; /* at the cap: the next close must ring */
    _Atomic bool crowded; /* at the cap, and somebody waits */
    _Atomic bool stop, stopped;
};

static void ring(const struct acceptor *a)
{
    const uint64_t one = 1;

    (void)!write(a->bell, &one, sizeof(one)); /* a full counter is rung already */
}

unsigned accept_error_kind(int e)
{
    return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM ? 0 : 1;
}

enum accepted { ACCEPT_MORE, ACCEPT_NONE, ACCEPT_EXHAUSTED };

static enum accepted accept_one(struct acceptor *a)
{
    const struct acceptor_options *o = &a->opt;
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    int fd = accept4(o->listen_fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        metric_add(o->shard, o->metrics->accepted, 1);
        atomic_fetch_add(&a->open, 1);
        o->hand_over(o->arg, fd, (struct sockaddr *)&peer);
        return ACCEPT_MORE;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return ACCEPT_NONE;
    if (errno == EINTR || errno == ECONNABORTED)
        return ACCEPT_MORE;
    metric_add(o->shard, o->metrics->accept_errors[accept_error_kind(errno)], 1);
    return ACCEPT_EXHAUSTED; /* whatever it was: the queue stays readable, so do not spin */
}

static enum accepted accept_some(struct acceptor *a, size_t batch)
{
    enum accepted got = ACCEPT_MORE;

    while (batch-- > 0 && got == ACCEPT_MORE && atomic_load(&a->open) < a->cap)
        got = accept_one(a);
    return got;
}

/*
 * Says that the next close must ring, then looks again, so that a close in between is not missed.
 */
static bool at_cap(struct acceptor *a)
{
    if (atomic_load(&a->open) < a->cap)
        return false;
    atomic_store(&a->waiting, true);
    if (atomic_load(&a->open) >= a->cap)
        return true;
    atomic_store(&a->waiting, false);
    return false;
}

/*
 * From here on the kernel drops SYN packets to the listener: whoever comes tries again a second
 * later and is then refused. A plain close would reset connections that were established between
 * the last accept and it, with a request already sent. Newer kernels allow this only with
 * CAP_NET_ADMIN; false without it.
 */
static bool turn_away(int fd)
{
    enum { TCP_FLAGS = 13, SYN = 0x02 }; /* offset into the header (RFC 9293, 3.1) */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const struct sock_fprog filter = {ARRAY_LEN(code), code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0;
}

/*
 * Takes what waits, then the handshakes under way. Without the filter new ones never end, so what
 * waits must do: the time between the last accept and the close is all that can be lost. The cap
 * is none any more: who waits beyond it may have sent a request, and LISTEN_BACKLOG bounds them.
 */
static void close_listener(struct acceptor *a)
{
    struct pollfd wait = {.fd = a->opt.listen_fd, .events = POLLIN};
    uint64_t end_ns = clock_mono_ns() + ACCEPT_LINGER_MS * NS_PER_MS;
    bool more = !a->opt.shared, alone = more && turn_away(a->opt.listen_fd);

    a->cap = SIZE_MAX;
    while (more) {
        more = accept_some(a, LISTEN_BACKLOG) == ACCEPT_NONE; /* else without descriptors */
        more = more && alone && clock_mono_ns() < end_ns && poll(&wait, 1, ACCEPT_LINGER_MS) > 0;
    }
    (void)close(a->opt.listen_fd);
}

static void *acceptor_main(void *arg)
{
    struct acceptor *a = arg;
    struct pollfd fds[2] = {
        {.fd = a->bell,          .events = POLLIN},
        {.fd = a->opt.listen_fd, .events = POLLIN},
    };
    bool pause = false, capped = false;

    while (!atomic_load(&a->stop)) {
        bool full = at_cap(a);
        uint64_t rings;

        if (full && !capped)
            metric_add(a->opt.shard, a->opt.metrics->accept_pauses, 1);
        capped = full;
        /* Who waits at the cap wakes it once: from then on only a close does. */
        fds[1].revents = 0;
        (void)poll(fds, (full && atomic_load(&a->crowded)) || pause ? 1 : 2,
                   pause ? ACCEPT_PAUSE_MS : -1);
        atomic_store(&a->crowded, full && (fds[1].revents & POLLIN) != 0);
        if ((fds[0].revents & POLLIN) != 0)
            (void)!read(a->bell, &rings, sizeof(rings));
        pause = !full && accept_some(a, ACCEPT_BATCH) == ACCEPT_EXHAUSTED;
    }
    atomic_store(&a->crowded, false);
    close_listener(a);
    atomic_store(&a->stopped, true);
    return NULL;
}

bool acceptor_new(const struct acceptor_options *opt, struct acceptor **ret, struct err *err)
{
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct acceptor *a;

    if (bell < 0) {
        (void)err_set_errno(err, errno, "cannot start the acceptor");
        (void)close(opt->listen_fd);
        return false;
    }
    a = must_calloc(1, sizeof(*a));
    a->opt = *opt;
    a->cap = opt->max_connections;
    a->bell = bell;
    *ret = a;
    return true;
}

bool acceptor_start(struct acceptor *a, struct err *err)
{
    int rc = pthread_create(&a->thread, NULL, acceptor_main, a);

    if (rc != 0)
        return err_set_errno(err, rc, "cannot start the acceptor");
    a->started = true;
    return true;
}

void acceptor_closed(struct acceptor *a)
{
    atomic_fetch_sub(&a->open, 1);
    if (atomic_exchange(&a->waiting, false))
        ring(a);
}

void acceptor_stop(struct acceptor *a)
{
    atomic_store(&a->stop, true);
    ring(a);
}

bool acceptor_crowded(const struct acceptor *a)
{
    return atomic_load(&a->crowded);
}

bool acceptor_stopped(const struct acceptor *a)
{
    return atomic_load(&a->stopped);
}

size_t acceptor_open(const struct acceptor *a)
{
    return atomic_load(&a->open);
}

void acceptor_join(struct acceptor *a)
{
    acceptor_stop(a);
    if (a->started)
        (void)pthread_join(a->thread, NULL);
    else if (!acceptor_stopped(a))
        (void)close(a->opt.listen_fd);
    a->started = false;
    atomic_store(&a->stopped, true);
}

void acceptor_free(struct acceptor *a)
{
    if (a == NULL)
        return;
    acceptor_join(a);
    (void)close(a->bell);
    free(a);
}

/* SPDX-License-Identifier: MIT */
/* Outputs as shells, containers, systemd and terminals make them. */
#include "tests/faults/lib/mute.h"

#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/port.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void end_mute(void *arg)
{
    struct mute *m = arg;
    int status = -1;

    if (m->s.pid > 0) {
        (void)kill(m->s.pid, SIGKILL);
        (void)process_wait(m->s.pid, DEADLINE_MS, &status);
    }
    if (m->ours >= 0)
        (void)close(m->ours);
    buf_release(&m->seen);
}

static bool answers(unsigned port)
{
    struct reply r;

    if (ask_port(port, &(struct ask){.path = "/health"}, &r) != SENT_ANSWERED)
        return false;
    reply_release(&r);
    return true;
}

struct mute *mute_start(struct fixture *f, int in, int out, int err)
{
    struct mute *m = keep(f, sizeof(*m));
    unsigned public = port_free(), metrics = port_free();
    const char *store = in_dir(f, "sidelight.db");
    struct process_options opt = {
        .argv = ARGS(program(), "--set", textf(f, "listen.public=127.0.0.1:%u", public), "--set",
                     textf(f, "listen.metrics=127.0.0.1:%u", metrics), "--set",
                     textf(f, "store.path=%s", store), "--set", "drain.delay=0s", "--set",
                     "contact.rate=off", "--set", "threads=1"),
        .in = in,
        .out = out,
        .err = err};

    m->s = (struct server){.f = f, .public_port = public, .metrics_port = metrics, .store = store};
    m->ours = -1;
    m->s.pid = process_start(&opt);
    at_end(f, end_mute, m);
    EVENTUALLY(answers(public) && answers(metrics));
    return m;
}

/* ---- outputs ---- */

static void make_pipe(int ret[2])
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    ret[0] = fds[1];
    ret[1] = fds[0];
}

/* As a container's runtime may leave it. */
static void make_nonblocking_pipe(int ret[2])
{
    make_pipe(ret);
    assert_int_equal(fcntl(ret[0], F_SETFL, O_WRONLY | O_NONBLOCK), 0);
}

/* systemd's journal. */
static void make_socket(int ret[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret), 0);
}

/* A terminal on which somebody has pressed Ctrl-S. */
static void make_terminal(int ret[2])
{
    char name[64];

    ret[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(ret[1] >= 0 && grantpt(ret[1]) == 0 && unlockpt(ret[1]) == 0);
    assert_int_equal(ptsname_r(ret[1], name, sizeof(name)), 0);
    ret[0] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(ret[0] >= 0);
}

const struct mute_output mute_outputs[MUTE_OUTPUTS] = {
    {"a pipe",                     make_pipe            },
    {"a pipe that does not block", make_nonblocking_pipe},
    {"a socket",                   make_socket          },
    {"a terminal",                 make_terminal        },
};

struct mute *mute_start_on(struct fixture *f, const struct mute_output *o)
{
    int fds[2], err = open(in_dir(f, "err"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct mute *m;

    o->make(fds);
    m = mute_start(f, PROCESS_INHERITED, fds[0], err);
    m->theirs = fds[0];
    m->ours = fds[1];
    (void)close(err);
    return m;
}

bool mute_read(struct mute *m, size_t most, int ms)
{
    struct pollfd ready = {m->ours, POLLIN, 0};
    ssize_t n;

    if (poll(&ready, 1, ms) <= 0)
        return true;
    n = read(m->ours, buf_reserve(&m->seen, most), most);
    if (n > 0)
        m->seen.len += (size_t)n;
    return n > 0;
}

/* SPDX-License-Identifier: MIT */
/* Reading LISTEN_*, NOTIFY_SOCKET and WATCHDOG_*, and speaking to the manager. */
#include "app/systemd.h"

#include "base/clock.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_FD = 3, SOCKETS_MAX = 2 };

struct manager_env manager_env(void)
{
    /* No other thread runs yet, and nothing here changes the environment. */
    return (struct manager_env){
        .listen_pid = getenv("LISTEN_PID"),         /* NOLINT(concurrency-mt-unsafe) */
        .listen_fds = getenv("LISTEN_FDS"),         /* NOLINT(concurrency-mt-unsafe) */
        .listen_fdnames = getenv("LISTEN_FDNAMES"), /* NOLINT(concurrency-mt-unsafe) */
        .notify_socket = getenv("NOTIFY_SOCKET"),   /* NOLINT(concurrency-mt-unsafe) */
        .watchdog_usec = getenv("WATCHDOG_USEC"),   /* NOLINT(concurrency-mt-unsafe) */
        .watchdog_pid = getenv("WATCHDOG_PID"),     /* NOLINT(concurrency-mt-unsafe) */
    };
}

/* Whether `text` is this process' number. */
static bool is_me(const char *text)
{
    uint64_t pid;

    return text != NULL && parse_u64(slice_str(text), 1, INT_MAX, &pid, NULL) &&
           pid == (uint64_t)getpid();
}

static int option(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

static bool listens_on_tcp(int fd)
{
    int domain = option(fd, SO_DOMAIN);

    return (domain == AF_INET || domain == AF_INET6) && option(fd, SO_TYPE) == SOCK_STREAM &&
           option(fd, SO_ACCEPTCONN) == 1;
}

static bool take(int fd, int *slot, struct slice name, struct err *err)
{
    int flags;

    if (*slot >= 0)
        return err_set(err, ERR_INVALID, "two sockets are named %.*s", (int)name.n, name.p);
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || !listens_on_tcp(fd))
        return err_set(err, ERR_INVALID,
                       "descriptor %d (%.*s) of LISTEN_FDS is no listening TCP socket", fd,
                       (int)name.n, name.p);
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return err_set_errno(err, errno, "cannot prepare descriptor %d", fd);
    *slot = fd;
    return true;
}

static bool take_named(int fd, struct slice name, struct inherited *in, struct err *err)
{
    if (slice_eq(name, SLICE_LIT("public")))
        return take(fd, &in->public, name, err);
    if (slice_eq(name, SLICE_LIT("metrics")))
        return take(fd, &in->metrics, name, err);
    return err_set(err, ERR_INVALID,
                   "a socket of LISTEN_FDS has the name '%.*s'; allowed: public, metrics "
                   "(FileDescriptorName=)",
                   (int)(name.n < 64 ? name.n : 64), name.p);
}

/* Two descriptors may be one socket, which would show the metrics to the public now and then. */
static bool one_socket(const struct inherited *in)
{
    struct stat a, b;

    return in->public >= 0 && in->metrics >= 0 && fstat(in->public, &a) == 0 &&
           fstat(in->metrics, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool inherited_sockets(const struct manager_env *env, struct inherited *ret, struct err *err)
{
    struct inherited found = INHERITED_NONE;
    struct slice names = SLICE_LIT("public:metrics");
    uint64_t n;

    if (!is_me(env->listen_pid) || env->listen_fds == NULL) {
        *ret = found;
        return true;
    }
    if (!parse_u64(slice_str(env->listen_fds), 0, SOCKETS_MAX, &n, NULL))
        return err_set(err, ERR_INVALID, "LISTEN_FDS must be a number from 0 to %d", SOCKETS_MAX);
    if (env->listen_fdnames != NULL)
        names = slice_str(env->listen_fdnames);
    for (int fd = FIRST_FD; fd < FIRST_FD + (int)n; fd++)
        if (!take_named(fd, names.p != NULL ? slice_cut(&names, ':') : SLICE_NONE, &found, err))
            return false;
    if (env->listen_fdnames != NULL && names.p != NULL)
        return err_set(err, ERR_INVALID,
                       "LISTEN_FDNAMES has more names than LISTEN_FDS has sockets (%llu)",
                       (unsigned long long)n);
    if (one_socket(&found))
        return err_set(err, ERR_INVALID,
                       "public and metrics of LISTEN_FDS are the same socket; give each its own");
    *ret = found;
    return true;
}

/* "/path", or "@name" for an abstract one (sd_notify(3)). */
static bool address_of(const char *text, struct sockaddr_un *ret, socklen_t *ret_len)
{
    size_t n = strlen(text);

    if ((text[0] != '/' && text[0] != '@') || n < 2 || n >= sizeof(ret->sun_path))
        return false;
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path, text, n);
    if (text[0] == '@')
        ret->sun_path[0] = '\0';
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    return true;
}

void notifier_init(struct notifier *n, const struct manager_env *env)
{
    uint64_t usec;

    *n = (struct notifier){.fd = -1};
    if (env->notify_socket == NULL || !address_of(env->notify_socket, &n->to, &n->to_len))
        return;
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (env->watchdog_usec != NULL && (env->watchdog_pid == NULL || is_me(env->watchdog_pid)) &&
        parse_u64(slice_str(env->watchdog_usec), 1, UINT64_MAX / 1000, &usec, NULL))
        n->period_ns = usec * 1000 / 2;
}

static bool told(const struct notifier *n, const char *state)
{
    return n->fd < 0 || sendto(n->fd, state, strlen(state), MSG_NOSIGNAL,
                               (const struct sockaddr *)(const void *)&n->to, n->to_len) >= 0;
}

void notifier_tell(const struct notifier *n, const char *state)
{
    (void)told(n, state);
}

void notifier_ready(struct notifier *n)
{
    n->ready_due = !told(n, "READY=1");
}

void notifier_tick(struct notifier *n, bool alive, uint64_t now_ns)
{
    if (n->ready_due)
        notifier_ready(n);
    if (n->period_ns == 0 || !alive || (n->fed_ns != 0 && now_ns - n->fed_ns < n->period_ns))
        return;
    n->fed_ns = now_ns;
    notifier_tell(n, "WATCHDOG=1");
}

void notifier_release(struct notifier *n)
{
    if (n->fd >= 0)
        (void)close(n->fd);
    n->fd = -1;
}

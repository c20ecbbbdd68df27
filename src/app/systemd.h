/* SPDX-License-Identifier: MIT */
/*
 * What a service manager hands over in the environment: listening sockets (sd_listen_fds(3)),
 * where to say that the service is ready (sd_notify(3)), and how often it wants to hear that it
 * lives (sd_watchdog_enabled(3)).
 *
 * Not by libsystemd: it would bring liblzma, libzstd, liblz4, libgcrypt and libcap into the process
 * for a protocol that systemd documents as stable and small enough to write down.
 */
#ifndef SIDELIGHT_APP_SYSTEMD_H
#define SIDELIGHT_APP_SYSTEMD_H

#include "base/err.h"

#include <sys/socket.h>
#include <sys/un.h>

/* The variables' texts; NULL: not set. They must stay. */
struct manager_env {
    const char *listen_pid, *listen_fds, *listen_fdnames, *notify_socket, *watchdog_usec,
        *watchdog_pid;
};
/* Of this process. Call before any thread is started. */
struct manager_env manager_env(void);

/* Listening sockets, owned by the caller; -1: none was handed over. */
struct inherited {
    int public, metrics;
};
#define INHERITED_NONE \
    {                  \
        -1, -1         \
    }

/*
 * Takes the sockets that are meant for this process, from descriptor 3 on. They are told apart by
 * their names (FileDescriptorName=), `public` and `metrics`; without names the first is `public`
 * and the second `metrics`. Each becomes non-blocking and close-on-exec. Fails when a name is
 * another or comes twice, when there are more than two, or more names than sockets, when one is no
 * listening TCP socket, or when both are the same: a unit that is wrong should not serve on a port
 * nobody asked for.
 */
MUST_CHECK bool inherited_sockets(const struct manager_env *env,
                                  struct inherited *ret,
                                  struct err *err);

struct notifier {
    int fd; /* -1: nobody wants to know */
    struct sockaddr_un to;
    socklen_t to_len;
    uint64_t period_ns; /* of the watchdog's meals: half of what it allows; 0: no watchdog */
    uint64_t fed_ns;
    bool ready_due; /* READY=1 did not fit yet */
};
/* An address that is none is as good as none: a service that cannot be watched still serves. */
void notifier_init(struct notifier *n, const struct manager_env *env);
/* Sends "STOPPING=1" and the like; lines are apart by '\n'. Never blocks; a full socket loses it. */
void notifier_tell(const struct notifier *n, const char *state);
/* Sends READY=1. A manager that does not hear it ends us, so a full socket gets it on a later tick. */
void notifier_ready(struct notifier *n);
/*
 * Call at least twice a second. Feeds the watchdog when it is time, but only while `alive`: what
 * hangs is not fed, and the manager ends and restarts it.
 */
void notifier_tick(struct notifier *n, bool alive, uint64_t now_ns);
void notifier_release(struct notifier *n);

#endif

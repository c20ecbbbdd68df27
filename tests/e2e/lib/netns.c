/* SPDX-License-Identifier: MIT */
/* setns(2), there and back. */
#include "tests/e2e/lib/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static bool enter(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && setns(fd, CLONE_NEWNET) == 0;

    if (fd >= 0)
        (void)close(fd);
    return ok;
}

bool netns_enter(const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "/run/netns/%s", name);
    return enter(path);
}

int netns_socket(const char *name, int domain, int type, int protocol)
{
    int fd = -1, home;

    if (name == NULL)
        return socket(domain, type | SOCK_CLOEXEC, protocol);
    home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    MUST(home >= 0);
    if (netns_enter(name)) {
        fd = socket(domain, type | SOCK_CLOEXEC, protocol);
        MUST(setns(home, CLONE_NEWNET) == 0);
    }
    (void)close(home);
    return fd;
}

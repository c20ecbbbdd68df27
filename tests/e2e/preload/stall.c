/* SPDX-License-Identifier: MIT */
/*
 * Stands in front of epoll_wait by LD_PRELOAD: while the file STALL_CONTROL is there, the first
 * thread but the main one that comes by stays in it. It says so by the file's name with ".now"
 * behind it, and is the one for good. Built by upgrade_test.c.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void say(const char *path)
{
    char name[4096];
    int fd;

    (void)snprintf(name, sizeof(name), "%s.now", path);
    fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd);
}

static void stall(void)
{
    static _Atomic long victim;
    const char *path = getenv("STALL_CONTROL"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    const struct timespec pause = {0, 5000000};
    long self = syscall(SYS_gettid), none = 0;

    if (path == NULL || self == getpid() || access(path, F_OK) != 0)
        return;
    if (!atomic_compare_exchange_strong(&victim, &none, self) && none != self)
        return;
    say(path);
    while (access(path, F_OK) == 0)
        (void)nanosleep(&pause, NULL);
}

int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
{
    stall();
    return (int)syscall(SYS_epoll_pwait, epfd, events, maxevents, timeout, NULL, 8);
}

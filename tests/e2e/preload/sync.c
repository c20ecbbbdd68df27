/* SPDX-License-Identifier: MIT */
/*
 * Stands in front of fsync and fdatasync by LD_PRELOAD: a disk that fails or stalls as long as the test wants. The directory
 * SYNC_CONTROL holds the switches: while the file `hold` is there a sync waits, and while `fail` is there it returns EIO.
 * Built by lib/disk.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *control_dir(void)
{
    return getenv("SYNC_CONTROL"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
}

static int is_on(const char *name)
{
    const char *dir = control_dir();
    char path[4096];

    if (dir == NULL)
        return 0;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

/* Says that a sync waits, by the file `waiting`; it is left there. */
static void say_waiting(const char *dir)
{
    char path[4096];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/waiting", dir);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd);
}

static int controlled(long call, int fd)
{
    const struct timespec pause = {0, 1000000};

    while (is_on("hold")) {
        say_waiting(control_dir());
        (void)nanosleep(&pause, NULL);
    }
    if (is_on("fail")) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(call, fd);
}

int fsync(int fd)
{
    return controlled(SYS_fsync, fd);
}

int fdatasync(int fildes)
{
    return controlled(SYS_fdatasync, fildes);
}

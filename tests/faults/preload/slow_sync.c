/* SPDX-License-Identifier: MIT */
/*
 * Stands in front of fsync and fdatasync by LD_PRELOAD: a disk that needs SYNC_MS milliseconds for each, whatever the real
 * one needs: that one is not asked. Built by overload_test.c.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int slowly(void)
{
    const char *text = getenv("SYNC_MS"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    struct timespec pause = {0, 0};
    long ms = 0;

    for (; text != NULL && *text >= '0' && *text <= '9'; text++)
        ms = ms * 10 + (*text - '0');
    pause.tv_sec = ms / 1000;
    pause.tv_nsec = ms % 1000 * 1000000;
    (void)nanosleep(&pause, NULL);
    return 0;
}

int fsync(int fd)
{
    (void)fd;
    return slowly();
}

int fdatasync(int fildes)
{
    (void)fildes;
    return slowly();
}

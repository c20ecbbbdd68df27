/* SPDX-License-Identifier: MIT */
/*
 * Stands in front of the wall clock by LD_PRELOAD: it is as many seconds off as the file CLOCK_CONTROL says. The monotonic clock
 * is left alone. Built by clock_test.c.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(void)
{
    const char *path = getenv("CLOCK_CONTROL"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    long seconds = 0;
    char text[24];
    ssize_t n;
    int fd;

    fd = path != NULL ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    n = syscall(SYS_read, fd, text, sizeof(text));
    (void)syscall(SYS_close, fd);
    for (ssize_t i = 0; i < n; i++)
        if (text[i] >= '0' && text[i] <= '9')
            seconds = seconds * 10 + (text[i] - '0');
    return n > 0 && text[0] == '-' ? -seconds : seconds;
}

int clock_gettime(clockid_t clock_id, struct timespec *tp)
{
    int rc = (int)syscall(SYS_clock_gettime, clock_id, tp);

    if (rc == 0 && (clock_id == CLOCK_REALTIME || clock_id == CLOCK_REALTIME_COARSE))
        tp->tv_sec += offset();
    return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec now;

    (void)tz;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    *tv = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *timer)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    if (timer != NULL)
        *timer = now.tv_sec;
    return now.tv_sec;
}

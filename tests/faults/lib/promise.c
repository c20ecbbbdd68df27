/* SPDX-License-Identifier: MIT */
/* Rows of docs/reliability.md, and whether there is time. */
#include "tests/faults/lib/promise.h"

#include <fcntl.h>
#include <unistd.h>

enum { ROW_MAX = 1024 };

void promise(const char *id, const char *what, const char *how, const char *fmt, ...)
{
    const char *path = environment("PROMISES");
    char figure[256], row[ROW_MAX];
    va_list args;
    int fd, n;

    va_start(args, fmt);
    n = vsnprintf(figure, sizeof(figure), fmt, args);
    va_end(args);
    assert_in_range(n, 1, sizeof(figure) - 1);
    n = snprintf(row, sizeof(row), "%s\t%s\t%s\t%s\n", id, what, how, figure);
    assert_in_range(n, 1, sizeof(row) - 1);
    assert_null(strchr(row, '|'));
    if (path == NULL)
        return;
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, row, (size_t)n), n);
    close(fd);
}

bool faults_long(void)
{
    return environment("FAULTS_LONG") != NULL;
}

/* SPDX-License-Identifier: MIT */
/* Filling in a struct err. Formatting only: logging is for whoever handles the error. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * The text is made aside and then copied: callers wrap errors with
 * err_set(err, err->kind, "cannot do this: %s", err->text), which reads what it overwrites.
 */
PRINTF_LIKE(2, 0)
static size_t format(char text[sizeof(((struct err *)0)->text)], const char *fmt, va_list args)
{
    const size_t cap = sizeof(((struct err *)0)->text);
    int n = vsnprintf(text, cap, fmt, args);

    if (n < 0) {
        text[0] = '\0';
        return 0;
    }
    return (size_t)n < cap ? (size_t)n : cap - 1;
}

bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    char text[sizeof(err->text)];
    va_list args;

    if (err == NULL)
        return false;
    va_start(args, fmt);
    size_t n = format(text, fmt, args);
    va_end(args);
    memcpy(err->text, text, n + 1);
    err->kind = kind;
    return false;
}

bool err_set_errno(struct err *err, int errnum, const char *fmt, ...)
{
    char text[sizeof(err->text)], system[128];
    va_list args;

    if (err == NULL)
        return false;
    va_start(args, fmt);
    size_t n = format(text, fmt, args);
    va_end(args);
    (void)snprintf(text + n, sizeof(text) - n, ": %s", strerror_r(errnum, system, sizeof(system)));
    memcpy(err->text, text, sizeof(text));
    err->kind = ERR_IO;
    return false;
}

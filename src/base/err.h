/* SPDX-License-Identifier: MIT */
/*
 * How functions fail: they return false and describe why in a caller-owned struct err, the last
 * parameter. Outputs (named `ret`) stay untouched on failure. Nothing here allocates or logs.
 *
 * err_set always returns false, so that `return err_set(err, ...)` is the whole error path.
 * `err` may be NULL when the caller does not care why.
 */
#ifndef SIDELIGHT_BASE_ERR_H
#define SIDELIGHT_BASE_ERR_H

#include "base/base.h"

enum err_kind {
    ERR_NONE,        /* nothing failed */
    ERR_INVALID,     /* input breaks a rule: bad syntax, out of range */
    ERR_NOT_FOUND,   /* what was named does not exist */
    ERR_CONFLICT,    /* contradicts what is already there */
    ERR_UNAVAILABLE, /* a resource is busy, full or down; trying later may work */
    ERR_IO,          /* the operating system or a library failed */
};

struct err {
    enum err_kind kind;
    char text[256]; /* one sentence for a person, NUL-terminated, cut when longer */
};

#define ERR_INIT     \
    {                \
        ERR_NONE, "" \
    }

bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Like err_set, with ": " and the system's text for `errnum` appended. */
bool err_set_errno(struct err *err, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif

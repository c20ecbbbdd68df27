/* SPDX-License-Identifier: MIT */
/*
 * A borrowed run of bytes: not NUL-terminated, owned by somebody else. An absent value is {NULL,
 * 0}.
 */
#ifndef SIDELIGHT_BASE_SLICE_H
#define SIDELIGHT_BASE_SLICE_H

#include "base/base.h"

#include <string.h>

struct slice {
    const char *p;
    size_t n;
};

#define SLICE_NONE ((struct slice){NULL, 0})
#define SLICE_LIT(s) ((struct slice){"" s, sizeof(s) - 1})

static inline struct slice slice_str(const char *s)
{
    return (struct slice){s, strlen(s)};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Equality that ignores the case of ASCII letters. */
bool slice_eq_nocase(struct slice a, struct slice b);

/* True when no byte is a control of ASCII: none below 0x20 and no 0x7f. */
bool slice_no_controls(struct slice s);

/* Without leading and trailing spaces and tabs (the OWS of RFC 9110, 5.6.3). */
struct slice slice_trim(struct slice s);

/*
 * Cuts the text before the first `sep` off `*rest` and returns it; the separator is dropped.
 * Without a separator the whole rest is returned and `*rest` becomes SLICE_NONE, so that
 * `while (rest.p != NULL)` visits every part, empty ones included.
 */
struct slice slice_cut(struct slice *rest, char sep);

#endif

/* SPDX-License-Identifier: MIT */
/* The parts of struct slice that are worth a call. */
#include "base/slice.h"

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct slice slice_cut(struct slice *rest, char sep)
{
    struct slice part = *rest;
    const char *at = part.n > 0 ? memchr(part.p, sep, part.n) : NULL;

    if (at == NULL) {
        *rest = SLICE_NONE;
        return part;
    }
    part.n = (size_t)(at - part.p);
    rest->p = at + 1;
    rest->n -= part.n + 1;
    return part;
}

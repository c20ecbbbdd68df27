/* SPDX-License-Identifier: MIT */
/* The parts of struct slice that are worth a call. */
#include "base/slice.h"

#include "base/swar.h"

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

bool slice_no_controls(struct slice s)
{
    if (s.n >= 8) {
        for (size_t i = 0; i + 8 < s.n; i += 8)
            if (swar_controls(swar_load(s.p + i)) != 0)
                return false;
        return swar_controls(swar_load(s.p + s.n - 8)) == 0; /* may overlap the one before */
    }
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
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

/* SPDX-License-Identifier: MIT */
/* UTF-8 sequences, checked by the ranges of Unicode 15, table 3-7. */
#include "base/utf8.h"

static bool in_range(unsigned char c, unsigned low, unsigned high)
{
    return c >= low && c <= high;
}

size_t utf8_sequence(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    unsigned low = 0x80, high = 0xbf; /* what the second byte may be */
    size_t n;

    if (s.n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (in_range(p[0], 0xc2, 0xdf))
        n = 2;
    else if (in_range(p[0], 0xe0, 0xef))
        n = 3;
    else if (in_range(p[0], 0xf0, 0xf4))
        n = 4;
    else
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0; /* below: overlong */
    else if (p[0] == 0xed)
        high = 0x9f; /* above: surrogates */
    else if (p[0] == 0xf0)
        low = 0x90; /* below: overlong */
    else if (p[0] == 0xf4)
        high = 0x8f; /* above: beyond U+10FFFF */
    if (s.n < n || !in_range(p[1], low, high))
        return 0;
    for (size_t i = 2; i < n; i++)
        if (!in_range(p[i], 0x80, 0xbf))
            return 0;
    return n;
}

bool utf8_valid(struct slice s)
{
    while (s.n > 0) {
        uint64_t v;
        size_t n = 8;

        if (s.n < 8 || (memcpy(&v, s.p, 8), (v & UINT64_C(0x8080808080808080)) != 0))
            n = utf8_sequence(s);
        if (n == 0)
            return false;
        s.p += n;
        s.n -= n;
    }
    return true;
}

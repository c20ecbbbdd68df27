/* SPDX-License-Identifier: MIT */
/* The growable buffer. The formatters are in fmt.c. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST = 64 };

char *buf_reserve(struct buf *b, size_t room)
{
    size_t cap = b->cap > 0 ? b->cap : BUF_FIRST;

    MUST(room <= SIZE_MAX / 4 - b->len);
    while (cap - b->len < room)
        cap *= 2;
    if (cap != b->cap) {
        b->data = must_realloc(b->data, cap);
        b->cap = cap;
    }
    return b->data + b->len;
}

void buf_add(struct buf *b, const char *data, size_t len)
{
    if (len == 0)
        return;
    memcpy(buf_reserve(b, len), data, len);
    b->len += len;
}

void buf_add_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_add_slice(struct buf *b, struct slice s)
{
    buf_add(b, s.p, s.n);
}

void buf_add_char(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    b->len++;
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    char *start = buf_reserve(b, FMT_U64);

    b->len += (size_t)(fmt_u64(start, v) - start);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;

    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    MUST(n >= 0);
    char *start = buf_reserve(b, (size_t)n + 1);
    (void)vsnprintf(start, (size_t)n + 1, fmt, again);
    va_end(again);
    b->len += (size_t)n;
}

void buf_add_json(struct buf *b, struct slice s)
{
    MUST(s.n <= SIZE_MAX / 4 / FMT_JSON_BYTE);
    char *start = buf_reserve(b, s.n * FMT_JSON_BYTE);

    b->len += (size_t)(fmt_json(start, s) - start);
}

const char *buf_cstr(struct buf *b)
{
    *buf_reserve(b, 1) = '\0';
    return b->data;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
}

void buf_release(struct buf *b)
{
    free(b->data);
    *b = (struct buf)BUF_INIT;
}

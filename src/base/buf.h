/* SPDX-License-Identifier: MIT */
/*
 * A growable byte buffer for work off the hot path, and the hand-written formatters that the hot
 * path uses on memory of its own.
 *
 * A struct buf owns `data`; buf_release frees it and leaves BUF_INIT (safe to call twice). `data`
 * is not NUL-terminated except after buf_cstr.
 *
 * fmt_* write to `dst` without a NUL and return the end. The caller guarantees the room that the
 * FMT_* constants name.
 */
#ifndef SIDELIGHT_BASE_BUF_H
#define SIDELIGHT_BASE_BUF_H

#include "base/slice.h"

struct buf {
    char *data;
    size_t len, cap;
};

#define BUF_INIT   \
    {              \
        NULL, 0, 0 \
    }

void buf_add(struct buf *b, const char *data, size_t len);
void buf_add_str(struct buf *b, const char *s);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t v);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* At least `room` writable bytes at data + len; the caller adds what it wrote to len. */
char *buf_reserve(struct buf *b, size_t room);
/* NUL-terminates (outside len) and returns data. */
const char *buf_cstr(struct buf *b);
void buf_clear(struct buf *b); /* len = 0; memory is kept */
void buf_release(struct buf *b);

enum {
    FMT_U64 = 20,      /* 18446744073709551615 */
    FMT_I64 = 20,      /* -9223372036854775808 */
    FMT_NANO = 32,     /* a count of 1e-9, written as a decimal: 9223372036.854775807 */
    FMT_TS = 24,       /* 2026-11-21T07:42:24.123Z */
    FMT_JSON_BYTE = 6, /* the most one byte grows to when escaped: \u001f */
};

char *fmt_u64(char *dst, uint64_t v);
char *fmt_i64(char *dst, int64_t v);
/*
 * A count of nanos (1e-9) as a decimal without an exponent and without trailing zeros: 1500000000
 * -> "1.5", 0 -> "0".
 */
char *fmt_nano(char *dst, int64_t nanos);
/* Milliseconds with three decimals from nanoseconds, rounded down: 1234567 -> "1.234". */
char *fmt_ms(char *dst, uint64_t ns);
/* RFC 3339 in UTC with milliseconds from Unix milliseconds; years 1970-9999. */
char *fmt_ts(char *dst, uint64_t unix_ms);
/*
 * The same for stamps that mostly fall into one second, which `memo` keeps as text: a zeroed one of
 * the caller's, who is one thread at a time.
 */
struct fmt_memo {
    uint64_t end_ms; /* of the second; 0: none yet */
    char text[FMT_TS];
};
char *fmt_ts_memo(char *dst, uint64_t unix_ms, struct fmt_memo *memo);
/* Inline, so that a literal becomes a few stores. */
static inline char *fmt_slice(char *dst, struct slice s)
{
    if (s.n > 0)
        memcpy(dst, s.p, s.n);
    return dst + s.n;
}
/*
 * The inside of a JSON string (RFC 8259, 7): at most 6 bytes per byte. Invalid UTF-8 comes out as
 * U+FFFD, one per bad byte; control characters, U+007F and U+0080..U+009F too, are escaped, so that
 * a terminal may show the text.
 */
char *fmt_json(char *dst, struct slice s);
/*
 * The same in at most `room` (>= 3) bytes: what does not surely fit is cut at a character and ends
 * in "...".
 */
char *fmt_json_cut(char *dst, size_t room, struct slice s);

/* The inside of a JSON string, appended; same rules as fmt_json. */
void buf_add_json(struct buf *b, struct slice s);

#endif

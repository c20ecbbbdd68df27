/* SPDX-License-Identifier: MIT */
/*
 * The formatters of buf.h: numbers, time and JSON text by hand, because printf costs more than a
 * whole request may. Nothing here allocates.
 */
#include "base/buf.h"
#include "base/utf8.h"

static const char pairs[] = "00010203040506070809"
                            "10111213141516171819"
                            "20212223242526272829"
                            "30313233343536373839"
                            "40414243444546474849"
                            "50515253545556575859"
                            "60616263646566676869"
                            "70717273747576777879"
                            "80818283848586878889"
                            "90919293949596979899";

static char *put2(char *dst, size_t v)
{
    memcpy(dst, &pairs[2 * v], 2);
    return dst + 2;
}

static char *put3(char *dst, unsigned v)
{
    *dst = (char)('0' + v / 100);
    return put2(dst + 1, v % 100);
}

static unsigned count_digits(uint64_t v)
{
    for (unsigned n = 1;; n += 4) {
        if (v < 10)
            return n;
        if (v < 100)
            return n + 1;
        if (v < 1000)
            return n + 2;
        if (v < 10000)
            return n + 3;
        v /= 10000;
    }
}

static NOINLINE char *put_long(char *dst, uint64_t v)
{
    char *end = dst + count_digits(v), *p = end;

    for (; v >= 100; v /= 100) {
        p -= 2;
        (void)put2(p, v % 100);
    }
    if (v >= 10)
        (void)put2(p - 2, v);
    else
        p[-1] = (char)('0' + v);
    return end;
}

/* Most numbers of a request are short: without the loop they take 6 to 18 instructions. */
char *fmt_u64(char *dst, uint64_t v)
{
    if (v < 10) {
        *dst = (char)('0' + v);
        return dst + 1;
    }
    if (v < 100)
        return put2(dst, v);
    return v < 1000 ? put3(dst, (unsigned)v) : put_long(dst, v);
}

char *fmt_i64(char *dst, int64_t v)
{
    if (v >= 0)
        return fmt_u64(dst, (uint64_t)v);
    *dst = '-';
    return fmt_u64(dst + 1, -(uint64_t)v); /* unsigned, so that INT64_MIN is defined too */
}

char *fmt_nano(char *dst, int64_t nanos)
{
    uint64_t v = nanos < 0 ? -(uint64_t)nanos : (uint64_t)nanos;
    unsigned part = (unsigned)(v % 1000000000), n = 9;

    if (nanos < 0)
        *dst++ = '-';
    dst = fmt_u64(dst, v / 1000000000);
    if (part == 0)
        return dst;
    while (part % 10 == 0) {
        part /= 10;
        n--;
    }
    *dst++ = '.';
    for (unsigned i = n; i > 0; i--, part /= 10)
        dst[i - 1] = (char)('0' + part % 10);
    return dst + n;
}

char *fmt_ms(char *dst, uint64_t ns)
{
    uint64_t us = ns / 1000;

    dst = fmt_u64(dst, us / 1000);
    *dst++ = '.';
    return put3(dst, (unsigned)(us % 1000));
}

/*
 * Year, month and day of a day since 1970-01-01 in the proleptic Gregorian calendar. The year is
 * counted from March, so that the leap day is its last: 400 years have 146097 days, and the day on
 * which month m (March = 0) starts is (153 m + 2) / 5.
 */
static char *put_date(char *dst, unsigned day)
{
    day += 719468; /* days from 0000-03-01 to 1970-01-01 */
    unsigned era = day / 146097, in_era = day % 146097;
    unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
    unsigned m = (5 * in_year + 2) / 153, month = m < 10 ? m + 3 : m - 9;

    year += 400 * era + (month <= 2);
    dst = put2(put2(dst, year / 100), year % 100);
    *dst++ = '-';
    dst = put2(dst, month);
    *dst++ = '-';
    return put2(dst, in_year - (153 * m + 2) / 5 + 1);
}

#define LAST_MS UINT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

char *fmt_ts(char *dst, uint64_t unix_ms)
{
    if (unix_ms > LAST_MS)
        unix_ms = LAST_MS;
    uint64_t day = unix_ms / 86400000;
    unsigned ms = (unsigned)(unix_ms % 86400000), s = ms / 1000;

    dst = put_date(dst, (unsigned)day);
    *dst++ = 'T';
    dst = put2(dst, s / 3600);
    *dst++ = ':';
    dst = put2(dst, s / 60 % 60);
    *dst++ = ':';
    dst = put2(dst, s % 60);
    *dst++ = '.';
    dst = put3(dst, ms % 1000);
    *dst++ = 'Z';
    return dst;
}

static NOINLINE char *put_new_second(char *dst, uint64_t unix_ms, struct fmt_memo *memo)
{
    (void)fmt_ts(memo->text, unix_ms);
    memo->end_ms = unix_ms <= LAST_MS ? unix_ms / 1000 * 1000 + 1000 : 0;
    return fmt_slice(dst, (struct slice){memo->text, FMT_TS});
}

/* Some 27 instructions where fmt_ts takes 134. */
char *fmt_ts_memo(char *dst, uint64_t unix_ms, struct fmt_memo *memo)
{
    const size_t n = FMT_TS - 4; /* up to the milliseconds */
    uint64_t left = memo->end_ms - unix_ms;

    if (left - 1 >= 1000 || memo->end_ms == 0)
        return put_new_second(dst, unix_ms, memo);
    memcpy(dst, memo->text, n);
    dst = put3(dst + n, (unsigned)(1000 - left));
    *dst++ = 'Z';
    return dst;
}

#define EVERY_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/*
 * True when all eight bytes are ASCII that JSON text takes as it is. With the high bits clear, each
 * sum or difference raises the high bit of exactly the bytes it looks for; a carry or borrow into a
 * neighbour can only come from a byte that is dirty itself. Bit 1 turned, '"' is the byte above the
 * controls, which stay below it.
 */
static inline bool plain8(uint64_t v)
{
    uint64_t control_or_quote = (v ^ EVERY_BYTE(0x02)) - EVERY_BYTE(0x21);
    uint64_t backslash = (v ^ EVERY_BYTE('\\')) - EVERY_BYTE(0x01), del = v + EVERY_BYTE(0x01);

    return ((v | control_or_quote | backslash | del) & EVERY_BYTE(0x80)) == 0;
}

static bool plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static char *put_escape(char *dst, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
    const char *at = c != '\0' ? strchr(from, c) : NULL;

    *dst++ = '\\';
    if (at != NULL) {
        *dst++ = to[at - from];
        return dst;
    }
    dst = fmt_slice(dst, SLICE_LIT("u00"));
    dst[0] = hex[c >> 4];
    dst[1] = hex[c & 15];
    return dst + 2;
}

/* One character that is not plain ASCII: moves *p behind it. */
static char *put_special(char *dst, const char **p, const char *end)
{
    unsigned char c = (unsigned char)**p;

    if (c < 0x80) {
        (*p)++;
        return put_escape(dst, c);
    }
    size_t n = utf8_sequence((struct slice){*p, (size_t)(end - *p)});
    if (n == 0) {
        (*p)++;
        return fmt_slice(dst, SLICE_LIT("\xef\xbf\xbd")); /* U+FFFD */
    }
    const char *seq = *p;
    *p += n;
    if (c == 0xc2 && (unsigned char)seq[1] < 0xa0) /* U+0080..U+009F: terminals obey them */
        return put_escape(dst, (unsigned char)seq[1]);
    memcpy(dst, seq, n);
    return dst + n;
}

static inline bool copy_plain8(char *dst, const char *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    if (!plain8(v))
        return false;
    memcpy(dst, &v, 8);
    return true;
}

/* Four to eight bytes: the first four and the last. */
static inline bool copy_plain4(char *dst, const char *p, size_t n)
{
    uint32_t first, last;

    memcpy(&first, p, 4);
    memcpy(&last, p + n - 4, 4);
    if (!plain8((uint64_t)last << 32 | first))
        return false;
    memcpy(dst, &first, 4);
    memcpy(dst + n - 4, &last, 4);
    return true;
}

/* Copies what is plain at the start, and says how much that is. */
static size_t copy_plain(char *dst, const char *p, size_t n)
{
    size_t i = 0;

    for (; n - i > 8 && copy_plain8(dst + i, p + i); i += 8)
        ;
    /* The end may overlap what is copied already: "wrk/4.1" takes 59 instructions, not 139. */
    if (n >= 8 ? n - i <= 8 && copy_plain8(dst + n - 8, p + n - 8)
               : n >= 4 && copy_plain4(dst, p, n))
        return n;
    for (; i < n && plain((unsigned char)p[i]); i++)
        dst[i] = p[i];
    return i;
}

char *fmt_json(char *dst, struct slice s)
{
    const char *p = s.p, *end;

    if (s.n == 0)
        return dst; /* its bytes may be nowhere */
    end = p + s.n;
    while (p < end) {
        size_t n = copy_plain(dst, p, (size_t)(end - p));

        dst += n;
        p += n;
        if (p < end)
            dst = put_special(dst, &p, end);
    }
    return dst;
}

/* The longest part of `s`, at most `n` of its bytes, that does not end within a character. */
static size_t whole_chars(struct slice s, size_t n)
{
    for (size_t back = 0; back < 4 && back < n; back++)
        if (((unsigned char)s.p[n - back] & 0xc0) != 0x80)
            return n - back;
    return n; /* not UTF-8 anyway */
}

char *fmt_json_cut(char *dst, size_t room, struct slice s)
{
    const struct slice dots = SLICE_LIT("...");

    MUST(room >= dots.n);
    for (const char *end = dst + room - dots.n; s.n > 0;) {
        size_t fits = (size_t)(end - dst) / FMT_JSON_BYTE;
        size_t n = s.n <= fits ? s.n : whole_chars(s, fits);

        if (n == 0 || (n < s.n && n < 4))
            return fmt_slice(dst, dots);
        dst = fmt_json(dst, (struct slice){s.p, n});
        s.p += n;
        s.n -= n;
    }
    return dst;
}

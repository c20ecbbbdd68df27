/* SPDX-License-Identifier: MIT */
/* How the status page writes numbers. */
#include "api/status_text.h"

void text_count(struct buf *b, uint64_t n)
{
    char digits[FMT_U64];
    size_t len = (size_t)(fmt_u64(digits, n) - digits);

    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buf_add_char(b, ',');
        buf_add_char(b, digits[i]);
    }
}

/* Halves go up, as in the script: printf() would round them to even digits, toFixed() would not. */
static double rounded(double v, double places)
{
    return (double)(uint64_t)(v * places + 0.5) / places;
}

/* The limits are those from which on rounding would give another digit. */
void text_digits(struct buf *b, double v)
{
    if (v < 0) {
        buf_add_char(b, '-');
        v = -v;
    }
    if (v < 9.995)
        buf_addf(b, "%.2f", rounded(v, 100));
    else if (v < 99.95)
        buf_addf(b, "%.1f", rounded(v, 10));
    else
        text_count(b, v < 1e18 ? (uint64_t)(v + 0.5) : UINT64_C(1000000000000000000));
}

void text_seconds(struct buf *b, double s)
{
    if (s >= 10) {
        buf_add_str(b, "\xe2\x89\xa5 10 s"); /* the largest bound: more is not known */
        return;
    }
    text_digits(b, s < 0.9995 ? s * 1000 : s);
    buf_add_str(b, s < 0.9995 ? " ms" : " s");
}

void text_share(struct buf *b, double ratio)
{
    double percent = 100 * ratio;

    if (percent > 0 && percent < 0.01)
        buf_add_str(b, "<0.01");
    else if (percent == 0 || percent == 100)
        buf_add_str(b, percent == 0 ? "0" : "100");
    else if (percent > 99.99 && percent < 100)
        buf_add_str(b, ">99.9");
    else if (percent > 99.9 && percent < 100)
        buf_add_str(b, "99.9");
    else
        text_digits(b, percent);
    buf_add_str(b, " %");
}

void text_age(struct buf *b, uint64_t seconds)
{
    uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

    if (days > 0)
        buf_addf(b, "%llu d %llu h", (unsigned long long)days, (unsigned long long)hours % 24);
    else if (hours > 0)
        buf_addf(b, "%llu h %llu min", (unsigned long long)hours, (unsigned long long)minutes % 60);
    else if (minutes > 0)
        buf_addf(b, "%llu min", (unsigned long long)minutes);
    else
        buf_addf(b, "%llu s", (unsigned long long)seconds);
}

void text_bytes(struct buf *b, uint64_t n)
{
    text_digits(b, (double)n / (1024 * 1024));
    buf_add_str(b, " MiB");
}

void text_moment(struct buf *b, uint64_t unix_ms)
{
    char text[FMT_TS];

    (void)fmt_ts(text, unix_ms);
    buf_add(b, text, 10);
    buf_add_char(b, ' ');
    buf_add(b, text + 11, 8);
}

/* SPDX-License-Identifier: MIT */
/*
 * Numbers for people: three digits say enough, and each has its unit. src/web/status.js writes the
 * same numbers the same way; change both.
 */
#ifndef SIDELIGHT_API_STATUS_TEXT_H
#define SIDELIGHT_API_STATUS_TEXT_H

#include "base/buf.h"

/* All append to `b`. */
void text_count(struct buf *b, uint64_t n);   /* 1234567 -> "1,234,567" */
void text_digits(struct buf *b, double v);    /* three digits: "0.07" "12.3" "1,234" */
void text_seconds(struct buf *b, double s);   /* "0.42 ms" "12.3 ms" "1.25 s"; 10 on: "≥ 10 s" */
void text_share(struct buf *b, double ratio); /* "0 %" "<0.01 %" "1.25 %" "12.5 %" "100 %" */
void text_age(struct buf *b, uint64_t seconds);    /* "42 s" "12 min" "3 h 4 min" "5 d 6 h" */
void text_bytes(struct buf *b, uint64_t n);        /* "8.91 MiB" */
void text_moment(struct buf *b, uint64_t unix_ms); /* "2026-11-21 07:42:24" of UTC */

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Strict parsing of whole strings, with ranges. The only place that turns text into numbers.
 * Every function reads all of `s` or fails; `ret` is untouched on failure; messages say what is
 * allowed, without naming the key (the caller does).
 */
#ifndef SIDELIGHT_BASE_PARSE_H
#define SIDELIGHT_BASE_PARSE_H

#include "base/err.h"
#include "base/slice.h"

/* Decimal digits only: no sign, no blanks, no leading zero but "0" itself. */
MUST_CHECK bool parse_u64(
    struct slice s, uint64_t min, uint64_t max, uint64_t *ret, struct err *err);

/* "true" or "false". */
MUST_CHECK bool parse_bool(struct slice s, bool *ret, struct err *err);

/* A decimal number in 0..1 with at most nine decimals ("0.999"), in billionths. */
MUST_CHECK bool parse_ratio(struct slice s, uint64_t *ret_nano, struct err *err);

/*
 * "300ms", "0.3s", "2m", "24h", "7d", in nanoseconds; a unit is required except for 0; up to nine
 * decimals; at most 10 years.
 */
MUST_CHECK bool parse_duration(struct slice s, uint64_t *ret_ns, struct err *err);

/* "128KiB", "1MiB", "2GiB", "512B", "512", in bytes; at most 1 TiB; whole numbers. */
MUST_CHECK bool parse_size(struct slice s, uint64_t *ret_bytes, struct err *err);

/*
 * A rate: `count` events every `per_ns` nanoseconds, or off (count 0). "10/m", "2/s", "100/h",
 * "off". count is 1..1000000.
 */
struct rate {
    uint32_t count;
    uint64_t per_ns;
};
MUST_CHECK bool parse_rate(struct slice s, struct rate *ret, struct err *err);

#endif

/* SPDX-License-Identifier: MIT */
/* Text to numbers, all of it or nothing. Units are tables. */
#include "base/parse.h"
#include "base/clock.h"

#include <inttypes.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Cuts the digits off the front of *s; false without one, with a leading zero, or above 64 bits. */
static bool take_digits(struct slice *s, uint64_t *ret)
{
    uint64_t v = 0;
    size_t n = 0;

    for (; n < s->n && is_digit(s->p[n]); n++) {
        uint64_t digit = (uint64_t)(s->p[n] - '0');

        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (n == 0 || (n > 1 && s->p[0] == '0'))
        return false;
    s->p += n;
    s->n -= n;
    *ret = v;
    return true;
}

/* Cuts "." and one to nine digits off the front of *s, if there is a point; in billionths. */
static bool take_decimals(struct slice *s, uint64_t *ret)
{
    uint64_t v = 0, unit = 1000000000;
    size_t n = 1;

    *ret = 0;
    if (s->n == 0 || s->p[0] != '.')
        return true;
    for (; n < s->n && is_digit(s->p[n]); n++) {
        if (unit == 1)
            return false;
        unit /= 10;
        v += (uint64_t)(s->p[n] - '0') * unit;
    }
    s->p += n;
    s->n -= n;
    *ret = v;
    return n > 1;
}

struct unit {
    const char *name;
    uint64_t size;
};

static const struct unit *find_unit(const struct unit *units, size_t n, struct slice name)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(slice_str(units[i].name), name))
            return &units[i];
    return NULL;
}

bool parse_u64(struct slice s, uint64_t min, uint64_t max, uint64_t *ret, struct err *err)
{
    uint64_t v;

    if (!take_digits(&s, &v) || s.n > 0 || v < min || v > max)
        return err_set(err, ERR_INVALID, "must be a whole number from %" PRIu64 " to %" PRIu64, min,
                       max);
    *ret = v;
    return true;
}

bool parse_bool(struct slice s, bool *ret, struct err *err)
{
    bool yes = slice_eq(s, SLICE_LIT("true"));

    if (!yes && !slice_eq(s, SLICE_LIT("false")))
        return err_set(err, ERR_INVALID, "must be true or false");
    *ret = yes;
    return true;
}

bool parse_ratio(struct slice s, uint64_t *ret_nano, struct err *err)
{
    uint64_t whole, nano;

    if (!take_digits(&s, &whole) || !take_decimals(&s, &nano) || s.n > 0 || whole > 1 ||
        (whole == 1 && nano > 0))
        return err_set(err, ERR_INVALID,
                       "must be a number from 0 to 1 with at most nine decimals, like 0.999");
    *ret_nano = whole * 1000000000 + nano;
    return true;
}

static bool duration_value(struct slice s, uint64_t *ret)
{
    static const struct unit units[] = {
        {"ms", NS_PER_MS         },
        {"s",  NS_PER_SEC        },
        {"m",  60 * NS_PER_SEC   },
        {"h",  3600 * NS_PER_SEC },
        {"d",  86400 * NS_PER_SEC},
    };
    const uint64_t max = UINT64_C(3650) * 86400 * NS_PER_SEC;
    uint64_t whole, nano;

    if (slice_eq(s, SLICE_LIT("0"))) {
        *ret = 0;
        return true;
    }
    if (!take_digits(&s, &whole) || !take_decimals(&s, &nano))
        return false;
    const struct unit *unit = find_unit(units, ARRAY_LEN(units), s);
    if (unit == NULL || whole > max / unit->size)
        return false;
    /* The product of nano and a day would not fit; that of a millisecond is not whole. */
    uint64_t part =
        unit->size < NS_PER_SEC ? nano * unit->size / NS_PER_SEC : nano * (unit->size / NS_PER_SEC);
    uint64_t v = whole * unit->size + part;
    if (v > max || (unit->size < NS_PER_SEC && nano * unit->size % NS_PER_SEC != 0))
        return false;
    *ret = v;
    return true;
}

bool parse_duration(struct slice s, uint64_t *ret_ns, struct err *err)
{
    if (!duration_value(s, ret_ns))
        return err_set(err, ERR_INVALID,
                       "must be a duration of at most 3650d with a unit (ms, s, m, h, d), "
                       "like 300ms, 0.3s or 2m");
    return true;
}

static bool size_value(struct slice s, uint64_t *ret)
{
    static const struct unit units[] = {
        {"",    1                },
        {"B",   1                },
        {"KiB", UINT64_C(1) << 10},
        {"MiB", UINT64_C(1) << 20},
        {"GiB", UINT64_C(1) << 30},
        {"TiB", UINT64_C(1) << 40},
    };
    const uint64_t max = UINT64_C(1) << 40;
    uint64_t v;

    if (!take_digits(&s, &v))
        return false;
    const struct unit *unit = find_unit(units, ARRAY_LEN(units), s);
    if (unit == NULL || v > max / unit->size)
        return false;
    *ret = v * unit->size;
    return true;
}

bool parse_size(struct slice s, uint64_t *ret_bytes, struct err *err)
{
    if (!size_value(s, ret_bytes))
        return err_set(
            err, ERR_INVALID,
            "must be a size of at most 1TiB (B, KiB, MiB, GiB), like 512, 64KiB or 1MiB");
    return true;
}

bool parse_rate(struct slice s, struct rate *ret, struct err *err)
{
    static const struct unit units[] = {
        {"/s", NS_PER_SEC       },
        {"/m", 60 * NS_PER_SEC  },
        {"/h", 3600 * NS_PER_SEC},
    };
    uint64_t count;

    if (slice_eq(s, SLICE_LIT("off"))) {
        *ret = (struct rate){0, 0};
        return true;
    }
    if (take_digits(&s, &count) && count >= 1 && count <= 1000000) {
        const struct unit *unit = find_unit(units, ARRAY_LEN(units), s);

        if (unit != NULL) {
            *ret = (struct rate){(uint32_t)count, unit->size};
            return true;
        }
    }
    return err_set(err, ERR_INVALID,
                   "must be off, or a count from 1 to 1000000 per s, m or h, like 10/m");
}

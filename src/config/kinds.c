/* SPDX-License-Identifier: MIT */
/* The kinds of values that have one value; lists are in lists.c. */
#include "config/kinds.h"
#include "base/buf.h"
#include "config/keys.h"
#include "config/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* --- text --- */

static void replace_text(char **field, struct slice text)
{
    char *copy = must_calloc(text.n + 1, 1);

    memcpy(copy, text.p, text.n);
    free(*field);
    *field = copy;
}

static void release_text(void *field)
{
    char **s = field;

    free(*s);
}

static bool equal_text(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y) == 0;
}

static bool read_address(const struct key *key, struct slice text, void *field, struct err *err)
{
    struct host_port hp;

    (void)key;
    if (!host_port_parse(text, &hp, err))
        return false;
    replace_text(field, text);
    return true;
}

/* Keys whose text has a form of its own. */
static const struct {
    const char *key;
    bool (*ok)(struct slice);
    const char *allowed;
} forms[] = {
    {"service",          text_is_label,    "must be made of letters, digits, '_', '.' and '-'"   },
    {"client_ip_header", text_is_token,
     "must be the name of a header field: letters, digits and '-'"                               },
    {"contact.redirect", text_is_redirect, "must be a path like /thanks, or an http or https URL"},
};

static bool read_string(const struct key *key, struct slice text, void *field, struct err *err)
{
    if (text.n < key->min || text.n > key->max)
        return err_set(err, ERR_INVALID, "must have %" PRIu64 " to %" PRIu64 " bytes", key->min,
                       key->max);
    if (!text_is_line(text))
        return err_set(err, ERR_INVALID, "must be UTF-8 without control characters");
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (strcmp(forms[i].key, key->name) == 0 && !forms[i].ok(text))
            return err_set(err, ERR_INVALID, "%s", forms[i].allowed);
    replace_text(field, text);
    return true;
}

const struct kind kind_address = {false, sizeof(char *), read_address, equal_text, release_text};
const struct kind kind_string = {false, sizeof(char *), read_string, equal_text, release_text};

/* --- numbers --- */

struct unit {
    const char *name;
    uint64_t size;
};

static const struct unit times[] = {
    {"d",  UINT64_C(86400000000000)},
    {"h",  UINT64_C(3600000000000) },
    {"m",  UINT64_C(60000000000)   },
    {"s",  UINT64_C(1000000000)    },
    {"ms", UINT64_C(1000000)       },
};
static const struct unit sizes[] = {
    {"MiB", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10},
    {"B",   1                },
};

enum { BOUND_MAX = 32 };

/* A bound as one would write it, in the largest unit that divides it. */
static const char *bound(uint64_t v, const struct unit *units, size_t n, char out[BOUND_MAX])
{
    size_t i = 0;

    while (i + 1 < n && v % units[i].size != 0)
        i++;
    if (v == 0)
        (void)snprintf(out, BOUND_MAX, "0");
    else
        (void)snprintf(out, BOUND_MAX, "%" PRIu64 "%s", v / units[i].size, units[i].name);
    return out;
}

/* Takes a number that was read, if it is in range. */
static bool take_number(const struct key *key,
                        uint64_t v,
                        const struct unit *units,
                        size_t n,
                        void *field,
                        struct err *err)
{
    char low[BOUND_MAX], high[BOUND_MAX];

    if (key->max > 0 && (v < key->min || v > key->max))
        return err_set(err, ERR_INVALID, "must be from %s to %s", bound(key->min, units, n, low),
                       bound(key->max, units, n, high));
    memcpy(field, &v, sizeof(v));
    return true;
}

static bool read_duration(const struct key *key, struct slice text, void *field, struct err *err)
{
    uint64_t v;

    return parse_duration(text, &v, err) &&
           take_number(key, v, times, ARRAY_LEN(times), field, err);
}

/* Off is 0, which is below every lower bound. */
static bool read_retention(const struct key *key, struct slice text, void *field, struct err *err)
{
    static const uint64_t off = 0;
    char low[BOUND_MAX], high[BOUND_MAX];

    if (slice_eq(text, SLICE_LIT("off"))) {
        memcpy(field, &off, sizeof(off));
        return true;
    }
    return read_duration(key, text, field, NULL) ||
           err_set(err, ERR_INVALID, "must be off, or a duration from %s to %s, like 36h or 90d",
                   bound(key->min, times, ARRAY_LEN(times), low),
                   bound(key->max, times, ARRAY_LEN(times), high));
}

static bool read_size(const struct key *key, struct slice text, void *field, struct err *err)
{
    uint64_t v;

    return parse_size(text, &v, err) && take_number(key, v, sizes, ARRAY_LEN(sizes), field, err);
}

static bool read_count(const struct key *key, struct slice text, void *field, struct err *err)
{
    return parse_u64(text, key->min, key->max > 0 ? key->max : UINT64_MAX, field, err);
}

static bool read_ratio(const struct key *key, struct slice text, void *field, struct err *err)
{
    char low[FMT_NANO + 1], high[FMT_NANO + 1];
    uint64_t v;

    if (!parse_ratio(text, &v, err))
        return false;
    if (key->max > 0 && (v < key->min || v > key->max)) {
        *fmt_nano(low, (int64_t)key->min) = '\0';
        *fmt_nano(high, (int64_t)key->max) = '\0';
        return err_set(err, ERR_INVALID, "must be from %s to %s", low, high);
    }
    memcpy(field, &v, sizeof(v));
    return true;
}

const struct kind kind_duration = {false, sizeof(uint64_t), read_duration, NULL, NULL};
const struct kind kind_retention = {false, sizeof(uint64_t), read_retention, NULL, NULL};
const struct kind kind_size = {false, sizeof(uint64_t), read_size, NULL, NULL};
const struct kind kind_count = {false, sizeof(uint64_t), read_count, NULL, NULL};
const struct kind kind_ratio = {false, sizeof(uint64_t), read_ratio, NULL, NULL};

static bool read_rate(const struct key *key, struct slice text, void *field, struct err *err)
{
    (void)key;
    return parse_rate(text, field, err);
}

/* Not by bytes: there is padding. */
static bool equal_rate(const void *a, const void *b)
{
    const struct rate *x = a, *y = b;

    return x->count == y->count && x->per_ns == y->per_ns;
}

const struct kind kind_rate = {false, sizeof(struct rate), read_rate, equal_rate, NULL};

/* --- words --- */

static bool read_boolean(const struct key *key, struct slice text, void *field, struct err *err)
{
    (void)key;
    return parse_bool(text, field, err);
}

static bool read_level(const struct key *key, struct slice text, void *field, struct err *err)
{
    (void)key;
    return log_level_parse(text, field, err);
}

static bool read_client_ip(const struct key *key, struct slice text, void *field, struct err *err)
{
    static const char *const names[] = {
        [LOG_CLIENT_IP_FULL] = "full",
        [LOG_CLIENT_IP_PREFIX] = "prefix",
        [LOG_CLIENT_IP_NONE] = "none",
    };

    (void)key;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq(text, slice_str(names[i]))) {
            *(enum log_client_ip *)field = (enum log_client_ip)i;
            return true;
        }
    return err_set(err, ERR_INVALID, "must be full, prefix or none");
}

const struct kind kind_boolean = {false, sizeof(bool), read_boolean, NULL, NULL};
const struct kind kind_level = {false, sizeof(enum log_level), read_level, NULL, NULL};
const struct kind kind_client_ip = {false, sizeof(enum log_client_ip), read_client_ip, NULL, NULL};

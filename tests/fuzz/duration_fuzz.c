/* SPDX-License-Identifier: MIT */
/* base/parse.h: whatever is taken lies in its range, and whatever is refused leaves ret alone. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { UNTOUCHED = 0x5eed };

typedef bool number_parser(struct slice s, uint64_t *ret, struct err *err);

static bool any_u64(struct slice s, uint64_t *ret, struct err *err)
{
    return parse_u64(s, 0, UINT64_MAX, ret, err);
}

static bool some_u64(struct slice s, uint64_t *ret, struct err *err)
{
    return parse_u64(s, 7, 1000, ret, err);
}

static const struct {
    number_parser *parse;
    uint64_t min, max;
} parsers[] = {
    {any_u64,        0, UINT64_MAX                         },
    {some_u64,       7, 1000                               },
    {parse_ratio,    0, 1000000000                         },
    {parse_duration, 0, UINT64_C(3650) * 86400 * NS_PER_SEC},
    {parse_size,     0, UINT64_C(1) << 40                  },
};

static void check_numbers(struct slice s)
{
    for (size_t i = 0; i < ARRAY_LEN(parsers); i++) {
        struct err err = ERR_INIT;
        uint64_t v = UNTOUCHED;

        if (parsers[i].parse(s, &v, &err))
            MUST(v >= parsers[i].min && v <= parsers[i].max && err.kind == ERR_NONE);
        else
            MUST(v == UNTOUCHED && err.kind == ERR_INVALID && err.text[0] != '\0');
    }
}

/* There is one way to write a number. */
static void check_round_trip(struct slice s)
{
    char text[FMT_U64];
    uint64_t v;

    if (any_u64(s, &v, NULL))
        MUST(slice_eq(s, (struct slice){text, (size_t)(fmt_u64(text, v) - text)}));
}

static void check_rate(struct slice s)
{
    struct rate rate = {UNTOUCHED, UNTOUCHED};
    struct err err = ERR_INIT;

    if (!parse_rate(s, &rate, &err))
        MUST(rate.count == UNTOUCHED && rate.per_ns == UNTOUCHED && err.kind == ERR_INVALID);
    else if (rate.count == 0)
        MUST(slice_eq(s, SLICE_LIT("off")));
    else
        MUST(rate.count <= 1000000 && rate.per_ns >= NS_PER_SEC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size};

    check_numbers(s);
    check_round_trip(s);
    check_rate(s);
    return 0;
}

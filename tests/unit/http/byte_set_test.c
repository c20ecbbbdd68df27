/* SPDX-License-Identifier: MIT */
/* Which byte is in which set, and how far a text is made of one. */
#include "http/byte_set.h"

#include "tests/unit/unit.h"

#include <string.h>

#define ALNUM "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const struct {
    enum byte_set set;
    const char *bytes;
} rows[] = {
    {DIGIT_BYTE,  "0123456789"                          },
    {HOST_BYTE,   ALNUM "-._"                           },
    {TOKEN_BYTE,  ALNUM "!#$%&'*+-.^_`|~"               },
    {PATH_BYTE,   ALNUM "!\"$&'()*+,-./:;<=>@[]^_`{|}~" },
    {TARGET_BYTE, ALNUM "!\"$&'()*+,-./:;<=>?@[]^_`{|}~"},
};

TEST(every_byte_is_in_its_sets_only)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (unsigned c = 0; c < 256; c++)
            assert_int_equal(byte_in((char)c, rows[i].set),
                             c != 0 && strchr(rows[i].bytes, (int)c) != NULL);
}

TEST(skipping_ends_at_the_first_other_byte_or_at_the_end)
{
    char text[33];

    for (size_t n = 0; n <= sizeof(text); n++)
        for (size_t other = 0; other <= n; other++) {
            memset(text, '7', sizeof(text));
            if (other < n)
                text[other] = '/';
            assert_ptr_equal(byte_skip(text, text + n, DIGIT_BYTE), text + other);
        }
}

RUN_TESTS(T(every_byte_is_in_its_sets_only), T(skipping_ends_at_the_first_other_byte_or_at_the_end))

/* SPDX-License-Identifier: MIT */
/* The table of byte sets, made by the preprocessor. */
#include "http/byte_set.h"

#define IS(c, a, z) ((c) >= (a) && (c) <= (z))
#define DIGIT(c) IS(c, '0', '9')
#define HOST(c) \
    (DIGIT(c) || IS(c, 'A', 'Z') || IS(c, 'a', 'z') || (c) == '-' || (c) == '.' || (c) == '_')
#define TOKEN(c)                                                                            \
    (HOST(c) || IS(c, '#', '\'') || (c) == '!' || (c) == '*' || (c) == '+' || (c) == '^' || \
     (c) == '`' || (c) == '|' || (c) == '~')
#define TARGET(c) (IS(c, 0x21, 0x7e) && (c) != '#' && (c) != '%' && (c) != '\\')

#define B1(c)                                                                                  \
    ((TOKEN(c) ? TOKEN_BYTE : 0) | (HOST(c) ? HOST_BYTE : 0) | (TARGET(c) ? TARGET_BYTE : 0) | \
     (TARGET(c) && (c) != '?' ? PATH_BYTE : 0) | (DIGIT(c) ? DIGIT_BYTE : 0))
#define B4(c) B1(c), B1((c) + 1), B1((c) + 2), B1((c) + 3)
#define B16(c) B4(c), B4((c) + 4), B4((c) + 8), B4((c) + 12)
#define B64(c) B16(c), B16((c) + 16), B16((c) + 32), B16((c) + 48)

const uint8_t byte_sets[256] = {B64(0), B64(64), B64(128), B64(192)};

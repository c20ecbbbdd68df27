/* SPDX-License-Identifier: MIT */
/*
 * Eight bytes at once in a uint64_t: about eleven instructions for eight bytes, where a loop takes
 * five for each. The first byte is the lowest, on every machine.
 *
 * A search answers with marks: the top bit of each byte it looked for. Only the lowest mark is
 * exact; above it there may be false ones, as a borrow runs upwards.
 */
#ifndef SIDELIGHT_BASE_SWAR_H
#define SIDELIGHT_BASE_SWAR_H

#include "base/base.h"

#include <endian.h>
#include <string.h>

#define SWAR_EVERY(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t swar_load(const char *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return le64toh(v);
}

/* Bytes that are `byte`. */
static inline uint64_t swar_equal(uint64_t v, unsigned char byte)
{
    v ^= SWAR_EVERY(byte);
    return (v - SWAR_EVERY(0x01)) & ~v & SWAR_EVERY(0x80);
}

/* Controls of ASCII: below 0x20, or 0x7f. */
static inline uint64_t swar_controls(uint64_t v)
{
    uint64_t below = v - SWAR_EVERY(0x20), del = (v ^ SWAR_EVERY(0x7f)) - SWAR_EVERY(0x01);

    return (below | del) & ~v & SWAR_EVERY(0x80);
}

/* Which byte has the lowest mark; there must be one. */
static inline size_t swar_first(uint64_t marks)
{
    return (unsigned)__builtin_ctzll(marks) / 8;
}

#endif

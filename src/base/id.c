/* SPDX-License-Identifier: MIT */
/* Making UUIDs, and judging the IDs that clients send. */
#include "base/id.h"

#include <endian.h>
#include <errno.h>
#include <sys/random.h>

void id_source_init(struct id_source *src)
{
    ssize_t n;

    *src = (struct id_source){0};
    memset(src->epoch_text, '0', sizeof(src->epoch_text)); /* of epoch 0 */
    do
        n = getrandom(src->rng, sizeof(src->rng), 0);
    while (n < 0 && errno == EINTR);
    MUST(n == (ssize_t)sizeof(src->rng));
    src->rng[0] |= 1; /* a generator that is all zero stays so */
}

static uint64_t rotate(uint64_t v, int bits)
{
    return v << bits | v >> (64 - bits);
}

/* xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018). */
static uint64_t next_random(uint64_t s[4])
{
    uint64_t ret = rotate(s[1] * 5, 7) * 9, shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return ret;
}

#define EVERY_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Eight values below 16, a byte each, become hex digits at once. */
static inline uint64_t hex_digits(uint64_t v)
{
    uint64_t above9 = (v + EVERY_BYTE(0x06)) >> 4 & EVERY_BYTE(0x01);

    return v + EVERY_BYTE('0') + above9 * ('a' - '0' - 10);
}

/* Eight hex digits of 32 bits, the first in the highest byte: each nibble is spread to a byte. */
static inline uint64_t hex8(uint64_t v)
{
    v = (v | v << 16) & UINT64_C(0x0000ffff0000ffff);
    v = (v | v << 8) & UINT64_C(0x00ff00ff00ff00ff);
    return hex_digits((v | v << 4) & EVERY_BYTE(0x0f));
}

static inline void put4(char *dst, uint64_t digits)
{
    uint32_t v = htobe32((uint32_t)digits);

    memcpy(dst, &v, 4);
}

static inline void put8(char *dst, uint64_t digits)
{
    digits = htobe64(digits);
    memcpy(dst, &digits, 8);
}

/* The next value of the 60 bits that rise: the time and rand_a. */
static void step(struct id_source *src, uint64_t unix_ms)
{
    if (unix_ms > src->last_ms)
        src->last_ms = unix_ms;
    else if (++src->seq <= 0xfff)
        return;
    else
        src->last_ms++;
    /*
     * Below 2048: half of 12 bits is left to count up. The generator's other output, xoshiro256+,
     * takes a sixth of a second random number.
     */
    src->seq = (uint16_t)((src->rng[0] + src->rng[3]) >> 53);
}

/* The first eight digits change every 65 seconds (keeping them saves 15). */
static void put_epoch(struct id_source *src, char *dst)
{
    uint32_t epoch = (uint32_t)(src->last_ms >> 16);

    if (epoch != src->epoch) {
        src->epoch = epoch;
        put8(src->epoch_text, hex8(epoch));
    }
    memcpy(dst, src->epoch_text, sizeof(src->epoch_text));
}

/*
 * Some 120 instructions. Random nibbles need no order: those of each byte become digits where they
 * stand, the low ones and then the high ones, instead of being spread first (saves 30).
 */
void id_make(struct id_source *src, uint64_t unix_ms, char dst[ID_LEN])
{
    uint64_t random = next_random(src->rng), low, high, stamp;

    step(src, unix_ms);
    stamp = hex8((src->last_ms & 0xffff) << 16 | 0x7000 | src->seq);
    /* The variant's digit is 8, 9, a or b: two random bits. */
    low = hex_digits((random & UINT64_C(0x030f0f0f0f0f0f0f)) | UINT64_C(0x08) << 56);
    high = hex_digits(random >> 4 & EVERY_BYTE(0x0f));
    put_epoch(src, dst);
    put4(dst + 9, stamp >> 32);
    put4(dst + 14, stamp);
    put4(dst + 19, low >> 32);
    put4(dst + 24, low);
    put8(dst + 28, high);
    dst[8] = dst[13] = dst[18] = dst[23] = '-';
}

bool id_parse(struct slice s, char ret[ID_LEN + 1])
{
    static const char form[] = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
    char id[ID_LEN + 1] = "";

    if (s.n != ID_LEN)
        return false;
    for (size_t i = 0; i < ID_LEN; i++) {
        char c = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

        if (form[i] == 'h' ? !hex : c != form[i])
            return false;
        id[i] = c;
    }
    memcpy(ret, id, sizeof(id));
    return true;
}

/* Raises the high bit of the bytes in low..high, of eight that are all below 0x80. */
static uint64_t in_range(uint64_t v, unsigned low, unsigned high)
{
    return (v + EVERY_BYTE(0x80 - low)) & ~(v + EVERY_BYTE(0x7f - high));
}

/*
 * [A-Za-z0-9._-], eight at once. A byte above 0x7f spoils its neighbour too, but it is wrong
 * itself.
 */
static bool allowed8(const char *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    uint64_t good = in_range(v | EVERY_BYTE(0x20), 'a', 'z') | in_range(v, '0', '9') |
                    in_range(v, '-', '.') | in_range(v, '_', '_');
    return (good & ~v & EVERY_BYTE(0x80)) == EVERY_BYTE(0x80);
}

bool correlation_id_valid(struct slice s)
{
    char few[8] = {'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a'};

    if (s.n == 0 || s.n > CORRELATION_ID_MAX)
        return false;
    if (s.n < 8) {
        memcpy(few, s.p, s.n);
        return allowed8(few);
    }
    for (size_t i = 0; i + 8 < s.n; i += 8)
        if (!allowed8(s.p + i))
            return false;
    return allowed8(s.p + s.n - 8); /* may overlap the one before */
}

/* Lower-case hex digits; `zero` says whether 0 alone is a value. */
static bool hex_field(struct slice s, size_t at, size_t n, bool zero)
{
    bool seen = zero;

    for (size_t i = at; i < at + n; i++) {
        char c = s.p[i];

        if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
            return false;
        seen = seen || c != '0';
    }
    return seen;
}

/* version "-" trace-id "-" parent-id "-" flags; later versions may add "-" and more. */
bool traceparent_trace_id(struct slice header, struct slice *ret)
{
    enum { LEN = 55, TRACE = 3, PARENT = 36, FLAGS = 53 };

    if (header.n < LEN || header.p[TRACE - 1] != '-' || header.p[PARENT - 1] != '-' ||
        header.p[FLAGS - 1] != '-')
        return false;
    if (!hex_field(header, 0, 2, true) || memcmp(header.p, "ff", 2) == 0)
        return false;
    if (header.n > LEN && (memcmp(header.p, "00", 2) == 0 || header.p[LEN] != '-'))
        return false;
    if (!hex_field(header, TRACE, TRACE_ID_LEN, false) || !hex_field(header, PARENT, 16, false) ||
        !hex_field(header, FLAGS, 2, true))
        return false;
    *ret = (struct slice){header.p + TRACE, TRACE_ID_LEN};
    return true;
}

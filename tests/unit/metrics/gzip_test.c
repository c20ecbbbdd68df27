/* SPDX-License-Identifier: MIT */
/* What zlib compressed, zlib gives back. */
#include "metrics/exposition.h"
#include "tests/unit/unit.h"

#define ZLIB_CONST
#include <zlib.h>

static void assert_round_trip(struct slice in)
{
    struct buf out = BUF_INIT, back = BUF_INIT;
    struct err err = ERR_INIT;
    z_stream z = {0};

    buf_add_str(&out, "before");
    assert_true(exposition_gzip(in, &out, &err));
    assert_memory_equal(out.data, "before\x1f\x8b\x08", 9); /* RFC 1952, 2.3.1 */
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = (const Bytef *)out.data + 6;
    z.avail_in = (uInt)out.len - 6;
    z.next_out = (Bytef *)buf_reserve(&back, in.n + 1);
    z.avail_out = (uInt)in.n + 1;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(z.total_out, in.n);
    if (in.n > 0)
        assert_memory_equal(back.data, in.p, in.n);
    assert_int_equal(inflateEnd(&z), Z_OK);
    buf_release(&out);
    buf_release(&back);
}

TEST(a_compressed_page_comes_back_whole)
{
    static const size_t sizes[] = {0, 1, 100, 65536, 3000000};
    struct buf page = BUF_INIT;
    uint64_t x = 1;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        buf_clear(&page);
        for (size_t k = 0; k < sizes[i]; k++, x = x * UINT64_C(6364136223846793005) + 1)
            buf_add_char(&page, (char)(x >> 56)); /* does not compress: the worst case */
        assert_round_trip((struct slice){page.data, page.len});
        memset(buf_reserve(&page, 1) - page.len, 'a', page.len);
        assert_round_trip((struct slice){page.data, page.len});
    }
    buf_release(&page);
}

TEST(a_page_of_text_shrinks)
{
    struct buf page = BUF_INIT, out = BUF_INIT;

    for (unsigned i = 0; i < 1000; i++)
        buf_addf(&page, "http_requests_total{endpoint=\"/p%u\"} %u\n", i, i * 7);
    assert_true(exposition_gzip((struct slice){page.data, page.len}, &out, NULL));
    assert_true(out.len * 4 < page.len);
    buf_release(&page);
    buf_release(&out);
}

TEST(too_long_a_page_is_refused_and_nothing_is_added)
{
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;

    buf_add_str(&out, "x");
    assert_false(exposition_gzip((struct slice){"", (size_t)UINT32_MAX}, &out, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    assert_int_equal(out.len, 1);
    buf_release(&out);
}

RUN_TESTS(T(a_compressed_page_comes_back_whole),
          T(a_page_of_text_shrinks),
          T(too_long_a_page_is_refused_and_nothing_is_added))

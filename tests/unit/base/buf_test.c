/* SPDX-License-Identifier: MIT */
/* The growable buffer. */
#include "base/buf.h"
#include "tests/unit/unit.h"

TEST(what_is_added_stands_in_order)
{
    struct buf b = BUF_INIT;

    buf_add(&b, "a\0b", 3);
    buf_add(&b, NULL, 0);
    buf_add_str(&b, "cd");
    buf_add_slice(&b, SLICE_LIT("ef"));
    buf_add_slice(&b, SLICE_NONE);
    buf_add_char(&b, '-');
    buf_add_u64(&b, UINT64_MAX);
    buf_addf(&b, "[%s %d]", "x", 42);
    buf_add_json(&b, SLICE_LIT("\"\n"));
    assert_int_equal(b.len, 3 + 2 + 2 + 1 + 20 + 6 + 4);
    assert_memory_equal(b.data, "a\0bcdef-18446744073709551615[x 42]\\\"\\n", b.len);
    buf_release(&b);
}

TEST(it_grows_without_losing_a_byte)
{
    struct buf b = BUF_INIT;

    for (unsigned i = 0; i < 100000; i++)
        buf_add_char(&b, (char)(i % 251));
    assert_int_equal(b.len, 100000);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(b.data[i], (char)(i % 251));
    assert_true(b.cap >= b.len && b.cap < 4 * b.len);
    buf_release(&b);
}

TEST(buf_cstr_terminates_outside_the_length)
{
    struct buf b = BUF_INIT;

    assert_string_equal(buf_cstr(&b), "");
    for (size_t i = 0; i < 64; i++)
        buf_add_char(&b, 'x');
    assert_int_equal(strlen(buf_cstr(&b)), 64);
    assert_int_equal(b.len, 64);
    buf_release(&b);
}

TEST(reserved_room_is_the_callers_until_len_says_otherwise)
{
    struct buf b = BUF_INIT;
    char *p = buf_reserve(&b, 1000);

    memset(p, 'y', 1000);
    assert_int_equal(b.len, 0);
    b.len += 1000;
    assert_true(b.cap >= 1000);
    assert_ptr_equal(p, b.data);
    buf_release(&b);
}

TEST(clear_keeps_the_memory_and_release_may_come_twice)
{
    struct buf b = BUF_INIT;

    buf_add_str(&b, "abc");
    char *data = b.data;
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    buf_add_str(&b, "d");
    assert_ptr_equal(b.data, data);
    buf_release(&b);
    assert_null(b.data);
    assert_int_equal(b.len + b.cap, 0);
    buf_release(&b);
    assert_null(b.data);
}

RUN_TESTS(T(what_is_added_stands_in_order),
          T(it_grows_without_losing_a_byte),
          T(buf_cstr_terminates_outside_the_length),
          T(reserved_room_is_the_callers_until_len_says_otherwise),
          T(clear_keeps_the_memory_and_release_may_come_twice))

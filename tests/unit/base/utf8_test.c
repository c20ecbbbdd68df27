/* SPDX-License-Identifier: MIT */
/* UTF-8: the borders of table 3-7. */
#include "base/utf8.h"
#include "tests/unit/unit.h"

static const struct {
    const char *text;
    size_t length; /* of the first sequence; 0: not valid */
} sequences[] = {
    {"a",                1},
    {"\x7f",             1},
    {"\x80",             0},
    {"\xbf",             0},
    {"\xc0\x80",         0},
    {"\xc1\xbf",         0},
    {"\xc2\x80",         2},
    {"\xdf\xbf",         2},
    {"\xc2",             0},
    {"\xc2\x7f",         0},
    {"\xc2\xc0",         0},
    {"\xe0\x9f\xbf",     0},
    {"\xe0\xa0\x80",     3},
    {"\xed\x9f\xbf",     3},
    {"\xed\xa0\x80",     0},
    {"\xee\x80\x80",     3},
    {"\xef\xbf\xbf",     3},
    {"\xe2\x82",         0},
    {"\xe2\x82\x28",     0},
    {"\xf0\x8f\xbf\xbf", 0},
    {"\xf0\x90\x80\x80", 4},
    {"\xf4\x8f\xbf\xbf", 4},
    {"\xf4\x90\x80\x80", 0},
    {"\xf0\x9f\x98",     0},
    {"\xf0\x9f\x28\x80", 0},
    {"\xf5\x80\x80\x80", 0},
    {"\xff",             0},
    {"",                 0},
};

TEST(each_kind_of_sequence_is_judged_by_its_borders)
{
    for (size_t i = 0; i < ARRAY_LEN(sequences); i++)
        assert_int_equal(utf8_sequence(slice_str(sequences[i].text)), sequences[i].length);
}

TEST(a_text_is_valid_when_each_sequence_is_wherever_it_stands)
{
    char text[32];

    for (size_t i = 0; i + 1 < ARRAY_LEN(sequences); i++) {
        size_t n = strlen(sequences[i].text);

        for (size_t at = 0; at + n <= sizeof(text); at++) {
            memset(text, 'a', sizeof(text));
            memcpy(text + at, sequences[i].text, n);
            bool valid = utf8_valid((struct slice){text, sizeof(text)});
            assert_int_equal(valid, sequences[i].length == n);
        }
    }
    assert_true(utf8_valid(SLICE_NONE));
    assert_true(utf8_valid(SLICE_LIT("a\0b")));
}

/* Every code point is taken in its one right form. */
TEST(every_code_point_is_valid_but_surrogates)
{
    for (unsigned c = 0x800; c < 0x110000; c++) {
        char text[4] = {(char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 63)),
                        (char)(0x80 | (c >> 6 & 63)), (char)(0x80 | (c & 63))};
        struct slice s = {text, 4};

        if (c < 0x10000) {
            text[1] = (char)(0xe0 | c >> 12);
            s = (struct slice){text + 1, 3};
        }
        assert_int_equal(utf8_sequence(s), c >= 0xd800 && c < 0xe000 ? 0 : s.n);
    }
}

RUN_TESTS(T(each_kind_of_sequence_is_judged_by_its_borders),
          T(a_text_is_valid_when_each_sequence_is_wherever_it_stands),
          T(every_code_point_is_valid_but_surrogates))

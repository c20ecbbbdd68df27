/* SPDX-License-Identifier: MIT */
/* Eight bytes at once find what a loop over them finds first. */
#include "base/swar.h"
#include "tests/unit/unit.h"

/* Seven bytes that are nothing, with the odd ones around them that could borrow or carry. */
static void fill(char text[8], unsigned kind)
{
    static const char fillers[][8] = {"aaaaaaaa", "        ", "\xff\x80\xff\x80\xff\x80\xff\x80",
                                      "~~~~~~~~", "!;9;!;9;"};

    memcpy(text, fillers[kind], 8);
}

enum { FILLERS = 5 };

TEST(the_first_byte_is_the_lowest)
{
    assert_int_equal(swar_load("\1\2\3\4\5\6\7\x88"), UINT64_C(0x8807060504030201));
    assert_int_equal(SWAR_EVERY(0x7f), UINT64_C(0x7f7f7f7f7f7f7f7f));
}

TEST(the_first_byte_that_is_equal_is_found)
{
    char text[8];

    for (unsigned kind = 0; kind < FILLERS; kind++)
        for (unsigned byte = 0; byte < 256; byte++) {
            fill(text, kind);
            if (memchr(text, ':', 8) == NULL)
                assert_int_equal(swar_equal(swar_load(text), ':'), 0);
            for (size_t at = 8; at-- > 0;) { /* more and more of them: the first counts */
                text[at] = (char)byte;
                assert_int_equal(swar_first(swar_equal(swar_load(text), (unsigned char)byte)),
                                 (char *)memchr(text, (int)byte, 8) - text);
            }
        }
}

TEST(the_first_control_is_found)
{
    char text[8];

    for (unsigned kind = 0; kind < FILLERS; kind++)
        for (unsigned byte = 0; byte < 256; byte++) {
            bool control = byte < 0x20 || byte == 0x7f;

            fill(text, kind);
            assert_int_equal(swar_controls(swar_load(text)), 0);
            for (size_t at = 8; at-- > 0;) {
                uint64_t marks;

                text[at] = (char)byte;
                marks = swar_controls(swar_load(text));
                assert_int_equal(marks != 0, control);
                if (control)
                    assert_int_equal(swar_first(marks), at);
            }
        }
}

RUN_TESTS(T(the_first_byte_is_the_lowest),
          T(the_first_byte_that_is_equal_is_found),
          T(the_first_control_is_found))
